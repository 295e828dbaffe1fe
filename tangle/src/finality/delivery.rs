//! From a committed leader to commits: what it reaches, in order, with verdicts, at most so many at a time
//! (`spec/17-finality.md`).
//!
//! With D the transactions of all commits so far, a leader's commits deliver what it reaches through any reference and
//! is not in D, by ascending id. What is not in D and not in memory is read from the ledger; nothing is forgotten for
//! its age.

use super::commit::{Commit, Delivered, time};
use super::ledger::{Entry, Ledger};
use super::verdict::Judge;
use super::{Member, merkle};
use crate::body::Vote;
use crate::limits::{COMMIT_TRANSACTIONS, UNDELIVERED};
use crate::{HistoryError, Kind, Network, NetworkId, Timestamp, TxId};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The leader whose transactions are being delivered.
#[derive(Debug)]
struct Coming {
    leader: TxId,
    author: Member,
    time: Timestamp,
    first: u64,
    /// What is still to be delivered, descending: the next ones are at the end.
    rest: Vec<TxId>,
}

/// The chain of commits and what waits to be in it.
#[derive(Debug)]
pub(super) struct Delivery {
    network: NetworkId,
    judge: Judge,
    /// Attached and not delivered, as far as memory goes.
    undelivered: BTreeMap<TxId, Entry>,
    /// How many more there are, in the ledger alone.
    outside: u64,
    /// How many of all these are no witnesses.
    open: u64,
    last: Vote,
    last_time: Timestamp,
    /// The first index of a leader that was begun with before a restart.
    reopened: Option<u64>,
    coming: Option<Coming>,
    limit: usize,
    size: usize,
}

impl Delivery {
    pub(super) fn new(network: &Network) -> Self {
        Self {
            network: *network.id(),
            judge: Judge::new(*network.rules()),
            undelivered: BTreeMap::new(),
            outside: 0,
            open: 0,
            last: Vote::NONE,
            last_time: network.created(),
            reopened: None,
            coming: None,
            limit: UNDELIVERED,
            size: COMMIT_TRANSACTIONS,
        }
    }

    /// The same with smaller bounds, for tests: of what is in memory, and of a commit.
    #[cfg(test)]
    pub(super) fn with_limits(network: &Network, limit: usize, size: usize) -> Self {
        Self { limit, size, ..Self::new(network) }
    }

    #[cfg(test)]
    pub(super) fn set_size(&mut self, size: usize) {
        self.size = size;
    }

    /// Goes on behind this commit, made at that time.
    pub(super) fn resume(&mut self, last: Vote, time: Timestamp) {
        self.last = last;
        self.last_time = time;
    }

    /// The leader begun with next is one whose commits began with this index before a restart.
    pub(super) fn reopen(&mut self, first: u64) {
        self.reopened = Some(first);
    }

    /// Whether a leader was begun with and has not been finished.
    pub(super) fn has_begun(&self) -> bool {
        self.coming.is_some()
    }

    /// The first index of the leader that was begun with.
    pub(super) fn first(&self) -> Option<u64> {
        self.coming.as_ref().map(|coming| coming.first)
    }

    /// Takes note of an attached transaction that no commit has delivered.
    pub(super) fn attached(&mut self, id: TxId, entry: Entry) {
        self.open += u64::from(entry.kind != Kind::Witness);
        if self.undelivered.len() < self.limit {
            self.undelivered.insert(id, entry);
        } else {
            self.outside += 1;
        }
    }

    /// How many attached transactions that are no witnesses wait to be delivered.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// The newest commit.
    pub(super) fn last(&self) -> Vote {
        self.last
    }

    /// Finds what a committed leader delivers. `parents` are the times of its witness parents.
    ///
    /// # Errors
    /// The ledger cannot be read, and nothing has changed.
    pub(super) fn begin(
        &mut self,
        leader: TxId,
        author: Member,
        parents: impl Iterator<Item = Timestamp>,
        ledger: &dyn Ledger,
    ) -> Result<(), HistoryError> {
        let rest = self.reached(leader, ledger)?;
        let time = time(parents, self.last_time);
        let first = self.reopened.take().unwrap_or(self.last.index + 1);
        self.coming = Some(Coming { leader, author, time, first, rest });
        Ok(())
    }

    /// The next commit of the leader begun with, and whether it delivers anything that is no witness; none when it has
    /// given all. The ledger must show a commit that was
    /// handed out before this is called again.
    ///
    /// # Errors
    /// The ledger cannot be read, and nothing has changed.
    pub(super) fn next(&mut self, ledger: &dyn Ledger) -> Result<Option<(Delivered, bool)>, HistoryError> {
        let Some(coming) = self.coming.as_ref().filter(|coming| !coming.rest.is_empty()) else {
            return Ok(None);
        };
        let remaining = coming.rest.len().saturating_sub(self.size);
        let mut batch = Vec::with_capacity(coming.rest.len() - remaining);
        for id in coming.rest[remaining..].iter().rev() {
            let entry = self.undelivered.get(id).cloned();
            batch.push((*id, entry.map_or_else(|| ledger.entry(id), Ok)?));
        }
        let judgement = self.judge.judge(&batch, ledger)?;
        let leaves = judgement.transactions.iter().map(|judged| merkle::leaf(&judged.id, judged.verdict));
        let commit = Commit {
            index: self.last.index + 1,
            previous: self.last.digest,
            leader: coming.leader,
            time: coming.time,
            root: merkle::root(leaves),
            count: batch.len() as u32,
        };
        let (leader, digest) = (coming.author, commit.digest(&self.network));
        for (id, entry) in &batch {
            self.open -= u64::from(entry.kind != Kind::Witness);
            if self.undelivered.remove(id).is_none() {
                self.outside -= 1;
            }
        }
        self.last = Vote { index: commit.index, digest };
        self.last_time = commit.time;
        if let Some(coming) = &mut self.coming {
            coming.rest.truncate(remaining);
        }
        let super::verdict::Judgement { transactions, also_disputed, revoked } = judgement;
        let has_open = batch.iter().any(|(_, entry)| entry.kind != Kind::Witness);
        Ok(Some((Delivered { commit, digest, leader, transactions, also_disputed, revoked }, has_open)))
    }

    /// The commits that the leader has given, once it has given all of them.
    pub(super) fn finished(&mut self) -> Option<std::ops::RangeInclusive<u64>> {
        let coming = self.coming.take_if(|coming| coming.rest.is_empty())?;
        Some(coming.first..=self.last.index)
    }

    /// What is not delivered and reached from `leader`, descending. A reference's id is smaller than its referrer's, so
    /// going down from the largest meets each once and holds no more than the frontier.
    fn reached(&self, leader: TxId, ledger: &dyn Ledger) -> Result<Vec<TxId>, HistoryError> {
        let mut reached = Vec::new();
        let mut frontier = BTreeSet::from([leader]);
        while let Some(id) = frontier.pop_last() {
            if let Some(entry) = self.undelivered(&id, ledger)? {
                frontier.extend(&entry.references);
                reached.push(id);
            }
        }
        Ok(reached)
    }

    fn undelivered(&self, id: &TxId, ledger: &dyn Ledger) -> Result<Option<Cow<'_, Entry>>, HistoryError> {
        if let Some(entry) = self.undelivered.get(id) {
            return Ok(Some(Cow::Borrowed(entry)));
        }
        if self.outside == 0 || ledger.is_delivered(id)? {
            return Ok(None);
        }
        Ok(Some(Cow::Owned(ledger.entry(id)?)))
    }
}
