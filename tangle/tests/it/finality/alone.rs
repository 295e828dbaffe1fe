//! A committee of one: the replica makes what comes to it final by itself.

use super::town::Town;
use weft_tangle::finality::FinalVerdict;
use weft_tangle::limits::COMMITS_IN_FLIGHT;
use weft_tangle::replica::{Event, Source};
use weft_tangle::{History, Timestamp};

#[test]
fn the_first_reading_becomes_final_and_then_all_is_quiet() {
    let mut town = Town::new(1);
    town.run(2_000);
    assert!(town.trace.is_empty(), "there is nothing to witness: {:?}", town.trace);
    assert_eq!(town.nodes[0].replica.wake(), None);
    let reading = town.read(0, 0);
    town.run(1_000);
    let outcome = town.nodes[0].history.outcome(&reading).unwrap().expect("it is final");
    assert_eq!((outcome.commit, outcome.verdict), (1, FinalVerdict::Counts));
    let status = town.nodes[0].replica.finality();
    assert!(status.is_idle && !status.is_listening && status.open == 0, "{status:?}");
    assert_eq!(status.members.len(), 1);
    assert_eq!(status.members[0].round, status.round);
    let (made, occupancy) = (town.trace.len(), town.nodes[0].replica.occupancy());
    assert_eq!((occupancy.in_flight, occupancy.commits_in_flight), (0, 0));
    town.run(10_000);
    assert_eq!(town.trace.len(), made, "an idle member makes nothing");
    assert!(
        town.nodes[0].replica.tips().iter().eq([reading]),
        "what witnesses take along stays a tip, and they are none"
    );
}

#[test]
fn commits_that_are_not_durable_are_bounded_and_go_on_when_they_are() {
    let mut town = Town::new(1);
    // The disk answers once a minute: all that is made meanwhile is in flight.
    town.nodes[0].disk = 60_000;
    for number in 0..400u32 {
        town.read(0, (number % 4) as u8);
        town.run(100);
        let occupancy = town.nodes[0].replica.occupancy();
        assert!(occupancy.commits_in_flight <= COMMITS_IN_FLIGHT);
    }
    assert_eq!(town.nodes[0].replica.occupancy().commits_in_flight, COMMITS_IN_FLIGHT);
    town.nodes[0].disk = 1;
    town.run(120_000);
    assert!(town.nodes[0].attached.iter().all(|id| {
        let is_witness = town.nodes[0].history.is_witness(id).unwrap() == Some(true);
        is_witness || town.nodes[0].history.is_final(id)
    }));
}

/// At every moment of a run the replica is begun anew from what is stored: it goes on with the same commits, and signs no
/// round again.
#[test]
fn a_restored_replica_goes_on_with_the_same_commits() {
    for step in 0..40 {
        let mut town = Town::new(1);
        let mut readings = Vec::new();
        for number in 0..12 {
            readings.push(town.read(0, number % 4));
            town.run(37);
        }
        town.run(step * 3);
        town.crash(0);
        let kept = town.nodes[0].history.commits().len();
        // What a crash has cut off is made again, and is the same: the town compares.
        town.nodes[0].history.lose_commits(if step % 2 == 0 { 0 } else { 2 });
        town.start(0);
        for number in 0..4 {
            readings.push(town.read(0, number));
            town.run(41);
        }
        town.run(2_000);
        let history = &town.nodes[0].history;
        assert!(history.commits().len() > kept, "{step}");
        let lost = readings.iter().filter(|reading| !town.nodes[0].attached.contains(reading)).count();
        assert!(lost < 3, "{step}: only what was not durable");
        for reading in readings.iter().filter(|reading| town.nodes[0].attached.contains(reading)) {
            assert!(history.is_final(reading), "{step}");
        }
        assert!(town.nodes[0].replica.finality().is_idle);
    }
}

/// Reads fail at each place in turn; whatever was done before is done, and the rest comes later.
#[test]
fn a_history_that_fails_delays_and_changes_nothing() {
    let chain = |fails: Option<u32>| {
        let mut town = Town::new(1);
        for number in 0..6 {
            town.read(0, number % 4);
            town.run(60);
        }
        town.crash(0);
        town.start(0);
        let transaction = town.reading(0, 1);
        let now = Timestamp::from_millis(town.now);
        town.nodes[0].history.fail_after(fails);
        let received =
            || Event::Received { transaction: transaction.clone(), source: Source::Door, token: None };
        let node = &mut town.nodes[0];
        let mut effects = node.replica.handle(received(), now, &node.history);
        let mut tick = node.replica.handle(Event::Tick, now, &node.history);
        let has_failed = effects.is_err() || tick.is_err();
        node.history.fail_after(None);
        if effects.is_err() {
            effects = node.replica.handle(received(), now, &node.history);
        }
        if tick.is_err() {
            tick = node.replica.handle(Event::Tick, now, &node.history);
        }
        for effect in effects.unwrap().into_iter().chain(tick.unwrap()) {
            town.perform(0, effect);
        }
        town.run(3_000);
        assert!(town.nodes[0].history.is_final(&transaction.id()));
        assert!(town.nodes[0].replica.finality().is_idle);
        (town.chain.len(), has_failed)
    };
    let (commits, _) = chain(None);
    assert!(commits > 3);
    let mut failed = 0;
    for reads in 0..12 {
        let (found, has_failed) = chain(Some(reads));
        assert!(found > 3);
        failed += usize::from(has_failed);
    }
    assert!(failed > 1, "{failed}");
}
