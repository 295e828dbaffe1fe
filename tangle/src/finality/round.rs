//! Rounds of witnesses and their arithmetic (`spec/17-finality.md`). The first is 1; there is none before it.

use std::fmt;
use std::num::NonZeroU64;

/// The number of a round.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(NonZeroU64);

impl Round {
    /// The first round, whose witnesses reference no witness.
    pub const FIRST: Self = Self(NonZeroU64::MIN);

    /// The round of this number; there is no round 0.
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The round `rounds` later, at most the last that there is.
    #[must_use]
    pub const fn plus(self, rounds: u64) -> Self {
        Self(self.0.saturating_add(rounds))
    }

    /// The round `rounds` earlier, if there is one.
    pub const fn back(self, rounds: u64) -> Option<Self> {
        Self::new(self.get().saturating_sub(rounds))
    }

    /// The round `rounds` earlier, at least the first.
    #[must_use]
    pub const fn back_to_first(self, rounds: u64) -> Self {
        match self.back(rounds) {
            Some(round) => round,
            None => Self::FIRST,
        }
    }

    /// Rounds from `earlier` to this one; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.get().saturating_sub(earlier.get())
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "round {}", self.0)
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_rounds() {
        let number = |round: Option<Round>| round.map_or(0, Round::get);
        for (from, by, earlier, later) in [
            (1, 0, 1, 1),
            (1, 1, 0, 2),
            (3, 2, 1, 5),
            (3, 3, 0, 6),
            (3, 9, 0, 12),
            (u64::MAX, 1, u64::MAX - 1, u64::MAX),
        ] {
            let round = Round::new(from).unwrap();
            assert_eq!((number(round.back(by)), round.plus(by).get()), (earlier, later), "{from} by {by}");
            assert_eq!(round.back_to_first(by).get(), earlier.max(1), "{from} back by {by}");
        }
        assert_eq!((Round::new(0), Round::new(1)), (None, Some(Round::FIRST)));
        let [two, five] = [2, 5].map(|number| Round::new(number).unwrap());
        assert_eq!((five.since(two), two.since(five)), (3, 0));
    }
}
