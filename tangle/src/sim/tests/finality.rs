//! Networks with a committee: all becomes final alike, and each fault that is planted in finality is found.

use super::{Outcome, first_violated};
use crate::planted::Planted;
use crate::sim::{FalseWitness, Fault, Invariant, Lie, Members, Planned, Scenario, Span, build, run};

/// A committee of so many, a few sensors, and nothing that goes wrong.
pub(super) fn calm(members: u64) -> Scenario {
    let mut scenario = Scenario::plain("calm");
    scenario.nodes = Span::of(members);
    scenario.members.count = Span::of(members);
    scenario.lasts = Span::of(8_000_000);
    scenario.links.delay = Span::new(5_000, 25_000);
    scenario.sensors.think = Span::new(0, 500_000);
    scenario
}

/// Members that wait for nobody for long, and make rounds at full pace.
fn hasty(scenario: &mut Scenario) {
    let Members { fastest_ms, slowest_ms, delta_ms, .. } = &mut scenario.members;
    (*fastest_ms, *slowest_ms, *delta_ms) = (Span::of(20), Span::of(50), Span::of(10));
}

/// Members that lie, on links on which much comes later than anybody waits for it.
fn sworn(members: u64, lies: &[FalseWitness]) -> Scenario {
    let mut scenario = calm(members);
    scenario.lasts = Span::of(12_000_000);
    scenario.links.delay = Span::new(5_000, 60_000);
    scenario.links.jitter = Span::of(100_000);
    scenario.lies = vec![Lie::Positions];
    scenario.lying = Span::of(0);
    scenario.members.lying = Span::of((members - 1) / 3);
    scenario.members.lies = lies.to_vec();
    scenario.members.often = Span::of(1_000_000);
    hasty(&mut scenario);
    scenario
}

fn holds(scenario: &Scenario, seed: u64) -> Outcome {
    let outcome = run(scenario, seed);
    assert!(outcome.violation.is_none(), "seed {seed}: {}", outcome.violation.as_ref().unwrap());
    outcome
}

#[test]
fn committees_of_every_size_finalise_and_come_to_rest() {
    for members in [1, 2, 3, 4, 5, 7, 10] {
        let outcome = holds(&calm(members), members);
        assert!(outcome.acknowledged > 10 && outcome.commits > 10, "{members}: {}", outcome.commits);
        assert_eq!(outcome.finals.count(), outcome.acknowledged as u64, "{members}");
    }
}

#[test]
fn a_node_that_is_no_member_makes_the_same_commits() {
    let mut scenario = calm(4);
    scenario.nodes = Span::of(6);
    assert!(holds(&scenario, 1).commits > 10);
}

#[test]
fn whatever_members_lie_about_all_becomes_final() {
    for (seed, lie) in (0..).zip(FalseWitness::ALL) {
        for members in [4, 7] {
            assert!(holds(&sworn(members, &[lie]), seed).commits > 5, "{lie:?}");
        }
    }
}

#[test]
fn members_that_lose_power_sign_nothing_twice() {
    let mut scenario = calm(4);
    scenario.faults.crash = Span::of(6);
    scenario.faults.lasting = Span::new(100_000, 3_000_000);
    for seed in 0..8 {
        holds(&scenario, seed);
    }
}

#[test]
fn two_of_four_that_are_away_hold_up_all_and_lose_nothing() {
    let mut scenario = calm(4);
    let away = Fault::Split { side: vec![2, 3] };
    scenario.plan = vec![Planned { at: 2_000_000, lasting: 5_000_000, fault: away }];
    let outcome = holds(&scenario, 3);
    assert!(outcome.finals.most() > 2_000_000, "what came meanwhile waited");
}

/// One of four that shows each another face, and leaves leaders without votes.
pub(super) fn deceived() -> Scenario {
    sworn(4, &[FalseWitness::Equivocate, FalseWitness::Hide, FalseWitness::Abstain])
}

#[test]
fn a_quorum_that_is_one_too_small_is_found() {
    let found = first_violated(&deceived(), Planted::SmallQuorum);
    assert!(matches!(found, Some(Invariant::Chain | Invariant::Verdicts)), "{found:?}");
}

#[test]
fn votes_through_sweeps_are_found() {
    let found = first_violated(&sworn(4, &[FalseWitness::Equivocate]), Planted::SweptVotes);
    assert!(matches!(found, Some(Invariant::Chain | Invariant::Verdicts)), "{found:?}");
}

#[test]
fn counting_witnesses_instead_of_authors_is_found() {
    let found = first_violated(&sworn(4, &[FalseWitness::Equivocate]), Planted::CountedWitnesses);
    assert!(matches!(found, Some(Invariant::Chain | Invariant::Verdicts)), "{found:?}");
}

