//! The pool against its definition, and what leases promise.

use super::*;
use proptest::prelude::*;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// The `number`-th transaction, issued at `ms`.
fn transaction(number: usize, ms: u64) -> TxId {
    let mut bytes = *TxId::first_at(at(ms)).as_bytes();
    bytes[32..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    TxId::from_bytes(bytes)
}

fn genesis() -> TxId {
    TxId::first_at(at(1))
}

fn rng(seed: u8) -> ChaCha8Rng {
    ChaCha8Rng::from_seed([seed; 32])
}

/// A pool of `count` tips of the past.
fn pool(count: usize) -> Tips {
    let mut tips = Tips::new(genesis());
    (0..count).for_each(|number| tips.insert(transaction(number, 10), [genesis(); 2]));
    tips
}

/// What the pool is by definition, computed from all that ever became durable.
#[derive(Default)]
struct Model {
    tips: BTreeSet<TxId>,
    approved: BTreeSet<TxId>,
    dropped: u64,
}

impl Model {
    fn insert(&mut self, id: TxId, parents: [TxId; 2], limit: usize) {
        for parent in parents {
            if self.tips.remove(&parent) {
                self.approved.insert(parent);
            }
        }
        if self.tips.len() < limit {
            self.tips.insert(id);
        } else {
            self.dropped += 1;
        }
    }
}

proptest! {
    #[test]
    fn the_pool_is_what_no_durable_transaction_approves(
        steps in proptest::collection::vec((0u64..40, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0usize..4, 0u64..40), 1..80),
        limit in prop_oneof![2usize..6, Just(1_000)],
        seed: u8,
    ) {
        let mut tips = Tips::with_limit(genesis(), limit);
        let mut model = Model::default();
        let mut all = vec![genesis()];
        let mut rng = rng(seed);
        for (number, (ms, first, second, pairs, now)) in steps.into_iter().enumerate() {
            let id = transaction(number, 2 + ms);
            let parents = [all[first.index(all.len())], all[second.index(all.len())]];
            tips.insert(id, parents);
            model.insert(id, parents, limit);
            all.push(id);
            prop_assert!(tips.len() <= limit);
            prop_assert_eq!(tips.dropped(), model.dropped);
            prop_assert!(tips.iter().eq(model.tips.iter().copied()));
            prop_assert!(all.iter().all(|id| tips.contains(id) == model.tips.contains(id)));

            let now = at(now);
            // The clock of a lease may lie behind that of an earlier one; what was ripe then stays so.
            let was_ripe: BTreeSet<TxId> = tips.ripe.keys().copied().collect();
            for [a, b] in tips.lease(pairs, now, &mut rng) {
                prop_assert!(a != b || a == genesis(), "one tip twice in a pair");
                for parent in [a, b].into_iter().filter(|parent| *parent != genesis()) {
                    prop_assert!(parent.timestamp() <= now || was_ripe.contains(&parent), "handed out ahead of its time");
                    prop_assert!(model.tips.contains(&parent) || model.approved.contains(&parent));
                    prop_assert!(tips.was_handed_out(&parent));
                }
                let candidates = model.tips.iter().chain(&model.approved).filter(|id| id.timestamp() <= now).count();
                let at_hand = candidates.min(2);
                let handed: BTreeSet<TxId> = [a, b].into_iter().filter(|id| *id != genesis()).collect();
                prop_assert!(handed.len() >= at_hand, "the genesis was handed out while others are there");
            }
            prop_assert!(tips.iter().eq(model.tips.iter().copied()), "a lease changes no tip");
        }
    }
}

#[test]
fn an_empty_ledger_hands_out_its_beginning() {
    let mut tips = Tips::new(genesis());
    assert_eq!(tips.lease(2, at(9), &mut rng(1)), [[genesis(); 2]; 2]);
    assert!(!tips.was_handed_out(&genesis()), "the beginning needs no excuse at the door");
}

#[test]
fn concurrent_sensors_get_different_tips() {
    let mut tips = pool(1_000);
    let leased: Vec<TxId> = tips.lease(500, at(99), &mut rng(2)).concat();
    let distinct = leased.iter().collect::<BTreeSet<_>>().len();
    // Drawn evenly at random, 1,000 of 1,000 hit 632.
    assert!(distinct > 850, "{distinct}");
    let times: Vec<u32> = tips.ripe.values().map(|lease| lease.times).collect();
    assert!(times.iter().all(|times| *times <= 2), "{:?}", times.iter().max());
    assert_eq!(times.iter().sum::<u32>(), 1_000);
}

#[test]
fn of_tips_leased_alike_the_oldest_arrival_goes_first() {
    let mut tips = pool(400);
    let leased: BTreeSet<TxId> = tips.lease(100, at(99), &mut rng(3)).concat().into_iter().collect();
    let old = (0..200).filter(|number| leased.contains(&transaction(*number, 10))).count();
    assert!(old > 130, "of {} leased tips {old} are of the older half", leased.len());
}

#[test]
fn a_dry_pool_serves_what_was_approved_last() {
    let mut tips = pool(TIP_RESERVE + 10);
    for pair in 0..(TIP_RESERVE + 10) / 2 {
        let parents = [transaction(2 * pair, 10), transaction(2 * pair + 1, 10)];
        // All these children are ahead of the clock: nothing but the reserve can serve.
        tips.insert(transaction(1_000 + pair, 500), parents);
    }
    let handed: BTreeSet<TxId> =
        tips.lease(TIP_RESERVE * 8, at(99), &mut rng(4)).concat().into_iter().collect();
    let reserve: BTreeSet<TxId> = (10..TIP_RESERVE + 10).map(|number| transaction(number, 10)).collect();
    assert_eq!(handed, reserve);
    assert_eq!(tips.reserve.len(), TIP_RESERVE);
    assert!(
        tips.lease(1, at(9), &mut rng(4)).concat().iter().all(|id| *id == genesis()),
        "ahead of the clock"
    );
}

#[test]
fn a_flood_that_approves_nothing_costs_only_its_own() {
    let mut tips = Tips::with_limit(genesis(), 8);
    let honest: Vec<TxId> = (0..4).map(|number| transaction(number, 10)).collect();
    honest.iter().for_each(|id| tips.insert(*id, [genesis(); 2]));
    for number in 100..200 {
        tips.insert(transaction(number, 5), [genesis(); 2]);
        tips.lease(1, at(99), &mut rng(number as u8));
    }
    assert!(honest.iter().all(|id| tips.contains(id)));
    assert_eq!((tips.len(), tips.dropped()), (8, 96));
    tips.insert(transaction(300, 20), [honest[0], genesis()]);
    assert!(tips.contains(&transaction(300, 20)), "who approves a tip finds room");
}

#[test]
fn what_was_handed_out_is_remembered_within_its_bound() {
    let mut tips = Tips::new(genesis());
    for number in 0..3 * HANDED_OUT {
        tips.remember(transaction(number, 10));
        let held: usize = tips.handed_out.iter().map(IndexSet::len).sum();
        assert!(held <= HANDED_OUT);
        let oldest_safe = transaction((number + 1).saturating_sub(HANDED_OUT / 2), 10);
        assert!(tips.was_handed_out(&oldest_safe));
    }
}
