//! Which blocks of the file are in use: what a second database reads that visits every page there is.
//!
//! redb does not say where its pages are. But it reads all of them to count them, and over a [`Refuge`], which changes
//! nothing, each of these reads is seen. What redb has written behind its last durable commit is added. Always true: a
//! block that is in neither is read by nobody who begins now.

use super::StoreError;
use super::disk::{BLOCK_BYTES, Disk, Refuge};
use redb::{Database, DatabaseStats, StorageBackend};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A set of blocks: a bit each, so 3 MB for a store of 100 GB.
#[derive(Clone, Default, Debug)]
pub(super) struct Blocks(Vec<u64>);

impl Blocks {
    pub(super) fn contains(&self, block: u64) -> bool {
        self.0.get((block / 64) as usize).is_some_and(|word| word & (1 << (block % 64)) != 0)
    }

    fn insert(&mut self, block: u64) {
        let word = (block / 64) as usize;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (block % 64);
    }
}

/// What a traced database shares with whoever traces it.
#[derive(Debug, Default)]
struct Tracks {
    read: Mutex<Blocks>,
    /// Whether only the beginnings of pages matter: there stand their keys and lengths, and most bytes are values.
    heads_only: AtomicBool,
    /// When set, all that is not in it reads as zeros.
    mask: Option<Blocks>,
}

/// A refuge whose reads are noted.
#[derive(Debug)]
struct Traced {
    refuge: Refuge,
    tracks: Arc<Tracks>,
}

impl StorageBackend for Traced {
    fn len(&self) -> io::Result<u64> {
        self.refuge.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let heads_only = self.tracks.heads_only.load(Ordering::Relaxed);
        let end = if heads_only { out.len().min(BLOCK_BYTES) } else { out.len() };
        let (head, rest) = out.split_at_mut(end);
        self.refuge.read(offset, head)?;
        rest.fill(0);
        let mut read = self.tracks.read.lock().unwrap_or_else(PoisonError::into_inner);
        for block in blocks_of(offset, out.len()).filter(|block| !self.refuge.holds(*block)) {
            read.insert(block);
            if self.tracks.mask.as_ref().is_some_and(|mask| !mask.contains(block)) {
                let start = (block * BLOCK_BYTES as u64).saturating_sub(offset) as usize;
                let behind = ((block + 1) * BLOCK_BYTES as u64 - offset) as usize;
                let behind = behind.min(out.len());
                out[start..behind].fill(0);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.refuge.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.refuge.write(offset, data)
    }
}

/// The blocks that are in use as of the last commit. Nobody may write meanwhile.
///
/// # Errors
/// The file cannot be read, or what was found does not suffice to read all of it again: then nothing is known.
pub(super) fn blocks_in_use(disk: &Arc<Disk>) -> Result<Blocks, StoreError> {
    let (counted, mut blocks) = unharmed(disk, None)?;
    // redb's header, which the refuge reads by itself.
    blocks.insert(0);
    // Once more with nothing but these blocks there. A page that was missed would be missed now, before it is too late.
    if unharmed(disk, Some(blocks.clone()))?.0 != counted {
        return Err(StoreError::Untraceable);
    }
    for (offset, length) in disk.unsettled() {
        blocks_of(offset, length).for_each(|block| blocks.insert(block));
    }
    Ok(blocks)
}

/// redb panics over pages that are none, and here that is an answer.
fn unharmed(disk: &Arc<Disk>, mask: Option<Blocks>) -> Result<(Counted, Blocks), StoreError> {
    let visit = || visit(disk, mask);
    catch_unwind(AssertUnwindSafe(visit)).unwrap_or(Err(StoreError::Untraceable))
}

fn blocks_of(offset: u64, length: usize) -> std::ops::Range<u64> {
    offset / BLOCK_BYTES as u64..(offset + length as u64).div_ceil(BLOCK_BYTES as u64)
}

/// Pages, leaves, stored bytes.
type Counted = [u64; 3];

fn visit(disk: &Arc<Disk>, mask: Option<Blocks>) -> Result<(Counted, Blocks), StoreError> {
    let tracks = Arc::new(Tracks { mask, ..Tracks::default() });
    let refuge = Refuge::new(Arc::clone(disk)).map_err(redb::StorageError::Io)?;
    let traced = Traced { refuge, tracks: Arc::clone(&tracks) };
    let untraceable = |_| StoreError::Untraceable;
    let database = Database::builder().set_cache_size(0).create_with_backend(traced).map_err(untraceable)?;
    let visitor = database.begin_write()?;
    tracks.heads_only.store(true, Ordering::Relaxed);
    let stats: DatabaseStats = visitor.stats()?;
    tracks.heads_only.store(false, Ordering::Relaxed);
    visitor.abort()?;
    drop(database);
    let read = tracks.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let counted = [stats.branch_pages() + stats.leaf_pages(), stats.leaf_pages(), stats.stored_bytes()];
    Ok((counted, read))
}
