//! Disks in memory that fail and forget.
//!
//! Always true: `durable` is what a sync has made last; `unsynced` is what was written since, in order. A crash keeps
//! any part of the latter, as `torn` says; only a disk that lies keeps less. A disk with bounded room refuses writes to
//! blocks that it has no room for; a file's length costs none.

use super::torn::Change;
use super::{StoreError, Volume};
use crate::testing::Dice;
use redb::StorageBackend;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

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
    /// The number of operations after which there is no power: from then on everything fails, reads too.
    power: Option<u64>,
    is_dark: bool,
    lie: Option<Lie>,
    /// A failed sync drops what it should have brought to the disk, and `live` goes on showing it, as systems do.
    forgets: bool,
    /// Bytes that there is room for, where that is bounded.
    room: Option<u64>,
    blocks: BTreeSet<usize>,
    /// Damaged logs that were kept.
    kept: Vec<Vec<u8>>,
}

/// What a disk says is on it for good, and is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) enum Lie {
    /// Everything: a sync says yes and keeps nothing.
    Sync,
    /// The file's length: a sync keeps what was written within the old one alone.
    Length,
}

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    /// A disk that holds `image`, all of it durable.
    pub(in crate::store) fn with_image(image: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { live: image.clone(), durable: image, ..State::default() })))
    }

    /// Lets `operations` more writes, syncs and changes of length succeed, and no further ones.
    pub(in crate::store) fn fail_after(&self, operations: u64) {
        let mut state = self.0.lock().unwrap();
        state.budget = Some(state.operations + operations);
    }

    /// Takes the power away in the one that follows `operations` more writes, syncs and changes of length. Reads change
    /// nothing, so a crash at one is a crash at the next of these.
    pub(in crate::store) fn lose_power_after(&self, operations: u64) {
        let mut state = self.0.lock().unwrap();
        state.power = Some(state.operations + operations);
    }

    /// Whether the power is gone.
    pub(in crate::store) fn is_dark(&self) -> bool {
        self.0.lock().unwrap().is_dark
    }

    /// From now on syncs lie.
    pub(in crate::store) fn lie(&self, lie: Lie) {
        self.0.lock().unwrap().lie = Some(lie);
    }

    /// From now on a failed sync loses what was written since the one before.
    pub(in crate::store) fn forget_on_failure(&self) {
        self.0.lock().unwrap().forgets = true;
    }

    /// From now on there is room for `bytes` more.
    pub(in crate::store) fn leave_room(&self, bytes: u64) {
        let mut state = self.0.lock().unwrap();
        state.room = Some((state.blocks.len() * BLOCK_BYTES) as u64 + bytes);
    }

    /// Nothing fails any more.
    pub(in crate::store) fn mend(&self) {
        let mut state = self.0.lock().unwrap();
        (state.budget, state.reads_fail) = (None, false);
    }

    /// Flips a bit at the end of `bytes` wherever they lie.
    pub(in crate::store) fn damage(&self, bytes: &[u8]) {
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
            let mut is_durable = true;
            for change in &mut state.unsynced {
                if let Change::Write(offset, data) = change
                    && let Some(byte) = last.checked_sub(*offset).and_then(|within| data.get_mut(within))
                {
                    *byte ^= 1;
                    is_durable = false;
                }
            }
            if is_durable {
                state.durable[last] ^= 1;
            }
        }
    }

    /// All that is there is replaced, as if somebody had copied another file over it.
    pub(in crate::store) fn replace(&self, image: &[u8]) {
        let mut state = self.0.lock().unwrap();
        (state.live, state.durable) = (image.to_vec(), image.to_vec());
        state.unsynced.clear();
    }

    /// The damaged logs that were kept.
    pub(in crate::store) fn kept(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().kept.clone()
    }

    /// All that is there.
    pub(in crate::store) fn image(&self) -> Vec<u8> {
        self.0.lock().unwrap().live.clone()
    }

    /// Writes, syncs and changes of length so far.
    pub(in crate::store) fn operations(&self) -> u64 {
        self.0.lock().unwrap().operations
    }

    /// From now on nothing can be read either.
    pub(in crate::store) fn fail_reads(&self) {
        self.0.lock().unwrap().reads_fail = true;
    }

    /// What is on the disk after a loss of power now.
    pub(in crate::store) fn crash(&self, dice: &mut Dice) -> Vec<u8> {
        let state = self.0.lock().unwrap();
        let mut image = state.durable.clone();
        state.unsynced.iter().for_each(|change| change.tear(&mut image, dice));
        image
    }
}

impl State {
    fn spend(&mut self, change: Option<Change>) -> io::Result<()> {
        if self.is_dark {
            return Err(io::Error::other("there is no power"));
        }
        if self.power.is_some_and(|power| self.operations >= power) {
            self.is_dark = true;
            // The change that the power went away in may have reached the disk, whole or in part, like those before it.
            self.unsynced.extend(change);
            return Err(io::Error::other("the power went away"));
        }
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

    fn keep(&self, log: &[u8]) -> Result<PathBuf, StoreError> {
        let path = PathBuf::from("a disk in memory.log");
        let mut state = self.0.lock().unwrap();
        match state.spend(None) {
            Ok(()) => state.kept.push(log.to_vec()),
            Err(cause) => return Err(StoreError::Unreachable { path, cause }),
        }
        Ok(path)
    }
}

impl StorageBackend for MemoryDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let offset = offset as usize;
        let there =
            state.live.get(offset..offset + out.len()).filter(|_| !state.reads_fail && !state.is_dark);
        out.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.spend(Some(Change::Length(len as usize)))?;
        state.live.resize(len as usize, 0);
        state.unsynced.push(Change::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if let Err(error) = state.spend(None) {
            if state.forgets && !state.is_dark {
                // A file's length is kept by the file system's journal; it is pages that are dropped.
                state.unsynced.retain(|change| matches!(change, Change::Length(_)));
            }
            return Err(error);
        }
        let State { live, durable, unsynced, lie, forgets, .. } = &mut *state;
        match lie {
            Some(Lie::Sync) => return Ok(()),
            Some(Lie::Length) => {
                let old = durable.len();
                let grows = |change: &Change| matches!(change, Change::Length(length) if *length > old);
                let (later, now): (Vec<_>, Vec<_>) = unsynced.drain(..).partition(grows);
                now.iter().for_each(|change| change.apply(durable));
                *unsynced = later;
            }
            None => {
                unsynced.drain(..).for_each(|change| change.apply(durable));
                assert_eq!(live.len(), durable.len(), "a file is as long as it is said to be");
                assert!(live == durable || *forgets, "what is synced is what was written");
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let offset = offset as usize;
        state.spend(Some(Change::Write(offset, data.to_vec())))?;
        state.take_blocks(offset, data.len())?;
        let place = state.live.get_mut(offset..offset + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        state.unsynced.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
