//! What the node keeps: one redb file, `weft.redb`, in the data directory (`spec/11-storage.md`).
//!
//! What always holds:
//! - a batch is stored whole or not at all, and when [`Store::append`] returns `Ok` it is on disk;
//! - stored positions are { 0, ..., n - 1 }, and each transaction is stored once;
//! - a transaction that is read back is the one that was stored, or an error that names it;
//! - after a failed write nothing more is written, and reading goes on from the last commit that is on disk for certain.

mod append;
mod disk;
mod error;
mod layout;
mod open;
mod pack;
mod reader;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use reader::Reader;

use disk::{Disk, Refuge};
use layout::{ARRIVALS, decode_arrival};
use redb::{Database, ReadTransaction, ReadableDatabase, StorageBackend};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use weft_tangle::{Attached, Epoch, Network, Position, Transaction, TxId};

/// The store's file in the data directory.
pub const FILE_NAME: &str = "weft.redb";

/// The cache of a store that reads on after a failure, beside the one that it cannot free.
const REFUGE_CACHE_BYTES: usize = 16 << 20;

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
    disk: Arc<Disk>,
    /// A snapshot that all who look something up share until the next commit. It stands before the database, so that it is
    /// dropped before that is closed.
    shared: Mutex<Option<Arc<Reader>>>,
    database: Database,
    writer: Mutex<()>,
    failure: RwLock<Option<Failure>>,
}

/// What failed, and the database that reads on where that could be opened.
struct Failure {
    cause: String,
    refuge: Option<Database>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in `directory`, which is made if it is missing, for `network`.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`], [`StoreError::InUse`], [`StoreError::NotAStore`], [`StoreError::NewerSchema`] and
    /// [`StoreError::OtherNetwork`]; the file is then as it was.
    pub fn open(directory: &Path, network: &Network, options: &StoreOptions) -> Result<Self, StoreError> {
        let path = directory.join(FILE_NAME);
        let file = open::open_file(directory, &path)?;
        Self::open_on(file, path, network, options)
    }

    /// Opens a store on something that behaves like a file.
    fn open_on(
        file: Box<dyn StorageBackend>,
        path: PathBuf,
        network: &Network,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        open::discard_unborn(&*file)
            .map_err(|cause| StoreError::Unreachable { path: path.clone(), cause })?;
        let disk = Disk::new(file);
        let database = open::open_database(&disk, &path, network.id(), options)?;
        let network = Arc::new(network.clone());
        Ok(Self {
            network,
            path,
            disk,
            database,
            writer: Mutex::default(),
            failure: RwLock::default(),
            shared: Mutex::default(),
        })
    }

    /// Stores a batch in one durable commit. Its positions follow on what is stored, and on each other.
    ///
    /// # Errors
    /// [`StoreError::Gap`] and [`StoreError::Twice`]: nothing was stored. [`StoreError::ReadOnly`]: a write has failed,
    /// now or before. Whether the batch that failed is on disk shows when the store is opened again.
    pub fn append(&self, batch: &[Arc<Attached>]) -> Result<(), StoreError> {
        let records: Vec<Record<'_>> = batch.iter().map(|attached| Record::from(&**attached)).collect();
        self.append_records(&records)
    }

    /// Stores what does not come from the replica: see [`Store::append`], to which it is otherwise equal.
    ///
    /// # Errors
    /// Those of [`Store::append`], and [`StoreError::Unverified`] where a record was vouched for wrongly.
    pub fn append_records(&self, batch: &[Record<'_>]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let _one_writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cause) = self.read_only() {
            return Err(StoreError::ReadOnly { cause });
        }
        let result = match self.write(batch) {
            Err(StoreError::Database(error)) => Err(self.fail(error.to_string())),
            result => result,
        };
        self.shared_slot().take();
        result
    }

    /// A snapshot to read from. After a failed write it shows what is on disk for certain; readers made before the
    /// failure may then fail, so make a new one.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader::new(self.snapshot()?, Arc::clone(&self.network)))
    }

    /// A snapshot that shows at least what was committed when it was asked for, shared by all who ask between two
    /// commits: making one and opening its tables costs several times a look into them.
    ///
    /// # Errors
    /// As [`Store::reader`].
    pub fn shared_reader(&self) -> Result<Arc<Reader>, StoreError> {
        let mut shared = self.shared_slot();
        if let Some(reader) = &*shared {
            return Ok(Arc::clone(reader));
        }
        let reader = Arc::new(self.reader()?);
        *shared = Some(Arc::clone(&reader));
        Ok(reader)
    }

    fn shared_slot(&self) -> MutexGuard<'_, Option<Arc<Reader>>> {
        // Whoever panicked with the lock has put a whole snapshot there, or none.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position that the next transaction has to have.
    pub fn next_position(&self) -> Result<Position, StoreError> {
        reader::next_position(&self.snapshot()?.open_table(ARRIVALS)?)
    }

    /// Visits the newest `newest` transactions in their order of arrival, with their parents, from the arrival log.
    pub fn recover(&self, newest: usize, visit: &mut dyn FnMut(TxId, [TxId; 2])) -> Result<(), StoreError> {
        let arrivals = self.snapshot()?.open_table(ARRIVALS)?;
        let first = reader::next_position(&arrivals)?.0.saturating_sub(newest as u64);
        for row in arrivals.range::<&[u8; 8]>(&first.to_be_bytes()..)? {
            let (id, parents) = decode_arrival(row?.1.value());
            visit(id, parents);
        }
        Ok(())
    }

    /// Bytes that the file takes on disk: allocated blocks where the system counts them, else its length. Zero when
    /// the file cannot be looked at.
    pub fn file_bytes(&self) -> u64 {
        let Ok(metadata) = std::fs::metadata(&self.path) else { return 0 };
        #[cfg(unix)]
        return std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
        #[cfg(not(unix))]
        return metadata.len();
    }

    /// Why the store takes nothing more, if it does not.
    pub fn read_only(&self) -> Option<String> {
        let failure = self.failure.read().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().map(|failure| failure.cause.clone())
    }

    fn write(&self, batch: &[Record<'_>]) -> Result<(), StoreError> {
        let commit = append::begin(&self.database)?;
        match append::put(&commit, &self.network, batch) {
            Ok(()) => Ok(commit.commit()?),
            // What failed first says more than what that has made of the abort.
            Err(error @ StoreError::Database(_)) => Err(error),
            Err(error) => {
                commit.abort()?;
                Err(error)
            }
        }
    }

    fn snapshot(&self) -> Result<ReadTransaction, StoreError> {
        let failure = self.failure.read().unwrap_or_else(PoisonError::into_inner);
        let database = match &*failure {
            None => &self.database,
            Some(Failure { refuge: Some(refuge), .. }) => refuge,
            Some(Failure { cause, refuge: None }) => {
                return Err(StoreError::ReadOnly { cause: cause.clone() });
            }
        };
        Ok(database.begin_read()?)
    }

    /// Turns the store read-only. The failed database stays, for it holds the lock on the file.
    fn fail(&self, cause: String) -> StoreError {
        let builder =
            |refuge| Database::builder().set_cache_size(REFUGE_CACHE_BYTES).create_with_backend(refuge);
        let refuge = Refuge::new(Arc::clone(&self.disk)).map_err(redb::DatabaseError::from).and_then(builder);
        let (cause, refuge) = match refuge {
            Ok(refuge) => (cause, Some(refuge)),
            Err(error) => (format!("{cause}; nor can it be read any more: {error}"), None),
        };
        let failure = Failure { cause: cause.clone(), refuge };
        *self.failure.write().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        StoreError::ReadOnly { cause }
    }
}
