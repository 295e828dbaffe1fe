//! Whose witness leads which round (`spec/17-finality.md`).
//!
//! Every round has one leader, by turns among the active members. Who is active follows from commits alone, so all
//! nodes that have made the same commits name the same leaders.

use super::{Member, Members, Round};
use crate::CommitteeSize;

/// The turns of the active members.
#[derive(Clone, Debug)]
pub struct Rotation {
    size: CommitteeSize,
    active: Members,
    turns: Vec<Member>,
}

impl Rotation {
    /// The turns before the first commit: all members are active.
    pub fn new(size: CommitteeSize) -> Self {
        Self::among(size, Members::all(size))
    }

    /// The turns among those who were seen; among all members when those were fewer than a quorum.
    pub fn among(size: CommitteeSize, seen: Members) -> Self {
        let active = if seen.is_quorum(size) { seen } else { Members::all(size) };
        Self { size, active, turns: active.iter().collect() }
    }

    /// The members that lead.
    pub fn active(&self) -> Members {
        self.active
    }

    /// How many members the committee has.
    pub fn size(&self) -> CommitteeSize {
        self.size
    }

    /// The leader of a round: of k active members in their order, the one at place `round mod k`.
    pub fn leader(&self, round: Round) -> Member {
        let turns = self.turns.len() as u64;
        self.turns[(round.get() % turns) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_leaders() {
        let size = CommitteeSize::new(5).unwrap();
        let seen = |places: &[usize]| places.iter().map(|place| Member::new(*place).unwrap()).collect();
        for (active, leaders) in [
            (Members::all(size), [1, 2, 3, 4, 0, 1]),
            (seen(&[0, 1, 3, 4]), [1, 3, 4, 0, 1, 3]),
            // Three of five are no quorum: all lead.
            (seen(&[0, 1, 3]), [1, 2, 3, 4, 0, 1]),
        ] {
            let rotation = Rotation::among(size, active);
            let found: Vec<usize> =
                (1..=6).map(|number| rotation.leader(Round::new(number).unwrap()).place()).collect();
            assert_eq!(found, leaders, "{active:?}");
        }
    }

    #[test]
    fn every_active_member_leads_once_in_each_cycle() {
        for size in (1..=50).filter_map(CommitteeSize::new) {
            let rotation = Rotation::new(size);
            let members = size.members() as u64;
            for first in [1, 2, 77] {
                let cycle = (first..first + members).filter_map(Round::new);
                let led: Members = cycle.map(|round| rotation.leader(round)).collect();
                assert_eq!(led, Members::all(size));
            }
        }
    }
}
