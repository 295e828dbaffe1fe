//! Where the other fog nodes are: the committee's addresses from the network file, and those of admitted fog nodes
//! from their enrolments in the store.
//!
//! Always true: an address stands here only for a device that the network file names, or that a registrar admitted as
//! a fog node and that nobody revoked; memory is bounded. Nothing here opens a connection.

use crate::limits::{PEER_DEVICES, PEER_ENROLMENTS, PEER_SCAN};
use crate::store::{Store, StoreError};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use weft_tangle::body::{Enrolment, Revocation};
use weft_tangle::{DeviceId, Kind, Role, Timestamp, Transaction, TxId};

/// Where a fog node is said to be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The node.
    pub device: DeviceId,
    /// `host:port`; a name need not resolve.
    pub address: String,
}

/// The addresses, kept while enrolments become durable.
#[derive(Debug, Default)]
pub struct Peers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    committee: Vec<Peer>,
    /// The newest enrolments of each admitted fog node, the newest last.
    admitted: BTreeMap<DeviceId, Vec<Announced>>,
    generation: u64,
}

/// What one enrolment says.
#[derive(Debug)]
struct Announced {
    id: TxId,
    valid: Range<Timestamp>,
    address: Option<String>,
}

impl Peers {
    /// Takes the committee's addresses, as the network file has them.
    pub fn name_committee(&self, committee: Vec<Peer>) {
        let mut known = self.lock();
        known.committee = committee;
        known.generation += 1;
    }

    /// All addresses that hold at `now`: the committee's, and of each admitted fog node that of its newest valid
    /// enrolment. A member of the committee that enrolled elsewhere since has both.
    pub fn at(&self, now: Timestamp) -> Vec<Peer> {
        let known = self.lock();
        let mut peers = known.committee.clone();
        for (device, enrolments) in &known.admitted {
            let newest = enrolments.iter().rev().find(|announced| announced.valid.contains(&now));
            let Some(address) = newest.and_then(|announced| announced.address.clone()) else { continue };
            let peer = Peer { device: *device, address };
            if !known.committee.contains(&peer) {
                peers.push(peer);
            }
        }
        peers
    }

    /// A number that grows with every change, but not as enrolments begin and end.
    pub fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Learns from a transaction that has become durable. All but enrolments and revocations is passed over.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn learn(&self, transaction: &Transaction, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        match transaction.header().kind {
            Kind::Enrol => self.enrolled(transaction, store, now),
            Kind::RevokeDevice => {
                if let Ok(revocation) = Revocation::decode(transaction.content()) {
                    self.forget(&revocation.device);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Reads all enrolments that are stored, some at a time, each time from a new snapshot, so that writing goes on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn scan(&self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let mut after = None;
        loop {
            let page = store.reader()?.all_enrolments(after, PEER_SCAN)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.header().issuer, last.id()));
            for transaction in &page {
                self.enrolled(transaction, store, now)?;
            }
        }
    }

    fn enrolled(&self, transaction: &Transaction, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        let Ok(enrolment) = Enrolment::decode(transaction.content()) else { return Ok(()) };
        let device = transaction.header().issuer;
        if enrolment.role != Role::Fog || enrolment.valid_until <= now {
            return Ok(());
        }
        let is_new = self.lock().insert(
            device,
            Announced {
                id: transaction.id(),
                valid: enrolment.valid_from..enrolment.valid_until,
                address: enrolment.address.map(|address| address.as_str().to_owned()),
            },
            now,
        );
        if !is_new {
            return Ok(());
        }
        // After it was inserted, for a revocation that became durable in between would have found nothing to forget.
        let revoked = store.reader().and_then(|reader| reader.revocations(&device, 1));
        if revoked.as_ref().map_or(true, |found| !found.is_empty()) {
            self.forget(&device);
        }
        revoked.map(drop)
    }

    fn forget(&self, device: &DeviceId) {
        let mut known = self.lock();
        if known.admitted.remove(device).is_some() {
            known.generation += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Every change is complete before the lock is left, so a panic elsewhere has spoilt nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Takes an enrolment; says whether it was new.
    fn insert(&mut self, device: DeviceId, announced: Announced, now: Timestamp) -> bool {
        if !self.admitted.contains_key(&device) && self.admitted.len() >= PEER_DEVICES {
            self.admitted.retain(|_, enrolments| enrolments.iter().any(|one| one.valid.end > now));
            if self.admitted.len() >= PEER_DEVICES {
                tracing::warn!(%device, "more than {PEER_DEVICES} fog nodes are admitted; this one is not called");
                return false;
            }
        }
        let enrolments = self.admitted.entry(device).or_default();
        let Err(place) = enrolments.binary_search_by_key(&announced.id, |one| one.id) else { return false };
        enrolments.insert(place, announced);
        if enrolments.len() > PEER_ENROLMENTS {
            enrolments.remove(0);
        }
        self.generation += 1;
        true
    }
}

#[cfg(test)]
mod tests;
