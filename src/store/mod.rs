//! What the node keeps: one redb file, `weft.redb`, in the data directory (`spec/11-storage.md`).
//!
//! What always holds:
//! - a batch is stored whole or not at all, and when [`Store::append`] returns `Ok` it is on disk;
//! - stored positions are { 0, ..., n - 1 }, and each transaction is stored once;
//! - stored commits are a chain without gaps, and stand behind what they deliver;
//! - a transaction that is read back is the one that was stored, or an error that names it;
//! - after a failed write nothing more is written before the file is opened again ([`Store::try_reopen`]), and reading
//!   goes on from the last commit that is on disk for certain.

mod append;
mod caught;
pub mod check;
mod close;
mod commits;
mod compact;
mod copy;
mod cursors;
mod damage;
mod disk;
mod erase;
mod error;
mod kept;
mod latest;
mod layout;
mod marks;
mod open;
mod pack;
mod pending;
mod reader;
mod reopen;
mod rewrite;
mod run;
mod scrub;
mod serve;
mod shared;
mod tail;
#[cfg(test)]
mod tests;
mod trace;
mod view;
mod volume;
mod wal;

pub use append::Batch;
pub use commits::{Order, Ruled, Ruling, StoredCommit};
pub use compact::{Compacted, compact};
pub use copy::{Copied, CopiedCommit, CopyFile, MOST_BYTES as COPIED_MOST_BYTES, decode_end, encode_end};
pub use cursors::{CopiedCursors, Cursors, decode_cursor};
pub use erase::Erasure;
pub use error::StoreError;
pub use kept::Kept;
pub use latest::Latest;
pub use layout::ParentTag;
pub use reader::Reader;
pub use scrub::Scrubbed;
pub use serve::Served;
#[cfg(test)]
pub(crate) use tests::Fragile;
pub use view::View;
pub use wal::is_store_or_empty;

use damage::Damage;
use disk::Disk;
use layout::{ARRIVALS, decode_arrival};
use pending::Pending;
use redb::StorageBackend;
use reopen::{Snapshot, State};
use shared::Shared;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use volume::{FileSystem, Volume};
use wal::{Front, Log};
use weft_tangle::{Attached, Epoch, Network, Position, Transaction, TxId};

/// The store's file in the data directory.
pub const FILE_NAME: &str = "weft.redb";

/// How the store is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoreOptions {
    /// Bytes of the file's pages that are held in memory.
    pub cache_bytes: usize,
}

impl Default for StoreOptions {
    /// 64 MiB: a fog node has two cores and little memory, and redb's own 1 GiB would be all of it.
    fn default() -> Self {
        Self { cache_bytes: 64 << 20 }
    }
}

/// A transaction as it was stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The transaction.
    pub transaction: Transaction,
    /// Where it stands in this node's order of arrival.
    pub position: Position,
}

/// A row of the arrival log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrived {
    /// Where the transaction stands in this node's order of arrival.
    pub position: Position,
    /// Its id.
    pub id: TxId,
    /// Its parents, as far as the log names them.
    pub parents: [ParentTag; 2],
    /// Whether it is a witness.
    pub is_witness: bool,
}

/// A transaction to be stored. Whoever makes one vouches that the transaction was verified and attached here.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it stands in this node's order of arrival.
    pub position: Position,
    /// The transaction.
    pub transaction: &'a Transaction,
    /// Another transaction of the same issuer, epoch and counter.
    pub twin: Option<TxId>,
}

impl<'a> From<&'a Attached> for Record<'a> {
    fn from(attached: &'a Attached) -> Self {
        Self { position: attached.position(), transaction: attached.transaction(), twin: attached.twin() }
    }
}

/// Some ids in id order, and where to go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Page {
    /// The ids.
    pub ids: Vec<TxId>,
    /// What to pass as `after` to go on; nothing when nothing was looked at.
    pub resume: Option<TxId>,
    /// Whether nothing follows.
    pub is_last: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self { ids: Vec::new(), resume: None, is_last: true }
    }
}

/// Transactions of one issuer with the same epoch and counter: the proof of its fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Equivocation {
    /// The epoch.
    pub epoch: Epoch,
    /// The counter that was used again.
    pub counter: u32,
    /// The transactions, in id order.
    pub ids: Vec<TxId>,
}

