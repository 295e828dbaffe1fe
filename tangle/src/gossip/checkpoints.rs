//! Places in a peer's log that are settled here: few when near, fewer when far.
//!
//! The newest is kept, and of the others one for each power of two of the distance to it. So a peer whose log was cut
//! back by *d* entries (a restored backup) sends about at most 8 *d* again, and the list never has more than
//! [`CHECKPOINTS`].

use super::message::Checkpoint;
use super::wire;
use crate::TxId;
use crate::limits::CHECKPOINTS;
use serde::{Deserialize, Serialize};

/// Version of the bytes that outlive a connection.
const VERSION: u8 = 1;

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
    pub(super) fn push(&mut self, position: u64, id: TxId) {
        let mut kept = vec![Checkpoint { position, id }];
        let older = std::mem::take(&mut self.marks).into_iter().filter(|mark| mark.position < position);
        for mark in older {
            let power = |mark: &Checkpoint| (position - mark.position).ilog2();
            match kept.last_mut() {
                // Of two at about the same distance the farther one stays, for it will drift into the next power.
                Some(last) if last.position < position && power(last) == power(&mark) => *last = mark,
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
        fn there_is_always_one_not_much_farther(steps in proptest::collection::vec(1u64..2_000, 1..400)) {
            let mut checkpoints = Checkpoints::default();
            let mut all = vec![];
            let mut position = 0;
            for step in steps {
                position += step;
                checkpoints.push(position, id(position));
                all.push(position);
                prop_assert!(checkpoints.marks.len() <= CHECKPOINTS);
                prop_assert!(checkpoints.marks.is_sorted_by(|a, b| a.position > b.position));
                prop_assert!(checkpoints.marks.iter().all(|mark| mark.id == id(mark.position)));
                prop_assert_eq!(checkpoints.marks[0].position, position);
                // Wherever the peer's log is cut, the best place kept is at most eight times as far as the best there was.
                for best in &all {
                    let kept = checkpoints.marks.iter().map(|mark| mark.position).filter(|kept| kept <= best).max();
                    let distance = position - best;
                    let far = kept.map_or(position - all[0], |kept| position - kept);
                    prop_assert!(far <= 8 * distance.max(2_000), "{far} for {distance}");
                }
            }
            prop_assert_eq!(Checkpoints::decode(&checkpoints.encode()), checkpoints);
        }
    }

    #[test]
    fn a_log_of_millions_fits() {
        let mut checkpoints = Checkpoints::default();
        for position in (0..1u64 << 34).step_by(1 << 18) {
            checkpoints.push(position, id(position));
        }
        assert!(checkpoints.marks.len() <= CHECKPOINTS);
        assert!(checkpoints.marks.last().unwrap().position < 1 << 34);
    }

    #[test]
    fn what_is_cut_is_gone_and_what_is_broken_is_nothing() {
        let mut checkpoints = Checkpoints::default();
        (0..5).for_each(|position| checkpoints.push(position, id(position)));
        checkpoints.cut(3);
        assert!(checkpoints.marks.iter().all(|mark| mark.position < 3) && checkpoints.marks[0].position == 2);
        let mut bytes = checkpoints.encode();
        bytes[0] = 9;
        assert_eq!(Checkpoints::decode(&bytes), Checkpoints::default());
        assert_eq!(Checkpoints::decode(&[1, 0xFF]), Checkpoints::default());
    }
}
