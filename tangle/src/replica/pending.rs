//! Transactions that wait: for a reference, for their issuer's enrolment, or for their time.
//!
//! Each waits for one thing at a time and goes on when that comes. A witness waits for the newest that it misses, so
//! all that is newer is attached, and only what is older needs to be looked at again: the work a transaction causes here is
//! bounded by what it references. No source can hold more than its share, and when all is full the one that holds
//! most gives way, as long as it then still holds more than the one that it makes room for.
//!
//! A signature that could not be checked yet proves nothing, and an id does not cover it. So a transaction whose
//! issuer is unknown waits once for every source that sent it; else a forged copy would keep out the genuine one.
//! Of one whose signature is right any copy is as good: { waiting, verified } has each id at most once.

use super::Source;
use crate::limits::{PENDING, PENDING_MS, PENDING_PER_SOURCE};
use crate::{DeviceId, Refusal, Screened, Timestamp, Transaction, TxId, Verified};
use others::Others;
use std::collections::{BTreeMap, BTreeSet};

mod others;

/// What a transaction waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Missing {
    /// The node's clock must reach this.
    Time(Timestamp),
    /// A transaction that it references.
    Reference(TxId),
    /// An enrolment of its issuer.
    Issuer(DeviceId),
}

/// A transaction at the stage that it has reached.
#[derive(Clone, Debug)]
pub(super) enum Waiting {
    /// Its issuer is not known, so its signature could not be checked.
    Screened(Screened),
    /// Everything is checked.
    Verified(Verified),
}

impl Waiting {
    pub(super) fn transaction(&self) -> &Transaction {
        match self {
            Self::Screened(screened) => screened.transaction(),
            Self::Verified(verified) => verified.transaction(),
        }
    }
}

/// Turns of the clock that something may wait.
const TURNS: u64 = 8;

#[derive(Debug)]
struct Entry {
    waiting: Waiting,
    missing: Missing,
    /// The turn of the clock in which it began to wait for this.
    turn: u64,
    /// What of its references was the newest missing, if that was looked at: all that are newer are attached.
    looked: Option<TxId>,
    /// What else of its references was missing then, as far as that is remembered.
    others: Vec<TxId>,
}

/// A transaction that waits no more, to be tried again.
#[derive(Debug)]
pub(super) struct Released {
    pub(super) waiting: Waiting,
    pub(super) source: Source,
    /// Its newest reference that may not be attached; nothing when that was not looked at.
    pub(super) looked: Option<TxId>,
    others: Vec<TxId>,
}

type Place = (TxId, Source);

