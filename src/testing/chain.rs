//! Commits for tests of what keeps them: a chain that delivers what a test says, with the verdicts that it says.
//!
//! Always true: indexes, digests, order, count and root are those of the rules; who led and who voted is made up.

use super::{CREATED, Dice};
use std::collections::BTreeSet;
use std::sync::Arc;
use weft_tangle::body::Vote;
use weft_tangle::finality::{
    Commit, Committee, Delivered, FinalVerdict, Handed, Judged, Member, Members, Resume, Round, leaf,
    merkle_root,
};
use weft_tangle::{CommitteeSize, Kind, Network, NetworkId, Transaction, TxId};

/// A chain that grows.
pub(crate) struct Chain {
    network: NetworkId,
    /// The round of the next leader.
    pub(crate) round: u64,
    /// Who leads from now on, where the newest that is delivered does not.
    pub(crate) leader: Option<TxId>,
    size: CommitteeSize,
    pub(crate) handed: Vec<Arc<Handed>>,
}

impl Chain {
    pub(crate) fn new(network: &Network) -> Self {
        let (network, size) = (*network.id(), Committee::of(network).size());
        Self { network, round: 1, leader: None, size, handed: Vec::new() }
    }

    /// Forgets the commits behind this one.
    pub(crate) fn truncate(&mut self, index: u64) {
        self.handed.truncate(index as usize);
    }

    /// A commit that delivers these, not empty, in whatever order they are named.
    pub(crate) fn commit(
        &mut self,
        delivered: &[(&Transaction, FinalVerdict)],
        also_disputed: Vec<TxId>,
    ) -> Arc<Handed> {
        let last = self.handed.last().map_or(Vote::NONE, |handed| handed.delivered.vote());
        let judged = delivered.iter().map(|(transaction, verdict)| {
            let header = transaction.header();
            let (id, kind, issuer, counter) = (transaction.id(), header.kind, header.issuer, header.counter);
            Judged { id, kind, issuer, counter, verdict: *verdict }
        });
        let mut transactions: Vec<Judged> = judged.collect();
        transactions.sort_unstable_by_key(|judged| judged.id);
        let last_id = transactions.last().expect("a commit delivers something").id;
        let commit = Commit {
            index: last.index + 1,
            previous: last.digest,
            leader: self.leader.unwrap_or(last_id),
            time: CREATED.plus(last.index),
            root: merkle_root(transactions.iter().map(|judged| leaf(&judged.id, judged.verdict))),
            count: transactions.len() as u32,
        };
        let leader = Member::new(0).expect("every committee has one");
        let digest = commit.digest(&self.network);
        let delivered =
            Delivered { commit, digest, leader, transactions, also_disputed, revoked: Vec::new() };
        let round = Round::new(self.round).expect("rounds begin with 1");
        let is_open = delivered.transactions.iter().any(|judged| judged.kind != Kind::Witness);
        let before = self.handed.last().map_or(0, |handed| handed.resume.last_open);
        let last_open = if is_open { commit.index } else { before };
        let active = Members::all(self.size);
        let resume = Resume { commit, first: commit.index, round, active, last_open };
        let handed = Arc::new(Handed { delivered, resume });
        self.handed.push(Arc::clone(&handed));
        handed
    }

    /// A commit of some of these that the chain has not delivered, with verdicts and disputes by dice; nothing when it has
    /// delivered all of them.
    pub(crate) fn commit_some(
        &mut self,
        stored: &[&Transaction],
        most: u64,
        dice: &mut Dice,
    ) -> Option<Arc<Handed>> {
        let before: BTreeSet<TxId> = self.delivered().map(|judged| judged.id).collect();
        let open = stored.iter().copied().filter(|one| !before.contains(&one.id()));
        let mut chosen: Vec<(&Transaction, FinalVerdict)> = Vec::new();
        for transaction in open {
            if (chosen.len() as u64) < most && dice.below(4) > 0 {
                let verdict = FinalVerdict::from_byte(dice.below(6).saturating_sub(2) as u8);
                chosen.push((transaction, verdict.expect("there are four")));
            }
        }
        let disputed = before.into_iter().filter(|_| dice.below(16) == 0).collect();
        (!chosen.is_empty()).then(|| self.commit(&chosen, disputed))
    }

    /// What the chain has delivered, in the final order.
    pub(crate) fn delivered(&self) -> impl Iterator<Item = &Judged> {
        self.handed.iter().flat_map(|handed| &handed.delivered.transactions)
    }
}
