//! How much room there is where the store's file lies.

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
