//! From a committed leader to commits: what it reaches, in order, with verdicts, at most so many at a time
//! (`spec/17-finality.md`).
//!
//! With D the transactions of all commits so far, a leader's commits deliver what it reaches through any reference and
//! is not in D, by ascending id. What is not in D and not in memory is read from the ledger; nothing is forgotten for
//! its age.
//!
//! The way down from a leader is gone in pieces, and of what it reaches only the oldest is held: as many as some commits
//! deliver. When those are delivered it is gone again. On the way nothing is remembered of what is delivered: however much
//! of the past is approved once more, memory holds that oldest part, and where the way down forks, of what still waits: so
//! many ids, beyond that a bit for each ([`Frontier`]). The commits are those that would follow from all at once.

use super::commit::{Commit, Delivered, time};
use super::frontier::Frontier;
use super::ledger::{Entry, Ledger};
use super::reached::Reached;
use super::verdict::Judge;
use super::{Member, merkle};
use crate::body::Vote;
use crate::limits::{COMMIT_TRANSACTIONS, FRONTIER, REACH_STEPS, REACHED, UNDELIVERED};
use crate::planted::{self, Planted};
use crate::{HistoryError, Kind, Network, NetworkId, Timestamp, TxId};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// The leader whose transactions are being delivered.
#[derive(Debug)]
struct Coming {
    leader: TxId,
    author: Member,
    time: Timestamp,
    first: u64,
    /// What is reached, waits to be delivered and is not looked at yet.
    frontier: Frontier,
    /// What was met and is to be delivered.
    reached: Reached,
}

/// How much is held and done at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Undelivered transactions in memory.
    pub(super) undelivered: usize,
    /// Transactions of a commit.
    pub(super) commit: usize,
    /// Transactions that are held of what a leader reaches: those of some whole commits.
    pub(super) reached: usize,
    /// Ids that are held of what is reached and not looked at yet.
    pub(super) frontier: usize,
    /// Transactions that are looked at before something else has its turn.
    pub(super) steps: usize,
}

