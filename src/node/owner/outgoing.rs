//! What waits for the writer: attached transactions in the order of their positions, and commits.
//!
//! Always true: a commit goes to disk with or behind every transaction that was handed out before it, so all that it
//! delivers is stored when it is.

use crate::limits::COMMIT_TRANSACTIONS;
use crate::store::Cursors;
use std::collections::VecDeque;
use std::sync::Arc;
use weft_tangle::finality::Handed;
use weft_tangle::{Attached, Kind, Position};

/// What the writer puts on disk at once.
#[derive(Debug, Default)]
pub(in crate::node) struct Batch {
    pub(in crate::node) transactions: Vec<Arc<Attached>>,
    /// How far the logs of peers are settled; what they stand for was in earlier batches.
    pub(in crate::node) cursors: Cursors,
    pub(in crate::node) commits: Vec<Arc<Handed>>,
}

/// What the writer does not have. The replica bounds it.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    transactions: VecDeque<Arc<Attached>>,
    /// How many of them are witnesses.
    witnesses: usize,
    /// Each with the position that must be on disk before it, if it must.
    commits: VecDeque<(Option<Position>, Arc<Handed>)>,
}

impl Outgoing {
    pub(super) fn push(&mut self, attached: Arc<Attached>) {
        self.witnesses += usize::from(is_witness(&attached));
        self.transactions.push_back(attached);
    }

    pub(super) fn push_commit(&mut self, commit: Arc<Handed>) {
        let behind = self.transactions.back().map(|attached| attached.position());
        self.commits.push_back((behind, commit));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.transactions.is_empty() && self.commits.is_empty()
    }

    /// Whether there is nothing but witnesses.
    pub(super) fn is_of_witnesses(&self) -> bool {
        self.commits.is_empty() && self.transactions.len() == self.witnesses
    }

    /// Whether it is as much as one commit on disk takes.
    pub(super) fn is_full(&self) -> bool {
        self.transactions.len() >= COMMIT_TRANSACTIONS
    }

    /// As much as goes into one batch, the oldest first.
    pub(super) fn take(&mut self, cursors: Cursors) -> Batch {
        let length = self.transactions.len().min(COMMIT_TRANSACTIONS);
        let transactions: Vec<_> = self.transactions.drain(..length).collect();
        self.witnesses -= transactions.iter().filter(|attached| is_witness(attached)).count();
        let rest = self.transactions.front().map(|attached| attached.position());
        let is_ready =
            |behind: Option<Position>| behind.is_none_or(|behind| rest.is_none_or(|rest| behind < rest));
        let ready = self.commits.iter().take_while(|(behind, _)| is_ready(*behind)).count();
        let commits = self.commits.drain(..ready).map(|(_, commit)| commit).collect();
        Batch { transactions, cursors, commits }
    }
}

fn is_witness(attached: &Attached) -> bool {
    attached.transaction().header().kind == Kind::Witness
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{CREATED, Device, Ledger, handed, network};

    fn attached(count: u32) -> Vec<Arc<Attached>> {
        let mut ledger = Ledger::new(&network("outgoing"), 1);
        // Of one alone the later ones would have to work.
        let devices = [1, 2, 3].map(Device::new);
        devices.iter().for_each(|device| drop(ledger.enrol(device, 0)));
        (3..count).for_each(|number| drop(ledger.read(&devices[number as usize % 3], number / 3)));
        ledger.arrivals
    }

    fn taken(outgoing: &mut Outgoing) -> (usize, Vec<u64>) {
        let batch = outgoing.take(Cursors::new());
        let indices = batch.commits.iter().map(|handed| handed.delivered.commit.index);
        (batch.transactions.len(), indices.collect())
    }

    #[test]
    fn a_commit_goes_with_what_was_before_it_and_no_sooner() {
        let few = attached(3);
        let mut outgoing = Outgoing::default();
        assert!(outgoing.is_empty() && outgoing.is_of_witnesses());
        outgoing.push_commit(handed(1, CREATED, &[]));
        assert!(!outgoing.is_empty(), "a commit alone is something to write");
        assert!(!outgoing.is_of_witnesses());
        assert_eq!(taken(&mut outgoing), (0, vec![1]));
        outgoing.push_commit(handed(2, CREATED, &[]));
        outgoing.push(Arc::clone(&few[0]));
        assert!(!outgoing.is_of_witnesses());
        outgoing.push_commit(handed(3, CREATED, &[]));
        assert_eq!(taken(&mut outgoing), (1, vec![2, 3]));
        assert!(outgoing.is_empty());

        // More than one batch: two commits stand within the first of them, the last behind it.
        for (number, attached) in attached(COMMIT_TRANSACTIONS as u32 + 2).into_iter().enumerate() {
            outgoing.push(attached);
            if [5, COMMIT_TRANSACTIONS - 1, COMMIT_TRANSACTIONS].contains(&number) {
                outgoing.push_commit(handed(number as u64, CREATED, &[]));
            }
        }
        assert!(outgoing.is_full());
        let length = COMMIT_TRANSACTIONS as u64;
        assert_eq!(taken(&mut outgoing), (COMMIT_TRANSACTIONS, vec![5, length - 1]));
        assert!(!outgoing.is_full() && !outgoing.is_empty());
        assert_eq!(taken(&mut outgoing), (2, vec![length]));
    }
}
