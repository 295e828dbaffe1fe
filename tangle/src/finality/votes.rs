//! Votes for commits: which are certified, and whether anybody's chain is another one (`spec/17-finality.md`).
//!
//! A vote for a commit is one for all before it. `confirmed(m)` is the highest index of a commit of this node that
//! member m has voted for; a commit is certified when a quorum has `confirmed` at or above it. What a member says of
//! commits that this node has not made yet waits, the newest of it.

use super::{Member, Members};
use crate::body::Vote;
use crate::limits::{OWN_DIGESTS, VOTES_PER_MEMBER};
use crate::{CommitteeSize, Digest};
use std::collections::{BTreeMap, VecDeque};

/// Proof that chains have parted. A node that sees it stops finalising; it never picks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Divergence {
    /// A quorum says otherwise than this node.
    Contradicted {
        /// The lowest index at which a vote contradicts this node's commit.
        index: u64,
        /// The members that do.
        members: Members,
    },
    /// Two commits of one index are certified.
    Twofold {
        /// The index.
        index: u64,
        /// Their digests.
        digests: [Digest; 2],
    },
}

/// What one member has said.
#[derive(Clone, Default, Debug)]
struct Said {
    confirmed: u64,
    /// Its newest votes, each once.
    votes: VecDeque<Vote>,
}

/// The votes of a committee.
#[derive(Clone, Debug)]
pub struct Votes {
    size: CommitteeSize,
    said: Vec<Said>,
    /// The newest of this node's own commits.
    own: BTreeMap<u64, Digest>,
    last: u64,
    certified: u64,
    contradicting: Members,
    lowest: u64,
    divergence: Option<Divergence>,
}

impl Votes {
    /// No votes of a committee of this size.
    pub fn new(size: CommitteeSize) -> Self {
        Self {
            size,
            said: vec![Said::default(); size.members()],
            own: BTreeMap::new(),
            last: 0,
            certified: 0,
            contradicting: Members::NONE,
            lowest: u64::MAX,
            divergence: None,
        }
    }

    /// Takes note of a commit of this node. Hand in the newest [`OWN_DIGESTS`] of them after a start, in order.
    pub fn made(&mut self, own: Vote) {
        self.last = own.index;
        self.own.insert(own.index, own.digest);
        while self.own.len() > OWN_DIGESTS {
            self.own.pop_first();
        }
        for place in 0..self.said.len() {
            let Some(member) = Member::new(place) else { continue };
            // A liar may have said two things of one commit.
            let votes = self.said[place].votes.iter().filter(|vote| vote.index == own.index);
            for vote in votes.copied().collect::<Vec<_>>() {
                self.compare(member, vote, own.digest);
            }
        }
        self.certify();
    }

    /// Takes note of the vote in an attached witness. Where the vote is for a commit older than the newest
    /// [`OWN_DIGESTS`], `digest` tells this node's own.
    pub fn heard(&mut self, member: Member, vote: Vote, digest: impl FnOnce(u64) -> Option<Digest>) {
        let Some(said) = self.said.get_mut(member.place()) else { return };
        if vote.index == 0 || said.votes.contains(&vote) {
            return;
        }
        said.votes.push_back(vote);
        if said.votes.len() > VOTES_PER_MEMBER {
            let is_compared = |vote: &Vote| vote.index <= self.last;
            let at = said.votes.iter().position(is_compared).unwrap_or(0);
            said.votes.remove(at);
        }
        if vote.index <= self.last
            && let Some(own) = self.own.get(&vote.index).copied().or_else(|| digest(vote.index))
        {
            self.compare(member, vote, own);
            self.certify();
        }
        self.seek_second(vote);
    }

    /// The highest index of a commit that a quorum has voted for.
    pub fn certified(&self) -> u64 {
        self.certified
    }

    /// The highest index of a commit that so many members have voted for; 0 when there are not so many.
    pub(super) fn backed_by(&self, members: usize) -> u64 {
        let mut confirmed: Vec<u64> = self.said.iter().map(|said| said.confirmed).collect();
        confirmed.sort_unstable_by(|a, b| b.cmp(a));
        members.checked_sub(1).and_then(|last| confirmed.get(last)).copied().unwrap_or(0)
    }

    /// The highest of this node's commits that the member has voted for.
    pub fn confirmed(&self, member: Member) -> u64 {
        self.said.get(member.place()).map_or(0, |said| said.confirmed)
    }

    /// Proof that chains have parted, the first that there was.
    pub fn divergence(&self) -> Option<Divergence> {
        self.divergence
    }

    /// Chains have parted, as was found before.
    pub(super) fn diverged(&mut self, divergence: Divergence) {
        self.divergence.get_or_insert(divergence);
    }

    fn compare(&mut self, member: Member, vote: Vote, own: Digest) {
        if vote.digest == own {
            let confirmed = &mut self.said[member.place()].confirmed;
            *confirmed = vote.index.max(*confirmed);
            return;
        }
        self.contradicting.insert(member);
        self.lowest = self.lowest.min(vote.index);
        if self.contradicting.is_quorum(self.size) && self.divergence.is_none() {
            self.divergence =
                Some(Divergence::Contradicted { index: self.lowest, members: self.contradicting });
        }
    }

    fn certify(&mut self) {
        self.certified = self.backed_by(self.size.quorum()).max(self.certified);
    }

