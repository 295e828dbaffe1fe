//! The commit rule, step by step (`spec/17-finality.md`): which leaders are committed, in their final order.
//!
//! With f the first slot not yet handed out and t the highest round with a witness, `slots` holds those of f..=t. All
//! of them are judged by the turns that the commits before f have set; where a commit sets new turns, all slots above
//! its own are judged anew. So what a slot is decided as follows from the graph alone, whatever was here first.

use super::rule::{Parameters, certified_in_history, is_certificate, seen};
use super::slot::{Decision, Slot};
use super::{Member, Place, Rotation, Round, WitnessGraph};
use crate::CommitteeSize;
use crate::planted::{self, Planted};
use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// How far the pacemaker needs to look into a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SlotView {
    /// A witness of the leader is here.
    pub has_leader: bool,
    /// A quorum votes for one, or a quorum has passed it by.
    pub is_settled: bool,
}

/// The commit rule's state.
#[derive(Clone, Debug)]
pub struct Committer {
    parameters: Parameters,
    rotation: Rotation,
    front: Round,
    slots: VecDeque<Slot>,
    handed_out: Option<Place>,
    skipped: u64,
}

impl Committer {
    /// The rule for a committee of this size, from the first round on.
    pub fn new(size: CommitteeSize) -> Self {
        Self::with(Parameters::new(size), Rotation::new(size), Round::FIRST)
    }

    /// The rule as it stands behind a leader of round `after`, with the turns that were in force behind it.
    pub fn resume(rotation: Rotation, after: Round) -> Self {
        Self::with(Parameters::new(rotation.size()), rotation, after.plus(1))
    }

    pub(super) fn with(parameters: Parameters, rotation: Rotation, front: Round) -> Self {
        Self { parameters, rotation, front, slots: VecDeque::new(), handed_out: None, skipped: 0 }
    }

    /// Takes note of a witness that was just inserted into `graph`.
    pub fn attached(&mut self, graph: &impl WitnessGraph, place: Place) {
        if self.note(graph, place) {
            self.settle(graph);
        }
    }

    /// The next leader that is committed. Deliver it, then say [`Committer::delivered`]; until then there is none.
    pub fn next_leader(&mut self) -> Option<Place> {
        if self.handed_out.is_some() {
            return None;
        }
        while let Some(decision) = self.slots.front()?.decision {
            let round = self.front;
            self.slots.pop_front();
            self.front = round.plus(1);
            match decision {
                Decision::Skip => self.skipped += 1,
                Decision::Commit(index) => {
                    self.handed_out = Some(Place { round, index });
                    return self.handed_out;
                }
            }
        }
        None
    }

    /// Takes up a leader again that was handed out before a restart; its slot is the one before the first.
    pub(super) fn reopen(&mut self, leader: Place) {
        self.handed_out = Some(leader);
    }

    /// Says which commits the leader handed out by [`Committer::next_leader`] has given. Where the index of one is divisible
    /// by [`crate::limits::ROTATION_COMMITS`], others may lead from the next round on.
    pub fn delivered(&mut self, graph: &impl WitnessGraph, commits: RangeInclusive<u64>) {
        let Some(leader) = self.handed_out.take() else { return };
        if self.parameters.is_rotation(commits) {
            let seen = seen(graph, leader, self.parameters.active_rounds);
            self.rotation = Rotation::among(self.parameters.size, seen);
            self.judge_anew(graph);
        }
    }

    /// The turns in force.
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// The first slot that is not handed out.
    pub fn front(&self) -> Round {
        self.front
    }

    /// How many witnesses of leaders are looked at.
    pub fn candidates(&self) -> usize {
        self.slots.iter().map(|slot| slot.candidates.len()).sum()
    }

    /// How many slots were skipped since the start.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The leader of a round, as far as is known by now.
    pub fn leader(&self, round: Round) -> Member {
        self.rotation.leader(round)
    }

    /// What is known of a slot that is not handed out. Slots before those are settled.
    pub fn view(&self, round: Round) -> SlotView {
        if round < self.front {
            return SlotView { has_leader: true, is_settled: true };
        }
        let Some(slot) = self.slot(round) else { return SlotView { has_leader: false, is_settled: false } };
        let has_votes = slot.candidates.iter().any(|candidate| self.parameters.is_quorum(&candidate.votes));
        SlotView { has_leader: slot.has_leader, is_settled: has_votes || slot.is_passed_by(&self.parameters) }
    }

