//! A node's disk: its log as numbers, the commits of finality behind it, the cursors in the logs of others, older states
//! of all of them.
//!
//! Always true: `order[..durable]` and `commits[..durable_commits]` are what a crash leaves, and grow by what is written;
//! a commit is on disk no earlier than all that was to be written before it; a backup is lengths that log and commits had,
//! and a cursor is never older than the part of the log that it stands for.

use super::catalogue::{Catalogue, Number};
use super::random::mix;
use crate::finality::{Handed, Outcome};
use crate::{DeviceId, TxId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Where a number stands that has no place.
const NOWHERE: u32 = u32::MAX;

/// Older states that are kept.
const BACKUPS: usize = 16;

pub(super) type Cursors = BTreeMap<DeviceId, Vec<u8>>;

/// What one write puts on disk.
#[derive(Default, Debug)]
pub(super) struct Batch {
    /// Transactions.
    pub(super) count: usize,
    /// Commits of finality.
    pub(super) commits: usize,
    pub(super) cursors: Cursors,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0 && self.commits == 0 && self.cursors.is_empty()
    }
}

/// A commit of finality, and how many transactions were to be written before it.
#[derive(Debug)]
struct Finalised {
    handed: Arc<Handed>,
    behind: usize,
}

/// A state that a disk once had.
#[derive(Clone, Debug)]
struct Backup {
    durable: usize,
    commits: usize,
    cursors: Cursors,
}

/// What a node has written, and what it is about to write.
#[derive(Default, Debug)]
pub(super) struct Disk {
    order: Vec<Number>,
    /// The place in `order` of each number.
    places: Vec<u32>,
    durable: usize,
    pub(super) cursors: Cursors,
    /// Those to be written with the next commit.
    pub(super) cursors_to_come: Cursors,
    /// What is known to contradict another of its issuer's.
    twins: BTreeMap<Number, TxId>,
    /// The sum of what stands in the log, whatever its order.
    print: u64,
    commits: Vec<Finalised>,
    durable_commits: usize,
    /// What the durable commits have made of each number.
    outcomes: Vec<Option<Outcome>>,
    backups: VecDeque<Backup>,
    /// It may lack own witnesses that others were sent.
    has_forgotten: bool,
    /// Where the first own witness of this life stands that ends that.
    made_here: Option<usize>,
}

impl Disk {
    /// Puts what is attached behind all else, to be written.
    pub(super) fn push(&mut self, number: Number, twin: Option<TxId>) {
        let place = self.order.len();
        if self.places.len() <= number as usize {
            self.places.resize(number as usize + 1, NOWHERE);
        }
        self.places[number as usize] = place as u32;
        self.order.push(number);
        self.print = self.print.wrapping_add(mix(u64::from(number) + 1));
        self.twins.extend(twin.map(|twin| (number, twin)));
    }

    /// What was pushed last is a witness that the node has made in this life.
    pub(super) fn note_made_here(&mut self) {
        self.made_here = self.made_here.or(self.order.len().checked_sub(1));
    }

    /// Whether it may lack own witnesses that others were sent.
    pub(super) fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    /// Says whether it may.
    pub(super) fn set_forgotten(&mut self, has_forgotten: bool) {
        self.has_forgotten = has_forgotten;
    }

    /// What is attached.
    pub(super) fn order(&self) -> &[Number] {
        &self.order
    }

    /// What is attached and durable.
    pub(super) fn durable(&self) -> &[Number] {
        &self.order[..self.durable]
    }

    pub(super) fn unsaved(&self) -> usize {
        self.order.len() - self.durable
    }

    /// The sum of what is attached: two logs of one length and one sum hold the same.
    pub(super) fn print(&self) -> u64 {
        self.print
    }

    pub(super) fn has(&self, number: Number) -> bool {
        self.place(number).is_some()
    }

    pub(super) fn has_durable(&self, number: Number) -> bool {
        self.place(number).is_some_and(|place| place < self.durable)
    }

    /// What contradicts another of its issuer's, with that.
    pub(super) fn twins(&self) -> &BTreeMap<Number, TxId> {
        &self.twins
    }

