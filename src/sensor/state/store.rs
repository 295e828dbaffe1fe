//! Where a state is kept: a file, or in tests a disk that fails and loses power.

use crate::sensor::durable;
use crate::sensor::limits::STATE_FILE_BYTES;
use std::io;
use std::path::PathBuf;

/// One file's content.
pub(super) trait Store: Send {
    /// What was written last; `None` when nothing ever was.
    fn load(&self) -> io::Result<Option<Vec<u8>>>;

    /// Puts `bytes` in its place. Durable when it returns; after an error the old or the new is there.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The file beside the key file.
pub(super) struct OnDisk {
    path: PathBuf,
}

impl OnDisk {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

impl Store for OnDisk {
    fn load(&self) -> io::Result<Option<Vec<u8>>> {
        match durable::read_bounded(&self.path, STATE_FILE_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        durable::replace(&self.path, bytes)
    }
}
