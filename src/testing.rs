//! A small ledger for tests: devices, their transactions, and a replica that attaches them, all from one seed.
//!
//! Always true: the same calls give the same bytes, and what is attached went through every check.

pub(crate) mod chain;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use weft_pow::Nonce;
use weft_tangle::body::{Anchor, Enrolment, Reason, Revocation};
use weft_tangle::finality::{
    Commit, Delivered, Entry, FinalVerdict, Handed, Judged, Member, Members, Outcome, Resume, Round,
};
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::signing::{PublicKey, Seed, SigningKey};
use weft_tangle::{
    Attached, DeviceId, Digest, Draft, History, HistoryError, Issuer, Kind, Network, NetworkParts, Position,
    Replica, Role, Rules, Screened, Standing, Timestamp, Transaction, TxId, Verified, content_format,
};

/// When the networks of tests were made.
pub(crate) const CREATED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Numbers that follow from a seed alone (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }
}

/// An open network without work, named apart by `name`.
pub(crate) fn network(name: &str) -> Arc<Network> {
    let committee = SigningKey::from_seed(&Seed::from_bytes([0xC0; 32])).unwrap();
    let parts = NetworkParts {
        name: name.into(),
        created: CREATED,
        open_enrolment: true,
        rules: Rules::new(600_000, 600, 0, 0).unwrap(),
        registrars: Vec::new(),
        committee: vec![committee.public_key().clone()],
    };
    Arc::new(Network::new(parts).unwrap())
}

/// A device that has not necessarily enrolled.
pub(crate) struct Device {
    key: SigningKey,
    issuer: Issuer,
}

impl Device {
    pub(crate) fn new(number: u8) -> Self {
        let key = SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap();
        let enrolment = enrolment_of(&key);
        let issuer = Issuer::new(key.public_key(), vec![enrolment.standing()]).unwrap();
        Self { key, issuer }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.issuer.id()
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    pub(crate) fn issuer_key(&self) -> &PublicKey {
        self.key.public_key()
    }
}

/// A reading of `device` above the genesis, in wire form.
pub(crate) fn reading(network: &Network, device: &Device, counter: u32) -> Vec<u8> {
    let (format, timestamp) = (content_format::SENML_JSON, CREATED.plus(1));
    above_genesis(network, device, (Kind::Reading, format, b"[]"), counter, timestamp)
}

/// The enrolment of `device` above the genesis, in wire form.
pub(crate) fn enrolment_at(network: &Network, device: &Device, timestamp: Timestamp) -> Vec<u8> {
    let content = enrolment_of(&device.key).encode();
    above_genesis(network, device, (Kind::Enrol, content_format::WEFT, &content), 0, timestamp)
}

fn above_genesis(
    network: &Network,
    device: &Device,
    (kind, content_format, content): (Kind, u16, &[u8]),
    counter: u32,
    timestamp: Timestamp,
) -> Vec<u8> {
    let parents = [network.genesis(); 2];
    let draft = Draft { kind, content_format, counter, timestamp, parents, salt: [7; 16], content };
    draft.sign(network.id(), &device.key).unwrap().with_nonce(Nonce::from_bytes([3; 8]))
}

fn enrolment_of(key: &SigningKey) -> Enrolment {
    Enrolment {
        role: Role::Sensor,
        valid_from: CREATED,
        valid_until: CREATED.plus(365 * 86_400_000),
        owner: [0; 32],
        public_key: key.public_key().clone(),
        kem_public_key: None,
        address: None,
        admission: None,
    }
}

/// A reading that counts, as a commit delivers it.
pub(crate) fn judged(id: TxId) -> Judged {
    let issuer = DeviceId::from_bytes([9; 32]);
    Judged { id, kind: Kind::Reading, issuer, counter: 7, verdict: FinalVerdict::Counts }
}

/// A commit of this index, with this time, that delivers these transactions.
pub(crate) fn handed(index: u64, time: Timestamp, transactions: &[Judged]) -> Arc<Handed> {
    let leader = TxId::first_at(time);
    let count = transactions.len() as u32;
    let [previous, root] = [Digest([index as u8; 32]), Digest([0; 32])];
    let commit = Commit { index, previous, leader, time, root, count };
    let member = Member::new(0).unwrap();
    let delivered = Delivered {
        commit,
        digest: Digest([(index as u8).wrapping_add(1); 32]),
        leader: member,
        transactions: transactions.to_vec(),
        also_disputed: Vec::new(),
        revoked: Vec::new(),
    };
    let active = Members::from_iter([member]);
    let resume = Resume { commit, first: index, round: Round::FIRST, active, last_open: index };
    Arc::new(Handed { delivered, resume })
}

/// What is durable, in maps.
#[derive(Default)]
pub(crate) struct MapHistory {
    pub(crate) stored: BTreeMap<TxId, Arc<Attached>>,
    genesis: Option<TxId>,
}

impl History for MapHistory {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.stored.contains_key(id))
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        for (id, attached) in &self.stored {
            let header = attached.transaction().header();
            if header.issuer == *issuer && range.contains(&header.timestamp) {
                visit(*id, header.counter);
            }
        }
        Ok(())
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        let of_device =
            self.stored.values().filter(|attached| attached.transaction().header().issuer == *device);
        Ok(of_device.filter_map(|attached| Some(attached.verified().enrolment()?.standing())).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        let mut stored: Vec<_> =
            self.stored.values().map(|stored| (stored.position().0, stored.id())).collect();
        stored.sort_unstable();
        stored.iter().filter(|(position, _)| positions.contains(position)).for_each(|(_, id)| visit(*id));
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        let stored = self.stored.get(id);
        Ok(stored.map(|attached| attached.transaction().header().kind == Kind::Witness))
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        let found = self.stored.get(id).zip(self.genesis);
        Ok(found.map(|(attached, genesis)| Entry::of(attached.transaction(), genesis)))
    }