#[derive(Debug)]
pub(super) struct Pending {
    entries: BTreeMap<Place, Entry>,
    by_missing: BTreeMap<Missing, BTreeSet<Place>>,
    by_source: BTreeMap<Source, BTreeSet<TxId>>,
    others: Others,
    limit: usize,
    limit_per_source: usize,
    turn: u64,
    turned_at: Timestamp,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self::with_limits(PENDING, PENDING_PER_SOURCE)
    }

    fn with_limits(limit: usize, limit_per_source: usize) -> Self {
        let (entries, by_missing, by_source, others, turn, turned_at) = Default::default();
        Self { entries, by_missing, by_source, others, limit, limit_per_source, turn, turned_at }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether something that waits references this transaction.
    pub(super) fn wants(&self, id: &TxId) -> bool {
        self.by_missing.contains_key(&Missing::Reference(*id)) || self.others.contains(id)
    }

    /// What waits and is known to reference this transaction, with who sent it.
    pub(super) fn wanting(&self, id: &TxId) -> impl Iterator<Item = (&Transaction, Source)> {
        let waiting = self.by_missing.get(&Missing::Reference(*id)).into_iter().flatten();
        let places = waiting.chain(self.others.naming(id));
        places.filter_map(|place| Some((self.entries.get(place)?.waiting.transaction(), place.1)))
    }

    /// Remembers what else is missing of what waits, so that all of it is looked for at once; returns what it remembers. Of
    /// those too many it finds out one by one.
    pub(super) fn misses_too(&mut self, id: &TxId, source: Source, mut others: Vec<TxId>) -> Vec<TxId> {
        let Some(entry) = self.entries.get_mut(&(*id, source)) else { return Vec::new() };
        self.others.forget((*id, source), &std::mem::take(&mut entry.others));
        self.others.remember((*id, source), &mut others);
        entry.others.clone_from(&others);
        others
    }

    /// Lets a transaction wait. One that waits already keeps its place, unless its signature was not checked then
    /// and is now.
    ///
    /// # Errors
    /// [`Refusal::PendingFull`] when the source's share, or the whole, is full. Nothing has changed then.
    pub(super) fn insert(
        &mut self,
        waiting: Waiting,
        source: Source,
        missing: Missing,
    ) -> Result<(), Refusal> {
        let id = waiting.transaction().id();
        let copies = self.copies(&id);
        let verified = |place| matches!(self.entries[place].waiting, Waiting::Verified(_));
        let is_better = matches!(waiting, Waiting::Verified(_));
        let has_copy = copies.contains(&(id, source));
        if copies.iter().any(verified) || (has_copy && !is_better) {
            return Ok(());
        }
        let own = self.held_by(source) - usize::from(has_copy);
        if own >= self.limit_per_source {
            return Err(Refusal::PendingFull);
        }
        if is_better {
            self.forget_id(&id);
        }
        if self.entries.len() >= self.limit {
            self.take_from_the_largest(own)?;
        }
        self.restore(Released { waiting, source, looked: None, others: Vec::new() }, missing);
        Ok(())
    }

    /// Puts back what was just released; its place cannot have gone.
    pub(super) fn restore(&mut self, released: Released, missing: Missing) {
        let Released { waiting, source, looked, mut others } = released;
        let place = (waiting.transaction().id(), source);
        let looked = if let Missing::Reference(id) = missing { Some(id) } else { looked };
        others.retain(|other| looked.is_some_and(|looked| *other < looked));
        self.others.remember(place, &mut others);
        self.by_missing.entry(missing).or_default().insert(place);
        self.by_source.entry(source).or_default().insert(place.0);
        self.entries.insert(place, Entry { waiting, missing, turn: self.turn, looked, others });
    }

    /// Takes out all that waited for `missing`, in id order.
    pub(super) fn release(&mut self, missing: Missing) -> Vec<Released> {
        let places = self.by_missing.get(&missing).cloned().unwrap_or_default();
        places.iter().filter_map(|place| self.remove(place)).collect()
    }

    /// The first time that something waits for, if anything does.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let soonest = Missing::Time(Timestamp::from_millis(1));
        match self.by_missing.range(soonest..).next() {
            Some((Missing::Time(time), _)) => Some(*time),
            _ => None,
        }
    }

    /// Takes out those whose time is no more than `latest`, the first `most` of them, in id order.
    pub(super) fn release_until(&mut self, latest: Timestamp, most: usize) -> Vec<Released> {
        let due = self.by_missing.range(Missing::Time(Timestamp::default())..=Missing::Time(latest));
        let places: BTreeSet<Place> = due.flat_map(|(_, places)| places).take(most).copied().collect();
        places.iter().filter_map(|place| self.remove(place)).collect()
    }

    /// Drops all that a source sent: what it held would stay for ever, and its share with it.
    pub(super) fn forget(&mut self, source: Source) {
        for id in self.by_source.get(&source).cloned().unwrap_or_default() {
            self.remove(&(id, source));
        }
    }

    /// Drops one copy of a transaction.
    pub(super) fn forget_copy(&mut self, id: &TxId, source: Source) {
        self.remove(&(*id, source));
    }

    /// Drops every copy of a transaction: it is attached, or a checked copy takes their place.
    pub(super) fn forget_id(&mut self, id: &TxId) {
        for place in self.copies(id) {
            self.remove(&place);
        }
    }

    /// Drops what has waited for the same thing for [`PENDING_MS`] or a little less: what it references may not exist.
    /// Returns references that nobody had, and who sent what has them.
    pub(super) fn expire(&mut self, now: Timestamp) -> BTreeSet<(Source, TxId)> {
        if now.since(self.turned_at) < PENDING_MS / TURNS {
            return BTreeSet::new();
        }
        (self.turn, self.turned_at) = (self.turn + 1, now);
        let old = self.entries.iter().filter(|(_, entry)| entry.turn + TURNS <= self.turn);
        let old: Vec<(Place, Missing)> = old.map(|(place, entry)| (*place, entry.missing)).collect();
        old.iter().for_each(|(place, _)| drop(self.remove(place)));
        let orphan = |((_, source), missing)| match missing {
            Missing::Reference(reference) => Some((source, reference)),
            Missing::Time(_) | Missing::Issuer(_) => None,
        };
        old.into_iter().filter_map(orphan).collect()
    }

    /// Whether a copy of the transaction waits.
    pub(super) fn contains(&self, id: &TxId) -> bool {
        let all = (*id, Source::Door)..=(*id, Source::Peer(u32::MAX));
        self.entries.range(all).next().is_some()
    }

    fn copies(&self, id: &TxId) -> Vec<Place> {
        let all = (*id, Source::Door)..=(*id, Source::Peer(u32::MAX));
        self.entries.range(all).map(|(place, _)| *place).collect()
    }

    /// How many transactions of a source wait.
    pub(super) fn held_by(&self, source: Source) -> usize {
        self.by_source.get(&source).map_or(0, BTreeSet::len)
    }

    /// Removes the youngest transaction of the source that holds most, if it would still hold more than `own`.
    fn take_from_the_largest(&mut self, own: usize) -> Result<(), Refusal> {
        let largest = self.by_source.iter().max_by_key(|(_, ids)| ids.len());
        let largest = largest.filter(|(_, ids)| ids.len() > own + 1);
        let victim = largest.and_then(|(source, ids)| Some((*ids.last()?, *source)));
        self.remove(&victim.ok_or(Refusal::PendingFull)?);
        Ok(())
    }

    fn remove(&mut self, place: &Place) -> Option<Released> {
        let Entry { waiting, missing, looked, others, .. } = self.entries.remove(place)?;
        let (id, source) = place;
        remove_from(&mut self.by_missing, &missing, place);
        remove_from(&mut self.by_source, source, id);
        self.others.forget(*place, &others);
        Some(Released { waiting, source: *source, looked, others })
    }
}

fn remove_from<K: Ord, V: Ord>(index: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = index.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            index.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
