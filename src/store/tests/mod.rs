//! Tests of the store: against maps, across restarts, and on disks that fail.

mod check;
mod check_commits;
mod check_pages;
mod commits;
mod copy;
mod crash;
pub(super) mod disks;
mod erase;
mod failure;
mod model;
mod opening;
mod pack;
mod panics;
mod pending;
mod reopen;
mod rewrite;
mod serve;
mod torn;

use super::*;
use crate::limits::STORE_RESERVE_BYTES;
use crate::testing::{Device, Dice, Ledger, network};
use redb::Database;

/// Opens a store on `disk`, with a cache so small that reading means reading the disk.
pub(super) fn open_on(disk: impl StorageBackend, network: &Network) -> Result<Store, StoreError> {
    let options = StoreOptions { cache_bytes: 0 };
    Store::open_on(Box::new(disk), Box::new(Endless), PathBuf::from("a disk in memory"), network, &options)
}

/// Opens a store on `disk`, with a cache that holds all of it.
pub(super) fn open_cached(disk: impl StorageBackend, network: &Network) -> Result<Store, StoreError> {
    let path = PathBuf::from("a disk in memory");
    Store::open_on(Box::new(disk), Box::new(Endless), path, network, &StoreOptions::default())
}

/// Opens a store on `disk`, of which it knows how much room it has.
pub(super) fn open_with(disk: &disks::MemoryDisk, network: &Network) -> Result<Store, StoreError> {
    let options = StoreOptions { cache_bytes: 0 };
    let path = PathBuf::from("a disk in memory");
    Store::open_on(Box::new(disk.clone()), Box::new(disk.clone()), path, network, &options)
}

/// A store for tests of the node, on a disk in memory that fails on command.
pub(crate) struct Fragile {
    pub(crate) store: Arc<Store>,
    disk: disks::MemoryDisk,
}

impl Fragile {
    pub(crate) fn new(network: &Network) -> Self {
        let disk = disks::MemoryDisk::default();
        Self { store: Arc::new(open_with(&disk, network).unwrap()), disk }
    }

    /// Lets `operations` more writes succeed.
    pub(crate) fn fail_after(&self, operations: u64) {
        self.disk.fail_after(operations);
    }

    /// Keeps everybody from the store, as opening it again on a disk that hangs does, until it is dropped.
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.store.write_state()
    }

    pub(crate) fn fail_reads(&self) {
        self.disk.fail_reads();
    }

    pub(crate) fn mend(&self) {
        self.disk.mend();
    }

    pub(crate) fn leave_room(&self, bytes: u64) {
        self.disk.leave_room(bytes);
    }

    /// Damages what the database has, which takes what is pending before.
    pub(crate) fn damage(&self, bytes: &[u8]) {
        self.store.publish().unwrap();
        self.disk.damage(bytes);
    }
}

/// Where there is always room.
#[derive(Debug)]
struct Endless;

impl Volume for Endless {
    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn keep(&self, _log: &[u8]) -> Result<PathBuf, StoreError> {
        Ok(PathBuf::from("nowhere"))
    }
}

/// A ledger of `devices` enrolled devices and `length` transactions of all kinds, some of them equivocations.
pub(super) fn ledger(network: &Arc<Network>, seed: u64, devices: u8, length: usize) -> (Ledger, Vec<Device>) {
    let mut dice = Dice::new(seed);
    let mut ledger = Ledger::new(network, seed);
    let devices: Vec<Device> = (1..=devices).map(Device::new).collect();
    let mut counters = vec![0; devices.len()];
    for device in &devices {
        ledger.enrol(device, 0);
    }
    while ledger.arrivals.len() < length {
        let who = dice.below(devices.len() as u64) as usize;
        let device = &devices[who];
        counters[who] += 1;
        match dice.below(16) {
            0 => drop(ledger.enrol(device, counters[who])),
            1 => drop(ledger.revoke_itself(device, counters[who])),
            2 => drop(ledger.anchor(device, counters[who])),
            3 => {
                ledger.read(device, counters[who]);
                ledger.read(device, counters[who]);
            }
            _ => drop(ledger.read(device, counters[who])),
        }
        ledger.now = ledger.now.plus(dice.below(60_000));
    }
    (ledger, devices)
}

/// The database in a store's file.
fn open_database(path: &Path) -> Database {
    let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
    let file = redb::backends::FileBackend::new(file).unwrap();
    let (_, behind) = wal::divide_existing(Box::new(file), path).unwrap();
    Database::builder().create_with_backend(behind).unwrap()
}

/// Changes the file behind the store's back.
fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = open_database(&directory.join(FILE_NAME));
    let commit = database.begin_write().unwrap();
    change(&commit);
    commit.commit().unwrap();
}
