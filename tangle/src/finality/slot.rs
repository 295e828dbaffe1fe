//! A round whose leader may be committed, and what the two rounds above it say (`spec/17-finality.md`).
//!
//! Only a leader's witness that has a vote is looked at: one that has none is passed by exactly when a quorum has gone on at
//! all. So a leader's twins cost nothing before somebody builds on them.

use super::Vertex;
use super::rule::{Parameters, Tally};

/// What has become of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// None of its leader's witnesses is committed, by anybody.
    Skip,
    /// This one is.
    Commit(u32),
}

/// A witness of the slot's leader that has a vote, and what was said of it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) index: u32,
    pub(super) votes: Tally,
    pub(super) others: Tally,
    pub(super) certificates: Tally,
}

/// A round, whose one leader may be committed.
#[derive(Clone, Debug, Default)]
pub(super) struct Slot {
    /// A witness of the leader is here.
    pub(super) has_leader: bool,
    pub(super) candidates: Vec<Candidate>,
    /// The authors of the next round's witnesses.
    pub(super) successors: Tally,
    pub(super) decision: Option<Decision>,
}

impl Slot {
    /// A witness of the leader has a vote. Whoever was heard before has none for it.
    pub(super) fn propose(&mut self, index: u32) {
        if self.candidates.iter().all(|candidate| candidate.index != index) {
            let others = self.successors;
            let [votes, certificates] = [Tally::default(); 2];
            self.candidates.push(Candidate { index, votes, others, certificates });
        }
    }

    /// Counts what a witness of the next round says.
    pub(super) fn hear(&mut self, vertex: &Vertex) {
        self.successors.add(vertex.author);
        for candidate in &mut self.candidates {
            let is_vote = vertex.votes_for(candidate.index);
            let says = if is_vote { &mut candidate.votes } else { &mut candidate.others };
            says.add(vertex.author);
        }
    }

    /// Whether no leader's witness can have a certificate anywhere: a quorum has gone on without each of them.
    pub(super) fn is_passed_by(&self, parameters: &Parameters) -> bool {
        parameters.is_quorum(&self.successors)
            && self.candidates.iter().all(|candidate| parameters.is_quorum(&candidate.others))
    }

    /// Decides the slot by what the two rounds above it say; returns whether that is new.
    pub(super) fn decide_directly(&mut self, parameters: &Parameters) -> bool {
        if self.decision.is_some() {
            return false;
        }
        let certified = |candidate: &&Candidate| parameters.is_quorum(&candidate.certificates);
        self.decision = if self.is_passed_by(parameters) {
            Some(Decision::Skip)
        } else {
            self.candidates.iter().find(certified).map(|candidate| Decision::Commit(candidate.index))
        };
        self.decision.is_some()
    }
}
