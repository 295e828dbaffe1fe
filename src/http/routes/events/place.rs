//! Where a final event stands in the order of all, which is the id that a client comes back with.

use std::fmt;
use std::str::FromStr;

/// A commit and a place in it. Nothing stands at the default, which is before everything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) struct Place {
    /// The commit's index.
    pub(super) commit: u64,
    /// From 0, in the order of delivery.
    pub(super) at: u32,
}

impl Place {
    /// The first place that may be behind this one: a commit, and how many of its transactions to leave out.
    pub(super) fn next(self) -> (u64, u32) {
        match self.commit {
            0 => (1, 0),
            commit => (commit, self.at.saturating_add(1)),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.commit, self.at)
    }
}

/// A text is no id of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it must be the id of a `final` event such as 17-3, or 0-0")]
pub(super) struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let (commit, at) = text.split_once('-').ok_or(NoPlace)?;
        let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !number(commit) || !number(at) {
            return Err(NoPlace);
        }
        Ok(Self { commit: commit.parse().map_err(|_| NoPlace)?, at: at.parse().map_err(|_| NoPlace)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_and_nothing_else_is_one() {
        for text in ["0-0", "1-0", "17-65535", "18446744073709551615-4294967295"] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "-", "1", "1-", "-1", "1-2-3", "+1-2", "1-x", "18446744073709551616-0", "1-4294967296"]
        {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
    }

    #[test]
    fn the_next_place_is_behind_in_the_same_commit_or_the_very_first() {
        assert_eq!(Place::default().next(), (1, 0));
        assert_eq!(Place { commit: 0, at: 9 }.next(), (1, 0));
        assert_eq!(Place { commit: 4, at: 9 }.next(), (4, 10));
    }
}
