//! From writing to read-only and back: what fails the store, what reads on, and how it is opened again.
//!
//! Always true: at most one database writes the file, and none does while a reader of an earlier one is left, for pages
//! that such a reader needs may be written over. The lock on the file is held throughout.

mod look;
mod state;

pub(super) use look::REFUGE_CACHE_BYTES;
use state::Failure;
pub(super) use state::{Snapshot, State};

use super::caught::{caught, caught_opening};
use super::disk::Refuge;
use super::layout::ARRIVALS;
use super::tail::Tail;
use super::wal::{Log, Mark};
use super::{Store, StoreError, open, reader};
use crate::limits::{REOPEN_POLL, REOPEN_READERS, SNAPSHOT_LOOKS, SNAPSHOT_PATIENCE, STORE_RESUME_BYTES};
use redb::{Database, ReadableDatabase};
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Instant;

impl Store {
    /// Why the store takes nothing more, if it does not. A read that failed counts: the database refuses everything
    /// after it.
    pub fn read_only(&self) -> Option<String> {
        Some(self.failed_state(|cause| self.distrust_soon(cause))?.failure.as_ref()?.cause.clone())
    }

    /// Turns the store read-only, for what was read from it cannot be trusted; the first cause stays. A commit that is
    /// on its way ends first, so that what it acknowledges is among what is read afterwards.
    pub fn distrust(&self, cause: String) {
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let _told = self.fail(cause);
    }

    /// The same for who may be the writer itself: whoever holds the lock longer than a commit takes is told by the database,
    /// which refuses everything, and turns the store read-only by itself.
    pub(super) fn distrust_soon(&self, cause: String) {
        let until = Instant::now() + REOPEN_READERS;
        loop {
            match self.writer.try_lock() {
                Err(TryLockError::WouldBlock) if Instant::now() >= until => return,
                Err(TryLockError::WouldBlock) => std::thread::sleep(REOPEN_POLL),
                Ok(_) | Err(TryLockError::Poisoned(_)) => return drop(self.fail(cause)),
            }
        }
    }

    /// Opens the file again after it has failed, if there is room, and makes sure that there is if it has not. Then the
    /// store holds what is on disk: all that was acknowledged, and of the batch that failed all or nothing. Those who
    /// want to read wait meanwhile, at most [`REOPEN_READERS`] and the time that opening takes.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`]; [`StoreError::Held`] when earlier readers did not leave in time; [`StoreError::ReadOnly`]
    /// when the file cannot be opened, or holds less than was acknowledged. The store is then as it was, and reads on
    /// where it did.
    pub fn try_reopen(&self) -> Result<(), StoreError> {
        let mut log = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_free(STORE_RESUME_BYTES)?;
        if self.failed_state(|cause| drop(self.fail(cause))).is_none() {
            return Ok(());
        }
        // Nobody may be writing to the database that is let go of. What is pending is in the log.
        let mut pending = self.pending.lock();
        self.pending.clear(&mut pending);
        let mut state = self.write_state();
        self.shared.forget();
        let deadline = Instant::now() + REOPEN_READERS;
        loop {
            match Arc::strong_count(&state.readers) - 1 {
                0 => break,
                readers if Instant::now() >= deadline => return Err(StoreError::Held { readers }),
                _ => std::thread::sleep(REOPEN_POLL),
            }
        }
        // Both let go of the file here; the failed one writes nothing to it any more.
        let refuge = state.failure.as_mut().and_then(|failure| failure.refuge.take());
        let closed = (refuge, state.database.take());
        if caught(|| drop(closed)).is_none() {
            tracing::warn!("the database that failed could not be closed in order");
        }
        let acknowledged = state.acknowledged();
        match caught_opening(&self.path, || self.open_again(acknowledged)) {
            Ok((database, tail)) => {
                state.database = Some(Arc::new(database));
                state.tail = Arc::new(tail);
                state.failure = None;
                *log = Log::new(self.front.clone());
                Ok(())
            }
            Err(error) => {
                let failure = self.read_on(error.to_string(), acknowledged);
                let cause = failure.cause.clone();
                state.failure = Some(failure);
                Err(StoreError::ReadOnly { cause })
            }
        }
    }

    fn open_again(&self, acknowledged: Mark) -> Result<(Database, Tail), StoreError> {
        // A file that has lost something is not written, not even by the database as it opens it.
        let (found, outlook) = self.lay(Refuge::as_it_stands(Arc::clone(&self.disk)))?;
        open::reaches(&outlook, acknowledged)?;
        drop((outlook, found));
        // After a failed sync the system may show what is not on disk, and never will be. That is the failed batch, and
        // until its pages are on disk no header names them; a header that is, redb writes anew before anybody reads.
        self.disk.unseal();
        let place = (&*self.path, &*self.volume);
        let least = Some(acknowledged);
        open::open_database(&self.disk, &self.front, place, &self.network, &self.options, least)
    }

