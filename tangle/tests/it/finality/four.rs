//! A committee of four, whose replicas talk to each other.

use super::town::Town;
use std::collections::BTreeSet;
use weft_tangle::TxId;
use weft_tangle::replica::{Event, Source};

/// All of these are final everywhere, and everybody is at rest and knows the same chain.
fn assert_settled(town: &Town, readings: &[TxId]) {
    for (place, node) in town.nodes.iter().enumerate() {
        let status = node.replica.finality();
        assert!(status.is_idle && status.open == 0 && status.divergence.is_none(), "{place}: {status:?}");
        assert!(readings.iter().all(|reading| node.history.is_final(reading)), "{place} left one behind");
        assert!(node.replica.tips().iter().all(|tip| readings.contains(&tip)), "{place}: a witness is a tip");
    }
}

fn load(town: &mut Town, readings: u64) -> Vec<TxId> {
    let mut made = Vec::new();
    for number in 0..readings {
        let place = (number % 4) as usize;
        made.push(town.read(place, place as u8));
        town.run(29);
    }
    made
}

#[test]
fn readings_become_final_everywhere_in_one_order() {
    let mut town = Town::new(4);
    town.run(500);
    let readings = load(&mut town, 40);
    town.run(3_000);
    assert_settled(&town, &readings);
    let members = town.nodes[0].replica.finality().members;
    assert!(members.iter().all(|member| member.round.is_some() && member.twins == 0), "{members:?}");
    assert!(members.iter().filter(|member| member.confirmed > 0).count() >= 3);
}

#[test]
fn the_same_events_have_the_same_effects() {
    let trace = || {
        let mut town = Town::new(4);
        load(&mut town, 12);
        town.run(1_000);
        town.trace
    };
    let (one, other) = (trace(), trace());
    assert!(one.len() > 60);
    assert!(one == other);
}

#[test]
fn what_a_witness_misses_is_fetched_and_then_it_is_attached() {
    let mut town = Town::new(4);
    town.run(500);
    // Nobody is pushed these: they are known by the logs, or by the witnesses that reference them before.
    let mut readings = Vec::new();
    for number in 0..24 {
        let transaction = town.reading(0, number % 4);
        town.unlucky.insert(transaction.id());
        readings.push(transaction.id());
        town.event(0, Event::Received { transaction, source: Source::Door, token: None });
        town.run(5);
    }
    town.run(4_000);
    assert_settled(&town, &readings);
}

#[test]
fn members_crash_one_after_the_other_and_sign_nothing_twice() {
    let mut town = Town::new(4);
    town.run(500);
    let mut readings = Vec::new();
    for place in 0..4 {
        readings.extend(load(&mut town, 8));
        town.crash(place);
        let attached: BTreeSet<TxId> =
            town.nodes[place].history.stored().map(|attached| attached.id()).collect();
        // What only the crashed node had, and was not on its disk, nobody has.
        let others = (0..4).filter(|other| *other != place);
        let known: BTreeSet<TxId> =
            others.flat_map(|other| town.nodes[other].attached.clone()).chain(attached).collect();
        readings.retain(|reading| known.contains(reading));
        town.run(700);
        town.start(place);
        town.run(1_500);
    }
    readings.extend(load(&mut town, 8));
    town.run(4_000);
    assert_settled(&town, &readings);
}

#[test]
fn two_of_four_make_no_commit_and_catch_up_when_the_others_are_back() {
    let mut town = Town::new(4);
    town.run(500);
    let mut readings = load(&mut town, 8);
    town.run(2_000);
    town.crash(2);
    town.crash(3);
    // What the two have made before may complete a commit yet, once the others make theirs.
    readings.push(town.read(0, 0));
    town.run(1_000);
    let before = town.chain.len();
    for number in 0..10 {
        readings.push(town.read(number % 2, number as u8 % 4));
        town.run(50);
    }
    town.run(5_000);
    assert_eq!(town.chain.len(), before, "two are no quorum");
    assert!(!town.nodes[0].replica.finality().is_idle);
    town.start(2);
    town.start(3);
    town.run(6_000);
    assert_settled(&town, &readings);
}
