//! Writing a batch, whole or not at all.

mod rows;

pub(super) use rows::{put, put_settlement};

use super::commits::{self, COMMITS, Settlement};
use super::layout::ARRIVALS;
use super::tail::{IndexRow, Part, Tail};
use super::wal::{self, Log, Mark};
use super::{Cursors, Record, Store, StoreError, cursors, reader::next_position};
use redb::{Database, Durability, WriteTransaction};
use rows::check;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use weft_tangle::finality::Handed;
use weft_tangle::{Attached, Position};

/// What is stored at once, whole or not at all.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Transactions, whose positions follow on what is stored, and on each other.
    pub transactions: &'a [Arc<Attached>],
    /// How far the logs of other nodes were read.
    pub cursors: &'a Cursors,
    /// Commits, which follow on those that are stored, and on each other. What they deliver is stored, or is among the
    /// transactions.
    pub commits: &'a [Arc<Handed>],
}

/// What a commit has done about the index.
enum Indexed {
    /// Nothing waits any more but this.
    All(Tail),
    /// The batch waits, and of what waited before so much has left.
    Part(Part),
}

impl Store {
    /// Stores a batch; when it returns, all of it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Gap`], [`StoreError::Twice`], [`StoreError::CommitGap`], [`StoreError::BadCommit`],
    /// [`StoreError::NotStored`] of what a commit names, and [`StoreError::NoRoom`]: nothing was stored.
    /// [`StoreError::ReadOnly`]: a write has failed, now or before. Whether the batch that failed is on disk shows when
    /// the store is opened again.
    pub fn append_batch(&self, batch: &Batch<'_>) -> Result<(), StoreError> {
        let records: Vec<Record<'_>> =
            batch.transactions.iter().map(|attached| Record::from(&**attached)).collect();
        self.store_batch(&records, batch.cursors, batch.commits)
    }

    /// Stores transactions in one durable commit: see [`Store::append_batch`].
    ///
    /// # Errors
    /// Those of [`Store::append_batch`].
    pub fn append(&self, batch: &[Arc<Attached>]) -> Result<(), StoreError> {
        self.append_with(batch, &Cursors::new())
    }

    /// Stores transactions, and how far the logs of other nodes were read.
    ///
    /// # Errors
    /// Those of [`Store::append_batch`].
    pub fn append_with(&self, batch: &[Arc<Attached>], cursors: &Cursors) -> Result<(), StoreError> {
        self.append_batch(&Batch { transactions: batch, cursors, commits: &[] })
    }

