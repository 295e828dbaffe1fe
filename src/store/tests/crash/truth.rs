//! What must be true of store and replica, kept in plain lists and worked out anew for each comparison.
//!
//! Always true: `order[..promised]` was acknowledged; `order[promised..handed]` was handed to a commit that did not
//! return, and is on disk whole or not at all; the rest never left the replica. So it is with the commits of the chain,
//! and both stand or fall together.

use super::pool::Pool;
use crate::store::tests::commits::compare_commits;
use crate::store::tests::model::compare_arrivals;
use crate::store::{Equivocation, ParentTag, Store};
use crate::testing::Dice;
use crate::testing::chain::Chain;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weft_tangle::{Attached, DeviceId, Epoch, Network, Replica, TxId};

/// What was attached since the beginning and not lost since, in its order.
pub(super) struct Truth {
    pub(super) order: Vec<Arc<Attached>>,
    places: BTreeMap<TxId, usize>,
    pub(super) promised: usize,
    pub(super) handed: usize,
    /// All commits that were handed over and not lost.
    pub(super) chain: Chain,
    pub(super) promised_commits: usize,
    /// The cursor that was acknowledged last, and the one that was handed over last; 0 for none.
    pub(super) promised_cursor: u64,
    pub(super) handed_cursor: u64,
}

impl Truth {
    pub(super) fn new(network: &Network) -> Self {
        let (order, places, chain) = (Vec::new(), BTreeMap::new(), Chain::new(network));
        let (promised, handed, promised_commits, promised_cursor, handed_cursor) = Default::default();
        Self { order, places, promised, handed, chain, promised_commits, promised_cursor, handed_cursor }
    }

    /// A store was opened that holds `stored` transactions and `commits`: what it does not hold is lost, and may not be
    /// what was promised.
    pub(super) fn settle(&mut self, stored: usize, commits: usize, cursor: u64) {
        let Self { promised, handed, promised_commits, promised_cursor, handed_cursor, .. } = *self;
        let handed_commits = self.chain.handed.len();
        assert!(stored >= promised, "{promised} were acknowledged, {stored} are there");
        assert!(
            commits >= promised_commits,
            "{promised_commits} commits were acknowledged, {commits} are there"
        );
        let whole = [(promised, promised_commits), (handed, handed_commits)].contains(&(stored, commits));
        assert!(
            whole,
            "a batch from {promised} to {handed}, with the commits from {promised_commits} to {handed_commits}, is there \
             whole or not at all, not up to {stored} and {commits}"
        );
        let is_before = (stored, commits) == (promised, promised_commits);
        let is_behind = (stored, commits) == (handed, handed_commits);
        assert!(
            (is_before && cursor == promised_cursor) || (is_behind && cursor == handed_cursor),
            "the cursor is {cursor} at {stored}; {promised_cursor} was acknowledged, {handed_cursor} handed over"
        );
        (self.promised_cursor, self.handed_cursor) = (cursor, cursor);
        self.chain.truncate(commits as u64);
        self.promised_commits = commits;
        for lost in self.order.drain(stored..) {
            self.places.remove(&lost.id());
        }
        (self.promised, self.handed) = (stored, stored);
    }

    pub(super) fn attach(&mut self, attached: Arc<Attached>) {
        assert_eq!(attached.position().0, self.order.len() as u64, "positions have no gaps");
        let before = self.places.insert(attached.id(), self.order.len());
        assert_eq!(before, None, "{} was attached twice", attached.id());
        self.order.push(attached);
    }

    pub(super) fn contains(&self, id: &TxId) -> bool {
        self.places.contains_key(id)
    }

    /// Whether the transaction was acknowledged, or is the genesis.
    pub(super) fn is_promised(&self, network: &Network, id: &TxId) -> bool {
        *id == network.genesis() || self.places.get(id).is_some_and(|place| *place < self.promised)
    }

