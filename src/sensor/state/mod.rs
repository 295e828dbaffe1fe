//! A device's state file: which counters it may have used (`spec/12-device-files.md`).
//!
//! Always true: a counter that [`State::take`] returns was reserved on disk before, so that no crash and no clock
//! makes a device use it again; a crash leaves a gap instead, which is harmless. One process at a time holds the
//! state of a key. A device whose state is lost uses none of the running epoch, in which it may have used any.

mod counters;
mod store;
mod written;

#[cfg(test)]
mod tests;

use super::durable::beside;
use super::key::KeyFile;
use super::limits::STATE_NETWORKS;
use counters::{Counters, NoCounter};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use store::{OnDisk, Store};
use weft_tangle::{DeviceId, Epoch, NetworkId};
use written::Written;

/// The state of a device, held by this process alone.
pub struct State {
    path: PathBuf,
    store: Box<dyn Store>,
    written: Written,
    /// What is left of the blocks reserved by this process.
    blocks: BTreeMap<(NetworkId, Epoch), Range<u32>>,
    /// Locked while the state is held; the system lets go of it whatever becomes of the process.
    _lock: Option<File>,
}

/// Why there is no counter.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another process holds the key.
    #[error(
        "another process is using the key {key}; wait until it ends, or stop it: one device counts in one place"
    )]
    InUse {
        /// The key file.
        key: PathBuf,
    },
    /// There is a state file before there is a key.
    #[error("{path} exists and belongs to an earlier key; move it away first")]
    Exists {
        /// The state file.
        path: PathBuf,
    },
    /// The state is another device's.
    #[error(
        "{path} is the state of device {found}, not of this key; put the right one there, or move it away"
    )]
    OtherDevice {
        /// The state file.
        path: PathBuf,
        /// Whose it is.
        found: String,
    },
    /// It is no state file.
    #[error("{path} is not a state file ({problem}); move it away, the device then waits for the next epoch")]
    Format {
        /// The state file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The disk does not let it be read or written.
    #[error("cannot {verb} {path}: {source}; a counter is used only when its reservation is on disk")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Counters of this epoch may have been used without being known.
    #[error("the counters used in epoch {} are not known; wait for epoch {}", epoch.0, opens.0)]
    Closed {
        /// The epoch asked for.
        epoch: Epoch,
        /// The first epoch that is known.
        opens: Epoch,
    },
    /// All counters of the epoch are used.
    #[error("all counters of this epoch are used; wait for the next")]
    Exhausted,
    /// Too many networks.
    #[error("{path} holds {STATE_NETWORKS} networks already; use a key of its own for a further one")]
    ManyNetworks {
        /// The state file.
        path: PathBuf,
    },
}

impl State {
    /// Makes the state of a key that was just made and so has used nothing, and holds it.
    ///
    /// # Errors
    /// [`StateError::InUse`], [`StateError::Exists`], [`StateError::Disk`].
    pub fn create(key: &KeyFile) -> Result<Self, StateError> {
        let lock = lock(key.path())?;
        let path = state_path(key.path());
        if path.exists() {
            return Err(StateError::Exists { path });
        }
        let written = Written::of(key.device(), false);
        let mut store = OnDisk::new(path.clone());
        store.replace(&written.encode()).map_err(|source| disk("write", &path, source))?;
        Ok(Self::of(path, Box::new(store), written, Some(lock)))
    }

    /// Takes hold of the state of a key.
    ///
    /// Without a state file the state is lost: [`State::take`] then refuses the running epoch of every network.
    ///
    /// # Errors
    /// All but [`StateError::Exists`], [`StateError::Closed`] and [`StateError::Exhausted`].
    pub fn open(key: &KeyFile) -> Result<Self, StateError> {
        let lock = lock(key.path())?;
        let path = state_path(key.path());
        let store = OnDisk::new(path.clone());
        Self::load(path, Box::new(store), key.device(), Some(lock))
    }

    fn load(
        path: PathBuf,
        store: Box<dyn Store>,
        device: DeviceId,
        lock: Option<File>,
    ) -> Result<Self, StateError> {
        let bytes = store.load().map_err(|source| disk("read", &path, source))?;
        let written = match bytes {
            Some(bytes) => Written::decode(&path, device, &bytes)?,
            None => Written::of(device, true),
        };
        Ok(Self::of(path, store, written, lock))
    }

    fn of(path: PathBuf, store: Box<dyn Store>, written: Written, lock: Option<File>) -> Self {
        Self { path, store, written, blocks: BTreeMap::new(), _lock: lock }
    }