    /// Stores what does not come from the replica: see [`Store::append`], to which it is otherwise equal.
    ///
    /// # Errors
    /// Those of [`Store::append`], and [`StoreError::Unverified`] where a record was vouched for wrongly.
    pub fn append_records(&self, batch: &[Record<'_>]) -> Result<(), StoreError> {
        self.store_batch(batch, &Cursors::new(), &[])
    }

    fn store_batch(
        &self,
        batch: &[Record<'_>],
        cursors: &Cursors,
        commits: &[Arc<Handed>],
    ) -> Result<(), StoreError> {
        if batch.is_empty() && cursors.is_empty() && commits.is_empty() {
            return Ok(());
        }
        let mut log = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let database = self.writable()?;
        let settlement = self.settle(batch, commits).map_err(|error| self.failing(error))?;
        let bytes: usize = batch.iter().map(|record| record.transaction.wire().len()).sum();
        let bytes = bytes as u64 + settlement.page_bytes() + self.pending.bytes();
        self.check_room_for(bytes)?;
        // A record has no place for cursors. They are few, and this node's own must not be behind what stands in its log.
        let is_logged =
            cursors.is_empty() && log.has_room(batch, &settlement) && !self.tail().is_full_with(batch.len());
        let stored = if is_logged {
            self.write_to_log(&mut log, batch, settlement)
        } else {
            self.write_past_log(&database, &mut log, batch, cursors, &settlement)
        };
        stored.map_err(|error| self.failing(error))
    }

    /// Brings all that is stored into the database for good, if another batch like the last would find no room in the log: for
    /// whoever has told of the last one, so that nobody waits for this but whoever comes meanwhile. Whether it did; a disk that
    /// has no room is the matter of the next batch.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`]: it has failed, or had to be done and the store had failed before.
    pub fn relieve(&self) -> Result<bool, StoreError> {
        let mut log = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !log.is_nearly_full() || self.check_room_for(self.pending.bytes()).is_err() {
            return Ok(false);
        }
        let database = self.writable()?;
        let (cursors, settlement) = (Cursors::new(), Settlement::default());
        match self.write_past_log(&database, &mut log, &[], &cursors, &settlement) {
            Ok(()) => Ok(true),
            // What was checked before it was logged is refused only by a file that is not what was written.
            Err(error) => Err(self.fail(error.to_string())),
        }
    }

    fn note_end(&self, log: &mut Log, end: Mark) {
        log.reaches(end);
        self.acknowledge(end);
    }

    /// Writes a batch that finds room in the log. The database takes it later; commits at once, for the next ones are judged
    /// by them.
    fn write_to_log(
        &self,
        log: &mut Log,
        batch: &[Record<'_>],
        settlement: Settlement,
    ) -> Result<(), StoreError> {
        let begin = match log.end() {
            Some(end) => end,
            // Since the file was opened nothing was written, so nothing is pending.
            None => {
                let snapshot = self.published_reader()?;
                Mark { position: Position(snapshot.transactions()?), commits: snapshot.newest_index()? }
            }
        };
        // What is in the log the database must not refuse.
        check(begin.position, &self.network, batch)?;
        let brings_commits = !settlement.is_empty();
        if brings_commits {
            commits::check(&*self.published_reader()?, &settlement.commits)?;
        }
        let rows = self.index_rows(batch)?;
        log.append(begin, batch, &settlement).map_err(wal::failed)?;
        let end = behind(begin, batch, &settlement);
        self.defer(batch, &rows, settlement);
        self.note_end(log, end);
        if brings_commits {
            self.publish()?;
        }
        Ok(())
    }

    /// Writes a batch, and all that is pending, in a durable commit.
    fn write_past_log(
        &self,
        database: &Database,
        log: &mut Log,
        batch: &[Record<'_>],
        cursors: &Cursors,
        settlement: &Settlement,
    ) -> Result<(), StoreError> {
        // Before, and not with it: nobody who wants it published is to wait for the disk.
        self.publish()?;
        let tail = self.tail();
        let commit = begin(database)?;
        let put_all = || {
            let begin = Mark {
                position: next_position(&commit.open_table(ARRIVALS)?)?,
                commits: commits::newest_index(&commit.open_table(COMMITS)?)?,
            };
            put(&commit, &self.network, batch)?;
            put_settlement(&commit, &self.network, settlement)?;
            cursors::put(&commit, cursors)?;
            let rows = self.index_rows(batch)?;
            let indexed = if tail.is_full_with(rows.len()) {
                Indexed::All(tail.write(&commit, &rows)?)
            } else {
                Indexed::Part(tail.write_part(&commit, rows.len())?)
            };
            Ok((begin, rows, indexed))
        };
        match put_all() {
            Ok((begin, rows, indexed)) => {
                commit.commit()?;
                log.restart();
                let left = match indexed {
                    Indexed::All(left) => Some(left),
                    Indexed::Part(part) => {
                        tail.extend(&rows);
                        tail.left(&part)
                    }
                };
                if let Some(left) = left {
                    self.set_tail(left);
                }
                self.shared.forget();
                self.note_end(log, behind(begin, batch, settlement));
                Ok(())
            }
            // What failed first says more than what that has made of the abort.
            Err(error @ StoreError::Database(_)) => Err(error),
            Err(error) => {
                commit.abort()?;
                Err(error)
            }
        }
    }

    /// The index rows of a batch, of which nothing may be stored already.
    fn index_rows(&self, batch: &[Record<'_>]) -> Result<Vec<IndexRow>, StoreError> {
        let row = |record: &Record<'_>| {
            IndexRow::new(record.transaction.id(), record.position, record.transaction.header())
        };
        let rows: Vec<_> = batch.iter().map(row).collect();
        let mut seen = BTreeSet::new();
        for IndexRow { id, .. } in &rows {
            if self.position(id)?.is_some() || !seen.insert(*id) {
                return Err(StoreError::Twice(*id));
            }
        }
        Ok(rows)
    }
}

/// Begins a commit that is on disk when it returns and that a crash does not make the next start wait for.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut commit = database.begin_write()?;
    commit.set_durability(Durability::Immediate)?;
    commit.set_quick_repair(true);
    Ok(commit)
}

/// Begins a commit that is seen when it returns, and is on disk with the next durable one: what it brings is in the log.
pub(super) fn begin_behind_log(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut commit = database.begin_write()?;
    commit.set_durability(Durability::None)?;
    Ok(commit)
}

/// How far a store is behind a batch that continues it from `begin`.
fn behind(begin: Mark, batch: &[Record<'_>], settlement: &Settlement) -> Mark {
    Mark {
        position: Position(begin.position.0 + batch.len() as u64),
        commits: begin.commits + settlement.commits.len() as u64,
    }
}