    /// Puts a commit behind all else, to be written.
    pub(super) fn push_commit(&mut self, handed: Arc<Handed>) {
        self.commits.push(Finalised { handed, behind: self.order.len() });
    }

    /// The commits, those on their way to the disk too.
    pub(super) fn commits(&self) -> impl DoubleEndedIterator<Item = &Arc<Handed>> + ExactSizeIterator {
        self.commits.iter().map(|commit| &commit.handed)
    }

    /// The commits that are on disk.
    pub(super) fn durable_commits(
        &self,
    ) -> impl DoubleEndedIterator<Item = &Arc<Handed>> + ExactSizeIterator {
        self.commits().take(self.durable_commits)
    }

    /// What the durable commits have made of a transaction.
    pub(super) fn outcome(&self, number: Number) -> Option<Outcome> {
        self.outcomes.get(number as usize).copied().flatten()
    }

    /// What is written next: at most so many transactions, the commits that they are enough for, and all cursors.
    pub(super) fn take_batch(&mut self, most: usize) -> Batch {
        let count = self.unsaved().min(most);
        let until = self.durable + count;
        let waiting = self.commits[self.durable_commits..].iter();
        let commits = waiting.take_while(|commit| commit.behind <= until).count();
        Batch { count, commits, cursors: std::mem::take(&mut self.cursors_to_come) }
    }

    /// A batch is on disk.
    pub(super) fn write(&mut self, batch: Batch, catalogue: &Catalogue) {
        self.durable += batch.count;
        self.has_forgotten &= self.made_here.is_none_or(|place| place >= self.durable);
        let first = self.durable_commits;
        self.durable_commits += batch.commits;
        for commit in first..self.durable_commits {
            let handed = Arc::clone(&self.commits[commit].handed);
            for judged in &handed.delivered.transactions {
                let outcome = Outcome { commit: handed.delivered.commit.index, verdict: judged.verdict };
                let Some(place) = catalogue.number(&judged.id).map(|number| number as usize) else {
                    continue;
                };
                if self.outcomes.len() <= place {
                    self.outcomes.resize(place + 1, None);
                }
                self.outcomes[place] = Some(outcome);
            }
        }
        self.cursors.extend(batch.cursors);
    }

    /// The process ends: what is not durable is gone.
    pub(super) fn crash(&mut self) {
        self.cut(self.durable);
        self.commits.truncate(self.durable_commits);
        self.cursors_to_come.clear();
        self.made_here = None;
    }

    /// Keeps the durable state as it is now.
    pub(super) fn back_up(&mut self) {
        if self.backups.len() >= BACKUPS {
            self.backups.pop_front();
        }
        let (durable, commits, cursors) = (self.durable, self.durable_commits, self.cursors.clone());
        self.backups.push_back(Backup { durable, commits, cursors });
    }

    /// Puts an older state in place of this one, counted back from the newest; returns what it lacks. Nothing happens
    /// where no state is kept.
    pub(super) fn restore(&mut self, back: usize) -> Vec<Number> {
        let index = self.backups.len().saturating_sub(1 + back);
        self.backups.truncate(index + 1);
        let Some(Backup { durable, commits, cursors }) = self.backups.back().cloned() else {
            return Vec::new();
        };
        let lost = self.order[durable..self.durable].to_vec();
        self.durable = durable;
        self.cut(durable);
        self.durable_commits = commits;
        self.commits.truncate(commits);
        let is_kept = |outcome: &Outcome| outcome.commit <= commits as u64;
        self.outcomes.iter_mut().for_each(|outcome| *outcome = outcome.filter(is_kept));
        self.cursors = cursors;
        lost
    }

    fn place(&self, number: Number) -> Option<usize> {
        self.places
            .get(number as usize)
            .copied()
            .filter(|place| *place != NOWHERE)
            .map(|place| place as usize)
    }

    fn cut(&mut self, length: usize) {
        for number in self.order.drain(length..) {
            self.places[number as usize] = NOWHERE;
            self.twins.remove(&number);
            self.print = self.print.wrapping_sub(mix(u64::from(number) + 1));
        }
    }
}

#[cfg(test)]
mod tests;
