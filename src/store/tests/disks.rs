//! Disks in memory that fail and forget.
//!
//! Always true: `durable` is what a sync has made last; `unsynced` is what was written since, in order. A crash keeps
//! any part of the latter: each write, each change of length for itself, whole, not at all, or torn at sectors or at
//! bytes. So a later write may outlive an earlier one. Only a disk that lies keeps less than that.

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
    /// The number of operations after which there is no power: from then on everything fails, reads too.
    power: Option<u64>,
    is_dark: bool,
    lie: Option<Lie>,
}

/// What a disk says is on it for good, and is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lie {
    /// Everything: a sync says yes and keeps nothing.
    Sync,
    /// The file's length: a sync keeps what was written within the old one alone.
    Length,
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

    /// Takes the power away in the one that follows `operations` more writes, syncs and changes of length. Reads change
    /// nothing, so a crash at one is a crash at the next of these.
    pub(super) fn lose_power_after(&self, operations: u64) {
        let mut state = self.0.lock().unwrap();
        state.power = Some(state.operations + operations);
    }

    /// Whether the power is gone.
    pub(super) fn is_dark(&self) -> bool {
        self.0.lock().unwrap().is_dark
    }

    /// From now on syncs lie.
    pub(super) fn lie(&self, lie: Lie) {
        self.0.lock().unwrap().lie = Some(lie);
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
            match (dice.below(4), change) {
                (0, _) => {}
                (1, _) => change.apply(&mut image),
                (_, Change::Length(_)) if dice.below(2) == 0 => {}
                (_, Change::Length(_)) => change.apply(&mut image),
                (2, Change::Write(offset, data)) => tear_at_sectors(&mut image, *offset, data, dice),
                (_, Change::Write(offset, data)) => tear_at_bytes(&mut image, *offset, data, dice),
            }
        }
        image
    }
}

impl Change {
    /// Makes the change, as far as the file reaches.
    fn apply(&self, image: &mut Vec<u8>) {
        match self {
            Self::Length(length) => image.resize(*length, 0),
            Self::Write(offset, data) => put(image, *offset, data),
        }
    }
}

fn put(image: &mut [u8], offset: usize, data: &[u8]) {
    let there = image.len().saturating_sub(offset).min(data.len());
    if there > 0 {
        image[offset..offset + there].copy_from_slice(&data[..there]);
    }
}

/// Writes the sectors that chance keeps.
fn tear_at_sectors(image: &mut [u8], offset: usize, data: &[u8], dice: &mut Dice) {
    let mut done = 0;
    while done < data.len() {
        let at = offset + done;
        let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(data.len() - done);
        if dice.below(2) == 0 {
            put(image, at, &data[done..done + length]);
        }
        done += length;
    }
}

/// Writes the runs of bytes that chance keeps. A quarter of them are short, for what is changed is often a byte or two.
fn tear_at_bytes(image: &mut [u8], offset: usize, data: &[u8], dice: &mut Dice) {
    let mut done = 0;
    while done < data.len() {
        let longest = if dice.below(4) == 0 { 8 } else { data.len() as u64 };
        let length = (1 + dice.below(longest) as usize).min(data.len() - done);
        if dice.below(2) == 0 {
            put(image, offset + done, &data[done..done + length]);
        }
        done += length;
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
        state.spend(None)?;
        let State { live, durable, unsynced, lie, .. } = &mut *state;
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
                assert!(live == durable, "what is synced is what was written");
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let offset = offset as usize;
        state.spend(Some(Change::Write(offset, data.to_vec())))?;
        let place = state.live.get_mut(offset..offset + data.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        place.copy_from_slice(data);
        state.unsynced.push(Change::Write(offset, data.to_vec()));
        Ok(())
    }
}
