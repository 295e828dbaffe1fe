//! One node of the network in virtual time: a replica, its disk, its links.

use super::net::Micros;
use crate::support::{MapHistory, world};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weft_tangle::gossip::{Class, Reason, Stretch};
use weft_tangle::replica::Token;
use weft_tangle::{Attached, DeviceId, Position, Replica, TxId, Verified};

/// One end of a connection.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) peer: usize,
    pub(super) its_source: u32,
    pub(super) arrivals: Arrivals,
}

/// When the last parcel of each stream arrives.
#[derive(Clone, Copy, Default)]
pub(super) struct Arrivals([Micros; 3]);

impl Arrivals {
    pub(super) fn of(&mut self, class: Class) -> &mut Micros {
        &mut self.0[class as usize]
    }
}

impl Link {
    pub(super) fn new(peer: usize, its_source: u32) -> Self {
        Self { peer, its_source, arrivals: Arrivals::default() }
    }
}

pub(super) struct Node {
    pub(super) number: usize,
    pub(super) device: DeviceId,
    pub(super) replica: Replica,
    /// What is durable.
    pub(super) history: MapHistory,
    pub(super) saved: Vec<Arc<Attached>>,
    pub(super) cursors: BTreeMap<DeviceId, Vec<u8>>,
    /// What is on its way there.
    queue: Vec<Arc<Attached>>,
    pub(super) cursors_to_come: Vec<(DeviceId, Vec<u8>)>,
    pub(super) is_committing: bool,
    /// What is attached, durable or not.
    pub(super) attached: BTreeSet<TxId>,
    /// What the checks are at work on.
    pub(super) checking: BTreeSet<TxId>,
    pub(super) links: BTreeMap<u32, Link>,
    pub(super) dropped: Vec<Reason>,
    pub(super) is_up: bool,
    /// Counts restarts, so that what was under way in an earlier life is lost.
    pub(super) life: u32,
    pub(super) wakes_at: Option<Micros>,
    sources: u32,
    tokens: u64,
}

fn replica(device: DeviceId, saved: &[Arc<Attached>]) -> Replica {
    let mut replica = Replica::new(Arc::clone(&world().network), Position(saved.len() as u64));
    replica.set_device(device);
    for attached in saved {
        replica.recover(attached.id(), attached.transaction().header().parents);
    }
    replica
}

impl Node {
    pub(super) fn new(number: usize) -> Self {
        let device = DeviceId::from_bytes(weft_tangle::blake2s(&[b"node", &[number as u8]]));
        Self {
            number,
            device,
            replica: replica(device, &[]),
            history: MapHistory::default(),
            saved: Vec::new(),
            cursors: BTreeMap::new(),
            queue: Vec::new(),
            cursors_to_come: Vec::new(),
            is_committing: false,
            attached: BTreeSet::new(),
            checking: BTreeSet::new(),
            links: BTreeMap::new(),
            dropped: Vec::new(),
            is_up: true,
            life: 0,
            wakes_at: None,
            sources: 0,
            tokens: 0,
        }
    }

    pub(super) fn next_source(&mut self) -> u32 {
        self.sources += 1;
        self.sources
    }

    pub(super) fn token(&mut self) -> Token {
        self.tokens += 1;
        Token(self.tokens)
    }

    pub(super) fn link_to(&self, peer: usize) -> Option<u32> {
        self.links.iter().find(|(_, link)| link.peer == peer).map(|(source, _)| *source)
    }

    /// Says whether it is the first time, a crash before notwithstanding.
    pub(super) fn attach(&mut self, attached: Arc<Attached>) -> bool {
        let expected = Position((self.saved.len() + self.queue.len()) as u64);
        assert_eq!(attached.position(), expected, "a gap in the order of arrival");
        let here = |id: &TxId| self.attached.contains(id) || *id == world().genesis();
        assert!(attached.transaction().header().parents.iter().all(here), "attached before its parents");
        let is_new = self.attached.insert(attached.id());
        assert!(is_new, "attached twice");
        self.queue.push(attached);
        is_new
    }

    /// Bytes of what was attached last.
    pub(super) fn last_bytes(&self) -> u64 {
        self.queue.last().map_or(0, |attached| attached.transaction().wire().len() as u64)
    }

    pub(super) fn unsaved(&self) -> usize {
        self.queue.len()
    }

    /// What was queued is on disk, with the cursors of that time.
    pub(super) fn commit(&mut self, count: usize) -> Option<Position> {
        for attached in self.queue.drain(..count) {
            self.history.store(Arc::clone(&attached));
            self.saved.push(attached);
        }
        self.cursors.extend(self.cursors_to_come.drain(..));
        self.saved.last().map(|attached| attached.position()).filter(|_| count > 0)
    }

    /// Transactions at these positions and with these ids, and ids that are not there.
    pub(super) fn read(&self, ranges: &[Stretch], ids: &[TxId]) -> (Vec<Verified>, Vec<TxId>) {
        let mut bodies: Vec<Verified> = Vec::new();
        for range in ranges {
            let positions = range.positions();
            let stored = &self.saved[positions.start as usize..positions.end as usize];
            bodies.extend(stored.iter().map(|attached| attached.verified().clone()));
        }
        let find = |id: &TxId| self.saved.iter().find(|attached| attached.id() == *id);
        bodies.extend(ids.iter().filter_map(find).map(|attached| attached.verified().clone()));
        (bodies, ids.iter().filter(|id| find(id).is_none()).copied().collect())
    }

    pub(super) fn crash(&mut self) {
        self.links.clear();
        self.queue.clear();
        self.cursors_to_come.clear();
        self.checking.clear();
        self.is_committing = false;
        self.wakes_at = None;
        self.life += 1;
        self.attached = self.saved.iter().map(|attached| attached.id()).collect();
    }

    /// Begins again with what is on disk.
    pub(super) fn restart(&mut self) {
        self.is_up = true;
        self.replica = replica(self.device, &self.saved);
    }

    /// Puts an older state of the disk in place of this one, while the process does not run.
    pub(super) fn restore(&mut self, backup: Vec<Arc<Attached>>, cursors: BTreeMap<DeviceId, Vec<u8>>) {
        assert!(!self.is_up);
        self.history = MapHistory::default();
        backup.iter().for_each(|attached| self.history.store(Arc::clone(attached)));
        self.attached = backup.iter().map(|attached| attached.id()).collect();
        self.cursors = cursors;
        self.saved = backup;
    }
}
