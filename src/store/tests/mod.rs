//! Tests of the store: against maps, across restarts, and on disks that fail.

mod check;
mod copy;
mod crash;
mod disks;
mod erase;
mod failure;
mod model;
mod opening;
mod pack;
mod rewrite;

use super::*;
use crate::testing::{Device, Dice, Ledger, network};

/// Opens a store on `disk`, with a cache so small that reading means reading the disk.
fn open_on(disk: impl StorageBackend, network: &Network) -> Result<Store, StoreError> {
    let options = StoreOptions { cache_bytes: 0 };
    Store::open_on(Box::new(disk), PathBuf::from("a disk in memory"), network, &options)
}

/// A ledger of `devices` enrolled devices and `length` transactions of all kinds, some of them equivocations.
fn ledger(network: &Arc<Network>, seed: u64, devices: u8, length: usize) -> (Ledger, Vec<Device>) {
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

/// Changes the file behind the store's back.
fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(directory.join(FILE_NAME)).unwrap();
    let commit = database.begin_write().unwrap();
    change(&commit);
    commit.commit().unwrap();
}