    /// Looks for another digest of the vote's index that a quorum has, now that the vote may have made one.
    fn seek_second(&mut self, vote: Vote) {
        let mut supporters: BTreeMap<Digest, Members> = BTreeMap::new();
        for (place, said) in self.said.iter().enumerate() {
            for other in said.votes.iter().filter(|other| other.index == vote.index) {
                supporters.entry(other.digest).or_default().extend(Member::new(place));
            }
        }
        let mut certified =
            supporters.iter().filter(|(_, members)| members.is_quorum(self.size)).map(|(digest, _)| *digest);
        if let (Some(one), Some(other), None) = (certified.next(), certified.next(), self.divergence) {
            self.divergence = Some(Divergence::Twofold { index: vote.index, digests: [one, other] });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finality::testing::member;

    fn vote(index: u64, chain: u8) -> Vote {
        Vote { index, digest: Digest([chain.wrapping_add(index as u8); 32]) }
    }

    fn votes(members: usize, made: u64) -> Votes {
        let mut votes = Votes::new(CommitteeSize::new(members).unwrap());
        (1..=made).for_each(|index| votes.made(vote(index, 0)));
        votes
    }

    fn hear(votes: &mut Votes, from: usize, vote: Vote) {
        votes.heard(member(from), vote, |_| None);
    }

    #[test]
    fn a_vote_counts_for_all_before_it_and_authors_certify() {
        let mut votes = votes(4, 9);
        for (from, index, certified) in
            [(0, 9, 0), (0, 8, 0), (0, 7, 0), (1, 4, 0), (2, 6, 4), (3, 8, 6), (1, 9, 8)]
        {
            hear(&mut votes, from, vote(index, 0));
            assert_eq!(votes.certified(), certified, "{from} votes for {index}");
        }
        assert_eq!((votes.confirmed(member(0)), votes.confirmed(member(2))), (9, 6));
        assert_eq!(votes.divergence(), None);
    }

    #[test]
    fn a_committee_of_one_certifies_alone() {
        let mut votes = votes(1, 2);
        hear(&mut votes, 0, vote(2, 0));
        assert_eq!(votes.certified(), 2);
    }

    #[test]
    fn votes_for_commits_to_come_wait_for_them() {
        let mut votes = votes(4, 1);
        (0..3).for_each(|from| hear(&mut votes, from, vote(3, 0)));
        assert_eq!(votes.certified(), 0);
        votes.made(vote(2, 0));
        assert_eq!(votes.certified(), 0, "nobody can tell yet whether they are for this chain");
        votes.made(vote(3, 0));
        assert_eq!(votes.certified(), 3);
    }

    #[test]
    fn a_quorum_that_says_otherwise_is_a_divergence_and_fewer_are_none() {
        let mut votes = votes(4, 9);
        for (from, index, diverges) in [(0, 5, false), (0, 6, false), (1, 9, false), (2, 7, true)] {
            hear(&mut votes, from, vote(index, 100));
            assert_eq!(votes.divergence().is_some(), diverges, "{from} contradicts {index}");
        }
        let members = [0, 1, 2].map(member).into_iter().collect();
        assert_eq!(votes.divergence(), Some(Divergence::Contradicted { index: 5, members }));
        assert_eq!(votes.certified(), 0);
    }

    #[test]
    fn whoever_says_both_has_said_what_is_right_too() {
        for order in [[0, 100], [100, 0]] {
            let mut votes = votes(2, 1);
            hear(&mut votes, 0, vote(2, 0));
            order.iter().for_each(|chain| hear(&mut votes, 1, vote(2, *chain)));
            votes.made(vote(2, 0));
            assert_eq!(votes.certified(), 2, "{order:?}");
        }
    }

    #[test]
    fn a_contradiction_shows_when_the_own_commit_is_made_too() {
        let mut votes = votes(4, 1);
        (0..3).for_each(|from| hear(&mut votes, from, vote(2, 100)));
        assert_eq!(votes.divergence(), None);
        votes.made(vote(2, 0));
        assert!(matches!(votes.divergence(), Some(Divergence::Contradicted { index: 2, .. })));
    }

    #[test]
    fn two_certified_commits_of_one_index_are_a_divergence_before_an_own_one() {
        let mut votes = votes(4, 0);
        (0..3).for_each(|from| hear(&mut votes, from, vote(7, 0)));
        (1..3).for_each(|from| hear(&mut votes, from, vote(7, 100)));
        assert_eq!(votes.divergence(), None);
        hear(&mut votes, 3, vote(7, 100));
        assert!(matches!(votes.divergence(), Some(Divergence::Twofold { index: 7, .. })));
    }

    #[test]
    fn what_is_held_of_a_member_has_a_bound_and_old_digests_are_asked_for() {
        let mut votes = votes(1, 3 * OWN_DIGESTS as u64);
        (1..3 * VOTES_PER_MEMBER as u64).for_each(|index| hear(&mut votes, 0, vote(1_000_000 + index, 0)));
        assert_eq!(votes.said[0].votes.len(), VOTES_PER_MEMBER);
        assert_eq!(votes.own.len(), OWN_DIGESTS);
        hear(&mut votes, 0, vote(1, 0));
        assert_eq!(votes.certified(), 0, "the digest is not known");
        votes.heard(member(0), vote(2, 0), |index| Some(vote(index, 0).digest));
        assert_eq!(votes.certified(), 2);
    }
}
