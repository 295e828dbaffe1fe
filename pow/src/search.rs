//! The search for a nonce, in steps of bounded length, so that firmware can do other things in between, stop, and
//! go on later.
//!
//! Lane `l` of `n` tries `{ l + k * n | k >= 0, l + k * n < 2^64 }` in ascending order, each once. The lanes 0 to
//! n-1 are thus disjoint and cover all nonces. What a search finds depends on its arguments alone.

use crate::{Difficulty, Nonce, Seed, work::Puzzle};
use core::num::NonZeroU32;

/// A search for a nonce, at rest between two steps.
#[derive(Clone, Debug)]
pub struct Search {
    puzzle: Puzzle,
    difficulty: Difficulty,
    lane: u32,
    lanes: NonZeroU32,
    /// The nonce to try next; `None` when the lane is used up.
    next: Option<u64>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a step may have found the nonce"]
pub enum Step {
    /// This nonce satisfies the difficulty. A further step looks for the next one that does.
    Found(Nonce),
    /// All attempts of the step are spent; call again.
    Continue,
    /// No nonce of the lane is left. Only to be met after 2^64 / lanes attempts, or near where a search resumed.
    Exhausted,
}

impl Search {
    /// A search through all nonces, from 0 up.
    #[must_use]
    pub fn new(seed: Seed, difficulty: Difficulty) -> Self {
        Self { puzzle: Puzzle::new(&seed), difficulty, lane: 0, lanes: NonZeroU32::MIN, next: Some(0) }
    }

    /// A search through every `lanes`-th nonce, from `lane` up: the share of one of `lanes` searches that work on
    /// the same seed without overlap. `None` unless `lane < lanes`.
    #[must_use]
    pub fn lane(seed: Seed, difficulty: Difficulty, lane: u32, lanes: NonZeroU32) -> Option<Self> {
        (lane < lanes.get()).then(|| Self {
            lane,
            lanes,
            next: Some(lane.into()),
            ..Self::new(seed, difficulty)
        })
    }

    /// The search at the first nonce of its lane that is not below `position`, as [`Search::position`] gave it
    /// before a restart. Moving back is allowed.
    #[must_use]
    pub fn resume_at(mut self, position: Nonce) -> Self {
        let lanes = u64::from(self.lanes.get());
        let short_by = (u64::from(self.lane) + lanes - position.0 % lanes) % lanes;
        self.next = position.0.checked_add(short_by);
        self
    }

    /// The nonce that the next step tries first; `None` when no nonce is left.
    #[must_use]
    pub fn position(&self) -> Option<Nonce> {
        self.next.map(Nonce)
    }

