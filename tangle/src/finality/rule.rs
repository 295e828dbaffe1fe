//! What single witnesses say about a leader (`spec/17-finality.md`): votes, certificates, histories.
//!
//! Everything here is a function of a witness's own history, so all who hold a witness say the same of it.

use super::{Member, Members, Place, Round, WitnessGraph};
use crate::CommitteeSize;
use crate::limits::{ACTIVE_ROUNDS, ROTATION_COMMITS};
use crate::planted::{self, Planted};
use std::ops::RangeInclusive;

/// What the rule counts by. A network has only its size to choose; tests have shorter cycles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameters {
    pub(super) size: CommitteeSize,
    pub(super) rotation_commits: u64,
    pub(super) active_rounds: u64,
}

/// Who has said a thing: authors, however many witnesses each of them has said it in.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Tally {
    authors: Members,
    #[cfg(test)]
    witnesses: usize,
}

impl Parameters {
    pub(super) fn new(size: CommitteeSize) -> Self {
        Self { size, rotation_commits: ROTATION_COMMITS, active_rounds: ACTIVE_ROUNDS }
    }

    /// Whether one of these commits sets new turns.
    pub(super) fn is_rotation(&self, commits: RangeInclusive<u64>) -> bool {
        let (first, last) = commits.into_inner();
        let early = u64::from(planted::is(Planted::RotatesEarly));
        let turns_until = |index: u64| index.saturating_add(early) / self.rotation_commits;
        turns_until(last) > turns_until(first.saturating_sub(1))
    }

    /// Whether so many have said it that no other quorum can have said another thing.
    pub(super) fn is_quorum(&self, tally: &Tally) -> bool {
        #[cfg(test)]
        if planted::is(Planted::CountedWitnesses) {
            return tally.witnesses >= self.size.quorum();
        }
        tally.authors.len() + usize::from(planted::is(Planted::SmallQuorum)) >= self.size.quorum()
    }
}

impl Tally {
    pub(super) fn add(&mut self, author: Member) {
        self.authors.insert(author);
        #[cfg(test)]
        {
            self.witnesses += 1;
        }
    }
}

/// Whether `witness`, two rounds above the leader's witness at `leader`, is a certificate for it: a quorum of authors
/// among its witness parents votes for it.
pub(super) fn is_certificate(
    graph: &impl WitnessGraph,
    parameters: &Parameters,
    witness: Place,
    leader: Place,
) -> bool {
    let (Some(vertex), Some(between)) = (graph.vertex(witness), witness.round.back(1)) else { return false };
    let voting = graph.round(between);
    let mut votes = Tally::default();
    for parent in vertex.parents.iter().filter_map(|index| voting.get(*index as usize)) {
        if parent.votes_for(leader.index) {
            votes.add(parent.author);
        }
    }
    parameters.is_quorum(&votes)
}

/// Which of the leader's witnesses `candidates` of a round has a certificate in the history of `anchor`, if any.
pub(super) fn certified_in_history(
    graph: &impl WitnessGraph,
    parameters: &Parameters,
    anchor: Place,
    round: Round,
    candidates: impl Iterator<Item = u32> + Clone,
) -> Option<u32> {
    let certifying = round.plus(2);
    let mut found = None;
    graph.walk(anchor, certifying, &mut |at, layer| {
        if at == certifying && found.is_none() {
            let witnesses = layer.iter().map(|index| Place { round: at, index: *index });
            found = candidates.clone().find(|index| {
                let leader = Place { round, index: *index };
                witnesses.clone().any(|witness| is_certificate(graph, parameters, witness, leader))
            });
        }
    });
    found
}

/// The authors of the witnesses in the history of `leader` whose rounds are among the last `rounds` up to its own.
pub(super) fn seen(graph: &impl WitnessGraph, leader: Place, rounds: u64) -> Members {
    let mut authors = Members::NONE;
    let until = leader.round.back_to_first(rounds.saturating_sub(1));
    graph.walk(leader, until, &mut |round, layer| {
        let of_round = graph.round(round);
        for vertex in layer.iter().filter_map(|index| of_round.get(*index as usize)) {
            authors.insert(vertex.author);
        }
    });
    authors
}