    /// Where the state file of a key lies.
    pub fn path_of(key: &Path) -> PathBuf {
        state_path(key)
    }

    /// Whether the state was lost at some time, and what was used before is not known.
    pub fn was_lost(&self) -> bool {
        self.written.lost
    }

    /// The counter that [`State::take`] would return if it were asked for none higher.
    pub fn next(&self, network: &NetworkId, epoch: Epoch) -> u32 {
        let block = self.blocks.get(&(*network, epoch)).filter(|block| !block.is_empty());
        let written = || self.written.networks.get(&network.to_string()).map_or(0, |known| known.end(epoch));
        block.map_or_else(written, |block| block.start)
    }

    /// A counter that was never used in this epoch of this network and never will be again, at least `at_least`.
    ///
    /// # Errors
    /// [`StateError::Closed`] when what was used in the epoch is not known, [`StateError::Exhausted`],
    /// [`StateError::ManyNetworks`], [`StateError::Disk`] when the reservation could not be written.
    pub fn take(&mut self, network: &NetworkId, epoch: Epoch, at_least: u32) -> Result<u32, StateError> {
        let closed = |no: NoCounter| match no {
            NoCounter::Closed(opens) => StateError::Closed { epoch, opens },
            NoCounter::Exhausted => StateError::Exhausted,
        };
        let known = self.known(network, epoch)?;
        known.check_open(epoch).map_err(closed)?;
        let block = self.blocks.entry((*network, epoch)).or_default();
        block.start = block.start.max(at_least);
        if block.start >= block.end {
            let mut counters = known;
            let reserved = counters.reserve(epoch, at_least).map_err(closed)?;
            self.write(network, counters)?;
            self.blocks.retain(|key, block| *key == (*network, epoch) || block.start < block.end);
            self.blocks.insert((*network, epoch), reserved);
        }
        let block = self.blocks.get_mut(&(*network, epoch)).ok_or(StateError::Exhausted)?;
        let counter = block.start;
        block.start += 1;
        Ok(counter)
    }

    /// Gives back, durably, what was reserved and not used, and lets go of the key.
    ///
    /// # Errors
    /// [`StateError::Disk`]; then a gap remains, nothing worse.
    pub fn close(mut self) -> Result<(), StateError> {
        let mut next = self.written.clone();
        let mut changed = false;
        for ((network, epoch), rest) in std::mem::take(&mut self.blocks) {
            if let Some(counters) = next.networks.get_mut(&network.to_string()) {
                changed |= counters.give_back(epoch, &rest);
            }
        }
        if changed {
            self.store.replace(&next.encode()).map_err(|source| disk("write", &self.path, source))?;
        }
        Ok(())
    }

    /// What is known of a network. One that is first seen after a loss is closed up to this epoch, and noted so.
    fn known(&mut self, network: &NetworkId, epoch: Epoch) -> Result<Counters, StateError> {
        if let Some(known) = self.written.networks.get(&network.to_string()) {
            return Ok(known.clone());
        }
        if self.written.networks.len() >= STATE_NETWORKS {
            return Err(StateError::ManyNetworks { path: self.path.clone() });
        }
        if !self.written.lost {
            return Ok(Counters::default());
        }
        let closed = Counters::open_from(Epoch(epoch.0.saturating_add(1)));
        self.write(network, closed.clone())?;
        Ok(closed)
    }

    /// Writes what is to be known of a network from now on. When it fails, either may be on disk, and both are true:
    /// nothing of the new reservation has been handed out.
    fn write(&mut self, network: &NetworkId, counters: Counters) -> Result<(), StateError> {
        let mut next = self.written.clone();
        next.networks.insert(network.to_string(), counters);
        self.store.replace(&next.encode()).map_err(|source| disk("write", &self.path, source))?;
        self.written = next;
        Ok(())
    }
}

fn state_path(key: &Path) -> PathBuf {
    beside(key, ".state")
}

fn disk(verb: &'static str, path: &Path, source: io::Error) -> StateError {
    StateError::Disk { verb, path: path.into(), source }
}

/// The key file itself is what is locked: it is never replaced, and it is what two processes would share.
fn lock(key: &Path) -> Result<File, StateError> {
    let file = File::open(key).map_err(|source| disk("open", key, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StateError::InUse { key: key.into() }),
        Err(TryLockError::Error(source)) => Err(disk("lock", key, source)),
    }
}