    fn slot(&self, round: Round) -> Option<&Slot> {
        if round < self.front {
            return None;
        }
        self.slots.get(usize::try_from(round.since(self.front)).ok()?)
    }

    fn slot_mut(&mut self, round: Round) -> Option<&mut Slot> {
        if round < self.front {
            return None;
        }
        self.slots.get_mut(usize::try_from(round.since(self.front)).ok()?)
    }

    /// Counts what a witness says; returns whether a slot is decided by it. Costs one look at each of its parents.
    fn note(&mut self, graph: &impl WitnessGraph, place: Place) -> bool {
        let Some(vertex) = graph.vertex(place) else { return false };
        if place.round >= self.front {
            while self.front.plus(self.slots.len() as u64) <= place.round {
                self.slots.push_back(Slot::default());
            }
        }
        let is_leader = self.rotation.leader(place.round) == vertex.author;
        if let Some(slot) = self.slot_mut(place.round).filter(|_| is_leader) {
            slot.has_leader = true;
        }
        let parameters = self.parameters;
        let mut is_decided = false;
        if let Some(before) = place.round.back(1) {
            let leader = self.rotation.leader(before);
            if let Some(slot) = self.slot_mut(before) {
                let all = graph.round(before);
                let is_leaders =
                    |index: &&u32| all.get(**index as usize).is_some_and(|vertex| vertex.author == leader);
                vertex.parents.iter().filter(is_leaders).for_each(|index| slot.propose(*index));
                slot.hear(vertex);
                is_decided |= slot.decide_directly(&parameters);
            }
        }
        if let Some(round) = place.round.back(2)
            && let Some(slot) = self.slot_mut(round)
        {
            for candidate in &mut slot.candidates {
                let leader = Place { round, index: candidate.index };
                if is_certificate(graph, &parameters, place, leader) {
                    candidate.certificates.add(vertex.author);
                }
            }
            is_decided |= slot.decide_directly(&parameters);
        }
        is_decided
    }

    /// Decides what hangs on later slots: from the newest down, for each hangs on those from three rounds above it.
    fn settle(&mut self, graph: &impl WitnessGraph) {
        let mut anchor: Option<usize> = None;
        for offset in (0..self.slots.len()).rev() {
            if let Some(above) = self.slots.get(offset + 3)
                && above.decision != Some(Decision::Skip)
            {
                anchor = Some(offset + 3);
            }
            let Some(at) = anchor.filter(|_| self.slots[offset].decision.is_none()) else { continue };
            let Some(Decision::Commit(index)) = self.slots[at].decision else { continue };
            let anchor = Place { round: self.front.plus(at as u64), index };
            let round = self.front.plus(offset as u64);
            let candidates = self.slots[offset].candidates.iter().map(|candidate| candidate.index);
            let certified = certified_in_history(graph, &self.parameters, anchor, round, candidates);
            self.slots[offset].decision = Some(certified.map_or(Decision::Skip, Decision::Commit));
        }
    }

    fn judge_anew(&mut self, graph: &impl WitnessGraph) {
        if planted::is(Planted::KeepsDecisions) {
            return;
        }
        self.slots.clear();
        let Some(top) = graph.top() else { return };
        let mut round = self.front;
        while round <= top {
            for index in 0..graph.round(round).len() as u32 {
                self.note(graph, Place { round, index });
            }
            round = round.plus(1);
        }
        self.settle(graph);
    }
}

#[cfg(test)]
impl Committer {
    /// What the rounds above the first slot say of it directly, all of it: passed by, and which are certified.
    pub(super) fn direct_of_first(&self) -> (bool, Vec<u32>) {
        let Some(slot) = self.slots.front() else { return (false, Vec::new()) };
        let certified = slot.candidates.iter().filter(|c| self.parameters.is_quorum(&c.certificates));
        (slot.is_passed_by(&self.parameters), certified.map(|candidate| candidate.index).collect())
    }

    pub(super) fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}
