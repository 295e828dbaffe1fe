//! Writing a batch, whole or not at all.

use super::commits::{self, COMMITS, Settlement};
use super::layout::{
    ARRIVALS, ENROLMENTS, EQUIVOCATIONS, REVOCATIONS, device_key, encode_arrival, equivocation_key,
};
use super::pack::{self, PACKS};
use super::tail::{IndexRow, Part, Tail, Whereabouts};
use super::wal::{self, Log, Mark};
use super::{Cursors, Record, Store, StoreError, cursors, reader::next_position};
use crate::limits::STORE_RESERVE_BYTES;
use redb::{Database, Durability, WriteTransaction};
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use weft_tangle::body::{Revocation, WitnessHead};
use weft_tangle::finality::{Committee, Handed};
use weft_tangle::{Attached, Kind, Network, Position};

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
        // A write that finds no room costs the database; so the disk is never filled to its end.
        let bytes: usize = batch.iter().map(|record| record.transaction.wire().len()).sum();
        self.check_free(STORE_RESERVE_BYTES + 2 * (bytes as u64 + settlement.page_bytes()))?;
        let result = match self.write(&database, &mut log, batch, cursors, &settlement) {
            Ok(next) => {
                self.acknowledge(next, settlement.newest());
                Ok(())
            }
            Err(error) => Err(self.failing(error)),
        };
        self.shared.forget();
        result
    }

    /// Writes a batch in one commit, by way of the log where it fits into that; the position behind it.
    fn write(
        &self,
        database: &Database,
        log: &mut Log,
        batch: &[Record<'_>],
        cursors: &Cursors,
        settlement: &Settlement,
    ) -> Result<Position, StoreError> {
        let tail = self.tail();
        // A record has no place for cursors. They are few, and this node's own must not be behind what stands in its log.
        let is_logged =
            cursors.is_empty() && log.has_room(batch, settlement) && !tail.is_full_with(batch.len());
        let commit = if is_logged { begin_behind_log(database)? } else { begin(database)? };
        let put_all = || {
            let before = commits::newest_index(&commit.open_table(COMMITS)?)?;
            let next = put(&commit, &self.network, batch)?;
            put_settlement(&commit, &self.network, settlement)?;
            cursors::put(&commit, cursors)?;
            let rows = self.index_rows(&tail, batch)?;
            let indexed = if tail.is_full_with(rows.len()) {
                Indexed::All(tail.write(&commit, &rows)?)
            } else {
                Indexed::Part(tail.write_part(&commit, rows.len())?)
            };
            Ok((before, next, rows, indexed))
        };
        match put_all() {
            Ok((before, next, rows, indexed)) => {
                if is_logged {
                    let position = Position(next.0 - batch.len() as u64);
                    log.append(Mark { position, commits: before }, batch, settlement).map_err(wal::failed)?;
                }
                commit.commit()?;
                if !is_logged {
                    log.restart();
                }
                let behind = match indexed {
                    Indexed::All(behind) => Some(behind),
                    Indexed::Part(part) => {
                        tail.extend(&rows);
                        tail.left(&part)
                    }
                };
                if let Some(behind) = behind {
                    self.set_tail(behind);
                }
                Ok(next)
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
    fn index_rows(&self, tail: &Tail, batch: &[Record<'_>]) -> Result<Vec<IndexRow>, StoreError> {
        let row = |record: &Record<'_>| {
            IndexRow::new(record.transaction.id(), record.position, record.transaction.header())
        };
        let rows: Vec<_> = batch.iter().map(row).collect();
        let mut seen = BTreeSet::new();
        for IndexRow { id, .. } in &rows {
            let is_known = match tail.find(id, tail.end()) {
                Whereabouts::Here(_) => true,
                Whereabouts::Nowhere => false,
                Whereabouts::InTable => self.shared_reader()?.position(id)?.is_some(),
            };
            if is_known || !seen.insert(*id) {
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
fn begin_behind_log(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut commit = database.begin_write()?;
    commit.set_durability(Durability::None)?;
    Ok(commit)
}

/// Puts the rows of all tables but those of the index (`tail`); the caller commits, or drops all of it. The position
/// behind the batch.
pub(super) fn put(
    commit: &WriteTransaction,
    network: &Network,
    batch: &[Record<'_>],
) -> Result<Position, StoreError> {
    let mut arrivals = commit.open_table(ARRIVALS)?;
    let first = next_position(&arrivals)?;
    if batch.is_empty() {
        return Ok(first);
    }
    for (expected, record) in (first.0..).map(Position).zip(batch) {
        let Record { position: found, transaction, .. } = *record;
        if found != expected {
            return Err(StoreError::Gap { expected, found });
        }
        let row = encode_arrival(transaction.id(), transaction.header().parents);
        arrivals.insert(&found.0.to_be_bytes(), &row)?;
        put_rarities(commit, network, record)?;
    }
    let entries: Vec<_> =
        batch.iter().map(|record| pack::Entry::new(record.position, record.transaction)).collect();
    pack::put(&mut commit.open_table(PACKS)?, first, &entries)?;
    Ok(Position(first.0 + batch.len() as u64))
}

/// Puts the commits of a batch, behind its transactions.
pub(super) fn put_settlement(
    commit: &WriteTransaction,
    network: &Network,
    settlement: &Settlement,
) -> Result<(), StoreError> {
    commits::put(commit, network.id(), &settlement.commits)?;
    settlement.resume.as_ref().map_or(Ok(()), |resume| commits::put_resume(commit, resume))
}

/// The rows that few transactions have: enrolments, revocations, witnesses and equivocations.
fn put_rarities(commit: &WriteTransaction, network: &Network, record: &Record<'_>) -> Result<(), StoreError> {
    let (id, header) = (record.transaction.id(), record.transaction.header());
    if header.kind == Kind::Enrol {
        commit.open_table(ENROLMENTS)?.insert(&device_key(&header.issuer, &id), ())?;
    }
    if header.kind == Kind::RevokeDevice {
        let revocation =
            Revocation::decode(record.transaction.content()).map_err(|_| StoreError::Unverified(id))?;
        commit.open_table(REVOCATIONS)?.insert(&device_key(&revocation.device, &id), ())?;
    }
    if header.kind == Kind::Witness {
        let head = record.transaction.content().first_chunk().map(WitnessHead::decode);
        let author = Committee::of(network).member(&header.issuer);
        let (Some(Ok(head)), Some(author)) = (head, author) else { return Err(StoreError::Unverified(id)) };
        commits::put_witness(commit, head.round, author, record.position)?;
    }
    if let Some(twin) = record.twin {
        let mut equivocations = commit.open_table(EQUIVOCATIONS)?;
        let epoch = network.rules().epoch(header.timestamp);
        for id in [twin, id] {
            equivocations.insert(&equivocation_key(&header.issuer, epoch, header.counter, &id), ())?;
        }
    }
    Ok(())
}
