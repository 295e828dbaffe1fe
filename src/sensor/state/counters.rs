//! Which counters of which epochs a device may have used, without any disk.
//!
//! Always true, for each network: every counter that was ever handed out in epoch `e` is below `reserved[e]`, or
//! `e < open_from`; in no epoch below `open_from` is one handed out again.

use crate::sensor::limits::{COUNTER_BLOCK, EPOCHS_KEPT};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use weft_tangle::Epoch;

/// What a state file says of one network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counters {
    /// The first epoch whose counters may be handed out.
    open_from: u64,
    /// By epoch, the end of the counters that may have been used.
    reserved: BTreeMap<u64, u32>,
}

/// Why an epoch gives no counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoCounter {
    /// What was used in the epoch is not known; from this one on it is.
    Closed(Epoch),
    /// All 2^32 were used.
    Exhausted,
}

impl Counters {
    /// Of a network about which nothing is known before the epoch `open_from`.
    pub(super) fn open_from(open_from: Epoch) -> Self {
        Self { open_from: open_from.0, reserved: BTreeMap::new() }
    }

    /// Whether these could have been written by this type.
    pub(super) fn are_bounded(&self) -> bool {
        self.reserved.len() <= EPOCHS_KEPT
    }

    /// Whether the epoch's counters are known.
    pub(super) fn check_open(&self, epoch: Epoch) -> Result<(), NoCounter> {
        let full = self.reserved.len() >= EPOCHS_KEPT && !self.reserved.contains_key(&epoch.0);
        let oldest_kept = self.reserved.keys().next().filter(|_| full);
        // An epoch older than all that are kept could not be remembered without forgetting itself.
        let open_from = oldest_kept.map_or(self.open_from, |oldest| self.open_from.max(*oldest));
        if epoch.0 < open_from { Err(NoCounter::Closed(Epoch(open_from))) } else { Ok(()) }
    }

    /// The end of the counters that may have been used in this epoch.
    pub(super) fn end(&self, epoch: Epoch) -> u32 {
        self.reserved.get(&epoch.0).copied().unwrap_or(0)
    }

    /// Reserves the next block, from `at_least` on. The oldest epoch is forgotten, and so closed, when there are too many.
    pub(super) fn reserve(&mut self, epoch: Epoch, at_least: u32) -> Result<Range<u32>, NoCounter> {
        self.check_open(epoch)?;
        let first = self.end(epoch).max(at_least);
        let end = first.saturating_add(COUNTER_BLOCK);
        if first == end {
            return Err(NoCounter::Exhausted);
        }
        self.reserved.insert(epoch.0, end);
        if self.reserved.len() > EPOCHS_KEPT
            && let Some((forgotten, _)) = self.reserved.pop_first()
        {
            self.open_from = self.open_from.max(forgotten.saturating_add(1));
        }
        Ok(first..end)
    }

    /// Gives back what is left of a block; true when it was the last one reserved in its epoch and so could be.
    pub(super) fn give_back(&mut self, epoch: Epoch, rest: &Range<u32>) -> bool {
        match self.reserved.get_mut(&epoch.0) {
            Some(end) if *end == rest.end && !rest.is_empty() => {
                *end = rest.start;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other_and_what_is_left_comes_back() {
        let mut counters = Counters::default();
        assert_eq!(counters.reserve(Epoch(5), 0), Ok(0..64));
        assert_eq!(counters.reserve(Epoch(5), 0), Ok(64..128));
        assert!(!counters.give_back(Epoch(5), &(3..64)), "a later block was reserved");
        assert!(counters.give_back(Epoch(5), &(70..128)));
        assert_eq!(counters.reserve(Epoch(5), 0), Ok(70..134));
        assert_eq!(counters.reserve(Epoch(5), 500), Ok(500..564));
    }

    #[test]
    fn the_last_counter_is_never_passed() {
        let mut counters = Counters::default();
        assert_eq!(counters.reserve(Epoch(0), u32::MAX - 2), Ok(u32::MAX - 2..u32::MAX));
        assert_eq!(counters.reserve(Epoch(0), 0), Err(NoCounter::Exhausted));
        assert!(counters.reserve(Epoch(1), 0).is_ok());
    }

    #[test]
    fn a_forgotten_epoch_is_closed_and_older_ones_with_it() {
        let mut counters = Counters::default();
        let kept = EPOCHS_KEPT as u64;
        for epoch in 10..10 + kept {
            counters.reserve(Epoch(epoch), 0).unwrap();
        }
        assert_eq!(counters.reserve(Epoch(3), 0), Err(NoCounter::Closed(Epoch(10))));
        assert_eq!(counters.reserve(Epoch(10), 0), Ok(64..128), "still known");
        counters.reserve(Epoch(10 + kept), 0).unwrap();
        assert_eq!(counters.reserve(Epoch(10), 0), Err(NoCounter::Closed(Epoch(11))));
        assert!(counters.are_bounded());
    }
}
