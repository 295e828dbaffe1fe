//! What is stored in the log alone: batches that the database takes later, many in one commit (`spec/11-storage.md`).
//!
//! Always true: what is pending was checked and is on disk, and the index in memory has its rows; it stands behind all that
//! the database has, at positions that follow on each other; whoever writes it, writes all of it. It is bounded by the log,
//! in which each of its batches is a record. The lock is held for a commit that nobody syncs, never during a sync.
//! Locks are taken in this order: the writer's, this one, that of the state.

use super::append::{self, put, put_settlement};
use super::caught::caught;
use super::commits::Settlement;
use super::tail::{IndexRow, Part, Tail};
use super::wal;
use super::{Record, Store, StoreError};
use redb::Database;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weft_tangle::{Network, Position, Transaction, TxId};

/// The pending batches.
#[derive(Debug, Default)]
pub(super) struct Pending {
    held: Mutex<Held>,
    /// Bytes of their transactions, and one for each batch, for whoever only asks whether there is anything.
    bytes: AtomicU64,
}

/// What stands behind what the database has.
#[derive(Debug, Default)]
pub(super) struct Held {
    transactions: Vec<Waiting>,
    settlement: Settlement,
}

/// A pending transaction.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) position: Position,
    pub(super) transaction: Transaction,
    pub(super) twin: Option<TxId>,
}

impl Pending {
    /// Bytes that the database has yet to take; 0 when nothing is pending.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// What is pending, which stays so until the guard is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, Held> {
        // Batches come and go as a whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of all of it: the database has it, or what is opened next takes it from the log.
    pub(super) fn clear(&self, held: &mut Held) {
        *held = Held::default();
        self.bytes.store(0, Ordering::Release);
    }
}

impl Held {
    /// The pending transactions, in the order of their positions.
    pub(super) fn transactions(&self) -> &[Waiting] {
        &self.transactions
    }

    /// The position of the first of them.
    pub(super) fn first(&self) -> Option<Position> {
        self.transactions.first().map(|waiting| waiting.position)
    }

    /// The one at a position.
    pub(super) fn at(&self, position: Position) -> Option<&Waiting> {
        let place = position.0.checked_sub(self.first()?.0)?;
        self.transactions.get(usize::try_from(place).ok()?)
    }

    /// Puts all of it into the database, and some of the index with it, in one commit.
    fn put(&self, database: &Database, tail: &Tail, network: &Network) -> Result<Part, StoreError> {
        let commit = append::begin_behind_log(database)?;
        let records: Vec<Record<'_>> = self.transactions.iter().map(Record::from).collect();
        put(&commit, network, &records)?;
        put_settlement(&commit, network, &self.settlement)?;
        let part = tail.write_part(&commit, records.len())?;
        commit.commit()?;
        Ok(part)
    }
}

impl<'a> From<&'a Waiting> for Record<'a> {
    fn from(waiting: &'a Waiting) -> Self {
        Self { position: waiting.position, transaction: &waiting.transaction, twin: waiting.twin }
    }
}

impl Store {
    /// Takes a batch that was checked and is in the log. Only whoever holds the writer's lock may call it.
    pub(super) fn defer(&self, batch: &[Record<'_>], rows: &[IndexRow], settlement: Settlement) {
        let waiting: Vec<_> = batch
            .iter()
            .map(|record| Waiting {
                position: record.position,
                transaction: record.transaction.clone(),
                twin: record.twin,
            })
            .collect();
        let bytes = 1 + waiting.iter().map(|one| one.transaction.wire().len() as u64).sum::<u64>();
        let mut held = self.pending.lock();
        held.transactions.extend(waiting);
        held.settlement.append(settlement);
        self.tail().extend(rows);
        self.pending.bytes.fetch_add(bytes, Ordering::Release);
    }

    /// Brings what is pending into the database, so that snapshots show it. Quick, for nothing is synced, and at once done
    /// when nothing is pending.
    ///
    /// # Errors
    /// [`StoreError::Database`], and never another: the database has failed, and the store must be told.
    pub(super) fn publish(&self) -> Result<(), StoreError> {
        if self.pending.bytes() == 0 {
            return Ok(());
        }
        let mut held = self.pending.lock();
        if self.pending.bytes() == 0 {
            return Ok(());
        }
        // Nobody turns the store read-only, nor opens it again, while the state is held.
        let state = self.read_state();
        if let Some((database, tail)) = state.live() {
            let done = caught(|| held.put(database, tail, &self.network));
            let panicked = || Err(unpublished("what is in the file makes the database panic"));
            let part = match done.unwrap_or_else(panicked) {
                Err(error @ StoreError::Database(_)) => return Err(error),
                // What was checked before it was logged is refused only by a file that is not what was written.
                part => part.map_err(|error| unpublished(&error.to_string()))?,
            };
            let behind = tail.left(&part);
            drop(state);
            if let Some(behind) = behind {
                self.set_tail(behind);
            }
        }
        // Snapshots of before are let go of first: whoever finds nothing pending finds one that shows all.
        self.shared.forget();
        self.pending.clear(&mut held);
        Ok(())
    }

    /// The same for whoever reads, and goes on with what is on disk where the database has failed.
    pub(super) fn catch_up(&self) {
        if let Err(StoreError::Database(error)) = self.publish() {
            self.distrust_soon(error.to_string());
        }
    }
}

fn unpublished(cause: &str) -> StoreError {
    wal::failed(std::io::Error::other(cause.to_owned()))
}
