//! What tests within the replica need: a network without work and readings of one device.

use crate::signing::{Seed, SigningKey};
use crate::{
    Draft, Issuer, Kind, Network, NetworkParts, Role, Rules, Screened, Standing, Timestamp, Transaction,
    TxId, Verified,
};

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&Seed::from_bytes([seed; 32])).unwrap()
}

/// A network of this epoch's length that asks for no work.
pub(super) const EPOCH_MS: u64 = 1_000;

pub(super) fn network() -> Network {
    Network::new(NetworkParts {
        name: "replica".into(),
        created: Timestamp::from_millis(1),
        open_enrolment: true,
        rules: Rules::new(EPOCH_MS, 600, 0, 0).unwrap(),
        registrars: vec![],
        committee: vec![key(2).public_key().clone()],
    })
    .unwrap()
}

/// A reading above the genesis, before and after its signature is checked.
pub(super) fn reading(counter: u32, ms: u64) -> (Screened, Verified) {
    reading_above(counter, ms, network().genesis())
}

/// The same above another parent.
pub(super) fn reading_above(counter: u32, ms: u64, parent: TxId) -> (Screened, Verified) {
    let (network, key) = (network(), key(1));
    let valid = Timestamp::from_millis(0)..Timestamp::from_millis(u64::MAX);
    let standing = Standing::Enrolled { role: Role::Sensor, valid };
    let issuer = Issuer::new(key.public_key(), vec![standing]).unwrap();
    let draft = Draft {
        kind: Kind::Reading,
        content_format: 110,
        counter,
        timestamp: Timestamp::from_millis(ms),
        parents: [parent, network.genesis()],
        salt: [counter as u8; 16],
        content: b"[]",
    };
    let wire = draft.sign(network.id(), &key).unwrap().with_nonce(weft_pow::Nonce::from_bytes([0; 8]));
    let transaction = Transaction::decode(&network, &wire).unwrap();
    let screened = Screened::check(&network, transaction).unwrap();
    (screened.clone(), Verified::check(&network, screened, &issuer).unwrap())
}

/// The committee's only member.
pub(super) fn member() -> Issuer {
    Issuer::new(key(2).public_key(), vec![Standing::Committee]).unwrap()
}

/// A transaction of that member.
pub(super) fn signed(draft: &Draft<'_>) -> Verified {
    let network = network();
    let wire = draft.sign(network.id(), &key(2)).unwrap().with_nonce(weft_pow::Nonce::from_bytes([0; 8]));
    let screened = Screened::check(&network, Transaction::decode(&network, &wire).unwrap()).unwrap();
    Verified::check(&network, screened, &member()).unwrap()
}
