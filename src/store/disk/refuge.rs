//! The file as it was when writing failed, with all further writes kept in memory.
//!
//! Always true: nothing is written to the file, and what was cut off does not come back when the refuge grows again.

use super::{BLOCK_BYTES, Disk};
use redb::StorageBackend;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Blocks that a refuge may hold, 64 MiB: recovery writes little but the map of free pages, two bits a page.
const REFUGE_BLOCKS: usize = 16_384;

/// The disk as it was when writing failed, with all further writes kept in memory.
#[derive(Debug)]
pub(in crate::store) struct Refuge {
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
    /// The file with the last header that a sync has confirmed.
    pub(in crate::store) fn new(disk: Arc<Disk>) -> io::Result<Self> {
        let header = disk.settled_header();
        Self::with_header(disk, &header)
    }

    /// The file with the header that stands in it, as who opens it finds it.
    pub(in crate::store) fn as_it_stands(disk: Arc<Disk>) -> io::Result<Self> {
        Self::with_header(disk, &[])
    }

    fn with_header(disk: Arc<Disk>, header: &[u8]) -> io::Result<Self> {
        let length = disk.file.len()?;
        let overlay = Overlay { length, disk_length: length, blocks: BTreeMap::new() };
        let refuge = Self { disk, overlay: Mutex::new(overlay) };
        refuge.write(0, header)?;
        Ok(refuge)
    }

    /// Whether it has a block of its own in place of the disk's.
    pub(in crate::store) fn holds(&self, block: u64) -> bool {
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
