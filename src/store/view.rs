//! A store's file as it stands, a backup's too, for those who only look. Always true: nothing is written to it; what
//! recovery after a crash would write stays in memory.

use super::caught::caught_opening;
use super::damage::Damage;
use super::disk::{Disk, Refuge};
use super::reopen::{REFUGE_CACHE_BYTES, Snapshot};
use super::tail::Tail;
use super::wal::{self, Front, Outlook};
use super::{Reader, StoreError, open};
use redb::{Database, ReadableDatabase, backends::FileBackend};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use weft_tangle::Network;

/// What a view holds of the file's pages. In tests nothing, so that looking is reading the file.
const CACHE_BYTES: usize = if cfg!(test) { 0 } else { REFUGE_CACHE_BYTES };

/// A store that nobody writes to.
pub struct View {
    network: Arc<Network>,
    database: Database,
    tail: Arc<Tail>,
    damage: Arc<Damage>,
    _locked: File,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("network", self.network.id()).finish_non_exhaustive()
    }
}

impl View {
    /// Opens the file of a store of `network`, or of a backup of one.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`], [`StoreError::InUse`], [`StoreError::NotAStore`], [`StoreError::OldForm`],
    /// [`StoreError::NewerSchema`] and [`StoreError::OtherNetwork`].
    pub fn open(path: &Path, network: &Network) -> Result<Self, StoreError> {
        let locked = lock(path)?;
        caught_opening(path, || Self::open_locked(locked, path, network))
    }

    fn open_locked(locked: File, path: &Path, network: &Network) -> Result<Self, StoreError> {
        let (front, database) = lay_over(&locked, path, network)?;
        // Into memory, like all that is written here.
        let outlook = Outlook::of(&database, &front, network)?;
        outlook.tell(None);
        let tail = Arc::new(outlook.take(&database, network)?);
        let network = Arc::new(network.clone());
        Ok(Self { network, database, tail, damage: Arc::default(), _locked: locked })
    }

    /// The database in such a file, by itself: without what only the log holds, and whatever is done to it stays in memory.
    ///
    /// # Errors
    /// As [`View::open`].
    pub(super) fn database(path: &Path, network: &Network) -> Result<Database, StoreError> {
        let locked = lock(path)?;
        caught_opening(path, || Ok(lay_over(&locked, path, network)?.1))
    }

    /// A snapshot to read from.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        let (network, damage) = (Arc::clone(&self.network), Arc::clone(&self.damage));
        let snapshot = Snapshot {
            rows: self.database.begin_read()?,
            tail: Arc::clone(&self.tail),
            end: self.tail.end(),
            held: Default::default(),
        };
        Ok(Reader::new(snapshot, network, damage))
    }

    /// The network that it was opened for.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }
}

/// The file, which nobody writes to while it is open here.
fn lock(path: &Path) -> Result<File, StoreError> {
    let unreadable = |cause| StoreError::Unreadable { path: path.to_owned(), cause };
    let locked = File::open(path).map_err(unreadable)?;
    match locked.try_lock_shared() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(cause)) => return Err(unreadable(cause)),
    }
    let metadata = locked.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(unreadable(ErrorKind::IsADirectory.into()));
    }
    if metadata.len() == 0 {
        return Err(StoreError::NotAStore { path: path.to_owned(), cause: "it is empty".into() });
    }
    Ok(locked)
}

/// The log of such a file, and its database, whose writes go to memory.
fn lay_over(locked: &File, path: &Path, network: &Network) -> Result<(Front, Database), StoreError> {
    let unreadable = |cause| StoreError::Unreadable { path: path.to_owned(), cause };
    let file = FileBackend::new(locked.try_clone().map_err(unreadable)?);
    let file = file.map_err(|error| open::opening(path, error))?;
    let (front, behind) = wal::divide_existing(Box::new(file), path)?;
    let refuge = Refuge::new(Disk::new(Box::new(behind))).map_err(unreadable)?;
    let database = Database::builder()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(refuge)
        .map_err(|error| open::opening(path, error))?;
    open::check(&database, path, network.id())?;
    Ok((front, database))
}
