//! What no witness covers yet, and which of it the next own witness takes along (`spec/17-finality.md`).
//!
//! Uncovered are the transactions that no witness references and no transaction approves, and the witnesses that no
//! witness references. Every attached transaction that is not uncovered is below one that is, or below a witness that
//! was delivered; so who references all that is uncovered reaches all that is attached.

use super::Round;
use crate::limits::{SWEEPS, UNCOVERED};
use crate::{DeviceId, TxId};
use std::collections::BTreeMap;

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
    limit: usize,
    missed: Option<u64>,
}

impl Coverage {
    pub(super) fn new() -> Self {
        Self::with_limit(UNCOVERED)
    }

    pub(super) fn with_limit(limit: usize) -> Self {
        Self { queues: BTreeMap::new(), places: BTreeMap::new(), limit, missed: None }
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
        if self.places.len() >= self.limit && !self.places.contains_key(&id) {
            // It has covered nothing, so nothing is lost of what it references, and it is found again.
            self.missed = Some(self.missed.map_or(arrival, |missed| missed.min(arrival)));
            return false;
        }
        self.cover(&id);
        self.places.insert(id, (issuer, arrival));
        self.queues.entry(issuer).or_default().insert(arrival, Uncovered { id, round });
        true
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
            queue.remove(&arrival);
            if queue.is_empty() {
                self.queues.remove(&issuer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::finality::testing::round;
    use crate::finality::tests::universe::Dice;
    use std::collections::BTreeSet;

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
                if of_round.is_some() || reached.contains(id) {
                    reached.extend(references);
                }
                assert!(
                    reached.contains(id) || of_round.is_some() || number as u64 >= from,
                    "seed {seed}: {number}"
                );
            }
            assert!(coverage.len() <= limit);
        }
    }
}
