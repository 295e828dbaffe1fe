//! Places in a peer's log that are settled here: few when near, fewer when far.
//!
//! Of all places ever added, and for each of them: a place is kept that is not behind it and at most four times as far
//! from the newest, as long as [`CHECKPOINTS`] suffice. So a peer whose log was cut back by *d* entries (a restored
//! backup) sends at most 4 *d* of it again.

use super::message::Checkpoint;
use super::wire;
use crate::TxId;
use crate::limits::CHECKPOINTS;
use serde::{Deserialize, Serialize};

/// Version of the bytes that outlive a connection.
const VERSION: u8 = 2;

/// What is known of a peer's log, newest first.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Checkpoints {
    marks: Vec<Checkpoint>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u8,
    #[serde(deserialize_with = "wire::read_list::<_, Checkpoint, CHECKPOINTS>")]
    marks: Vec<Checkpoint>,
}

impl Checkpoints {
    /// Adds a place behind all others.
    pub(super) fn push(&mut self, position: u64, id: TxId, life: u64) {
        let mut kept = vec![Checkpoint { position, id, life }];
        let distance = |mark: &Checkpoint| position - mark.position;
        for mark in std::mem::take(&mut self.marks).into_iter().filter(|mark| mark.position < position) {
            match &mut kept[..] {
                // Distances grow alike, so what is close enough to skip the one between stays close enough.
                [.., newer, between] if distance(&mark) <= distance(newer).saturating_mul(4) => {
                    *between = mark
                }
                _ => kept.push(mark),
            }
        }
        kept.truncate(CHECKPOINTS);
        self.marks = kept;
    }

    /// Forgets all from `position` on: the peer's log is another there.
    pub(super) fn cut(&mut self, position: u64) {
        self.marks.retain(|mark| mark.position < position);
    }

    /// Newest first.
    pub(super) fn marks(&self) -> &[Checkpoint] {
        &self.marks
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let stored = Stored { version: VERSION, marks: self.marks.clone() };
        postcard::to_allocvec(&stored).expect("memory is the only bound, and the list knows its length")
    }

    /// Reads back. What cannot be read, of another version for example, is no knowledge: the log comes from its
    /// beginning, and what is here already costs its id only.
    pub(super) fn decode(bytes: &[u8]) -> Self {
        let stored = postcard::from_bytes::<Stored>(bytes).ok().filter(|stored| stored.version == VERSION);
        let marks = stored.map(|stored| stored.marks).unwrap_or_default();
        if marks.is_sorted_by(|a, b| a.position > b.position) { Self { marks } } else { Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(position: u64) -> TxId {
        TxId::first_at(crate::Timestamp::from_millis(position))
    }

    proptest! {
        #[test]
        fn for_each_place_one_is_kept_that_is_at_most_four_times_as_far(steps in proptest::collection::vec(1u64..2_000, 1..400)) {
            let mut checkpoints = Checkpoints::default();
            let mut all = vec![];
            let mut position = 0;
            for step in steps {
                position += step;
                checkpoints.push(position, id(position), 7);
                all.push(position);
                prop_assert!(checkpoints.marks.len() <= CHECKPOINTS);
                prop_assert!(checkpoints.marks.is_sorted_by(|a, b| a.position > b.position));
                prop_assert!(checkpoints.marks.iter().all(|mark| mark.id == id(mark.position)));
                prop_assert_eq!(checkpoints.marks[0].position, position);
                for place in &all {
                    let kept = checkpoints.marks.iter().map(|mark| mark.position).filter(|kept| kept <= place).max();
                    let far = kept.map_or(u64::MAX, |kept| position - kept);
                    prop_assert!(far <= 4 * (position - place), "{far} for {}", position - place);
                }
            }
            prop_assert_eq!(Checkpoints::decode(&checkpoints.encode()), checkpoints);
        }
    }

    #[test]
    fn a_log_of_millions_fits() {
        let mut checkpoints = Checkpoints::default();
        for position in (0..1u64 << 34).step_by(1 << 18) {
            checkpoints.push(position, id(position), 7);
        }
        assert!(checkpoints.marks.len() <= CHECKPOINTS);
        assert!(checkpoints.marks.last().unwrap().position < 1 << 34);
    }

    #[test]
    fn what_is_cut_is_gone_and_what_is_broken_is_nothing() {
        let mut checkpoints = Checkpoints::default();
        (0..5).for_each(|position| checkpoints.push(position, id(position), 7));
        checkpoints.cut(4);
        assert!(checkpoints.marks.iter().all(|mark| mark.position < 4) && checkpoints.marks[0].position == 3);
        let mut bytes = checkpoints.encode();
        bytes[0] = 9;
        assert_eq!(Checkpoints::decode(&bytes), Checkpoints::default());
        assert_eq!(Checkpoints::decode(&[1, 0xFF]), Checkpoints::default());
    }
}
