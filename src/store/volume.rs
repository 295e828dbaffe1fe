//! How much room there is where the store's file lies.

use super::{Store, StoreError};
use crate::limits::STORE_RESERVE_BYTES;
use std::path::PathBuf;

/// What the store must know of where its file lies.
pub(super) trait Volume: std::fmt::Debug + Send + Sync {
    /// Bytes that this user may still write; `None` where the system does not say.
    fn free_bytes(&self) -> Option<u64>;
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
}

impl Store {
    /// Whether there is room for what is written at the least.
    ///
    /// # Errors
    /// [`StoreError::NoRoom`].
    pub fn check_room(&self) -> Result<(), StoreError> {
        self.check_free(STORE_RESERVE_BYTES)
    }

    pub(super) fn check_free(&self, needed: u64) -> Result<(), StoreError> {
        match self.volume.free_bytes() {
            Some(free) if free < needed => Err(StoreError::NoRoom { path: self.path.clone(), free, needed }),
            _ => Ok(()),
        }
    }
}
