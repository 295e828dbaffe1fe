//! Disks in memory that fail and forget.
//!
//! Always true: `durable` is what a sync has confirmed; `unsynced` is what was written since, in order. A crash
//! keeps any part of the latter, down to single sectors. A disk with bounded room refuses writes to blocks that it has
//! no room for; a file's length costs none.

use super::Volume;
use crate::testing::Dice;
use redb::StorageBackend;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

/// What a file system gives a file at a time.
const BLOCK_BYTES: usize = 4_096;

#[derive(Debug, Default)]
struct State {
    live: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// Writes, syncs and changes of length so far.
    operations: u64,
    /// The number of operations that succeed; later ones fail.
    budget: Option<u64>,
    reads_fail: bool,
    /// A failed sync drops what it should have brought to the disk, and `live` goes on showing it, as systems do.
    forgets: bool,
    /// Bytes that there is room for, where that is bounded.
    room: Option<u64>,
    blocks: BTreeSet<usize>,
}

#[derive(Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    /// A disk that holds `image`, all of it durable.
    pub(super) fn with_image(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { live: image.clone(), durable: image, ..State::default() })))
    }

    /// Lets `operations` more writes, syncs and changes of length succeed, and no further ones.
    pub(super) fn fail_after(&self, operations: u64) {
        let mut state = self.0.lock().unwrap();
        state.budget = Some(state.operations + operations);
    }

    /// From now on a failed sync loses what was written since the one before.
    pub(super) fn forget_on_failure(&self) {
        self.0.lock().unwrap().forgets = true;
    }

    /// From now on there is room for `bytes` more.
    pub(super) fn leave_room(&self, bytes: u64) {
        let mut state = self.0.lock().unwrap();
        state.room = Some((state.blocks.len() * BLOCK_BYTES) as u64 + bytes);
    }

    /// Nothing fails any more.
    pub(super) fn mend(&self) {
        let mut state = self.0.lock().unwrap();
        (state.budget, state.reads_fail) = (None, false);
    }

    /// Flips a bit at the end of `bytes` wherever they lie.
    pub(super) fn damage(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap();
        let found: Vec<usize> = state
            .live
            .windows(bytes.len())
            .enumerate()
            .filter(|(_, at)| *at == bytes)
            .map(|(at, _)| at)
            .collect();
        assert!(!found.is_empty(), "they lie nowhere");
        for at in found {
            let last = at + bytes.len() - 1;
            state.live[last] ^= 1;
            state.durable[last] ^= 1;
        }
    }

    /// All that is there is replaced, as if somebody had copied another file over it.
    pub(super) fn replace(&self, image: &[u8]) {
        let mut state = self.0.lock().unwrap();
        (state.live, state.durable) = (image.to_vec(), image.to_vec());
        state.unsynced.clear();
    }

    /// Writes, syncs and changes of length so far.
    pub(super) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// From now on nothing can be read either.
    pub(super) fn fail_reads(&self) {
        self.0.lock().unwrap().reads_fail = true;
    }

    /// What is on the disk after a loss of power now.
    pub(super) fn crash(&self, dice: &mut Dice) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let mut image = state.durable.clone();
        for change in &state.unsynced {
            match change {
                Change::Length(length) if dice.below(2) == 0 => image.resize(*length, 0),
                Change::Length(_) => {}
                Change::Write(offset, data) => tear(&mut image, *offset, data, dice),
            }
        }
        image
    }
}

/// Writes the sectors that chance keeps, as far as the file reaches.
fn tear(image: &mut [u8], offset: usize, data: &[u8], dice: &mut Dice) {
    let mut done = 0;
    while done < data.len() {
        let at = offset + done;
        let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(data.len() - done);
        if dice.below(2) == 0
            && let Some(place) = image.get_mut(at..at + length)
        {
            place.copy_from_slice(&data[done..done + length]);
        }
        done += length;
    }
}

impl State {
    fn spend(&mut self) -> io::Result<()> {
        if self.budget.is_some_and(|budget| self.operations >= budget) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on this disk"));
        }
        self.operations += 1;
        Ok(())
    }

    /// Takes blocks for a write, if there is room for them.
    fn take_blocks(&mut self, offset: usize, length: usize) -> io::Result<()> {
        let wanted = offset / BLOCK_BYTES..(offset + length).div_ceil(BLOCK_BYTES);
        let new = wanted.clone().filter(|block| !self.blocks.contains(block)).count();
        let taken = (self.blocks.len() + new) * BLOCK_BYTES;
        if self.room.is_some_and(|room| taken as u64 > room) {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "this disk is full"));
        }
        self.blocks.extend(wanted);
        Ok(())
    }
}

impl Volume for MemoryDisk {
    fn free_bytes(&self) -> Option<u64> {
        let state = self.0.lock().unwrap();
        let taken = (state.blocks.len() * BLOCK_BYTES) as u64;
        state.room.map(|room| room.saturating_sub(taken))
    }
}

impl Change {
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Write(offset, data) => image[*offset..*offset + data.len()].copy_from_slice(data),
        }
    }
}

impl StorageBackend for MemoryDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let offset = offset as usize;
        let there = state.live.get(offset..offset + out.len()).filter(|_| !state.reads_fail);
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        state.live.resize(len as usize, 0);
        state.unsynced.push(Change::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if let Err(error) = state.spend() {
            if state.forgets {
                state.unsynced.clear();
            }
            return Err(error);
        }
        let State { live, durable, unsynced, forgets, .. } = &mut *state;
        unsynced.drain(..).for_each(|change| change.apply(durable));
        assert!(live == durable || *forgets, "what is synced is what was written");
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        let offset = offset as usize;
        state.take_blocks(offset, data.len())?;
        let place = state.live.get_mut(offset..offset + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        state.unsynced.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
