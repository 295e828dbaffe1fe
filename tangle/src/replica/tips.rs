//! Tip selection for sensors that need seconds between a ticket and a transaction (`spec/08-tips-and-tickets.md`).
//!
//! Always true: the pool is { durable transactions that no durable transaction approves }, less what the bound cost.
//! "In the pool" and "acceptable as a parent" are separate things, so a tip that is approved meanwhile spoils nothing.
//! A draw takes the same time whatever the size of the ledger: no walks.

use crate::limits::{HANDED_OUT, TIP_POOL, TIP_RESERVE, TIP_SAMPLE};
use crate::{Timestamp, TxId};
use indexmap::{IndexMap, IndexSet};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use std::collections::{BTreeMap, VecDeque};

/// How often a tip was handed out, and when it came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Lease {
    times: u32,
    arrival: u64,
}

/// The tips that are handed out as parents.
#[derive(Debug)]
pub struct Tips {
    genesis: TxId,
    ripe: IndexMap<TxId, Lease>,
    /// Tips ahead of the node's clock; nobody is dragged into the future by being given one.
    unripe: BTreeMap<TxId, Lease>,
    reserve: VecDeque<TxId>,
    handed_out: [IndexSet<TxId>; 2],
    arrivals: u64,
    pool_limit: usize,
    dropped: u64,
}

impl Tips {
    /// An empty pool above `genesis`.
    pub fn new(genesis: TxId) -> Self {
        Self::with_limit(genesis, TIP_POOL)
    }

    fn with_limit(genesis: TxId, pool_limit: usize) -> Self {
        Self {
            genesis,
            ripe: IndexMap::new(),
            unripe: BTreeMap::new(),
            reserve: VecDeque::new(),
            handed_out: [IndexSet::new(), IndexSet::new()],
            arrivals: 0,
            pool_limit,
            dropped: 0,
        }
    }

    /// A transaction has become durable: it is a tip, and its parents no longer are. A full pool takes no more: who
    /// approves a tip has just made room, so a flood that approves nothing costs only its own.
    pub fn insert(&mut self, id: TxId, parents: impl IntoIterator<Item = TxId>) {
        for parent in parents {
            self.approve(parent);
        }
        if self.len() >= self.pool_limit {
            self.dropped += 1;
            return;
        }
        self.arrivals += 1;
        self.unripe.insert(id, Lease { times: 0, arrival: self.arrivals });
    }

    /// Tips in the pool.
    pub fn len(&self) -> usize {
        self.ripe.len() + self.unripe.len()
    }

    /// Whether there is no tip.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tips that the pool's bound has cost since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether the transaction is a tip.
    pub fn contains(&self, id: &TxId) -> bool {
        self.ripe.contains_key(id) || self.unripe.contains_key(id)
    }

    /// Whether the transaction was handed out as a parent and is still remembered.
    pub fn was_handed_out(&self, id: &TxId) -> bool {
        self.handed_out.iter().any(|generation| generation.contains(id))
    }

    /// The tips, in id order.
    pub fn iter(&self) -> impl Iterator<Item = TxId> {
        let mut tips: Vec<TxId> = self.ripe.keys().chain(self.unripe.keys()).copied().collect();
        tips.sort_unstable();
        tips.into_iter()
    }

    /// Leases `count` pairs of parents, different within each pair unless nothing but the genesis is there.
    pub fn lease(&mut self, count: usize, now: Timestamp, rng: &mut ChaCha8Rng) -> Vec<[TxId; 2]> {
        self.ripen(now);
        (0..count).map(|_| self.lease_pair(now, rng)).collect()
    }

    fn lease_pair(&mut self, now: Timestamp, rng: &mut ChaCha8Rng) -> [TxId; 2] {
        let first = self.lease_one(None, now, rng).unwrap_or(self.genesis);
        let second = self.lease_one(Some(first), now, rng).unwrap_or(self.genesis);
        [first, second]
    }

    /// Of a few tips drawn at random the least leased, oldest first; when there is none, one that was approved just now.
    fn lease_one(&mut self, other: Option<TxId>, now: Timestamp, rng: &mut ChaCha8Rng) -> Option<TxId> {
        let drawn = (0..TIP_SAMPLE).filter_map(|_| {
            let (id, lease) = self.ripe.get_index(below(rng, self.ripe.len())?)?;
            (Some(*id) != other).then_some((*lease, *id))
        });
        let mut best = drawn.min().map(|(_, id)| id);
        if best.is_none() && self.ripe.len() > 1 {
            // Four draws of two tips hit the same one every eighth time; the one before or after it is another.
            best = self.ripe.keys().copied().find(|id| Some(*id) != other);
        }
        let id = best.or_else(|| self.draw_from_reserve(other, now, rng))?;
        if let Some(lease) = self.ripe.get_mut(&id) {
            lease.times = lease.times.saturating_add(1);
        }
        self.remember(id);
        Some(id)
    }

    fn draw_from_reserve(&self, other: Option<TxId>, now: Timestamp, rng: &mut ChaCha8Rng) -> Option<TxId> {
        let start = below(rng, self.reserve.len())?;
        let around = self.reserve.iter().skip(start).chain(self.reserve.iter().take(start));
        around.copied().find(|id| Some(*id) != other && id.timestamp() <= now)
    }

    fn approve(&mut self, parent: TxId) {
        let was_ripe = self.ripe.swap_remove(&parent).is_some();
        let was_unripe = self.unripe.remove(&parent).is_some();
        if was_ripe || was_unripe {
            if self.reserve.len() >= TIP_RESERVE {
                self.reserve.pop_front();
            }
            self.reserve.push_back(parent);
        }
    }

    fn ripen(&mut self, now: Timestamp) {
        let later = self.unripe.split_off(&TxId::first_at(now.plus(1)));
        let ripe = std::mem::replace(&mut self.unripe, later);
        self.ripe.extend(ripe);
    }

    fn remember(&mut self, id: TxId) {
        if self.handed_out[0].len() >= HANDED_OUT / 2 {
            self.handed_out.swap(0, 1);
            self.handed_out[0].clear();
        }
        self.handed_out[0].insert(id);
    }
}

/// An index below `length`, almost evenly distributed (bias below 2^-18 for a full pool); none when there is none.
fn below(rng: &mut ChaCha8Rng, length: usize) -> Option<usize> {
    (length > 0).then(|| ((u64::from(rng.next_u32()) * length as u64) >> 32) as usize)
}

#[cfg(test)]
mod tests;
