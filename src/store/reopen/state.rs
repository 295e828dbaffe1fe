//! The databases on a store's file, and how far the store was acknowledged.

use crate::store::StoreError;
use crate::store::tail::Tail;
use crate::store::wal::{self, Mark};
use redb::{Database, ReadTransaction};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use weft_tangle::Position;

/// The databases on the file.
pub(in crate::store) struct State {
    /// The one that writes; `None` when the file could not be opened, or not again.
    pub(super) database: Option<Arc<Database>>,
    pub(super) failure: Option<Failure>,
    pub(super) tail: Arc<Tail>,
    /// A clone is with every snapshot.
    pub(super) readers: Arc<()>,
    /// Behind the last position that was acknowledged.
    acknowledged: AtomicU64,
    /// The newest commit that was acknowledged.
    acknowledged_commit: AtomicU64,
}

/// What failed, and the database that reads on where that could be opened.
pub(super) struct Failure {
    pub(super) cause: String,
    pub(super) refuge: Option<(Database, Arc<Tail>)>,
}

/// A state of the store, with what makes it known that somebody reads it. Fields are dropped in their order.
pub(in crate::store) struct Snapshot {
    pub(in crate::store) rows: ReadTransaction,
    /// What the index tables do not hold yet.
    pub(in crate::store) tail: Arc<Tail>,
    /// Of what waits there, the snapshot shows what stands before.
    pub(in crate::store) end: Position,
    pub(in crate::store) held: [Arc<()>; 2],
}

impl State {
    /// Closes the databases.
    pub(in crate::store) fn close(&mut self) {
        (self.failure, self.database) = (None, None);
    }

    pub(in crate::store) fn new(database: Database, tail: Tail) -> Result<Self, StoreError> {
        let reached = wal::reached(&database)?;
        Ok(Self::at(reached, Some(Arc::new(database)), tail))
    }

    /// No database is open yet, and nothing is known to be stored.
    pub(in crate::store) fn unopened() -> Self {
        Self::at(Mark { position: Position(0), commits: 0 }, None, Tail::default())
    }

    fn at(acknowledged: Mark, database: Option<Arc<Database>>, tail: Tail) -> Self {
        let state = Self {
            database,
            failure: None,
            tail: Arc::new(tail),
            readers: Arc::default(),
            acknowledged: AtomicU64::default(),
            acknowledged_commit: AtomicU64::default(),
        };
        state.acknowledge(acknowledged);
        state
    }

    /// All before `end` is on disk, and whoever sent it is told so.
    pub(super) fn acknowledge(&self, end: Mark) {
        self.acknowledged.store(end.position.0, Ordering::Relaxed);
        self.acknowledged_commit.store(end.commits, Ordering::Relaxed);
    }

    /// How far it was acknowledged.
    pub(super) fn acknowledged(&self) -> Mark {
        let position = Position(self.acknowledged.load(Ordering::Relaxed));
        Mark { position, commits: self.acknowledged_commit.load(Ordering::Relaxed) }
    }

    /// The database that is written, and what its index tables lack; none of a store that has failed.
    pub(in crate::store) fn live(&self) -> Option<(&Database, &Arc<Tail>)> {
        let database = self.database.as_ref().filter(|_| self.failure.is_none())?;
        Some((database, &self.tail))
    }

    pub(super) fn refusal(&self) -> StoreError {
        let cause = self.failure.as_ref().map(|failure| failure.cause.clone());
        StoreError::ReadOnly { cause: cause.unwrap_or_else(|| "the file is not open".into()) }
    }
}
