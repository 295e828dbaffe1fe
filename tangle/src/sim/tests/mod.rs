//! Each invariant can fail: with a fault planted in the ledger the simulator finds it.

mod finality;

use super::*;
use crate::planted::{Planted, with};

/// Some of everything that can go wrong.
fn mixed() -> Scenario {
    let mut scenario = Scenario::plain("mixed");
    scenario.nodes = Span::new(3, 6);
    scenario.topology = vec![Topology::Full, Topology::Ring, Topology::Random];
    scenario.lasts = Span::of(20_000_000);
    scenario.links.delay = Span::new(100, 40_000);
    scenario.links.loss = Span::new(0, 30_000);
    scenario.sensors.roam = Span::of(100_000);
    scenario.sensors.lost_answer = Span::of(50_000);
    scenario.faults.crash = Span::new(0, 4);
    scenario.faults.cut = Span::new(0, 3);
    scenario.faults.split = Span::new(0, 2);
    scenario.faults.drop = Span::new(0, 3);
    scenario
}

/// Two nodes that have nobody else, slow ones, and do not hold on to each other.
fn lonely() -> Scenario {
    let mut scenario = mixed();
    scenario.nodes = Span::of(2);
    scenario.links.delay = Span::of(80_000);
    scenario.machines.commit = Span::of(300_000);
    scenario.sensors.pause = Span::new(50_000, 300_000);
    scenario.faults.crash = Span::of(6);
    scenario.faults.drop = Span::of(12);
    scenario
}

/// Seeds that are tried for a fault that is planted.
const SEEDS: u64 = 300;

/// The first of some seeds that finds something.
fn found(scenario: &Scenario, planted: Planted) -> Option<Outcome> {
    let outcomes = || (0..SEEDS).map(|seed| run(scenario, seed));
    with(planted, || outcomes().find(|outcome| outcome.violation.is_some()))
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for seed in 0..20 {
        let outcome = run(&mixed(), seed);
        assert!(outcome.violation.is_none(), "seed {seed}: {:?}", outcome.violation);
        assert!(outcome.acknowledged > 20, "seed {seed}: {}", outcome.acknowledged);
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let traces = |seed| run(&mixed(), seed).trace;
    assert_eq!(traces(3), traces(3));
    assert_ne!(traces(3), traces(4));
}

/// Looks for a fault that is planted, and says which invariant it violates first.
fn first_violated(scenario: &Scenario, planted: Planted) -> Option<Invariant> {
    found(scenario, planted)?.violation.map(|violation| violation.invariant)
}

#[test]
fn kept_fails_when_a_client_is_told_too_early() {
    assert_eq!(first_violated(&mixed(), Planted::ToldBeforeDurable), Some(Invariant::Kept));
}

#[test]
fn order_fails_when_a_child_does_not_wait_for_its_parent() {
    assert_eq!(first_violated(&mixed(), Planted::MissingParent), Some(Invariant::Order));
}

#[test]
fn causal_fails_when_a_transaction_may_be_older_than_its_parents() {
    let mut scenario = mixed();
    scenario.liars = Span::of(1);
    scenario.lies = vec![Lie::Backdate];
    assert_eq!(first_violated(&scenario, Planted::OlderThanParents), Some(Invariant::Causal));
}

#[test]
fn bounds_fail_when_storage_lags_and_nobody_stops() {
    let mut scenario = Scenario::plain("flood");
    scenario.nodes = Span::of(1);
    scenario.lasts = Span::of(4_000_000);
    scenario.machines.commit = Span::of(60_000_000);
    scenario.sensors.count = Span::of(4_000);
    scenario.sensors.enrol = false;
    assert_eq!(first_violated(&scenario, Planted::BoundlessFlight), Some(Invariant::Bounds));
}

#[test]
fn once_fails_when_verdicts_are_forgotten() {
    assert_eq!(first_violated(&mixed(), Planted::ForgottenVerdicts), Some(Invariant::Once));
}

#[test]
fn trust_fails_when_bad_links_are_no_excuse() {
    assert_eq!(first_violated(&mixed(), Planted::NoPatience), Some(Invariant::Trust));
}

#[test]
fn alike_fails_when_a_cursor_passes_over_what_is_missing() {
    assert_eq!(first_violated(&lonely(), Planted::HastyCursor), Some(Invariant::Alike));
}

#[test]
fn evidence_fails_when_a_twin_is_not_seen() {
    let mut scenario = mixed();
    scenario.sensors.equivocating = Span::of(1);
    assert_eq!(first_violated(&scenario, Planted::UnseenTwin), Some(Invariant::Evidence));
}

#[test]
fn counters_fail_when_one_is_not_noted() {
    assert_eq!(first_violated(&mixed(), Planted::ForgottenCounter), Some(Invariant::Counters));
}

#[test]
fn rest_fails_when_what_has_come_is_still_wanted() {
    assert_eq!(first_violated(&mixed(), Planted::LastingWants), Some(Invariant::Rest));
}

#[test]
fn what_fails_is_made_shorter_and_fails_alike() {
    let (long, short) = with(Planted::HastyCursor, || {
        let outcomes = (0..SEEDS).map(|seed| run(&lonely(), seed));
        let long = outcomes.into_iter().find(|outcome| outcome.violation.is_some()).unwrap();
        (long.clone(), shrink(long))
    });
    let invariant = |outcome: &Outcome| outcome.violation.as_ref().map(|violation| violation.invariant);
    assert_eq!(invariant(&short), invariant(&long));
    assert!(2 * short.scenario.plan.len() < long.scenario.plan.len(), "{:?}", short.scenario.plan);
    assert!(short.scenario.lasts.low < long.scenario.lasts.low);
    assert!(short.notes.iter().all(|notes| !notes.is_empty()));
}