    fn outcome(&self, _: &TxId) -> Result<Option<Outcome>, HistoryError> {
        Ok(None)
    }

    weft_tangle::no_commits_stored!();
}

/// A replica with all that has been attached to it.
pub(crate) struct Ledger {
    pub(crate) network: Arc<Network>,
    /// The time that the next transaction is issued at; every transaction moves it on by a millisecond.
    pub(crate) now: Timestamp,
    pub(crate) history: MapHistory,
    pub(crate) arrivals: Vec<Arc<Attached>>,
    replica: Replica,
    dice: Dice,
}

impl Ledger {
    pub(crate) fn new(network: &Arc<Network>, seed: u64) -> Self {
        Self::starting_at(network, seed, Position(0))
    }

    /// A ledger whose replica has forgotten all that was attached before `next`.
    pub(crate) fn starting_at(network: &Arc<Network>, seed: u64, next: Position) -> Self {
        Self {
            network: Arc::clone(network),
            now: CREATED,
            history: MapHistory { genesis: Some(network.genesis()), ..MapHistory::default() },
            arrivals: Vec::new(),
            replica: Replica::new(Arc::clone(network), next),
            dice: Dice::new(seed),
        }
    }

    pub(crate) fn enrol(&mut self, device: &Device, counter: u32) -> Arc<Attached> {
        let content = enrolment_of(&device.key).encode();
        self.issue(device, Kind::Enrol, counter, content_format::WEFT, &content)
    }

    pub(crate) fn read(&mut self, device: &Device, counter: u32) -> Arc<Attached> {
        let length = self.dice.below(400) as usize;
        let content: Vec<u8> = (0..length).map(|_| self.dice.below(256) as u8).collect();
        self.issue(device, Kind::Reading, counter, content_format::SENML_CBOR, &content)
    }

    pub(crate) fn revoke_itself(&mut self, device: &Device, counter: u32) -> Arc<Attached> {
        let revocation = Revocation { device: device.id(), reason: Reason::Retired };
        self.issue(device, Kind::RevokeDevice, counter, content_format::WEFT, &revocation.encode())
    }

    pub(crate) fn anchor(&mut self, device: &Device, counter: u32) -> Arc<Attached> {
        let anchor = Anchor { digest: Digest([7; 32]), size: 9, media_type: "application/pdf".into() };
        self.issue(device, Kind::Anchor, counter, content_format::WEFT, &anchor.encode().unwrap())
    }

    /// Signs, checks and attaches a transaction above two of the newest.
    pub(crate) fn issue(
        &mut self,
        device: &Device,
        kind: Kind,
        counter: u32,
        content_format: u16,
        content: &[u8],
    ) -> Arc<Attached> {
        self.now = self.now.plus(1);
        let salt = std::array::from_fn(|_| self.dice.below(256) as u8);
        let parents = self.parents();
        let draft = Draft { kind, content_format, counter, timestamp: self.now, parents, salt, content };
        let signed = draft.sign(self.network.id(), &device.key).unwrap();
        let wire = signed.with_nonce(Nonce::from_bytes([3; 8]));
        self.attach(&wire, device)
    }

    fn attach(&mut self, wire: &[u8], device: &Device) -> Arc<Attached> {
        let transaction = Transaction::decode(&self.network, wire).unwrap();
        let screened = Screened::check(&self.network, transaction).unwrap();
        let transaction = Verified::check(&self.network, screened, &device.issuer).unwrap();
        let received = Event::Received { transaction, source: Source::Peer(0), token: None };
        let mut effects = self.replica.handle(received, self.now, &self.history).unwrap();
        let Some(Effect::Persist(attached)) = effects.pop() else { panic!("it was not attached") };
        self.history.stored.insert(attached.id(), Arc::clone(&attached));
        let durable = Event::Durable { position: Some(attached.position()), commit: None };
        self.replica.handle(durable, self.now, &self.history).unwrap();
        self.arrivals.push(Arc::clone(&attached));
        attached
    }

    fn parents(&mut self) -> [TxId; 2] {
        let newest: Vec<TxId> = self.arrivals.iter().rev().take(4).map(|attached| attached.id()).collect();
        if newest.len() < 2 {
            return [self.network.genesis(); 2];
        }
        let first = self.dice.below(newest.len() as u64) as usize;
        [newest[first], newest[(first + 1) % newest.len()]]
    }
}
