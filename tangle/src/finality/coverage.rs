//! What no witness covers yet, and which of it the next own witness takes along (`spec/17-finality.md`).
//!
//! Uncovered are the transactions that no witness references and no transaction approves, and the witnesses that no
//! witness references. Every attached transaction that is not uncovered is below one that is, or below a witness that
//! was delivered; so who references all that is uncovered reaches all that is attached, but for what had no room and is
//! handed in again.
//!
//! When all room is taken the issuer that holds most gives way with its youngest, as long as it then still holds more than
//! the one that it makes room for. So a flood leaves out what is its own.

use super::Round;
use crate::limits::{SWEEPS, UNCOVERED};
use crate::{DeviceId, TxId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug)]
struct Uncovered {
    id: TxId,
    /// Its round, if it is a witness.
    round: Option<Round>,
}

/// The uncovered, by issuer and arrival.
#[derive(Debug)]
pub(super) struct Coverage {
    queues: BTreeMap<DeviceId, BTreeMap<u64, Uncovered>>,
    places: BTreeMap<TxId, (DeviceId, u64)>,
    /// Each issuer that has any, with how many it has.
    sizes: BTreeSet<(usize, DeviceId)>,
    limit: usize,
    /// The oldest of what had no room.
    missed: Option<u64>,
}

impl Coverage {
    pub(super) fn new() -> Self {
        Self::with_limit(UNCOVERED)
    }

    pub(super) fn with_limit(limit: usize) -> Self {
        let (queues, places, sizes) = Default::default();
        Self { queues, places, sizes, limit, missed: None }
    }

    /// Takes note of an attached transaction, a witness if it has a round, which covers what it references. `arrival`
    /// is its place in the order of arrival. Handing it in again, with all that arrived since, changes nothing. Says whether
    /// there was room.
    pub(super) fn attached(
        &mut self,
        arrival: u64,
        id: TxId,
        issuer: DeviceId,
        round: Option<Round>,
        references: &[TxId],
    ) -> bool {
        // Before there is room: what it takes along makes room, else a full memory would stay full.
        for reference in references {
            self.cover(reference);
        }
        self.cover(&id);
        if self.places.len() >= self.limit && !self.take_from_the_largest(&issuer) {
            self.miss(arrival);
            return false;
        }
        self.places.insert(id, (issuer, arrival));
        let queue = self.queues.entry(issuer).or_default();
        let before = queue.len();
        queue.insert(arrival, Uncovered { id, round });
        self.resize(issuer, before);
        true
    }

    /// Whether there is room for one of this issuer now: another one that holds most gives up its youngest.
    fn take_from_the_largest(&mut self, issuer: &DeviceId) -> bool {
        let own = self.held_by(issuer);
        let largest = self.sizes.last().filter(|(size, _)| *size > own + 1);
        let queue = largest.and_then(|(_, largest)| self.queues.get(largest));
        let Some((arrival, youngest)) = queue.and_then(BTreeMap::last_key_value) else { return false };
        let (arrival, id) = (*arrival, youngest.id);
        self.cover(&id);
        self.miss(arrival);
        true
    }

    /// What has no room is handed in again, with all that came after it, so what it covers is covered again too.
    fn miss(&mut self, arrival: u64) {
        self.missed = Some(self.missed.map_or(arrival, |missed| missed.min(arrival)));
    }

    fn held_by(&self, issuer: &DeviceId) -> usize {
        self.queues.get(issuer).map_or(0, BTreeMap::len)
    }

    /// An issuer holds another number than before.
    fn resize(&mut self, issuer: DeviceId, before: usize) {
        self.sizes.remove(&(before, issuer));
        let size = self.held_by(&issuer);
        if size > 0 {
            self.sizes.insert((size, issuer));
        }
    }

    /// How many are uncovered, as far as memory goes.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// From which arrival on transactions must be handed in again, now that there is room for them. Told once.
    pub(super) fn take_missed(&mut self) -> Option<u64> {
        if self.places.len() > self.limit / 2 { None } else { self.missed.take() }
    }

    /// What a witness of this round takes along beside `taken`: of each issuer the oldest by arrival, then of each the
    /// next, at most [`SWEEPS`]. Witnesses of its own round and later ones are left for others.
    pub(super) fn sweeps(&self, round: Round, taken: &[TxId]) -> Vec<TxId> {
        let is_swept = |uncovered: &Uncovered| {
            uncovered.round.is_none_or(|other| other < round) && !taken.contains(&uncovered.id)
        };
        let mut queues: Vec<_> = self
            .queues
            .values()
            .map(|queue| queue.iter().filter(|(_, uncovered)| is_swept(uncovered)))
            .collect();
        let mut sweeps = Vec::new();
        while sweeps.len() < SWEEPS {
            let mut next: Vec<(u64, TxId)> = queues
                .iter_mut()
                .filter_map(|queue| queue.next().map(|(arrival, uncovered)| (*arrival, uncovered.id)))
                .collect();
            if next.is_empty() {
                break;
            }
            next.sort_unstable();
            sweeps.extend(next.into_iter().map(|(_, id)| id).take(SWEEPS - sweeps.len()));
        }
        sweeps
    }