#[test]
fn two_witness_parents_of_one_author_are_found() {
    let found = first_violated(&sworn(4, &[FalseWitness::Equivocate]), Planted::TwinParents);
    assert!(matches!(found, Some(Invariant::Chain | Invariant::Verdicts)), "{found:?}");
}

/// Members whose disks are replaced by older ones, on links on which what they lose may have come to one, or to none.
fn restored(members: u64, restores: u64) -> Scenario {
    let mut scenario = calm(members);
    scenario.links.delay = Span::new(5_000, 60_000);
    scenario.links.jitter = Span::of(100_000);
    scenario.machines.backups = 300_000;
    scenario.faults.restore = Span::of(restores);
    scenario.faults.lasting = Span::new(50_000, 1_000_000);
    hasty(&mut scenario);
    scenario
}

#[test]
fn twins_that_their_author_calls_for_are_found() {
    let found = first_violated(&sworn(4, &[FalseWitness::OwnTwins]), Planted::OwnTwins);
    assert_eq!(found, Some(Invariant::Bounds));
}

/// Members whose disks are replaced by older ones, on good links.
pub(super) fn fallen_back() -> Scenario {
    let mut scenario = calm(4);
    scenario.machines.backups = 1_000_000;
    scenario.faults.restore = Span::of(4);
    scenario.faults.lasting = Span::new(100_000, 1_000_000);
    scenario
}

#[test]
fn signing_again_after_a_restart_is_found() {
    let scenario = fallen_back();
    for fault in [Planted::AsksNobody, Planted::TrustsOldDisk] {
        let found =
            [&scenario, &restored(4, 4)].into_iter().find_map(|scenario| first_violated(scenario, fault));
        assert_eq!(found, Some(Invariant::Signed), "{fault:?}");
    }
}

/// One alone falls back, at any moment: whatever it has signed and lost, nothing is excused.
#[test]
fn a_member_on_an_older_disk_signs_nothing_twice() {
    for members in [3, 4, 5, 7] {
        let scenario = restored(members, 1);
        for seed in 0..3 {
            let mut net = build(&scenario, seed);
            net.run(scenario.lasts.low + scenario.settles);
            assert_eq!(net.violation(), None, "{members} members, seed {seed}");
            assert!(!net.chain.has_excused(), "{members} members, seed {seed}");
        }
        holds(&scenario, 3);
    }
}

#[test]
fn many_members_on_older_disks_finalise_all_the_same() {
    for members in [2, 3, 4, 5, 7] {
        (0..4).for_each(|seed| drop(holds(&restored(members, 6), seed)));
    }
}

#[test]
fn readings_that_are_collected_by_round_are_found() {
    let mut scenario = calm(4);
    scenario.lasts = Span::of(15_000_000);
    scenario.faults.cut = Span::of(6);
    scenario.faults.split = Span::of(2);
    let found = first_violated(&scenario, Planted::CollectedByRound);
    assert!(matches!(found, Some(Invariant::Verdicts | Invariant::Final)), "{found:?}");
}

/// One of four that was away for more than sixty-four rounds has no turns any more; then it has some again.
pub(super) fn absent() -> Scenario {
    let mut scenario = calm(4);
    scenario.lasts = Span::of(40_000_000);
    hasty(&mut scenario);
    scenario.members.delta_ms = Span::of(150);
    let away = Fault::Crash { node: 2 };
    scenario.plan = vec![Planned { at: 1_000_000, lasting: 20_000_000, fault: away }];
    scenario
}

#[test]
fn members_that_are_away_lose_their_turns_and_get_them_back() {
    let mut net = build(&absent(), 1);
    let turns: Vec<usize> = (0..5)
        .map(|_| {
            net.run(7_000_000);
            net.chain.turns().len()
        })
        .collect();
    assert_eq!(net.violation(), None);
    assert_eq!((turns[0], turns[2], turns[4]), (4, 3, 4), "{turns:?}");
}

#[test]
fn turns_that_are_taken_early_are_found() {
    assert_eq!(first_violated(&absent(), Planted::RotatesEarly), Some(Invariant::Verdicts));
}

#[test]
fn decisions_that_outlast_their_turns_are_found() {
    let found = first_violated(&absent(), Planted::KeepsDecisions);
    assert!(matches!(found, Some(Invariant::Chain | Invariant::Verdicts)), "{found:?}");
}

#[test]
fn resting_one_vote_too_soon_is_found() {
    assert_eq!(first_violated(&calm(2), Planted::RestsEarly), Some(Invariant::Idle));
}
