//! The commit rule written down as `spec/17-finality.md` has it: computed from nothing each time, sharing no code with
//! what runs but rounds, members and the quorum's number.

use crate::finality::testing::Drawn;
use crate::finality::{Member, Members};
use crate::{CommitteeSize, TxId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Commit(TxId),
    Skip,
    Undecided,
}

pub(super) struct Plain<'a> {
    pub(super) size: CommitteeSize,
    pub(super) witnesses: &'a BTreeMap<TxId, Drawn>,
    pub(super) rotation_commits: u64,
    pub(super) active_rounds: u64,
    /// How many commits a leader gives.
    pub(super) commits_of: fn(&TxId) -> u64,
}

impl Plain<'_> {
    /// The ascending prefix of decided slots: the committed leaders in their order.
    pub(super) fn leaders(&self) -> Vec<TxId> {
        let (mut leaders, mut commits) = (Vec::new(), 0);
        let mut active: Vec<Member> = Members::all(self.size).iter().collect();
        for slot in 1..=self.top() {
            match self.decide(slot, &active) {
                Outcome::Undecided => break,
                Outcome::Skip => {}
                Outcome::Commit(leader) => {
                    leaders.push(leader);
                    let before = commits;
                    commits += (self.commits_of)(&leader);
                    if (before + 1..=commits).any(|index| u64::is_multiple_of(index, self.rotation_commits)) {
                        active = self.active(&leader);
                    }
                }
            }
        }
        leaders
    }

    fn top(&self) -> u64 {
        self.witnesses.values().map(|witness| witness.round.get()).max().unwrap_or(0)
    }

    fn of_round(&self, round: u64) -> impl Iterator<Item = &Drawn> {
        self.witnesses.values().filter(move |witness| witness.round.get() == round)
    }

    fn is_quorum<'d>(&self, witnesses: impl Iterator<Item = &'d Drawn>) -> bool {
        witnesses.map(|witness| witness.author.place()).collect::<BTreeSet<_>>().len() >= self.size.quorum()
    }

    pub(super) fn leaders_of<'s>(&'s self, round: u64, active: &[Member]) -> Vec<&'s Drawn> {
        let leader = active[(round % active.len() as u64) as usize];
        self.of_round(round).filter(|witness| witness.author == leader).collect()
    }

    fn is_vote(vote: &Drawn, leader: &Drawn) -> bool {
        vote.round.get() == leader.round.get() + 1 && vote.parents.contains(&leader.id)
    }

    fn is_cert(&self, cert: &Drawn, leader: &Drawn) -> bool {
        let votes = cert.parents.iter().map(|parent| &self.witnesses[parent]);
        cert.round.get() == leader.round.get() + 2
            && self.is_quorum(votes.filter(|vote| Self::is_vote(vote, leader)))
    }

    pub(super) fn direct(&self, round: u64, active: &[Member]) -> Outcome {
        let leaders = self.leaders_of(round, active);
        let passes =
            |leader: &&Drawn| self.is_quorum(self.of_round(round + 1).filter(|w| !Self::is_vote(w, leader)));
        if self.is_quorum(self.of_round(round + 1)) && leaders.iter().all(passes) {
            return Outcome::Skip;
        }
        let certified =
            |leader: &&&Drawn| self.is_quorum(self.of_round(round + 2).filter(|w| self.is_cert(w, leader)));
        leaders.iter().find(certified).map_or(Outcome::Undecided, |leader| Outcome::Commit(leader.id))
    }

    pub(super) fn decide(&self, round: u64, active: &[Member]) -> Outcome {
        let direct = self.direct(round, active);
        if direct != Outcome::Undecided {
            return direct;
        }
        let anchor =
            (round + 3..=self.top()).map(|slot| self.decide(slot, active)).find(|o| *o != Outcome::Skip);
        let Some(Outcome::Commit(anchor)) = anchor else { return Outcome::Undecided };
        let history = self.history(&anchor);
        let certified = |leader: &&&Drawn| {
            self.of_round(round + 2).any(|w| history.contains(&w.id) && self.is_cert(w, leader))
        };
        let leaders = self.leaders_of(round, active);
        leaders.iter().find(certified).map_or(Outcome::Skip, |leader| Outcome::Commit(leader.id))
    }

    fn history(&self, id: &TxId) -> BTreeSet<TxId> {
        let (mut history, mut queue) = (BTreeSet::new(), vec![*id]);
        while let Some(id) = queue.pop() {
            if history.insert(id) {
                let witness = &self.witnesses[&id];
                queue.extend(witness.parents.iter().chain(&witness.previous));
            }
        }
        history
    }

    fn active(&self, leader: &TxId) -> Vec<Member> {
        let newest = self.witnesses[leader].round.get();
        let oldest = (newest + 1).saturating_sub(self.active_rounds);
        let history = self.history(leader).into_iter().map(|id| &self.witnesses[&id]);
        let seen: Members =
            history.filter(|w| (oldest..=newest).contains(&w.round.get())).map(|w| w.author).collect();
        let active = if seen.len() >= self.size.quorum() { seen } else { Members::all(self.size) };
        active.iter().collect()
    }
}
