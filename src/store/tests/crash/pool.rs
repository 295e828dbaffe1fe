//! The transactions of a group of seeds: signed and checked once, for that takes longer than a world with its crashes.

use crate::testing::{Device, Dice, Ledger, network};
use std::collections::BTreeSet;
use std::sync::Arc;
use weft_tangle::{Epoch, Kind, Network, Timestamp, TxId, Verified, content_format};

/// Seeds that share their transactions.
pub(super) const SEEDS_PER_POOL: u64 = 32;

/// Transactions of a pool.
const TRANSACTIONS: usize = 72;

/// Devices that issue them.
const DEVICES: u8 = 4;

/// Transactions of all kinds, equivocations among them, in an order in which each can be attached.
pub(super) struct Pool {
    pub(super) network: Arc<Network>,
    pub(super) devices: Vec<Device>,
    pub(super) transactions: Vec<Verified>,
    /// A time after all of them.
    pub(super) end: Timestamp,
}

impl Pool {
    pub(super) fn new(number: u64) -> Self {
        let network = network("crash");
        let mut dice = Dice::new(number);
        let mut ledger = Ledger::new(&network, number);
        let devices: Vec<Device> = (1..=DEVICES).map(Device::new).collect();
        let mut counters = [0; DEVICES as usize];
        for device in &devices {
            ledger.enrol(device, 0);
        }
        while ledger.arrivals.len() < TRANSACTIONS {
            let who = dice.below(u64::from(DEVICES)) as usize;
            let device = &devices[who];
            counters[who] += 1 + dice.below(2) as u32;
            let counter = counters[who];
            match dice.below(12) {
                0 => drop(ledger.enrol(device, counter)),
                1 => drop(ledger.revoke_itself(device, counter)),
                2 => drop(ledger.anchor(device, counter)),
                3 => (0..2).for_each(|_| drop(ledger.read(device, counter))),
                4 => {
                    // Of all sizes, so that rows fill up and are packed at different places.
                    let content: Vec<u8> = vec![counter as u8; dice.below(16_000) as usize];
                    ledger.issue(device, Kind::Reading, counter, content_format::SENML_CBOR, &content);
                }
                _ => drop(ledger.read(device, counter)),
            }
            ledger.now = ledger.now.plus(dice.below(40_000));
        }
        let transactions = ledger.arrivals.iter().map(|attached| attached.verified().clone()).collect();
        Self { network, devices, transactions, end: ledger.now.plus(1) }
    }

    /// The ids of all.
    pub(super) fn ids(&self) -> impl Iterator<Item = TxId> {
        self.transactions.iter().map(Verified::id)
    }

    /// The epochs that they fall into.
    pub(super) fn epochs(&self) -> BTreeSet<Epoch> {
        self.ids().map(|id| self.network.rules().epoch(id.timestamp())).collect()
    }
}
