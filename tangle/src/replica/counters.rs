//! Which counters each device has used in each epoch.
//!
//! A set of counters is kept as ranges, for an honest device uses them without gaps: one range, whatever it sends.
//! The sets in memory are a cache of what history and flight say; a set that was dropped is rebuilt from them.

use crate::limits::{COUNTER_RANGES, COUNTER_SETS};
use crate::{DeviceId, Epoch, HistoryError};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// Counters that were used, as disjoint ranges that do not touch: first to last, inclusive.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct CounterSet {
    ranges: BTreeMap<u32, u32>,
}

impl CounterSet {
    /// Adds a counter; says whether it is new.
    pub fn insert(&mut self, counter: u32) -> bool {
        if self.contains(counter) {
            return false;
        }
        let below = self.ranges.range(..counter).next_back().map(|(first, last)| (*first, *last));
        let joins_below = below.filter(|(_, last)| last.checked_add(1) == Some(counter));
        let above = counter.checked_add(1).and_then(|next| self.ranges.remove(&next));
        let first = joins_below.map_or(counter, |(first, _)| first);
        self.ranges.insert(first, above.unwrap_or(counter));
        true
    }

    /// Whether the counter was used.
    pub fn contains(&self, counter: u32) -> bool {
        self.ranges.range(..=counter).next_back().is_some_and(|(_, last)| *last >= counter)
    }

    /// The highest counter used.
    pub fn highest(&self) -> Option<u32> {
        self.ranges.last_key_value().map(|(_, last)| *last)
    }

    /// The counter after the highest one used; the last one when there is none after it.
    pub fn next(&self) -> u32 {
        self.highest().map_or(0, |highest| highest.saturating_add(1))
    }

    /// The counters below the highest that were not used: first to last, inclusive, ascending.
    pub fn gaps(&self) -> impl Iterator<Item = (u32, u32)> {
        let starts = std::iter::once(0).chain(self.ranges.values().map(|last| last.saturating_add(1)));
        starts
            .zip(self.ranges.keys())
            .filter(|(start, first)| start < first)
            .map(|(start, first)| (start, first - 1))
    }

    /// How many ranges the set has.
    pub fn ranges(&self) -> usize {
        self.ranges.len()
    }
}

/// A device in an epoch.
pub(crate) type Key = (DeviceId, Epoch);

/// The sets in memory, in two generations: what was not used while the young one filled up is dropped with the old.
#[derive(Debug)]
pub(crate) struct Counters {
    young: IndexMap<Key, CounterSet>,
    old: IndexMap<Key, CounterSet>,
    young_ranges: usize,
    sets_limit: usize,
    ranges_limit: usize,
}

impl Counters {
    pub(crate) fn new() -> Self {
        Self::with_limits(COUNTER_SETS / 2, COUNTER_RANGES / 2)
    }

    pub(crate) fn with_limits(sets_limit: usize, ranges_limit: usize) -> Self {
        Self { young: IndexMap::new(), old: IndexMap::new(), young_ranges: 0, sets_limit, ranges_limit }
    }

    /// The set, if it is in memory.
    pub(super) fn peek(&self, key: &Key) -> Option<&CounterSet> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Makes sure that the set is in memory, rebuilt by `rebuild` if it is not.
    pub(crate) fn load(
        &mut self,
        key: Key,
        rebuild: impl FnOnce() -> Result<CounterSet, HistoryError>,
    ) -> Result<&CounterSet, HistoryError> {
        if !self.young.contains_key(&key) {
            let set = match self.old.swap_remove(&key) {
                Some(set) => set,
                None => rebuild()?,
            };
            self.make_room();
            self.young_ranges += set.ranges();
            self.young.insert(key, set);
        }
        Ok(&self.young[&key])
    }

    /// Adds a counter to a set that [`Counters::load`] has just brought into memory.
    pub(super) fn insert(&mut self, key: &Key, counter: u32) {
        if let Some(set) = self.young.get_mut(key) {
            let before = set.ranges();
            set.insert(counter);
            self.young_ranges = self.young_ranges + set.ranges() - before;
        }
    }

    /// Puts a set in the place of what is in memory of it.
    pub(crate) fn replace(&mut self, key: Key, set: CounterSet) {
        self.old.swap_remove(&key);
        let before = self.young.swap_remove(&key).map_or(0, |set| set.ranges());
        self.young_ranges -= before;
        self.make_room();
        self.young_ranges += set.ranges();
        self.young.insert(key, set);
    }

    fn make_room(&mut self) {
        if self.young.len() >= self.sets_limit || self.young_ranges >= self.ranges_limit {
            self.old = std::mem::take(&mut self.young);
            self.young_ranges = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn a_set_of_ranges_equals_a_plain_set(counters in proptest::collection::vec(prop_oneof![0u32..40, Just(u32::MAX), Just(u32::MAX - 1)], 0..60)) {
            let mut set = CounterSet::default();
            let mut model = BTreeSet::new();
            for counter in counters {
                prop_assert_eq!(set.insert(counter), model.insert(counter));
                prop_assert_eq!(set.highest(), model.last().copied());
                prop_assert!((0..42).all(|c| set.contains(c) == model.contains(&c)));
                let highest = model.last().copied().unwrap_or(0).min(50);
                let missing: Vec<u32> = (0..highest).filter(|c| !model.contains(c)).collect();
                let gaps: Vec<u32> = set.gaps().flat_map(|(a, b)| a..=b.min(49)).filter(|c| *c < highest).collect();
                prop_assert_eq!(gaps, missing);
                let touching = set.ranges.iter().zip(set.ranges.iter().skip(1)).any(|(a, b)| a.1.saturating_add(1) >= *b.0);
                prop_assert!(!touching, "{:?}", set);
            }
        }

        #[test]
        fn the_cache_equals_its_source_and_keeps_its_bounds(steps in proptest::collection::vec((0u8..12, 0u32..30), 1..300)) {
            let mut cache = Counters::with_limits(4, 8);
            let mut source: BTreeMap<Key, CounterSet> = BTreeMap::new();
            for (device, counter) in steps {
                let key = (DeviceId::from_bytes([device; 32]), Epoch(0));
                let truth = source.entry(key).or_default();
                prop_assert_eq!(cache.load(key, || Ok(truth.clone())).unwrap(), &*truth);
                truth.insert(counter);
                cache.insert(&key, counter);
                prop_assert_eq!(cache.peek(&key), Some(&*truth));
                prop_assert!(cache.young.len() <= 4 && cache.old.len() <= 4);
                prop_assert_eq!(cache.young_ranges, cache.young.values().map(CounterSet::ranges).sum::<usize>());
            }
        }
    }
}
