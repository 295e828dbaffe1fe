//! Disks in memory that fail and forget.
//!
//! Always true: `durable` is what a sync has confirmed; `unsynced` is what was written since, in order. A crash
//! keeps any part of the latter, down to single sectors.

use crate::testing::Dice;
use redb::StorageBackend;
use std::io;
use std::sync::{Arc, Mutex};

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;

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
        state.spend()?;
        let State { live, durable, unsynced, .. } = &mut *state;
        for change in unsynced.drain(..) {
            match change {
                Change::Length(length) => durable.resize(length, 0),
                Change::Write(offset, data) => durable[offset..offset + data.len()].copy_from_slice(&data),
            }
        }
        assert!(live == durable, "what is synced is what was written");
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        let offset = offset as usize;
        let place = state.live.get_mut(offset..offset + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        state.unsynced.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
