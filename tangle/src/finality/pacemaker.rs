//! When a member makes its next witness, and of which round (`spec/17-finality.md`).
//!
//! A pure state machine. It never names a round twice, and never one at or below the highest of its own that is known; and
//! it names none before a quorum of members has said what it knows of the member's own rounds. Who may have forgotten some
//! is none of that quorum, and names none that it can have signed before.

use super::pace::Purse;
use super::{Committer, Member, Members, Pace, Round, WitnessGraph};
use crate::limits::JUMP_ROUNDS;
use crate::planted::{self, Planted};
use crate::{CommitteeSize, Timestamp};

/// What the pacemaker wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// Nothing, until something else happens.
    Rest,
    /// To be asked again then, unless something else happens before.
    Wake(Timestamp),
    /// A witness of this round, now.
    Witness(Round),
}

/// The pacemaker of one member.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacemaker {
    me: Member,
    size: CommitteeSize,
    purse: Purse,
    /// Who has said what it knows of the own rounds.
    heard: Members,
    /// Whether own witnesses may be missing on the own disk.
    has_forgotten: bool,
    /// The first round that may be named.
    least: Round,
    /// The highest round of an own witness that is known.
    last: Option<Round>,
    /// The round that was named last.
    named: Option<Round>,
    /// Since when the witness of that round could be made.
    waiting: Option<(Round, Timestamp)>,
}

impl Pacemaker {
    pub(super) fn new(me: Member, size: CommitteeSize, pace: Pace) -> Self {
        let heard = [me].into_iter().collect();
        Self {
            me,
            size,
            purse: Purse::new(pace, size, me),
            heard,
            has_forgotten: false,
            least: Round::FIRST,
            last: None,
            named: None,
            waiting: None,
        }
    }

    /// The own disk may lack witnesses that were on it: what it holds says nothing of the own rounds.
    pub(super) fn forgot(&mut self) {
        self.has_forgotten = !planted::is(Planted::TrustsOldDisk);
        if self.has_forgotten {
            self.heard = Members::NONE;
        }
    }

    pub(super) fn me(&self) -> Member {
        self.me
    }

    /// Another member has told all witnesses that it had when it was asked. `top` is the highest round of any witness now.
    ///
    /// Whoever has signed round r had witnesses of r - 1 of a quorum. Q others that were heard and the Q - 1 others of
    /// that quorum have more than f in common, so an honest one has told of its witness of r - 1: r is `top` + 1 at most,
    /// whoever has the witness that was lost.
    pub(super) fn heard(&mut self, member: Member, top: Option<Round>) {
        if self.knows_itself() || member == self.me {
            return;
        }
        self.heard.insert(member);
        if self.has_forgotten && self.knows_itself() && self.can_skip() {
            self.least = top.map_or(Round::FIRST.plus(1), |top| top.plus(2));
        }
    }

    /// Whether enough is known of the own rounds to make another one.
    pub(super) fn knows_itself(&self) -> bool {
        let others = self.size.members() - 1;
        let needed = self.size.quorum();
        let needed = if self.has_forgotten { needed.min(others) } else { needed };
        self.heard.len() >= needed || planted::is(Planted::AsksNobody)
    }

    /// Whether the others make rounds without this member: where they cannot, none must be left out.
    fn can_skip(&self) -> bool {
        self.size.members() > self.size.quorum()
    }

    /// The highest round of an own witness that is known.
    pub(super) fn last(&self) -> Option<Round> {
        self.last
    }

    pub(super) fn transaction(&mut self) {
        self.purse.transaction();
    }

    /// An own witness of this round is attached.
    pub(super) fn made(&mut self, round: Round) {
        self.last = self.last.max(Some(round));
    }

