//! What a witness's references must be, which only who holds them can tell (`spec/17-finality.md`).
//!
//! All that is asked of is in the witness's own past, so every node that can judge it judges it alike.

use super::{Member, Members, Round};
use crate::planted::{self, Planted};
use crate::{CommitteeSize, Malformed, TxId};

/// Author and round of an attached witness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known {
    /// Who has made it.
    pub author: Member,
    /// Its round.
    pub round: Round,
}

/// A witness by its place in the protocol.
#[derive(Clone, Copy, Debug)]
pub struct Shape<'a> {
    /// Who has made it.
    pub author: Member,
    /// Its round.
    pub round: Round,
    /// Its witness parents.
    pub parents: &'a [TxId],
    /// The header's parent 1, unless that is the genesis.
    pub previous: Option<TxId>,
}

impl Shape<'_> {
    /// Checks the references. `known` tells of each of them, which are attached all, whether it is a witness and whose.
    ///
    /// # Errors
    /// [`Malformed::Field`]: the previous witness is none of the author's or of no earlier round; the witness parents
    /// are not of a quorum, not of one author each or not all of the round before; the author's own of the round
    /// before is not among them.
    pub fn check(
        &self,
        size: CommitteeSize,
        known: &dyn Fn(&TxId) -> Option<Known>,
    ) -> Result<(), Malformed> {
        let field = "witness parents";
        let fault = |problem| Err(Malformed::Field { field, problem });
        let previous = self.previous.map(|id| known(&id));
        let is_own = |known: &Known| known.author == self.author && known.round < self.round;
        if previous.is_some_and(|previous| !previous.is_some_and(|known| is_own(&known))) {
            let problem = "must be an earlier witness of the same author, or the genesis";
            return Err(Malformed::Field { field: "parent 1", problem });
        }
        let Some(before) = self.round.back(1) else {
            return if self.parents.is_empty() { Ok(()) } else { fault("must be empty in round 1") };
        };
        let mut authors = Members::NONE;
        for parent in self.parents {
            let Some(known) = known(parent).filter(|known| known.round == before) else {
                return fault("must all be witnesses of the round before");
            };
            if !authors.insert(known.author) && !planted::is(Planted::TwinParents) {
                return fault("must not have two of one author");
            }
        }
        if !authors.is_quorum(size) {
            return fault("must be of a quorum of the committee");
        }
        // An author that has made one of the round before goes on from that very one.
        let own = self.previous.filter(|_| previous.flatten().is_some_and(|known| known.round == before));
        let has_own = own.is_some_and(|own| self.parents.contains(&own));
        if has_own != authors.contains(self.author) || own.is_some() != has_own {
            return fault(
                "must hold the author's own of the round before if it is parent 1, and none else of it",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finality::testing::{draw, member, round};

    /// What becomes of a witness of `author` in a round above A1..D1 and A2..D2, D1' and B2' drawn on them.
    fn check(author: usize, number: u64, parents: &str, previous: &str) -> Result<(), Malformed> {
        let all = ": A1 B1 C1 D1";
        let text = format!("A1; B1; C1; D1; D1'; A2{all}; B2{all}; B2'{all}; C2{all}; D2{all}");
        let (drawn, names) = draw(&text);
        let known = |id: &TxId| {
            let drawn = drawn.iter().find(|drawn| drawn.id == *id)?;
            Some(Known { author: drawn.author, round: drawn.round })
        };
        let parents: Vec<TxId> = parents
            .split_whitespace()
            .map(|name| names.get(name).copied().unwrap_or(TxId::from_bytes([9; 40])))
            .collect();
        let shape = Shape {
            author: member(author),
            round: round(number),
            parents: &parents,
            previous: names.get(previous).copied(),
        };
        shape.check(CommitteeSize::new(4).unwrap(), &known)
    }

    #[test]
    fn the_table_of_shapes() {
        for (is_right, author, number, parents, previous) in [
            (true, 0, 1, "", ""),
            (true, 0, 2, "A1 B1 C1", "A1"),
            (true, 0, 2, "A1 B1 C1 D1'", "A1"),
            (true, 0, 3, "A2 B2' C2 D2", "A2"),
            // The round before was skipped: none of one's own in it.
            (true, 0, 3, "B2 C2 D2", "A1"),
            (true, 0, 3, "B2 C2 D2", ""),
            (false, 0, 1, "B1", ""),
            (false, 0, 1, "", "A1"),
            (false, 0, 2, "A1 B1", "A1"),
            (false, 0, 2, "A1 D1 D1'", "A1"),
            (false, 0, 2, "A1 B1 C1 D1 D1'", "A1"),
            (false, 0, 3, "A2 B2 C1 D2", "A2"),
            (false, 0, 3, "A1 B1 C1", "A1"),
            (false, 0, 3, "A2 B2 C2 reading", "A2"),
            // An own one of the round before is parent 1 and among the witness parents, both or neither.
            (false, 0, 3, "B2 C2 D2", "A2"),
            (false, 0, 3, "A2 B2 C2", "A1"),
            (false, 0, 3, "A2 B2 C2", ""),
            (false, 1, 3, "A2 B2 C2", "B2'"),
            // Parent 1 is one's own, and earlier.
            (false, 0, 3, "B2 C2 D2", "B1"),
            (false, 0, 2, "B1 C1 D1", "A2"),
        ] {
            let found = check(author, number, parents, previous);
            assert_eq!(found.is_ok(), is_right, "{author} {number} {parents:?} {previous}: {found:?}");
        }
    }

    #[test]
    fn a_parent_1_that_is_no_witness_is_refused() {
        let shape = Shape {
            author: member(0),
            round: round(2),
            parents: &[],
            previous: Some(TxId::from_bytes([9; 40])),
        };
        assert!(shape.check(CommitteeSize::new(1).unwrap(), &|_| None).is_err());
    }
}
