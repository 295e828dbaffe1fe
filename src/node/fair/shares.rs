//! Equal shares by weight: who is to be served next among those who have a job waiting.
//!
//! Weighted fair queueing (Demers, Keshav and Shenker, 1989) on a virtual clock. The clock runs by the weight that is
//! served, divided by the number of those who wait: it shows what each would have got by now if all were served at once,
//! bit by bit. A job starts on the clock where its owner's job before it ended, or now for one who had nothing waiting,
//! and ends its weight later. The earliest end is served first, and among equal ones who has waited longest.
//!
//! Always true: an end never moves back behind one who comes later, and the clock moves with every job, so nobody waits
//! for ever. Who has nothing waiting is not remembered.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Ticks of the clock for a weight of one, so that dividing it by many rounds little away.
const TICKS: u64 = 1 << 16;

/// Those who wait.
#[derive(Debug)]
pub(super) struct Shares<K> {
    now: u64,
    arrivals: u64,
    places: HashMap<K, Place>,
    waiting: BTreeSet<(Rank, K)>,
}

/// The least is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    end: u64,
    arrival: u64,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where the next job starts on the clock.
    start: u64,
    rank: Rank,
}

impl<K: Copy + Ord + Hash> Shares<K> {
    /// Nobody waits.
    pub(super) fn new() -> Self {
        Self { now: 0, arrivals: 0, places: HashMap::new(), waiting: BTreeSet::new() }
    }

    /// Says what the next job of `key` weighs. One who waits already keeps its start.
    pub(super) fn offer(&mut self, key: K, weight: usize) {
        match self.places.get(&key).copied() {
            Some(place) => {
                self.waiting.remove(&(place.rank, key));
                self.enter(key, place.start, weight, place.rank.arrival);
            }
            None => self.arrive(key, self.now, weight),
        }
    }

    /// Whose turn it is.
    pub(super) fn first(&self) -> Option<K> {
        self.waiting.first().map(|(_, key)| *key)
    }

    /// Takes note that the job of the first, of this weight, is served, and of what its next one weighs.
    pub(super) fn served(&mut self, weight: usize, next: Option<usize>) {
        let sharing = self.waiting.len() as u64;
        let Some((_, key)) = self.waiting.pop_first() else { return };
        let place = self.places.remove(&key).expect("who waits has a place");
        self.now += ticks(weight) / sharing;
        if let Some(next) = next {
            // The clock may have passed that start: then it is owed what it has not got.
            self.arrive(key, place.start + ticks(weight), next);
        } else if self.waiting.is_empty() {
            *self = Self::new();
        }
    }

    fn arrive(&mut self, key: K, start: u64, weight: usize) {
        self.arrivals += 1;
        self.enter(key, start, weight, self.arrivals);
    }

    fn enter(&mut self, key: K, start: u64, weight: usize, arrival: u64) {
        let rank = Rank { end: start + ticks(weight), arrival };
        self.places.insert(key, Place { start, rank });
        self.waiting.insert((rank, key));
    }
}

/// A weight on the clock. Served 50,000 a second without a pause, the clock runs for 170 years.
fn ticks(weight: usize) -> u64 {
    weight as u64 * TICKS
}