impl Bounds {
    const OF_A_NODE: Self = Self {
        undelivered: UNDELIVERED,
        commit: COMMIT_TRANSACTIONS,
        reached: REACHED,
        frontier: FRONTIER,
        steps: REACH_STEPS,
    };
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
    bounds: Bounds,
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
            bounds: Bounds::OF_A_NODE,
        }
    }

    /// The same with smaller bounds.
    #[cfg(test)]
    pub(super) fn with_bounds(network: &Network, bounds: Bounds) -> Self {
        Self { bounds, ..Self::new(network) }
    }

    #[cfg(test)]
    pub(super) fn set_size(&mut self, size: usize) {
        self.bounds.commit = size;
    }

    /// How much is held of what the leader reaches.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.coming.as_ref().map_or(0, |coming| coming.reached.len())
    }

    /// How many ids and pieces of positions are held to be looked at.
    #[cfg(test)]
    pub(super) fn ahead(&self) -> (usize, usize) {
        self.coming.as_ref().map_or((0, 0), |coming| coming.frontier.held())
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
        if self.undelivered.len() < self.bounds.undelivered {
            self.undelivered.insert(id, entry);
        } else {
            self.outside += 1;
        }
    }

    /// Counts an attached transaction that no commit has delivered and holds nothing of it, where none will be any more.
    pub(super) fn count(&mut self, kind: Kind) {
        self.open += u64::from(kind != Kind::Witness);
        self.outside += 1;
    }

    /// How many attached transactions that are no witnesses wait to be delivered.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    /// How many attached transactions wait to be delivered, witnesses among them.
    pub(super) fn waiting(&self) -> u64 {
        self.undelivered.len() as u64 + self.outside
    }

    /// The newest commit.
    pub(super) fn last(&self) -> Vote {
        self.last
    }

    /// Begins with a committed leader. `parents` are the times of its witness parents.
    pub(super) fn begin(&mut self, leader: TxId, author: Member, parents: impl Iterator<Item = Timestamp>) {
        let time = time(parents, self.last_time);
        let first = self.reopened.take().unwrap_or(self.last.index + 1);
        let (frontier, reached) = (Frontier::of(leader), Reached::default());
        self.coming = Some(Coming { leader, author, time, first, frontier, reached });
    }

    /// The next commit of the leader begun with, and whether it delivers anything that is no witness; none when it has
    /// given all, or when it is not known yet what comes next: then this is to be called again. The ledger must show a
    /// commit that was handed out before that.
    ///
    /// # Errors
    /// The ledger cannot be read, and nothing has changed but how far the way down was gone.
    pub(super) fn next(&mut self, ledger: &dyn Ledger) -> Result<Option<(Delivered, bool)>, HistoryError> {
        self.go_down(ledger)?;
        let is_there = |coming: &&Coming| coming.frontier.is_empty() && coming.reached.len() > 0;
        let Some(coming) = self.coming.as_ref().filter(is_there) else { return Ok(None) };
        let ids = coming.reached.first(self.bounds.commit);
        let mut batch = Vec::with_capacity(ids.len());
        for id in ids {
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
        if let Some(coming) = &mut self.coming
            && coming.reached.drop_first(self.bounds.commit)
        {
            coming.frontier = Frontier::of(coming.leader);
        }
        let super::verdict::Judgement { transactions, also_disputed, revoked } = judgement;
        let has_open = batch.iter().any(|(_, entry)| entry.kind != Kind::Witness);
        Ok(Some((Delivered { commit, digest, leader, transactions, also_disputed, revoked }, has_open)))
    }

    /// The commits that the leader has given, once it has given all of them.
    pub(super) fn finished(&mut self) -> Option<std::ops::RangeInclusive<u64>> {
        let coming = self.coming.take_if(|coming| coming.frontier.is_empty() && coming.reached.len() == 0)?;
        Some(coming.first..=self.last.index)
    }

    /// Looks at some more of what the leader reaches.
    fn go_down(&mut self, ledger: &dyn Ledger) -> Result<(), HistoryError> {
        let Some(mut coming) = self.coming.take() else { return Ok(()) };
        let (mut gone, mut steps) = (Ok(true), 0);
        while steps < self.bounds.steps && gone == Ok(true) {
            steps += 1;
            gone = self.step_down(&mut coming, ledger, &mut steps);
        }
        if coming.frontier.is_empty() {
            coming.reached.sort();
        }
        self.coming = Some(coming);
        gone.map(drop)
    }

    /// Looks at the next one; false when there is none.
    fn step_down(
        &self,
        coming: &mut Coming,
        ledger: &dyn Ledger,
        steps: &mut usize,
    ) -> Result<bool, HistoryError> {
        let Some(next) = coming.frontier.next(ledger)? else { return Ok(false) };
        let id = next.id;
        let waiting = self.waiting_below(&id, coming, ledger, steps)?;
        let (is_waiting, is_sorted) = (waiting.is_some(), coming.frontier.is_sorted());
        coming.frontier.go_on(next, waiting.unwrap_or_default(), self.bounds.frontier, ledger)?;
        if is_waiting {
            coming.reached.push(id, is_sorted, self.bounds.reached);
        }
        Ok(true)
    }

    /// Which of a transaction's references wait to be delivered; nothing when it does not itself. Each that has to be asked
    /// of the ledger is a step.
    fn waiting_below(
        &self,
        id: &TxId,
        coming: &Coming,
        ledger: &dyn Ledger,
        steps: &mut usize,
    ) -> Result<Option<Vec<TxId>>, HistoryError> {
        let Some(entry) = self.undelivered(id, ledger)? else { return Ok(None) };
        if planted::is(Planted::CollectedByRound) && self.is_old(&entry, coming) {
            return Ok(None);
        }
        let mut below = Vec::new();
        for reference in &entry.references {
            if !self.undelivered.contains_key(reference) {
                if self.outside == 0 || coming.frontier.holds(reference) {
                    continue;
                }
                *steps += 1;
                if ledger.is_delivered(reference)? {
                    continue;
                }
            }
            below.push(*reference);
        }
        Ok(Some(below))
    }

    /// Whether a witness is of a round long before its leader's: for a fault that is planted.
    fn is_old(&self, entry: &Entry, coming: &Coming) -> bool {
        let leader = self.undelivered.get(&coming.leader).and_then(|entry| entry.round);
        leader.zip(entry.round).is_some_and(|(leader, round)| leader.since(round) > 8)
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