    /// The database to write to. Only whoever holds the writer's lock may have it.
    pub(super) fn writable(&self) -> Result<Arc<Database>, StoreError> {
        let failed = self.failed_state(|cause| drop(self.fail(cause)));
        let state = failed.unwrap_or_else(|| self.read_state());
        match (&state.failure, &state.database) {
            (None, Some(database)) => Ok(Arc::clone(database)),
            _ => Err(state.refusal()),
        }
    }

    /// What the index tables do not hold yet. Only whoever holds the writer's lock adds to it.
    pub(super) fn tail(&self) -> Arc<Tail> {
        Arc::clone(&self.read_state().tail)
    }

    /// The same for whoever reads; none of a store that has failed.
    pub(super) fn live_tail(&self) -> Option<Arc<Tail>> {
        self.read_state().live().map(|(_, tail)| Arc::clone(tail))
    }

    /// The tables hold all but what is in here. Snapshots of before are let go of first: whoever takes this tail, and then
    /// the shared snapshot, misses nothing that has left.
    pub(super) fn set_tail(&self, tail: Tail) {
        self.shared.forget();
        self.write_state().tail = Arc::new(tail);
    }

    /// All before `end` is on disk, and whoever sent it is told so.
    pub(super) fn acknowledge(&self, end: Mark) {
        self.read_state().acknowledge(end);
    }

    /// What is stored, as a whole.
    pub(super) fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.catch_up();
        self.published()
    }

    /// What the database has of it: all but what is pending. A commit is seen there a moment before the tail has its rows,
    /// or has let go of them; who looks in between looks again. Of what is pending the tail has the rows already, so what
    /// the database shows is where the snapshot ends.
    pub(super) fn published(&self) -> Result<Snapshot, StoreError> {
        for look in 0..SNAPSHOT_LOOKS + SNAPSHOT_PATIENCE {
            let snapshot = self.look()?;
            let end = reader::next_position(&snapshot.rows.open_table(ARRIVALS)?)?;
            if end <= snapshot.end {
                return Ok(Snapshot { end, ..snapshot });
            }
            drop(snapshot);
            match look < SNAPSHOT_LOOKS {
                true => std::thread::yield_now(),
                false => std::thread::sleep(REOPEN_POLL),
            }
        }
        // Whoever commits has not gone on. What it has committed is not to be seen in the index yet.
        self.look()
    }

    fn look(&self) -> Result<Snapshot, StoreError> {
        // The lease comes first: a snapshot is never older than its lease says.
        let lease = self.lease();
        let state = self.failed_state(|cause| self.distrust_soon(cause)).unwrap_or_else(|| self.read_state());
        let (database, tail) = match (&state.failure, &state.database) {
            (None, Some(database)) => (&**database, &state.tail),
            (Some(Failure { refuge: Some((refuge, tail)), .. }), _) => (refuge, tail),
            _ => return Err(state.refusal()),
        };
        // The tail comes first as well: rows leave it when they are in the tables.
        let (tail, end) = (Arc::clone(tail), tail.end());
        Ok(Snapshot { rows: database.begin_read()?, tail, end, held: [Arc::clone(&state.readers), lease] })
    }

    /// Turns the store read-only. The failed database stays open, so that nobody else opens the file.
    pub(super) fn fail(&self, cause: String) -> StoreError {
        let mut state = self.write_state();
        let failure = match state.failure.take() {
            Some(first) => first,
            None => self.read_on(cause, state.acknowledged()),
        };
        let cause = failure.cause.clone();
        state.failure = Some(failure);
        drop(state);
        self.shared.forget();
        StoreError::ReadOnly { cause }
    }

    /// The error, which turns the store read-only if it is the database's.
    pub(super) fn failing(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Database(error) => self.fail(error.to_string()),
            error => error,
        }
    }

    /// The state if it is a failed one, after a look at whether a read has failed, which `fail` is then told.
    fn failed_state(&self, fail: impl FnOnce(String)) -> Option<RwLockReadGuard<'_, State>> {
        let state = self.read_state();
        if state.failure.is_some() {
            return Some(state);
        }
        drop(state);
        let cause = self.disk.failed()?;
        fail(format!("a read or a write failed: {cause}"));
        Some(self.read_state())
    }

    /// The database, where it is sound and not all of it is on disk; what waits for the index.
    pub(super) fn unfinished(&self, log: &Log) -> Option<(Arc<Database>, Arc<Tail>)> {
        let state = self.read_state();
        let is_complete = state.tail.is_empty() && !log.is_ahead();
        match (&state.failure, &state.database, is_complete) {
            (None, Some(database), false) => Some((Arc::clone(database), Arc::clone(&state.tail))),
            _ => None,
        }
    }

    pub(super) fn read_state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write_state(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}