    /// The counter after the highest that a device has used in an epoch.
    pub(super) fn next_counter(&self, network: &Network, device: DeviceId, epoch: Epoch) -> u32 {
        let headers = self.order.iter().map(|attached| attached.transaction().header());
        let own = headers.filter(|one| one.issuer == device && network.rules().epoch(one.timestamp) == epoch);
        own.map(|header| header.counter + 1).max().unwrap_or(0)
    }

    /// The store holds what was promised, each transaction once and at its place, byte for byte.
    pub(super) fn check_store(&self, store: &Store, pool: &Pool) {
        let mut log = Vec::new();
        store.recover(usize::MAX, &mut |arrival| log.push((arrival.id, arrival.parents))).unwrap();
        let row = |attached: &Arc<Attached>| {
            (attached.id(), ParentTag::of_both(attached.transaction().header().parents))
        };
        assert_eq!(log, self.order.iter().map(row).collect::<Vec<_>>(), "the arrival log");
        let reader = store.reader().unwrap();
        for id in pool.ids() {
            let found = reader.transaction(&id).unwrap();
            let expected = self.places.get(&id).map(|place| &self.order[*place]);
            assert_eq!(found.is_some(), expected.is_some(), "{id}");
            if let (Some(found), Some(expected)) = (found, expected) {
                assert_eq!(found.position, expected.position(), "the place of {id}");
                assert!(found.transaction.wire() == expected.transaction().wire(), "the bytes of {id}");
            }
        }
        let twins = self.twins(&pool.network);
        for device in &pool.devices {
            let found = reader.twins(&device.id(), usize::MAX).unwrap();
            assert_eq!(found, twins.get(&device.id()).cloned().unwrap_or_default(), "equivocations");
        }
    }

    /// The store holds the chain, and says of each transaction what the chain makes of it.
    pub(super) fn check_commits(&self, store: &Store, dice: &mut Dice) {
        compare_commits(store, &self.chain, &self.order, dice);
    }

    /// Every table, row by row.
    pub(super) fn check_every_table(&self, store: &Store, pool: &Pool, dice: &mut Dice) {
        compare_arrivals(store, &pool.network, &self.order, &pool.devices, self.order.len(), dice);
    }

    /// The replica's window is the graph of what is stored, and its tips are what nothing stored approves.
    pub(super) fn check_window(&self, replica: &Replica) {
        let mut children: BTreeMap<TxId, BTreeSet<TxId>> = BTreeMap::new();
        for attached in &self.order {
            for parent in attached.transaction().header().parents {
                children.entry(parent).or_default().insert(attached.id());
            }
        }
        assert_eq!(replica.graph().len(), self.order.len(), "the size of the window");
        let mut tips = BTreeSet::new();
        for attached in &self.order {
            let id = attached.id();
            assert!(replica.graph().contains(&id), "{id} is not in the window");
            let own = children.get(&id).cloned().unwrap_or_default();
            assert_eq!(replica.graph().children(&id), own, "the window above {id}");
            if own.is_empty() {
                tips.insert(id);
            }
        }
        assert_eq!(replica.tips().iter().collect::<BTreeSet<_>>(), tips, "the tips of the window");
        let occupancy = replica.occupancy();
        assert_eq!((occupancy.in_flight, occupancy.pending), (0, 0));
    }

    fn twins(&self, network: &Network) -> BTreeMap<DeviceId, Vec<Equivocation>> {
        let mut slots: BTreeMap<(DeviceId, Epoch, u32), BTreeSet<TxId>> = BTreeMap::new();
        for attached in &self.order {
            let header = attached.transaction().header();
            let epoch = network.rules().epoch(header.timestamp);
            slots.entry((header.issuer, epoch, header.counter)).or_default().insert(attached.id());
        }
        let mut twins: BTreeMap<DeviceId, Vec<Equivocation>> = BTreeMap::new();
        for ((device, epoch, counter), ids) in slots.into_iter().filter(|(_, ids)| ids.len() > 1) {
            let ids = ids.into_iter().collect();
            twins.entry(device).or_default().push(Equivocation { epoch, counter, ids });
        }
        twins
    }
}
