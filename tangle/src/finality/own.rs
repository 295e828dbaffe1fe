//! What a member makes of its finality, and how it stands: when the next witness is due and of what, who was heard.

use super::pacemaker::{Pacemaker, Step};
use super::{
    Divergence, Finality, Member, MemberView, Members, Next, Pace, Plan, Round, Status, WitnessGraph,
};
use crate::body::Witness;
use crate::planted::{self, Planted};
use crate::{DeviceId, Timestamp, TxId};

impl Finality {
    /// Says which device this node is, before anything is handed out. A member makes witnesses from now on.
    pub fn set_device(&mut self, device: &DeviceId, pace: Pace) {
        let size = self.committee.size();
        self.pacemaker = self.committee.member(device).map(|me| {
            let mut pacemaker = Pacemaker::new(me, size, pace);
            if self.has_forgotten {
                pacemaker.forgot();
            }
            self.seen[me.place()].round.into_iter().for_each(|round| pacemaker.made(round));
            pacemaker
        });
    }

    /// Says, before anything is heard, that own witnesses which others were sent may be missing on this node's disk. It
    /// then makes one only of a round that it cannot have signed.
    pub fn forgot(&mut self) {
        self.has_forgotten = true;
        self.pacemaker.iter_mut().for_each(Pacemaker::forgot);
    }

    /// Says that chains have parted, as was found before this node's start.
    pub fn diverged(&mut self, divergence: Divergence) {
        self.votes.diverged(divergence);
    }

    /// A member has told all that its log held when it was asked after this node's start. A quorum of them, the node
    /// itself counted unless it has forgotten, knows of every round that the node can have signed.
    pub fn heard(&mut self, device: &DeviceId) {
        let top = self.window.top();
        if let Some((pacemaker, member)) = self.pacemaker.as_mut().zip(self.committee.member(device)) {
            pacemaker.heard(member, top);
        }
    }

    /// The highest round of an own witness that is attached; nothing for who is no member.
    pub fn own_round(&self) -> Option<Round> {
        self.pacemaker.as_ref().and_then(Pacemaker::last)
    }

    /// What to do about the next witness. `now` never goes back. Ask after everything that was handed in, heard or
    /// committed, and when it has said to. A round is named once: make the witness, or start anew.
    pub fn next_witness(&mut self, now: Timestamp) -> Next {
        let is_idle = self.is_idle() || self.votes.divergence().is_some();
        let Some(pacemaker) = self.pacemaker.as_mut().filter(|_| self.illegible.is_none()) else {
            return Next::Rest;
        };
        let me = pacemaker.me();
        match pacemaker.step(now, is_idle, &self.committer, &self.window) {
            Step::Rest => Next::Rest,
            Step::Wake(at) => Next::Wake(at),
            Step::Witness(round) => Next::Witness(Box::new(self.plan(me, round))),
        }
    }

    fn plan(&self, me: Member, round: Round) -> Plan {
        let last = self.own_round();
        let own = |round: Round| self.window.round(round).iter().find(|vertex| vertex.author == me);
        let previous = last.and_then(own).map(|vertex| vertex.id);
        let mut parents = Vec::new();
        let mut authors = Members::NONE;
        for vertex in round.back(1).map_or(&[][..], |before| self.window.round(before)) {
            if authors.insert(vertex.author) || planted::is(Planted::TwinParents) {
                parents.push(vertex.id);
            }
        }
        let taken: Vec<TxId> = parents.iter().copied().chain(previous).collect();
        let sweeps = self.coverage.sweeps(round, &taken);
        let witness = Witness::new(round, self.delivery.last(), parents, sweeps)
            .expect("its parents are of one author each, its sweeps are counted, and nothing is named twice");
        let header = witness.header_parents(previous, self.genesis);
        let newest = witness.references().chain(&header).map(TxId::timestamp).max();
        Plan { parents: header, after: newest.unwrap_or_default(), witness }
    }

    /// How many witnesses are in memory to decide by.
    pub fn held_witnesses(&self) -> usize {
        self.window.len()
    }

    /// Of how many rounds those are.
    pub fn held_rounds(&self) -> usize {
        self.window.rounds()
    }

    /// How many witnesses of leaders are looked at.
    pub fn held_candidates(&self) -> usize {
        self.committer.candidates()
    }

    /// How finality stands.
    pub fn status(&self) -> Status {
        Status {
            last: self.delivery.last(),
            certified: self.votes.certified(),
            open: self.delivery.open(),
            undelivered: self.delivery.waiting(),
            round: self.window.top(),
            skipped: self.committer.skipped(),
            uncovered: self.coverage.len(),
            is_idle: self.is_idle(),
            is_listening: self.is_listening(),
            members: self.members().collect(),
            divergence: self.votes.divergence(),
            illegible: self.illegible,
        }
    }

    fn members(&self) -> impl Iterator<Item = MemberView> {
        let seen = self.seen.iter().enumerate().filter_map(|(place, seen)| Some((Member::new(place)?, seen)));
        seen.filter_map(|(member, seen)| {
            let device = *self.committee.device(member)?;
            let confirmed = self.votes.confirmed(member);
            Some(MemberView { device, round: seen.round, confirmed, twins: seen.twins })
        })
    }

    /// Whether this node is a member that has not heard from enough others yet to make a witness.
    pub fn is_listening(&self) -> bool {
        self.pacemaker.as_ref().is_some_and(|pacemaker| !pacemaker.knows_itself())
    }

    /// Everything that is no witness is delivered, and a quorum is known to have made the commit that did it.
    fn is_idle(&self) -> bool {
        if planted::is(Planted::RestsEarly) {
            let fewer = self.committee.size().quorum() - 1;
            return self.delivery.open() == 0 && self.votes.backed_by(fewer) >= self.last_open;
        }
        let has_work = self.delivery.open() > 0 && !planted::is(Planted::RestsWithWork);
        !has_work && self.votes.certified() >= self.last_open
    }
}