/// The node's store. One writer at a time, any number of readers.
pub struct Store {
    network: Arc<Network>,
    path: PathBuf,
    options: StoreOptions,
    disk: Arc<Disk>,
    volume: Box<dyn Volume>,
    writer: Mutex<Log>,
    front: Front,
    /// What the database is yet to take from the log.
    pending: Pending,
    state: RwLock<State>,
    shared: Shared,
    damage: Arc<Damage>,
    /// One for the readers made since the last erasure; see `erase`.
    lease: Mutex<Arc<()>>,
    /// Those of before, as long as readers have them.
    older_leases: Mutex<Vec<Weak<()>>>,
    erasures: AtomicU64,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `directory`, which is made if it is missing, for `network`. Where the disk is too full for that,
    /// what is there is read, and written again once there is room.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], [`StoreError::InUse`], [`StoreError::NotAStore`], [`StoreError::OldForm`],
    /// [`StoreError::NewerSchema`], [`StoreError::OtherNetwork`] and [`StoreError::NoRoomToOpen`]; the file is then as it
    /// was.
    pub fn open(directory: &Path, network: &Network, options: &StoreOptions) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        let volume = Box::new(FileSystem { path: path.clone() });
        open::open_file(directory, &path)
            .and_then(|file| Self::open_on(file, volume, path.clone(), network, options))
            .map_err(|error| error.of_opening(&path))
    }

    /// Opens a store on something that behaves like a file.
    fn open_on(
        file: Box<dyn StorageBackend>,
        volume: Box<dyn Volume>,
        path: PathBuf,
        network: &Network,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        let (front, behind) = wal::divide(file, &path)?;
        open::discard_unborn(&behind)
            .map_err(|cause| StoreError::Unreachable { path: path.clone(), cause })?;
        let disk = Disk::new(Box::new(behind));
        let place = (&*path, &*volume);
        let (state, full) = match open::open_database(&disk, &front, place, network, options, None) {
            Ok((database, tail)) => (State::new(database, tail)?, None),
            Err(error) if error.want_of_room().is_some() => (State::unopened(), Some(error)),
            Err(error) => return Err(error),
        };
        let network = Arc::new(network.clone());
        let store = Self {
            network,
            path,
            options: *options,
            disk,
            volume,
            writer: Mutex::new(Log::new(front.clone())),
            front,
            pending: Pending::default(),
            state: RwLock::new(state),
            shared: Shared::default(),
            damage: Arc::default(),
            lease: Mutex::default(),
            older_leases: Mutex::default(),
            erasures: AtomicU64::default(),
        };
        if let Some(full) = full {
            store.begin_read_only(full)?;
            return Ok(store);
        }
        // What a crash has kept from being overwritten is not to wait for the next erasure.
        if let Err(error) = store.finish_erasures() {
            tracing::warn!(%error, "bytes of erased bodies are still in the file");
        }
        Ok(store)
    }

    /// A snapshot to read from. After a failed write it shows what is on disk for certain; readers made before the
    /// failure may then fail, so make a new one.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(self.read_from(self.snapshot()?))
    }

    /// A snapshot of what the database has taken, which is all but the newest: for whoever goes through what is stored, and
    /// would have every batch taken by itself.
    ///
    /// # Errors
    /// As [`Store::reader`].
    pub fn taken(&self) -> Result<Reader, StoreError> {
        Ok(self.read_from(self.published()?))
    }

    fn read_from(&self, snapshot: Snapshot) -> Reader {
        Reader::new(snapshot, Arc::clone(&self.network), Arc::clone(&self.damage))
    }

    /// The position that the next transaction has to have.
    pub fn next_position(&self) -> Result<Position, StoreError> {
        reader::next_position(&self.snapshot()?.rows.open_table(ARRIVALS)?)
    }

    /// Visits the newest `newest` transactions in their order of arrival, from the arrival log.
    pub fn recover(&self, newest: usize, visit: &mut dyn FnMut(Arrived)) -> Result<(), StoreError> {
        let reader = self.reader()?;
        let arrivals = reader.snapshot.open_table(ARRIVALS)?;
        let mut notes = reader.notes()?;
        let first = reader::next_position(&arrivals)?.0.saturating_sub(newest as u64);
        for row in arrivals.range::<&[u8; 8]>(&first.to_be_bytes()..)? {
            let (position, row) = row?;
            let (id, parents) = decode_arrival(row.value());
            let position = Position(u64::from_be_bytes(*position.value()));
            let is_witness = notes.at(position)?.is_witness;
            visit(Arrived { position, id, parents, is_witness });
        }
        Ok(())
    }

    /// Bytes that the file takes on disk: allocated blocks where the system counts them, else its length. Zero when
    /// the file cannot be looked at.
    pub fn file_bytes(&self) -> u64 {
        open::allocated_bytes(&self.path)
    }

    /// What says, as long as it is held, that a snapshot may be in use; see `erase`.
    fn lease(&self) -> Arc<()> {
        Arc::clone(&self.lease.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
