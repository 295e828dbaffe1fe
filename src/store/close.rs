//! Closing a store: the database that is left is complete, and the file's lock is let go of.

use super::{Store, StoreError, append};
use std::sync::PoisonError;

impl Drop for Store {
    /// Closes the databases and then the file, which lets go of its lock also where a reader is left.
    fn drop(&mut self) {
        self.shared.forget();
        self.write_tail();
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner).close();
        self.disk.close();
    }
}

impl Store {
    /// Writes what waits for the index or only the log holds, so that the database that is closed is complete. What fails
    /// here costs nothing: it is made again when the file is opened.
    fn write_tail(&self) {
        let log = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.publish() {
            return tracing::warn!(%error, "what only the log holds is left to the next start");
        }
        let Some((database, tail)) = self.unfinished(&log) else { return };
        let write = || {
            let commit = append::begin(&database)?;
            tail.write(&commit, &[])?;
            Ok::<_, StoreError>(commit.commit()?)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "the index is left to the next start");
        }
    }
}
