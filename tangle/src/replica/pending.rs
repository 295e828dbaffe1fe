//! Transactions that wait: for a reference, for their issuer's enrolment, or for their time.
//!
//! Each waits for one thing at a time and is tried again when that comes, so the work a transaction causes here is
//! bounded by what it references. No source can hold more than its share, and when all is full the one that holds
//! most gives way: no peer evicts another's.

use super::Source;
use crate::limits::{PENDING, PENDING_PER_SOURCE};
use crate::{DeviceId, Refusal, Screened, Timestamp, Transaction, TxId, Verified};
use std::collections::{BTreeMap, BTreeSet};

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

#[derive(Debug)]
struct Entry {
    waiting: Waiting,
    source: Source,
    missing: Missing,
}

#[derive(Debug)]
pub(super) struct Pending {
    entries: BTreeMap<TxId, Entry>,
    by_missing: BTreeMap<Missing, BTreeSet<TxId>>,
    by_source: BTreeMap<Source, BTreeSet<TxId>>,
    limit: usize,
    limit_per_source: usize,
}

impl Pending {
    pub(super) fn new() -> Self {
        Self::with_limits(PENDING, PENDING_PER_SOURCE)
    }

    fn with_limits(limit: usize, limit_per_source: usize) -> Self {
        let (entries, by_missing, by_source) = Default::default();
        Self { entries, by_missing, by_source, limit, limit_per_source }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether something that waits references this transaction.
    pub(super) fn wants(&self, id: &TxId) -> bool {
        self.by_missing.contains_key(&Missing::Reference(*id))
    }

    /// Lets a transaction wait. One that waits already keeps its place and its source.
    pub(super) fn insert(
        &mut self,
        waiting: Waiting,
        source: Source,
        missing: Missing,
    ) -> Result<(), Refusal> {
        let id = waiting.transaction().id();
        if self.entries.contains_key(&id) {
            return Ok(());
        }
        let own = self.held_by(source);
        if own >= self.limit_per_source {
            return Err(Refusal::PendingFull);
        }
        if self.entries.len() >= self.limit {
            self.take_from_the_largest(own)?;
        }
        self.by_missing.entry(missing).or_default().insert(id);
        self.by_source.entry(source).or_default().insert(id);
        self.entries.insert(id, Entry { waiting, source, missing });
        Ok(())
    }

    /// Takes out all that waited for `missing`, in id order.
    pub(super) fn release(&mut self, missing: Missing) -> Vec<(Waiting, Source)> {
        let ids = self.by_missing.get(&missing).cloned().unwrap_or_default();
        ids.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Takes out all whose time is no more than `latest`, in id order.
    pub(super) fn release_until(&mut self, latest: Timestamp) -> Vec<(Waiting, Source)> {
        let due = self.by_missing.range(Missing::Time(Timestamp::default())..=Missing::Time(latest));
        let ids: BTreeSet<TxId> = due.flat_map(|(_, ids)| ids).copied().collect();
        ids.iter().filter_map(|id| self.remove(id)).collect()
    }

    fn held_by(&self, source: Source) -> usize {
        self.by_source.get(&source).map_or(0, BTreeSet::len)
    }

    /// Removes the youngest transaction of the source that holds most, if it would still hold more than `own`.
    fn take_from_the_largest(&mut self, own: usize) -> Result<(), Refusal> {
        let largest = self.by_source.values().max_by_key(|ids| ids.len());
        let victim = largest.filter(|ids| ids.len() > own + 1).and_then(|ids| ids.last().copied());
        self.remove(&victim.ok_or(Refusal::PendingFull)?);
        Ok(())
    }

    fn remove(&mut self, id: &TxId) -> Option<(Waiting, Source)> {
        let entry = self.entries.remove(id)?;
        remove_from(&mut self.by_missing, &entry.missing, id);
        remove_from(&mut self.by_source, &entry.source, id);
        Some((entry.waiting, entry.source))
    }
}

fn remove_from<K: Ord>(index: &mut BTreeMap<K, BTreeSet<TxId>>, key: &K, id: &TxId) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
