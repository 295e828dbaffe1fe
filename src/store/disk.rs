//! The file under the database, and a way to go on reading when writing has failed.
//!
//! redb refuses every further access, reads included, once the file has failed it. A [`Refuge`] is then laid over
//! the same file: what would be written stays in memory, so a second database opens on it, recovers to the last
//! commit that is on disk for certain, and serves reads. Always true: a refuge never writes to the file, and the file's
//! lock is held until the disk is closed, whatever databases come and go on it.

use redb::{BackendError, StorageBackend};
use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of a block of a refuge; redb's own pages are as large.
pub(super) const BLOCK_BYTES: usize = 4096;

/// Blocks that a refuge may hold, 64 MiB: recovery writes little but the map of free pages, two bits a page.
const REFUGE_BLOCKS: usize = 16_384;

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

/// The disk as it was when writing failed, with all further writes kept in memory.
#[derive(Debug)]
pub(super) struct Refuge {
    disk: Arc<Disk>,
    overlay: Mutex<Overlay>,
}

#[derive(Debug)]
struct Overlay {
    length: u64,
    /// Bytes of the disk that are still to be seen: what was cut off does not come back when the refuge grows again.
    disk_length: u64,
    blocks: BTreeMap<u64, Box<[u8; BLOCK_BYTES]>>,
}

impl Refuge {
    pub(super) fn new(disk: Arc<Disk>) -> io::Result<Self> {
        let length = disk.file.len()?;
        let header = disk.settled_header();
        let overlay = Overlay { length, disk_length: length, blocks: BTreeMap::new() };
        let refuge = Self { disk, overlay: Mutex::new(overlay) };
        refuge.write(0, &header)?;
        Ok(refuge)
    }

    /// Whether it has a block of its own in place of the disk's.
    pub(super) fn holds(&self, block: u64) -> bool {
        self.overlay.lock().unwrap_or_else(PoisonError::into_inner).blocks.contains_key(&block)
    }

    /// Reads from the disk, of which so many bytes count; behind them there are zeros.
    fn read_disk(&self, disk_length: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let there = disk_length.saturating_sub(offset).min(out.len() as u64) as usize;
        let (stored, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if stored.is_empty() { Ok(()) } else { self.disk.file.read(offset, stored) }
    }
}

/// The parts of `offset..offset + length`, each within one block: block, place in the block, place in the whole.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, std::ops::Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = (at % BLOCK_BYTES as u64) as usize;
        let take = (BLOCK_BYTES - within).min(length - done);
        let part = (at / BLOCK_BYTES as u64, within, done..done + take);
        done += take;
        (take > 0).then_some(part)
    })
}

impl StorageBackend for Refuge {
    fn len(&self) -> io::Result<u64> {
        Ok(self.overlay.lock().unwrap_or_else(PoisonError::into_inner).length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        if offset.saturating_add(out.len() as u64) > overlay.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.read_disk(overlay.disk_length, offset, out)?;
        for (block, within, place) in parts(offset, out.len()) {
            if let Some(bytes) = overlay.blocks.get(&block) {
                let length = place.len();
                out[place].copy_from_slice(&bytes[within..within + length]);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        if len < overlay.length {
            overlay.disk_length = overlay.disk_length.min(len);
            overlay.blocks.retain(|block, _| block * (BLOCK_BYTES as u64) < len);
            let cut = (len % BLOCK_BYTES as u64) as usize;
            if let Some(bytes) = overlay.blocks.get_mut(&(len / BLOCK_BYTES as u64)) {
                bytes[cut..].fill(0);
            }
        }
        overlay.length = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut overlay = self.overlay.lock().unwrap_or_else(PoisonError::into_inner);
        overlay.length = overlay.length.max(offset.saturating_add(data.len() as u64));
        for (block, within, place) in parts(offset, data.len()) {
            if !overlay.blocks.contains_key(&block) {
                if overlay.blocks.len() >= REFUGE_BLOCKS {
                    return Err(io::Error::other("the store is too large to be recovered in memory"));
                }
                let mut bytes = Box::new([0; BLOCK_BYTES]);
                self.read_disk(overlay.disk_length, block * BLOCK_BYTES as u64, &mut bytes[..])?;
                overlay.blocks.insert(block, bytes);
            }
            if let Some(bytes) = overlay.blocks.get_mut(&block) {
                bytes[within..within + place.len()].copy_from_slice(&data[place]);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::backends::InMemoryBackend;

    #[test]
    fn what_a_refuge_cuts_off_does_not_come_back_and_the_disk_stays() {
        let file = InMemoryBackend::new();
        file.set_len(3 * BLOCK_BYTES as u64).unwrap();
        file.write(0, &[7; 3 * BLOCK_BYTES]).unwrap();
        let disk = Disk::new(Box::new(file));
        let refuge = Refuge::new(Arc::clone(&disk)).unwrap();
        refuge.write(BLOCK_BYTES as u64, &[8; 2 * BLOCK_BYTES]).unwrap();
        let cut = BLOCK_BYTES as u64 + 10;
        refuge.set_len(cut).unwrap();
        assert!(refuge.read(cut, &mut [0]).is_err(), "it is as short as it was made");
        refuge.set_len(3 * BLOCK_BYTES as u64).unwrap();
        let mut found = [0; 3 * BLOCK_BYTES];
        refuge.read(0, &mut found).unwrap();
        let expected = [vec![7; BLOCK_BYTES], vec![8; 10], vec![0; 2 * BLOCK_BYTES - 10]].concat();
        assert!(found[..] == expected);
        let mut stored = [0; 3 * BLOCK_BYTES];
        disk.file().read(0, &mut stored).unwrap();
        assert!(stored == [7; 3 * BLOCK_BYTES]);
    }
}
