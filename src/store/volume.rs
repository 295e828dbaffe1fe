//! The file system under the store's file: how much room it has, and what the system remembers of the file.
//!
//! Always true: nothing here changes the file.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// What the store must know of where its file lies.
pub(super) trait Volume: std::fmt::Debug + Send + Sync {
    /// Bytes that this user may still write; `None` where the system does not say.
    fn free_bytes(&self) -> Option<u64>;

    /// Has further reads come from the disk. After a failed sync the system may go on showing what was written as if
    /// it were on disk, although it is not.
    ///
    /// # Errors
    /// The file cannot be looked at.
    fn forget_cached(&self) -> io::Result<()>;
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

    fn forget_cached(&self) -> io::Result<()> {
        let file = File::open(&self.path)?;
        #[cfg(target_os = "linux")]
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
        drop(file);
        Ok(())
    }
}
