//! The file under the database, and a way to go on reading when writing has failed.
//!
//! redb refuses every further access, reads included, once the file has failed it. A [`Refuge`] is then laid over
//! the same file: what would be written stays in memory, so a second database opens on it, recovers to the last
//! commit that is on disk for certain, and serves reads. Always true: a refuge never writes to the file, and the file's
//! lock is held until the disk is closed, whatever databases come and go on it.

mod refuge;

pub(super) use refuge::Refuge;

use redb::{BackendError, StorageBackend};
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a block of a refuge; redb's own pages are as large.
pub(super) const BLOCK_BYTES: usize = 4096;

/// The file, shared between the database that writes it and a refuge.
#[derive(Debug)]
pub(super) struct Disk {
    file: Box<dyn StorageBackend>,
    headers: Mutex<Headers>,
    /// What the file said that has failed the database. It refuses everything after that, so it has to be opened anew; a
    /// read may do that with a write, for which it makes room in the cache.
    failed: Mutex<Option<String>>,
    is_sealed: AtomicBool,
    /// What was written since the last sync, by offset and length. redb frees pages in a commit of its own behind each
    /// durable one, so these are in use although no header on disk leads to them.
    unsettled: Mutex<Vec<(u64, usize)>>,
}

/// redb's header, which stands at the file's beginning and says which of two commits is the last.
#[derive(Debug, Default)]
struct Headers {
    written: Vec<u8>,
    settled: Vec<u8>,
}

impl Disk {
    pub(super) fn new(file: Box<dyn StorageBackend>) -> Arc<Self> {
        Arc::new(Self {
            file,
            headers: Mutex::default(),
            unsettled: Mutex::default(),
            failed: Mutex::default(),
            is_sealed: AtomicBool::new(false),
        })
    }

    /// No database writes the file any more, not even when it is closed.
    pub(super) fn seal(&self) {
        self.is_sealed.store(true, Ordering::SeqCst);
    }

    fn writable(&self) -> io::Result<&dyn StorageBackend> {
        match self.is_sealed.load(Ordering::SeqCst) {
            true => Err(io::Error::other("the store has failed and writes nothing more")),
            false => Ok(&*self.file),
        }
    }

    /// A new database may write the file, and none has failed it yet.
    pub(super) fn unseal(&self) {
        self.is_sealed.store(false, Ordering::SeqCst);
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// What the file said first that has failed the database, since it was opened.
    pub(super) fn failed(&self) -> Option<String> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|error| {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.get_or_insert_with(|| error.to_string());
        })
    }

    /// Lets go of the file's lock; no database is on it any more.
    pub(super) fn close(&self) {
        if let Err(error) = self.file.close() {
            tracing::warn!(%error, "the store's file cannot be unlocked before the process ends");
        }
    }

    /// The file itself, for who knows which of its bytes are in use.
    pub(super) fn file(&self) -> &dyn StorageBackend {
        &*self.file
    }

    /// What was written is on disk now. A refuge begins at such a header, not at one whose fate nobody knows.
    fn settle(&self) {
        let mut headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        let Headers { written, settled } = &mut *headers;
        settled.clone_from(written);
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What was written since the last sync, by offset and length.
    pub(super) fn unsettled(&self) -> Vec<(u64, usize)> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note_write(&self, offset: u64, data: &[u8]) {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).push((offset, data.len()));
        if offset == 0 {
            self.note_header(data);
        }
    }

    fn settled_header(&self) -> Vec<u8> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner).settled.clone()
    }

    fn note_header(&self, data: &[u8]) {
        let mut headers = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        headers.written.clear();
        headers.written.extend_from_slice(&data[..data.len().min(BLOCK_BYTES)]);
    }
}

/// The disk as the writing database sees it.
#[derive(Debug)]
pub(super) struct Live(pub(super) Arc<Disk>);

impl StorageBackend for Live {
    fn len(&self) -> io::Result<u64> {
        self.0.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.note(self.0.file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.note(self.0.writable()?.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.note(self.0.writable()?.sync_data())?;
        self.0.settle();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let file = self.0.writable()?;
        self.0.note_write(offset, data);
        self.0.note(file.write(offset, data))
    }

    /// The database is closed; the file and its lock stay.
    fn close(&self) -> io::Result<()> {
        Ok(())
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
