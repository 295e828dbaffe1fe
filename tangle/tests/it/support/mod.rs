//! A small world to test replicas in: a network without work, devices from seeds, graphs drawn in text.

mod draw;
mod history;
mod rig;

pub(crate) use draw::Drawing;
pub(crate) use history::MapHistory;
pub(crate) use rig::{Rig, arrival};

use std::sync::{Arc, OnceLock};
use weft_pow::Nonce;
use weft_tangle::body::Enrolment;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{
    DeviceId, Draft, Issuer, Kind, Network, NetworkParts, Remains, Role, Rules, Screened, Standing,
    Timestamp, Transaction, TxId, Verified,
};

/// Milliseconds of an epoch.
pub(crate) const EPOCH_MS: u64 = 600_000;

/// When the test networks were made: the beginning of an epoch.
pub(crate) const START: Timestamp = Timestamp::from_millis(2_833_333 * EPOCH_MS);

/// Devices that every world has.
pub(crate) const DEVICES: u8 = 8;

/// The key that grows from a seed of this byte.
pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&Seed::from_bytes([seed; 32])).unwrap()
}

/// The key of the registrar and that of the committee's only member.
pub(crate) const REGISTRAR: u8 = 250;
pub(crate) const MEMBER: u8 = 251;

/// A network without any work.
pub(crate) fn network(open_enrolment: bool) -> Network {
    Network::new(NetworkParts {
        name: "test".into(),
        created: START,
        open_enrolment,
        // No test comes near this quota, so no transaction ever needs work.
        rules: Rules::new(EPOCH_MS, 1_000_000, 0, 0).unwrap(),
        registrars: vec![key(REGISTRAR).public_key().clone()],
        committee: vec![key(MEMBER).public_key().clone()],
    })
    .unwrap()
}

/// A network and sensors that may issue in it at any time.
pub(crate) struct World {
    pub(crate) network: Arc<Network>,
    keys: Vec<SigningKey>,
    issuers: Vec<Issuer>,
}

/// The one open world; expanding its keys anew for each test would take most of the time.
pub(crate) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let keys: Vec<SigningKey> = (0..DEVICES).map(key).collect();
        let sensor =
            Standing::Enrolled { role: Role::Sensor, valid: START..Timestamp::from_millis(u64::MAX) };
        let issuers =
            keys.iter().map(|key| Issuer::new(key.public_key(), vec![sensor.clone()]).unwrap()).collect();
        World { network: Arc::new(network(true)), keys, issuers }
    })
}

impl World {
    pub(crate) fn genesis(&self) -> TxId {
        self.network.genesis()
    }

    pub(crate) fn device(&self, device: u8) -> DeviceId {
        self.issuers[usize::from(device)].id()
    }

    pub(crate) fn key(&self, device: u8) -> &SigningKey {
        &self.keys[usize::from(device)]
    }

    pub(crate) fn issuer(&self, device: u8) -> &Issuer {
        &self.issuers[usize::from(device)]
    }

    /// A draft of a reading, to be changed by the test.
    pub(crate) fn reading(&self, counter: u32, timestamp: Timestamp, parents: [TxId; 2]) -> Draft<'static> {
        let content = b"[]";
        Draft {
            kind: Kind::Reading,
            content_format: 110,
            counter,
            timestamp,
            parents,
            salt: [7; 16],
            content,
        }
    }

    /// The draft in wire form, signed by a device. No work is needed here.
    pub(crate) fn wire(&self, draft: &Draft<'_>, device: u8) -> Vec<u8> {
        draft.sign(self.network.id(), self.key(device)).unwrap().with_nonce(Nonce::from_bytes([0; 8]))
    }

    pub(crate) fn screened(&self, draft: &Draft<'_>, device: u8) -> Screened {
        let transaction = Transaction::decode(&self.network, &self.wire(draft, device)).unwrap();
        Screened::check(&self.network, transaction).unwrap()
    }

    pub(crate) fn verified(&self, draft: &Draft<'_>, device: u8) -> Verified {
        Verified::check(&self.network, self.screened(draft, device), self.issuer(device)).unwrap()
    }

    /// What is left of a transaction when its body is erased, checked.
    pub(crate) fn erased(&self, transaction: &Verified) -> Verified {
        let wire = &transaction.transaction().wire()[..BODY_OFFSET];
        let remains = Remains::decode(&self.network, wire).unwrap().into_transaction().unwrap();
        let issuer = self.issuers.iter().find(|issuer| issuer.id() == remains.header().issuer).unwrap();
        Verified::check(&self.network, Screened::check(&self.network, remains).unwrap(), issuer).unwrap()
    }

    /// What a device says of itself when it enrols as a sensor for ever.
    pub(crate) fn enrolment(&self, device: u8) -> Enrolment {
        Enrolment {
            role: Role::Sensor,
            valid_from: START,
            valid_until: Timestamp::from_millis(u64::MAX),
            owner: [0; 32],
            public_key: self.key(device).public_key().clone(),
            kem_public_key: None,
            address: None,
            admission: None,
        }
    }

    /// The transaction that brings an enrolment.
    pub(crate) fn enrols(
        &self,
        enrolment: &Enrolment,
        device: u8,
        counter: u32,
        timestamp: Timestamp,
    ) -> Verified {
        let content = enrolment.encode();
        let draft = Draft {
            kind: Kind::Enrol,
            content_format: weft_tangle::content_format::WEFT,
            content: &content,
            ..self.reading(counter, timestamp, [self.genesis(); 2])
        };
        Verified::check_enrolment(&self.network, self.screened(&draft, device)).unwrap()
    }
}
