//! Which transaction has used each counter first, of devices that repeat counters.
//!
//! Storage names those that share a counter, and not one that is alone. To find it, all that its device has issued in the
//! epoch is read, so that is kept: a device that repeats many counters has it read once. Always true: a set that is here
//! names every counter that the device has used in the epoch; [`FIRST_USES`] and one more are held at most.

use super::HistoryError;
use super::counters::Key;
use crate::TxId;
use crate::limits::FIRST_USES;
use indexmap::IndexMap;
use std::collections::BTreeMap;

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
        let failed = cache.find((key.0, Epoch(1)), 0, || Err(HistoryError("gone".into())));
        assert!(failed.is_err() && cache.find(key, 0, again).is_ok());
    }
}
