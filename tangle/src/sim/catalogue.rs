//! All transactions of a simulation, each once: nodes, disks and links name them by their numbers.
//!
//! Always true: a number stands for one id for ever; of two signatures or nonces under one id the first is kept. That
//! something is in here says nothing of whether any node has it.

use super::keys::{Book, Key};
use crate::body::{Enrolment, Revocation, Witness};
use crate::check::check_enrolment_cheaply;
use crate::finality::{Committee, Member, Round};
use crate::{
    DeviceId, Draft, Epoch, Issuer, Kind, Network, Refusal, Role, Standing, Timestamp, Transaction, TxId,
};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

/// A transaction's place in the catalogue.
pub(super) type Number = u32;

/// What a transaction of a device says that it is: issuer, epoch and counter.
pub(super) type Slot = (DeviceId, Epoch, u32);

/// An enrolment, by its number, and the issuer that it makes.
type Enrolled = (Number, Arc<Issuer>);

/// A witness by a member of the committee, whoever has it and whether its references are right or not.
#[derive(Debug)]
pub(super) struct Witnessed {
    pub(super) author: Member,
    pub(super) round: Round,
    pub(super) content: Witness,
}

/// All transactions, the network that they are of, and who may issue in it.
#[derive(Debug)]
pub(super) struct Catalogue {
    pub(super) network: Arc<Network>,
    pub(super) book: Book,
    entries: IndexMap<TxId, Transaction>,
    by_issuer: BTreeMap<DeviceId, BTreeMap<TxId, Number>>,
    by_slot: BTreeMap<Slot, Vec<Number>>,
    enrolments: BTreeMap<DeviceId, Vec<Enrolled>>,
    /// Issuers that every node knows from the beginning.
    given: BTreeMap<DeviceId, Arc<Issuer>>,
    committee: Committee,
    witnesses: BTreeMap<Number, Witnessed>,
    by_round: BTreeMap<(Round, Member), Vec<Number>>,
    /// What revokes a device.
    revocations: BTreeMap<DeviceId, Vec<Number>>,
    /// What came from somewhere else than [`Catalogue::make`].
    strays: BTreeSet<Number>,
}

impl Catalogue {
    pub(super) fn new(network: Arc<Network>) -> Self {
        let committee = Committee::of(&network);
        Self {
            network,
            committee,
            witnesses: BTreeMap::new(),
            by_round: BTreeMap::new(),
            revocations: BTreeMap::new(),
            strays: BTreeSet::new(),
            book: Book::default(),
            entries: IndexMap::new(),
            by_issuer: BTreeMap::new(),
            by_slot: BTreeMap::new(),
            enrolments: BTreeMap::new(),
            given: BTreeMap::new(),
        }
    }

    /// Lets every node know a sensor, as if from the beginning: before it has signed anything nobody looks for it.
    pub(super) fn give(&mut self, key: &Key) {
        let given = || issuer(key.public(), standing(Timestamp::default()));
        self.given.entry(key.device()).or_insert_with(given);
    }

    /// Lets every node know the members of the committee, who stand in the network file.
    pub(super) fn give_members(&mut self) {
        let members = self.network.committee().map(|(id, key)| (*id, issuer(key, Standing::Committee)));
        self.given.extend(members);
    }

    /// Signs a draft and takes it in.
    ///
    /// # Errors
    /// It is no transaction.
    pub(super) fn make(&mut self, draft: &Draft<'_>, key: &Key) -> Result<Number, Refusal> {
        let transaction = self.book.sign(&self.network, draft, key)?;
        let number = self.take_in(&transaction);
        self.strays.remove(&number);
        Ok(number)
    }

    /// Whether a transaction has its body and was signed by its issuer. The same bytes as here need no look into the book.
    pub(super) fn is_genuine(&self, transaction: &Transaction) -> bool {
        let is_same =
            |number: &Number| self.get(*number).wire() == transaction.wire() && !self.strays.contains(number);
        let is_made = || self.book.has_made(&self.network, transaction);
        transaction.is_whole() && (self.number(&transaction.id()).is_some_and(|n| is_same(&n)) || is_made())
    }

