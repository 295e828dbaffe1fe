//! What was acknowledged in all rounds, and the look whether it is there.
//!
//! Always true: an id stays at the place where it was first seen, and no two ids share one.

use super::dice::Dice;
use super::load::DEVICES;
use crate::cluster::count;
use crate::support::Node;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use weft::sensor::KeyFile;
use weft_tangle::{DeviceId, TxId};

/// Connections that ask at once.
const CONNECTIONS: usize = 4;

/// Ids of earlier rounds that are looked at again after each restart.
const SAMPLE: u64 = 300;

/// Gaps that the API names of one device and epoch.
const GAPS_NAMED: usize = 64;

pub(super) struct Audit {
    /// Where the devices' keys lie.
    keys: PathBuf,
    /// Acknowledged since the last look.
    new: Vec<TxId>,
    seen: Vec<TxId>,
    places: BTreeMap<TxId, u64>,
    taken: BTreeSet<u64>,
}

impl Audit {
    pub(super) fn new(keys: &Path) -> Self {
        let (places, taken) = (BTreeMap::new(), BTreeSet::new());
        Self { keys: keys.to_owned(), new: Vec::new(), seen: Vec::new(), places, taken }
    }

    /// Transactions that were acknowledged.
    pub(super) fn len(&self) -> usize {
        self.seen.len() + self.new.len()
    }

    pub(super) fn expect(&mut self, ids: Vec<TxId>) {
        self.new.extend(ids);
    }

    /// A ticket at once, then all that is new and some of what is old.
    pub(super) fn look(&mut self, node: &Node, dice: &mut Dice) {
        self.check_ticket(node);
        let old = self.seen.len() as u64;
        let sample: Vec<TxId> = (0..SAMPLE.min(old)).map(|_| self.seen[dice.below(old) as usize]).collect();
        let new = std::mem::take(&mut self.new);
        self.look_at(node, &[&sample[..], &new].concat());
        self.seen.extend(new);
        assert_eq!(self.places.len(), self.seen.len(), "no id is acknowledged as new twice");
    }

    /// Every one.
    pub(super) fn look_at_all(&mut self, node: &Node) {
        self.check_ticket(node);
        self.seen.append(&mut self.new);
        let all = self.seen.clone();
        self.look_at(node, &all);
        assert_eq!(self.places.len(), self.seen.len(), "no id is acknowledged as new twice");
    }

    /// Each stored transaction is of one of the devices, and none has used a counter twice.
    pub(super) fn count(&self, node: &Node) {
        let stored = count(node);
        let counted: u64 = self.devices().map(|device| count_of(node, &device)).sum();
        assert_eq!(counted, stored, "transactions by device, and in all");
        assert!(stored >= self.places.len() as u64);
    }

    /// The devices whose keys are there; the node may have been killed before all had enrolled.
    fn devices(&self) -> impl Iterator<Item = DeviceId> {
        let paths = (0..DEVICES).map(|number| self.keys.join(format!("device-{number:04}.key")));
        paths.filter(|path| path.exists()).map(|path| KeyFile::read(&path).unwrap().device())
    }

    /// A device gets parents that are there.
    fn check_ticket(&self, node: &Node) {
        let Some(device) = self.devices().next() else { return };
        let genesis = node.genesis();
        for parent in node.parents(&device) {
            let (status, answer) = node.get(&format!("/api/v1/transactions/{parent}"));
            assert!(status == 200 || parent == genesis, "{parent} was handed out: {answer}");
        }
    }

    fn look_at(&mut self, node: &Node, ids: &[TxId]) {
        let stored = node.get("/api/v1/network").1["transactions"].as_u64().unwrap();
        let share = ids.len().div_ceil(CONNECTIONS).max(1);
        let found: Vec<(TxId, u64)> = std::thread::scope(|scope| {
            let parts = ids.chunks(share);
            let threads: Vec<_> = parts.map(|part| scope.spawn(|| places_of(&node.url, part))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        for (id, place) in found {
            assert!(place < stored, "{id} stands at {place} of {stored}");
            match self.places.insert(id, place) {
                Some(before) => assert_eq!(before, place, "{id} has moved"),
                None => assert!(self.taken.insert(place), "{id} shares its place {place} with another"),
            }
        }
    }
}

/// Where each id stands, asked on one connection.
fn places_of(url: &str, ids: &[TxId]) -> Vec<(TxId, u64)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let place = |id: &TxId| {
        let mut answer = agent.get(format!("{url}/api/v1/transactions/{id}")).call().unwrap();
        let body = answer.body_mut().read_to_vec().unwrap();
        assert_eq!(answer.status(), 200, "{id} was acknowledged: {}", String::from_utf8_lossy(&body));
        let found: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(found["id"], id.to_string());
        (*id, found["position"].as_u64().unwrap())
    };
    ids.iter().map(place).collect()
}

/// How many transactions of a device are stored; their counters are all different.
fn count_of(node: &Node, device: &DeviceId) -> u64 {
    let (status, found) = node.get(&format!("/api/v1/devices/{device}"));
    if status == 404 {
        return 0;
    }
    assert_eq!(found["equivocations"], Value::Array(Vec::new()), "{device} used a counter twice");
    let mut counted = 0;
    for epoch in found["epochs"].as_array().unwrap() {
        let transactions = epoch["transactions"].as_u64().unwrap();
        let gaps = epoch["gaps"].as_array().unwrap();
        if gaps.len() < GAPS_NAMED {
            let end = |gap: &Value, side: usize| gap[side].as_u64().unwrap();
            let skipped: u64 = gaps.iter().map(|gap| end(gap, 1) + 1 - end(gap, 0)).sum();
            assert_eq!(transactions, epoch["highest"].as_u64().unwrap() + 1 - skipped, "{device}: {epoch}");
        }
        counted += transactions;
    }
    counted
}
