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

/// A committee, links on which little comes by push, and members that are liars and lie thus alone.
fn stingy(lies: &[Lie]) -> Scenario {
    let mut scenario = mixed();
    scenario.nodes = Span::of(4);
    scenario.members.count = Span::of(4);
    scenario.members.lying = Span::of(1);
    scenario.members.often = Span::of(0);
    scenario.liars = Span::of(1);
    scenario.lying = Span::of(1_000_000);
    scenario.lies = lies.to_vec();
    scenario
}

/// A fault in what an invariant is about, and where it shows. None has none: what cannot fail shows nothing.
fn fault_in(invariant: Invariant) -> (Scenario, Planted) {
    let mixed_with = |change: fn(&mut Scenario)| {
        let mut scenario = mixed();
        change(&mut scenario);
        scenario
    };
    match invariant {
        Invariant::Kept => (mixed(), Planted::ToldBeforeDurable),
        Invariant::Order => (mixed(), Planted::MissingParent),
        Invariant::Causal => (
            mixed_with(|scenario| {
                scenario.liars = Span::of(1);
                scenario.lies = vec![Lie::Backdate];
            }),
            Planted::OlderThanParents,
        ),
        Invariant::Genuine => (
            mixed_with(|scenario| {
                scenario.liars = Span::of(1);
                scenario.lies = vec![Lie::Forge];
            }),
            Planted::AnySignature,
        ),
        Invariant::Bounds => (flood(), Planted::BoundlessFlight),
        Invariant::Once => (mixed(), Planted::ForgottenVerdicts),
        Invariant::Trust => (mixed(), Planted::NoPatience),
        Invariant::Alike => (lonely(), Planted::HastyCursor),
        Invariant::Evidence => {
            (mixed_with(|scenario| scenario.sensors.equivocating = Span::of(1)), Planted::UnseenTwin)
        }
        Invariant::Counters => (mixed(), Planted::ForgottenCounter),
        Invariant::Rest => (mixed(), Planted::LastingWants),
        Invariant::Chain => (finality::deceived(), Planted::SmallQuorum),
        Invariant::Verdicts => (finality::absent(), Planted::RotatesEarly),
        Invariant::Signed => (finality::fallen_back(), Planted::AsksNobody),
        Invariant::Final => (finality::calm(2), Planted::RestsWithWork),
        Invariant::Idle => (finality::calm(2), Planted::RestsEarly),
    }
}

/// More than a disk takes, at one node.
fn flood() -> Scenario {
    let mut scenario = Scenario::plain("flood");
    scenario.nodes = Span::of(1);
    scenario.lasts = Span::of(4_000_000);
    scenario.machines.commit = Span::of(60_000_000);
    scenario.sensors.count = Span::of(4_000);
    scenario.sensors.enrol = false;
    scenario
}

#[test]
fn every_invariant_can_fail() {
    let found = Invariant::ALL.map(|invariant| {
        let (scenario, planted) = fault_in(invariant);
        (invariant, first_violated(&scenario, planted))
    });
    let missed: Vec<_> = found.iter().filter(|(invariant, found)| *found != Some(*invariant)).collect();
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_body_that_is_gone_on_anybodys_word_is_found() {
    assert_eq!(first_violated(&stingy(&[Lie::Strip]), Planted::AnyErasure), Some(Invariant::Genuine));
}

/// When the liars have gone everybody else is asked: who looks only then sees nothing.
#[test]
fn waiting_for_a_liar_is_found_while_he_is_there() {
    let found = found(&stingy(&[Lie::Withhold]), Planted::EndlessPatience).unwrap();
    let violation = found.violation.unwrap();
    assert!(violation.what.ends_with("while liars are there"), "seed {}: {violation}", found.seed);
}

/// As in `tests/scenarios/regrown-log.toml`, which was seed 2090 of mixed faults, with older backups and more of them: cursors are
/// written down together, so few stand where a log is cut.
#[test]
fn a_log_that_grew_again_taken_for_the_one_that_it_was_is_found() {
    let mut scenario = mixed();
    scenario.topology = vec![Topology::Line];
    scenario.machines.backups = 3_000_000;
    scenario.faults.restore = Span::new(3, 8);
    scenario.faults.lasting = Span::new(50_000, 6_000_000);
    assert_eq!(first_violated(&scenario, Planted::OneEntryProves), Some(Invariant::Alike));
}

/// Readings that are longer by a byte change no time and no happening but what these bring.
#[test]
fn what_differs_in_content_alone_has_another_trace() {
    let trace = |bytes| {
        let mut scenario = Scenario::plain("content");
        scenario.sensors.bytes = bytes;
        let outcome = run(&scenario, 1);
        (outcome.events, outcome.simulated, outcome.trace)
    };
    let [one, other] = [trace(200), trace(201)];
    assert_eq!((one.0, one.1), (other.0, other.1));
    assert_ne!(one.2, other.2);
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