    /// What is to be done at `now`, which never goes back. Who is told to make a witness makes it, or starts anew.
    pub(super) fn step(
        &mut self,
        now: Timestamp,
        is_idle: bool,
        committer: &Committer,
        graph: &impl WitnessGraph,
    ) -> Step {
        let is_under_way = self.named > self.last;
        if is_under_way || !self.knows_itself() || is_idle {
            self.waiting = None;
            return Step::Rest;
        }
        let Some(round) = self.next_round(graph) else { return Step::Rest };
        let since = match self.waiting {
            Some((waiting, since)) if waiting == round => since,
            _ => now,
        };
        self.waiting = Some((round, since));
        if self.has_quorum(graph, round) {
            return self.name(round, now);
        }
        let paced = self.purse.next(now);
        let patience = since.plus(self.purse.pace().patience_ms());
        let due = if Self::is_ready(committer, round) { paced } else { paced.max(patience) };
        if due <= now { self.name(round, now) } else { Step::Wake(due) }
    }

    fn name(&mut self, round: Round, now: Timestamp) -> Step {
        self.purse.spend(now);
        self.named = Some(round);
        self.waiting = None;
        Step::Witness(round)
    }

    /// The round whose witness could be made: the one after the own last, or the newest when that is far behind; none that
    /// may have been signed and forgotten.
    fn next_round(&self, graph: &impl WitnessGraph) -> Option<Round> {
        let next = self.last.map_or(Round::FIRST, |last| last.plus(1)).max(self.least);
        let top = graph.top();
        let newest =
            [0, 1].iter().filter_map(|below| top?.back(*below)).find(|round| self.has_quorum(graph, *round));
        if let Some(newest) = newest
            && newest.get() > self.last.map_or(0, Round::get) + JUMP_ROUNDS
            && newest >= next
        {
            return Some(newest.plus(1));
        }
        next.back(1).is_none_or(|before| self.has_quorum(graph, before)).then_some(next)
    }

    /// The leader of the round before is there, and the one before that has its votes or was passed by.
    fn is_ready(committer: &Committer, round: Round) -> bool {
        let has_leader = round.back(1).is_none_or(|before| committer.view(before).has_leader);
        has_leader && round.back(2).is_none_or(|before| committer.view(before).is_settled)
    }

    fn has_quorum(&self, graph: &impl WitnessGraph, round: Round) -> bool {
        graph.authors(round).is_quorum(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finality::Window;
    use crate::finality::testing::{draw, insert, member, round};

    /// The others B, C and D make twenty rounds without A, which follows them a millisecond apart.
    #[test]
    fn a_round_that_others_have_made_is_made_at_once_and_costs_all_the_same() {
        let text: String = (1..=20)
            .map(|number| {
                let parents: String =
                    "BCD".chars().filter(|_| number > 1).map(|by| format!(" {by}{}", number - 1)).collect();
                "BCD".chars().map(|by| format!("{by}{number}:{parents}; ")).collect::<String>()
            })
            .collect();
        let size = CommitteeSize::new(4).unwrap();
        let (mut window, committer) = (Window::new(Round::FIRST), Committer::new(size));
        let pace = Pace::new(50, 1_000, 150).unwrap();
        let mut pacemaker = Pacemaker::new(member(0), size, pace);
        [1, 2].map(member).into_iter().for_each(|other| pacemaker.heard(other, None));
        let (drawn, _) = draw(&text);
        let mut now = Timestamp::from_millis(1_000_030);
        for number in 1..=20 {
            for witness in drawn.iter().filter(|witness| witness.round == round(number)) {
                insert(&mut window, witness).unwrap();
            }
            now = now.plus(1);
            let step = pacemaker.step(now, false, &committer, &window);
            assert_eq!(step, Step::Witness(round(number)), "no pace and no purse holds it back");
            pacemaker.made(round(number));
        }
        // The purse was empty long ago: a round of one's own has to be earned whole, which takes so few half of the time.
        let whole = now.plus(pace.slowest_ms() / 2);
        assert_eq!(pacemaker.step(now, false, &committer, &window), Step::Wake(whole));
    }
}
