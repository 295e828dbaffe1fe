//! What is attached with a counter already: two of its transactions, or the first one.
//!
//! Storage names those that share a counter, and not one that is alone. To find it, all that its device has issued in the
//! epoch is read, so that is kept: a device that repeats many counters has it read once. Always true: a set that is here
//! names every counter that the device has used in the epoch; [`FIRST_USES`] and one more are held at most.

use super::counters::Key;
use super::{CounterSet, History, HistoryError, Replica};
use crate::limits::{FIRST_USES, VARIANTS_PER_COUNTER};
use crate::{Header, TxId};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// The first transaction of each counter.
pub(super) type Firsts = BTreeMap<u32, TxId>;

/// The sets in memory, in two generations.
#[derive(Debug)]
pub(super) struct FirstUses {
    young: IndexMap<Key, Firsts>,
    old: IndexMap<Key, Firsts>,
    /// Counters in the young ones.
    held: usize,
    limit: usize,
}

impl FirstUses {
    pub(super) fn new() -> Self {
        Self::with_limit(FIRST_USES / 2)
    }

    fn with_limit(limit: usize) -> Self {
        Self { young: IndexMap::new(), old: IndexMap::new(), held: 0, limit }
    }

    /// The first to have used the counter; `read` reads all of the epoch. A set that is too large is not kept.
    pub(super) fn find(
        &mut self,
        key: Key,
        counter: u32,
        read: impl FnOnce() -> Result<Firsts, HistoryError>,
    ) -> Result<Option<TxId>, HistoryError> {
        if let Some(set) = self.young.get(&key) {
            return Ok(set.get(&counter).copied());
        }
        let set = match self.old.swap_remove(&key) {
            Some(set) => set,
            None => read()?,
        };
        let found = set.get(&counter).copied();
        if set.len() <= self.limit {
            if self.held + set.len() > self.limit {
                self.turn();
            }
            self.held += set.len();
            self.young.insert(key, set);
        }
        Ok(found)
    }

    /// The transaction uses a counter, if it is the first.
    pub(super) fn insert(&mut self, key: &Key, counter: u32, id: TxId) {
        let Some(set) = self.young.get_mut(key) else {
            // It is read again, with this one, when it is asked for.
            self.old.swap_remove(key);
            return;
        };
        let before = set.len();
        set.entry(counter).or_insert(id);
        self.held += set.len() - before;
        if self.held > self.limit {
            self.turn();
        }
    }

    fn turn(&mut self) {
        self.old = std::mem::take(&mut self.young);
        self.held = 0;
    }
}

impl Replica {
    /// What is attached of the same issuer, epoch and counter, at most [`VARIANTS_PER_COUNTER`] of them. The set of
    /// counters is in memory then.
    pub(super) fn variants(
        &mut self,
        header: &Header,
        history: &dyn History,
    ) -> Result<Vec<TxId>, HistoryError> {
        let epoch = self.network.rules().epoch(header.timestamp);
        let key = (header.issuer, epoch);
        if self.counters.peek(&key).is_none() {
            let set = self.rebuild_counters(header.issuer, epoch, history)?;
            self.counters.load(key, || Ok(set))?;
        }
        if !self.counters.load(key, || Ok(CounterSet::default()))?.contains(header.counter) {
            return Ok(Vec::new());
        }
        let span = self.network.rules().span(epoch);
        let mut variants = Vec::new();
        let mut take = |id| {
            // What has just been stored may still be in flight as well; counted twice it would fake a second one.
            if variants.len() < VARIANTS_PER_COUNTER && !variants.contains(&id) {
                variants.push(id);
            }
            if variants.len() < VARIANTS_PER_COUNTER {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        history.same_counter(&header.issuer, span.clone(), header.counter, &mut take)?;
        let mut in_flight = self.flight.twins(&header.issuer, &span, header.counter);
        let _full = in_flight.try_for_each(|(id, twin)| twin.into_iter().chain([id]).try_for_each(&mut take));
        drop(in_flight);
        if variants.is_empty() {
            let flight = &self.flight;
            let first = self.firsts.find(key, header.counter, || {
                let mut firsts = Firsts::new();
                let mut visit = |id, counter| {
                    firsts.entry(counter).or_insert(id);
                };
                history.issued(&header.issuer, span.clone(), &mut visit)?;
                flight.issued(&header.issuer, span).for_each(|(id, counter)| visit(id, counter));
                Ok(firsts)
            })?;
            variants.extend(first);
        }
        Ok(variants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeviceId, Epoch, Timestamp};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_cache_equals_its_source_and_keeps_its_bound(steps in proptest::collection::vec((0u8..5, 0u32..12, any::<bool>()), 1..300)) {
            let mut cache = FirstUses::with_limit(8);
            let mut source: BTreeMap<Key, Firsts> = BTreeMap::new();
            for (at, (device, counter, uses)) in steps.into_iter().enumerate() {
                let key = (DeviceId::from_bytes([device; 32]), Epoch(0));
                let truth = source.entry(key).or_default();
                if uses {
                    let id = TxId::first_at(Timestamp::from_millis(at as u64));
                    truth.entry(counter).or_insert(id);
                    cache.insert(&key, counter, id);
                }
                let found = cache.find(key, counter, || Ok(truth.clone())).unwrap();
                prop_assert_eq!(found, truth.get(&counter).copied());
                let count = |sets: &IndexMap<Key, Firsts>| sets.values().map(BTreeMap::len).sum::<usize>();
                prop_assert_eq!(count(&cache.young), cache.held);
                prop_assert!(cache.held <= 8 && count(&cache.old) <= 9);
            }
        }
    }

    #[test]
    fn what_is_kept_is_read_once() {
        let key = (DeviceId::from_bytes([1; 32]), Epoch(0));
        let id = |ms| TxId::first_at(Timestamp::from_millis(ms));
        let mut cache = FirstUses::with_limit(8);
        let set: Firsts = (0..8).map(|counter| (counter, id(counter.into()))).collect();
        assert_eq!(cache.find(key, 3, || Ok(set.clone())), Ok(Some(id(3))));
        let again = || panic!("it is read again");
        assert_eq!(cache.find(key, 7, again), Ok(Some(id(7))));
        assert_eq!(cache.find(key, 8, again), Ok(None));
        let failed = cache.find((key.0, Epoch(1)), 0, || Err(HistoryError::Unread("gone".into())));
        assert!(failed.is_err() && cache.find(key, 0, again).is_ok());
    }
}