    /// The number of a transaction, which is new or not.
    pub(super) fn take_in(&mut self, transaction: &Transaction) -> Number {
        let id = transaction.id();
        if let Some(number) = self.number(&id) {
            return number;
        }
        let number = self.entries.len() as Number;
        let header = transaction.header();
        let issuer_id = header.issuer;
        self.by_issuer.entry(issuer_id).or_default().insert(id, number);
        self.by_slot.entry(self.slot_of(transaction)).or_default().push(number);
        if header.kind == Kind::Enrol && check_enrolment_cheaply(&self.network, transaction).is_ok() {
            let enrolment = Enrolment::decode(transaction.content());
            let made = enrolment.map(|enrolment| issuer(&enrolment.public_key, enrolment.standing()));
            self.enrolments.entry(issuer_id).or_default().extend(made.map(|issuer| (number, issuer)));
        }
        if let Ok(revocation) = Revocation::decode(transaction.content())
            && header.kind == Kind::RevokeDevice
        {
            self.revocations.entry(revocation.device).or_default().push(number);
        }
        if let (Some(known), Ok(content)) =
            (self.committee.known(transaction), Witness::decode(transaction.content()))
        {
            let (author, round) = (known.author, known.round);
            self.witnesses.insert(number, Witnessed { author, round, content });
            self.by_round.entry((round, author)).or_default().push(number);
        }
        self.entries.insert(id, transaction.clone());
        self.strays.insert(number);
        number
    }

    pub(super) fn committee(&self) -> &Committee {
        &self.committee
    }

    /// What a witness by a member is; none of all else.
    pub(super) fn witness(&self, number: Number) -> Option<&Witnessed> {
        self.witnesses.get(&number)
    }

    /// The device that a transaction revokes, whoever has issued it.
    pub(super) fn revokes(&self, number: Number) -> Option<DeviceId> {
        let revocation = Revocation::decode(self.get(number).content()).ok()?;
        Some(revocation.device)
    }

    /// How many witnesses members have ever signed.
    pub(super) fn witnesses(&self) -> usize {
        self.witnesses.len()
    }

    /// The witnesses that a member has signed of a round.
    pub(super) fn of_round(&self, round: Round, author: Member) -> &[Number] {
        self.by_round.get(&(round, author)).map_or(&[], Vec::as_slice)
    }

    /// What revokes a device.
    pub(super) fn revocations(&self, device: &DeviceId) -> &[Number] {
        self.revocations.get(device).map_or(&[], Vec::as_slice)
    }

    pub(super) fn number(&self, id: &TxId) -> Option<Number> {
        self.entries.get_index_of(id).map(|index| index as Number)
    }

    /// The transaction of a number that was given out here.
    pub(super) fn get(&self, number: Number) -> &Transaction {
        &self.entries[number as usize]
    }

    pub(super) fn id(&self, number: Number) -> TxId {
        self.get(number).id()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All that a transaction references but the genesis: what it approves and, of a witness, its list. Some more than once.
    pub(super) fn references(&self, number: Number) -> impl Iterator<Item = TxId> {
        let listed = self.witness(number).into_iter().flat_map(|witness| witness.content.references());
        let genesis = self.network.genesis();
        self.get(number).header().parents.into_iter().chain(listed.copied()).filter(move |id| *id != genesis)
    }

    /// The numbers of those that anybody has made.
    pub(super) fn referenced(&self, number: Number) -> impl Iterator<Item = Number> {
        self.references(number).filter_map(|id| self.number(&id))
    }

    /// A device's transactions in a range of time, in id order.
    pub(super) fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
    ) -> impl Iterator<Item = (TxId, Number)> {
        let range = TxId::first_at(range.start)..TxId::first_at(range.end);
        let all = self.by_issuer.get(issuer).into_iter();
        all.flat_map(move |all| all.range(range.clone())).map(|(id, number)| (*id, *number))
    }

    /// A device's enrolments and what they make of it.
    pub(super) fn enrolments(&self, device: &DeviceId) -> &[Enrolled] {
        self.enrolments.get(device).map_or(&[], Vec::as_slice)
    }

    /// What everybody knows of a device from the beginning.
    pub(super) fn given(&self, device: &DeviceId) -> Option<&Arc<Issuer>> {
        self.given.get(device)
    }

    /// Every device that has issued something.
    pub(super) fn devices(&self) -> impl Iterator<Item = &DeviceId> {
        self.by_issuer.keys()
    }

    pub(super) fn slot(&self, number: Number) -> Slot {
        self.slot_of(self.get(number))
    }

    /// All that claim to be the same of a device.
    pub(super) fn variants(&self, slot: &Slot) -> &[Number] {
        self.by_slot.get(slot).map_or(&[], Vec::as_slice)
    }

    /// Every slot that something claims.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.by_slot.keys()
    }

    fn slot_of(&self, transaction: &Transaction) -> Slot {
        let header = transaction.header();
        (header.issuer, self.network.rules().epoch(header.timestamp), header.counter)
    }
}

/// A sensor for ever.
pub(super) fn standing(from: Timestamp) -> Standing {
    Standing::Enrolled { role: Role::Sensor, valid: from..Timestamp::from_millis(u64::MAX) }
}

fn issuer(key: &crate::signing::PublicKey, standing: Standing) -> Arc<Issuer> {
    Arc::new(Issuer::new(key, vec![standing]).expect("every encoding of its length is a key"))
}
