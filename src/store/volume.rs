//! Where the store's file lies: how much room there is, and what is kept beside it.

use super::layout::first_bytes;
use super::{Store, StoreError, open};
use crate::limits::STORE_RESERVE_BYTES;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use weft_tangle::blake2s;

/// What the store must know of where its file lies.
pub(super) trait Volume: std::fmt::Debug + Send + Sync {
    /// Bytes that this user may still write; `None` where the system does not say.
    fn free_bytes(&self) -> Option<u64>;

    /// Keeps the bytes of a damaged log beside the file before they are overwritten there: a record that nothing leads to
    /// any more may be all that is left of what was acknowledged. The same bytes are kept once. When it returns they are
    /// on disk, under the name that it gives.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`].
    fn keep(&self, log: &[u8]) -> Result<PathBuf, StoreError>;
}

/// The file system that holds a file.
#[derive(Debug)]
pub(super) struct FileSystem {
    pub(super) path: PathBuf,
}

impl Volume for FileSystem {
    fn free_bytes(&self) -> Option<u64> {
        let found = rustix::fs::statvfs(&self.path).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn keep(&self, log: &[u8]) -> Result<PathBuf, StoreError> {
        let name = u64::from_be_bytes(first_bytes(&blake2s(&[log])));
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".log.{name:016x}"));
        let path = PathBuf::from(path);
        write_synced(&path, log).map_err(|cause| StoreError::Unreachable { path: path.clone(), cause })?;
        Ok(path)
    }
}

/// Writes a file that only this user may read, for readings lie in it; its name is on disk too.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), open::sync_directory)
}

impl Store {
    /// Whether there is room for what is written at the least.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`].
    pub fn check_room(&self) -> Result<(), StoreError> {
        self.check_free(STORE_RESERVE_BYTES)
    }

    /// The same for so many bytes. A write that finds none costs the database; so the disk is never filled to its end.
    pub(super) fn check_room_for(&self, bytes: u64) -> Result<(), StoreError> {
        self.check_free(STORE_RESERVE_BYTES + 2 * bytes)
    }

    pub(super) fn check_free(&self, needed: u64) -> Result<(), StoreError> {
        match self.volume.free_bytes() {
            Some(free) if free < needed => Err(StoreError::NoRoom { path: self.path.clone(), free, needed }),
            _ => Ok(()),
        }
    }
}
