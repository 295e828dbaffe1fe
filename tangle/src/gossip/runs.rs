//! Entries of a log as runs: new ids, or places in the reader's own log where the same stand (`spec/14-gossip.md`).
//!
//! Decoding what was encoded gives the same entries. An id costs 33 to 36 bytes, for its timestamp is written as the
//! difference to the id before it; a place in the reader's log costs about 3.

use super::wire;
use crate::limits::LOG_ENTRIES;
use crate::{Timestamp, TxId};
use serde::{Deserialize, Serialize};

/// An id without the part that follows from the one before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fresh {
    /// Milliseconds from the timestamp of the message's id before, or from zero, to this one's; wraps.
    pub delta: i64,
    /// The id behind its timestamp.
    pub hash: [u8; 32],
}

/// A run of consecutive entries.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Run {
    /// Ids.
    New(#[serde(deserialize_with = "wire::read_list::<_, Fresh, LOG_ENTRIES>")] Vec<Fresh>),
    /// What stands in the reader's log at consecutive positions.
    Yours {
        /// From behind the message's run before of this sort, or from zero, to the first position; wraps.
        skip: i64,
        /// How many.
        count: u32,
    },
}

impl Run {
    /// Entries in the run.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::New(ids) => ids.len(),
            Self::Yours { count, .. } => *count as usize,
        }
    }
}

/// One entry of a log as it is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Entry {
    /// This id.
    New(TxId),
    /// What stands at this position of the reader's log.
    Yours(u64),
}

/// The runs of entries.
pub(super) fn encode(entries: &[Entry]) -> Vec<Run> {
    let mut runs = Vec::new();
    let (mut time, mut place) = (0u64, 0u64);
    for entry in entries {
        match entry {
            Entry::New(id) => {
                let at = id.timestamp().as_millis();
                let hash = std::array::from_fn(|index| id.as_bytes()[TxId::BYTES - 32 + index]);
                let fresh = Fresh { delta: at.wrapping_sub(time).cast_signed(), hash };
                time = at;
                match runs.last_mut() {
                    Some(Run::New(ids)) => ids.push(fresh),
                    _ => runs.push(Run::New(vec![fresh])),
                }
            }
            Entry::Yours(position) => {
                match runs.last_mut() {
                    Some(Run::Yours { count, .. }) if *position == place => *count += 1,
                    _ => {
                        let skip = position.wrapping_sub(place).cast_signed();
                        runs.push(Run::Yours { skip, count: 1 });
                    }
                }
                place = position.wrapping_add(1);
            }
        }
    }
    runs
}

/// The entries of runs; none when they are more than a message has.
pub(super) fn decode(runs: &[Run]) -> Option<Vec<Entry>> {
    let total = runs.iter().map(Run::len).fold(0usize, usize::saturating_add);
    let mut entries = Vec::with_capacity(Some(total).filter(|total| *total <= LOG_ENTRIES)?);
    let (mut time, mut place) = (0u64, 0u64);
    for run in runs {
        match run {
            Run::New(ids) => {
                for Fresh { delta, hash } in ids {
                    time = time.wrapping_add(delta.cast_unsigned());
                    entries.push(Entry::New(TxId::from_parts(Timestamp::from_millis(time), hash)));
                }
            }
            Run::Yours { skip, count } => {
                place = place.wrapping_add(skip.cast_unsigned());
                for _ in 0..*count {
                    entries.push(Entry::Yours(place));
                    place = place.wrapping_add(1);
                }
            }
        }
    }
    Some(entries)
}

/// How many entries, from the first on, stand at consecutive places from `position` on.
pub(super) fn neighbours(position: u64, entries: &[Entry]) -> usize {
    let is_next = |(step, entry): &(u64, &Entry)| **entry == Entry::Yours(position.wrapping_add(*step));
    (0..).zip(entries).take_while(is_next).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let time = prop_oneof![1_700_000_000_000u64..1_700_000_000_050, any::<u64>()];
        let id = (time, any::<[u8; 32]>())
            .prop_map(|(time, hash)| TxId::from_parts(Timestamp::from_millis(time), &hash));
        prop_oneof![id.prop_map(Entry::New), prop_oneof![0u64..6, any::<u64>()].prop_map(Entry::Yours)]
    }

    proptest! {
        #[test]
        fn entries_come_back(entries in proptest::collection::vec(entry(), 0..40)) {
            prop_assert_eq!(decode(&encode(&entries)), Some(entries));
        }
    }

    #[test]
    fn neighbours_share_a_run() {
        let entries: Vec<Entry> = [5, 6, 7, 9].map(Entry::Yours).into();
        assert_eq!(encode(&entries), [Run::Yours { skip: 5, count: 3 }, Run::Yours { skip: 1, count: 1 }]);
    }

    #[test]
    fn neighbours_are_consecutive_places() {
        let entries = [7, 8, 9, 11, 12].map(Entry::Yours);
        assert_eq!(
            [neighbours(7, &entries), neighbours(11, &entries[3..]), neighbours(8, &entries)],
            [3, 2, 0]
        );
    }

    #[test]
    fn a_run_longer_than_a_message_is_refused() {
        assert!(decode(&[Run::Yours { skip: 0, count: LOG_ENTRIES as u32 }]).is_some());
        let two = [Run::Yours { skip: 0, count: u32::MAX }, Run::Yours { skip: 0, count: 1 }];
        assert_eq!(decode(&two), None);
    }
}