    /// Tries at most `attempts` nonces, one compression each.
    pub fn step(&mut self, attempts: u32) -> Step {
        let stride = u64::from(self.lanes.get());
        for _ in 0..attempts {
            let Some(nonce) = self.next else { break };
            self.next = nonce.checked_add(stride);
            if self.puzzle.solved_by(Nonce(nonce), self.difficulty) {
                return Step::Found(Nonce(nonce));
            }
        }
        if self.next.is_some() { Step::Continue } else { Step::Exhausted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use proptest::prelude::*;
    use std::{collections::BTreeSet, vec::Vec};

    const LAST: Nonce = Nonce(u64::MAX);

    /// What the next `attempts` attempts try: at no difficulty each one is a find.
    fn tried(search: &mut Search, attempts: usize) -> Vec<u64> {
        core::iter::from_fn(|| match search.step(1) {
            Step::Found(nonce) => Some(nonce.0),
            Step::Continue | Step::Exhausted => None,
        })
        .take(attempts)
        .collect()
    }

    fn lane(lane: u32, lanes: u32) -> Search {
        Search::lane(Seed([3; 32]), Difficulty::ZERO, lane, NonZeroU32::new(lanes).unwrap()).unwrap()
    }

    #[test]
    fn a_step_makes_as_many_attempts_as_it_is_given() {
        let mut search = Search::new(Seed([3; 32]), Difficulty::MAX);
        for (attempts, position) in [(0, 0), (1, 1), (99, 100), (0, 100)] {
            assert_eq!(search.step(attempts), Step::Continue);
            assert_eq!(search.position(), Some(Nonce(position)));
        }
    }

    #[test]
    fn the_last_nonce_is_tried_and_then_no_other() {
        let mut search = Search::new(Seed([3; 32]), Difficulty::ZERO).resume_at(LAST);
        assert_eq!(search.step(10), Step::Found(LAST));
        assert_eq!(search.position(), None);
        assert_eq!(search.step(10), Step::Exhausted);
        assert_eq!(search.step(0), Step::Exhausted);

        let mut search = Search::new(Seed([3; 32]), Difficulty::MAX).resume_at(Nonce(u64::MAX - 2));
        assert_eq!(search.step(2), Step::Continue);
        assert_eq!(search.step(1), Step::Exhausted);
    }

    #[test]
    fn a_lane_near_the_end_is_exhausted_rather_than_wrapped() {
        // 2^64 - 1 is divisible by 3, so the last nonce belongs to lane 0 and lane 1 ended two before it.
        assert_eq!(lane(0, 3).resume_at(LAST).position(), Some(LAST));
        assert_eq!(lane(1, 3).resume_at(LAST).position(), None);
        assert_eq!(tried(&mut lane(1, 3).resume_at(Nonce(u64::MAX - 2)), 9), [u64::MAX - 2]);
    }

    #[test]
    fn a_lane_beyond_the_lanes_is_refused() {
        let two = NonZeroU32::new(2).unwrap();
        assert!(Search::lane(Seed([3; 32]), Difficulty::ZERO, 1, two).is_some());
        assert!(Search::lane(Seed([3; 32]), Difficulty::ZERO, 2, two).is_none());
    }

    proptest! {
        #[test]
        fn what_is_found_checks_and_is_the_first_that_does(seed: [u8; 32], bits in 0_u8..=10) {
            let (seed, difficulty) = (Seed(seed), Difficulty::new(bits).unwrap());
            let Step::Found(found) = Search::new(seed, difficulty).step(u32::MAX) else { unreachable!() };
            prop_assert!(check(&seed, found, difficulty));
            prop_assert!((0..found.0).all(|smaller| !check(&seed, Nonce(smaller), difficulty)));
        }

        /// However the attempts are cut into steps, and whether the search is kept or made anew from its
        /// position, the same nonces are found.
        #[test]
        fn steps_and_restarts_change_nothing(
            seed: [u8; 32], lane in 0_u32..4, attempts in prop::collection::vec(0_u32..200, 1..20),
        ) {
            let difficulty = Difficulty::new(5).unwrap();
            let start = || Search::lane(Seed(seed), difficulty, lane, NonZeroU32::new(4).unwrap()).unwrap();
            let (mut kept, mut position) = (start(), start().position());
            for attempts in attempts {
                let mut anew = start().resume_at(position.unwrap());
                prop_assert_eq!(anew.step(attempts), kept.step(attempts));
                position = anew.position();
                prop_assert_eq!(position, kept.position());
            }
        }

        #[test]
        fn lanes_partition_the_nonces(lanes in 1_u32..=20, rounds in 1_usize..=20) {
            let mut union = BTreeSet::new();
            for index in 0..lanes {
                for nonce in tried(&mut lane(index, lanes), rounds) {
                    prop_assert!(union.insert(nonce), "{} is in two lanes", nonce);
                }
            }
            prop_assert!(union.into_iter().eq(0..u64::from(lanes) * rounds as u64));
        }

        #[test]
        fn resuming_finds_the_next_nonce_of_the_lane(lanes in 1_u32.., index: u32, position: u64) {
            let index = index % lanes;
            let resumed = lane(index, lanes).resume_at(Nonce(position)).position();
            let belongs = |nonce: u64| nonce % u64::from(lanes) == u64::from(index);
            match resumed {
                Some(Nonce(nonce)) => {
                    prop_assert!(belongs(nonce) && nonce >= position);
                    prop_assert!(nonce - position < u64::from(lanes));
                }
                None => prop_assert!(u64::MAX - position < u64::from(lanes)),
            }
        }
    }
}
