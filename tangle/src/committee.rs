//! The arithmetic of a committee: how many of its members may lie, and how many make a quorum
//! (`spec/06-network-file.md`).

use crate::limits::COMMITTEE;

/// How many members a committee has: 1 to [`COMMITTEE`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CommitteeSize(usize);

impl CommitteeSize {
    /// A committee of `members`, if there can be one.
    pub const fn new(members: usize) -> Option<Self> {
        if members >= 1 && members <= COMMITTEE { Some(Self(members)) } else { None }
    }

    /// n, its members.
    pub const fn members(self) -> usize {
        self.0
    }

    /// f = (n - 1) / 3, rounded down: how many members may do anything at all without harm.
    pub const fn faulty(self) -> usize {
        (self.0 - 1) / 3
    }

    /// Q = (n + f + 1) / 2, rounded up: any two sets of so many members share one that is honest, and the honest ones
    /// are enough for a set.
    pub const fn quorum(self) -> usize {
        (self.0 + self.faulty() + 1).div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_quorums() {
        let table = [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (10, 7)];
        for (members, quorum) in table {
            assert_eq!(CommitteeSize::new(members).unwrap().quorum(), quorum, "{members}");
        }
        assert_eq!((CommitteeSize::new(0), CommitteeSize::new(COMMITTEE + 1)), (None, None));
    }

    #[test]
    fn two_quorums_share_an_honest_member_and_the_honest_make_one() {
        for size in (1..=COMMITTEE).filter_map(CommitteeSize::new) {
            let (n, f, q) = (size.members(), size.faulty(), size.quorum());
            assert!(2 * q > n + f && q + f <= n && 3 * f < n, "{n}");
        }
    }
}