    fn cover(&mut self, id: &TxId) {
        let Some((issuer, arrival)) = self.places.remove(id) else { return };
        if let Some(queue) = self.queues.get_mut(&issuer) {
            let before = queue.len();
            queue.remove(&arrival);
            if queue.is_empty() {
                self.queues.remove(&issuer);
            }
            self.resize(issuer, before);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::finality::testing::round;
    use crate::finality::tests::universe::Dice;

    fn id(number: u64) -> TxId {
        TxId::first_at(Timestamp::from_millis(number))
    }

    fn device(byte: u8) -> DeviceId {
        DeviceId::from_bytes([byte; 32])
    }

    #[test]
    fn the_oldest_of_each_issuer_come_first() {
        let mut coverage = Coverage::new();
        for arrival in 0..1_000 {
            coverage.attached(arrival, id(arrival), device(1), None, &[]);
        }
        coverage.attached(1_000, id(1_000), device(2), None, &[]);
        coverage.attached(1_001, id(1_001), device(0), None, &[]);
        coverage.attached(1_002, id(1_002), device(2), None, &[]);
        let sweeps = coverage.sweeps(round(1), &[]);
        assert_eq!(sweeps[..5], [0, 1_000, 1_001, 1, 1_002].map(id));
        assert_eq!(sweeps.len(), SWEEPS);
        assert_eq!(sweeps.last(), Some(&id(252)));
    }

    #[test]
    fn a_flood_that_fills_all_room_makes_room_for_others() {
        let mut coverage = Coverage::with_limit(8);
        for arrival in 0..20 {
            coverage.attached(arrival, id(arrival), device(1), None, &[]);
        }
        for arrival in 20..24 {
            assert!(coverage.attached(arrival, id(arrival), device(2), None, &[]));
        }
        assert_eq!(coverage.sweeps(round(1), &[]), [0, 20, 1, 21, 2, 22, 3, 23].map(id));
        assert!(!coverage.attached(24, id(24), device(2), None, &[]), "each has as many");
        assert!(coverage.attached(25, id(25), device(3), None, &[]), "one more has its share");
        assert_eq!((coverage.len(), coverage.missed), (8, Some(4)), "what gave way is handed in again");
        // Whoever has no more than others is left alone.
        let mut coverage = Coverage::with_limit(2);
        for (arrival, fits) in [(1, true), (2, true), (3, false)] {
            assert_eq!(coverage.attached(arrival, id(arrival), device(arrival as u8), None, &[]), fits);
        }
    }

    #[test]
    fn twins_and_stale_witnesses_are_swept_and_those_of_ones_own_round_are_not() {
        let mut coverage = Coverage::new();
        for (number, of_round) in [(1, 2), (2, 4), (3, 4), (4, 5), (5, 6)] {
            coverage.attached(number, id(number), device(number as u8), Some(round(of_round)), &[]);
        }
        // In round 5, with the witness 2 as a witness parent: its twin 3 and the stale 1.
        assert_eq!(coverage.sweeps(round(5), &[id(2)]), [id(1), id(3)]);
    }

    /// Against the definition: from what is uncovered and from witnesses all that is attached can be reached, and no
    /// uncovered one from another.
    #[test]
    fn all_that_is_attached_is_below_what_is_uncovered() {
        for seed in 0..60 {
            let mut dice = Dice::new(seed);
            let limit = if seed % 2 == 0 { 1_000 } else { 8 };
            let mut coverage = Coverage::with_limit(limit);
            let mut made: Vec<(TxId, Option<Round>, Vec<TxId>)> = Vec::new();
            for number in 0..120u64 {
                let is_witness = dice.percent(25);
                let of_round = is_witness.then(|| round(1 + number / 10));
                let mut references: Vec<TxId> = if is_witness {
                    coverage.sweeps(round(1 + number / 10), &[])
                } else {
                    let tips = made.iter().filter(|(_, round, _)| round.is_none()).map(|(id, ..)| *id);
                    tips.rev().take(12).filter(|_| dice.percent(20)).take(2).collect()
                };
                references.retain(|_| dice.percent(90));
                made.push((id(number), of_round, references.clone()));
                coverage.attached(number, id(number), device(dice.below(4) as u8), of_round, &references);
                if let Some(missed) = coverage.take_missed() {
                    for again in missed..=number {
                        let (id, of_round, references) = &made[again as usize];
                        coverage.attached(again, *id, device(1), *of_round, references);
                    }
                }
            }
            let mut reached: BTreeSet<TxId> = coverage.places.keys().copied().collect();
            let from = coverage.missed.unwrap_or(u64::MAX);
            for (number, (id, of_round, references)) in made.iter().enumerate().rev() {
                // What is handed in again covers what it references once more.
                let is_found = reached.contains(id) || of_round.is_some() || number as u64 >= from;
                assert!(is_found, "seed {seed}: {number}");
                reached.extend(references);
            }
            assert!(coverage.len() <= limit);
            let sizes = coverage.queues.iter().map(|(issuer, queue)| (queue.len(), *issuer));
            assert_eq!(coverage.sizes, sizes.collect::<BTreeSet<_>>(), "seed {seed}");
        }
    }
}
