//! One snapshot for all who look something up between two changes.
//!
//! Always true: what is handed out shows at least what the database had when it was asked for, for a snapshot that was
//! made before a change is not kept after it. No other lock of the store is taken while the slot is held.

use super::{Reader, Store, StoreError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The snapshot, if somebody has asked since the last change.
#[derive(Default)]
pub(super) struct Shared(Mutex<Slot>);

#[derive(Default)]
struct Slot {
    reader: Option<Arc<Reader>>,
    /// Counts the changes.
    version: u64,
}

impl Shared {
    /// The store shows something else from now on.
    pub(super) fn forget(&self) {
        let mut slot = self.lock();
        slot.version += 1;
        let reader = slot.reader.take();
        drop(slot);
        // Whoever is the last to hold it tells the database, which has locks of its own.
        drop(reader);
    }

    fn lock(&self) -> MutexGuard<'_, Slot> {
        // Whoever panicked with the lock has put a whole snapshot there, or none.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// A snapshot that shows at least what was committed when it was asked for, shared by all who ask between two
    /// commits: making one and opening its tables costs several times a look into them.
    ///
    /// # Errors
    /// As [`Store::reader`].
    pub fn shared_reader(&self) -> Result<Arc<Reader>, StoreError> {
        self.catch_up();
        self.published_reader()
    }

    /// A shared snapshot that shows at least what the database had when it was asked for: all but what was pending.
    ///
    /// # Errors
    /// As [`Store::reader`].
    pub(super) fn published_reader(&self) -> Result<Arc<Reader>, StoreError> {
        let version = {
            let slot = self.shared.lock();
            if let Some(reader) = &slot.reader {
                return Ok(Arc::clone(reader));
            }
            slot.version
        };
        let reader = Arc::new(self.read_from(self.published()?));
        let mut slot = self.shared.lock();
        if slot.version == version {
            slot.reader = Some(Arc::clone(&reader));
        }
        Ok(reader)
    }
}
