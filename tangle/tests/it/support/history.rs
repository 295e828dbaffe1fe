//! What is durable, in a map; it can be told to fail.

use super::world;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use weft_tangle::finality::{Entry, FinalVerdict, Handed, Judged, Outcome, Round};
use weft_tangle::{
    Attached, DeviceId, Digest, History, HistoryError, Kind, Position, Standing, Timestamp, TxId,
};

/// A history in memory.
pub(crate) struct MapHistory {
    genesis: TxId,
    transactions: BTreeMap<TxId, Arc<Attached>>,
    log: Vec<TxId>,
    commits: Vec<Arc<Handed>>,
    outcomes: BTreeMap<TxId, (u64, Judged)>,
    /// Where the transactions of each issuer and counter are.
    counters: BTreeMap<(DeviceId, u32, TxId), Kind>,
    /// Reads that still succeed; none when all do.
    reads_left: Cell<Option<u32>>,
    /// Rows that were looked at to find those of an issuer.
    visited: Cell<u64>,
}

impl Default for MapHistory {
    fn default() -> Self {
        Self::new(world().genesis())
    }
}

impl MapHistory {
    /// Nothing is stored of a network with this genesis.
    pub(crate) fn new(genesis: TxId) -> Self {
        let (transactions, log, commits, outcomes, counters) = Default::default();
        let (reads_left, visited) = Default::default();
        Self { genesis, transactions, log, commits, outcomes, counters, reads_left, visited }
    }

    /// The stored transactions, in their order of arrival.
    pub(crate) fn stored(&self) -> impl Iterator<Item = &Arc<Attached>> {
        self.log.iter().map(|id| &self.transactions[id])
    }

    /// The stored transaction with this id.
    pub(crate) fn find(&self, id: &TxId) -> Option<&Arc<Attached>> {
        self.transactions.get(id)
    }

    /// Whether a stored commit has delivered a transaction.
    pub(crate) fn is_final(&self, id: &TxId) -> bool {
        self.outcomes.contains_key(id)
    }

    /// The newest stored commits are lost, as when a crash has cut them off.
    pub(crate) fn lose_commits(&mut self, count: usize) {
        let left = self.commits.len().saturating_sub(count);
        for handed in self.commits.drain(left..) {
            for judged in &handed.delivered.transactions {
                self.outcomes.remove(&judged.id);
            }
        }
    }

    pub(crate) fn store(&mut self, attached: Arc<Attached>) {
        assert_eq!(attached.position(), Position(self.log.len() as u64), "a gap in the log");
        self.log.push(attached.id());
        let header = attached.transaction().header();
        self.counters.insert((header.issuer, header.counter, attached.id()), header.kind);
        assert!(self.transactions.insert(attached.id(), attached).is_none(), "stored twice");
    }

    /// Stores a commit behind all that it delivers.
    pub(crate) fn store_commit(&mut self, handed: Arc<Handed>) {
        let commit = handed.resume.commit;
        assert_eq!(commit.index, self.commits.len() as u64 + 1, "a gap in the chain");
        for judged in &handed.delivered.transactions {
            assert!(self.transactions.contains_key(&judged.id), "delivered before it is stored");
            let before = self.outcomes.insert(judged.id, (commit.index, *judged));
            assert!(before.is_none(), "delivered twice");
        }
        self.commits.push(handed);
    }

    /// The stored commits.
    pub(crate) fn commits(&self) -> &[Arc<Handed>] {
        &self.commits
    }

    /// Lets this many reads succeed and fails all after them; `None` mends it.
    pub(crate) fn fail_after(&self, reads: Option<u32>) {
        self.reads_left.set(reads);
    }

    /// How many rows were looked at to find those of an issuer.
    pub(crate) fn visited(&self) -> u64 {
        self.visited.get()
    }

    fn visit(&self, rows: usize) {
        self.visited.set(self.visited.get() + rows as u64);
    }

    fn read(&self) -> Result<(), HistoryError> {
        match self.reads_left.get() {
            Some(0) => Err(HistoryError::Unread("the disk is gone".into())),
            left => {
                self.reads_left.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }
}

impl History for MapHistory {
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError> {
        self.read()?;
        Ok(self.transactions.contains_key(id))
    }

    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        self.read()?;
        let range = TxId::first_at(range.start)..TxId::first_at(range.end);
        for (id, attached) in self.transactions.range(range) {
            let header = attached.transaction().header();
            if header.issuer == *issuer {
                self.visit(1);
                visit(*id, header.counter);
            }
        }
        Ok(())
    }

    /// As a store does, which lists those alone that share a counter.
    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
        visit: &mut dyn FnMut(TxId) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        self.read()?;
        let [first, end] = [epoch.start, epoch.end].map(|time| (*issuer, counter, TxId::first_at(time)));
        let all = || self.counters.range(first..end).map(|((.., id), _)| *id);
        let _stopped = all().filter(|_| all().nth(1).is_some()).try_for_each(|id| {
            self.visit(1);
            visit(id)
        });
        Ok(())
    }

    fn kind(&self, issuer: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        self.read()?;
        let stored = self.transactions.get(id).map(|attached| attached.transaction().header());
        Ok(stored.filter(|header| header.issuer == *issuer).map(|header| header.kind))
    }

    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError> {
        self.read()?;
        let all =
            self.transactions.values().filter(|attached| attached.transaction().header().issuer == *device);
        Ok(all.filter_map(|attached| Some(attached.verified().enrolment()?.standing())).collect())
    }

    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError> {
        self.read()?;
        let end = positions.end.min(self.log.len() as u64);
        (positions.start..end).for_each(|position| visit(self.log[position as usize]));
        Ok(())
    }

    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError> {
        self.read()?;
        let stored = self.transactions.get(id);
        Ok(stored.map(|attached| attached.transaction().header().kind == Kind::Witness))
    }

    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError> {
        self.read()?;
        Ok(self.transactions.get(id).map(|attached| Entry::of(attached.transaction(), self.genesis)))
    }

    fn witnesses(
        &self,
        author: &DeviceId,
        round: Round,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), HistoryError> {
        self.read()?;
        for (id, attached) in &self.transactions {
            let entry = Entry::of(attached.transaction(), self.genesis);
            if entry.issuer == *author && entry.round == Some(round) {
                visit(*id);
            }
        }
        Ok(())
    }

    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError> {
        self.read()?;
        let found = self.outcomes.get(id);
        Ok(found.map(|(commit, judged)| Outcome { commit: *commit, verdict: judged.verdict }))
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        self.read()?;
        let range = TxId::first_at(range.start)..TxId::first_at(range.end);
        let all = self.outcomes.range(range).map(|(_, (_, judged))| judged);
        let own = all.filter(|judged| judged.issuer == *issuer && judged.verdict != FinalVerdict::Revoked);
        own.for_each(|judged| {
            self.visit(1);
            visit(judged.id, judged.counter);
        });
        Ok(())
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        self.read()?;
        Ok(self.commits.iter().any(|handed| handed.delivered.revoked.contains(device)))
    }

    fn commit_digest(&self, index: u64) -> Result<Option<Digest>, HistoryError> {
        self.read()?;
        let at = index.checked_sub(1).and_then(|at| usize::try_from(at).ok());
        Ok(at.and_then(|at| self.commits.get(at)).map(|handed| handed.delivered.digest))
    }
}
