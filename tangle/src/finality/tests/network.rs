//! Networks of whole nodes: everything becomes final, alike, and then they rest.

use super::world::{Settings, World};
use crate::finality::testing::Fault;

const CALM: Settings = Settings {
    members: 4,
    liars: 0,
    gone: 0,
    readings: 100,
    every_ms: 10,
    crashes: 0,
    restored: false,
    fault: None,
    parted: (0, 0),
    delay_ms: 30,
};

fn settled(seed: u64, settings: Settings) -> World {
    let mut world = World::new(seed, settings);
    world.run();
    world.assert_settled();
    world
}

#[test]
fn committees_of_every_size_finalise_what_comes_and_come_to_rest() {
    for members in [1, 2, 3, 4, 5, 7, 10] {
        let world = settled(members as u64, Settings { members, ..CALM });
        assert!(world.chain.len() > 10, "{members}: {}", world.chain.len());
    }
}

#[test]
fn faults_up_to_their_bound_leave_no_reading_behind() {
    for (members, liars, gone) in
        [(2, 0, 0), (3, 0, 1), (4, 1, 0), (4, 0, 1), (5, 1, 0), (7, 2, 0), (7, 1, 1), (10, 3, 0)]
    {
        for seed in 0..4 {
            let delay_ms = [5, 400][(seed % 2) as usize];
            settled(seed, Settings { members, liars, gone, delay_ms, every_ms: 25, ..CALM });
        }
    }
}

#[test]
fn members_that_crash_and_come_back_sign_nothing_twice_and_go_on() {
    for (members, liars) in [(1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (7, 2)] {
        for seed in 0..4 {
            let settings = Settings { members, liars, crashes: 8, every_ms: 40, delay_ms: 60, ..CALM };
            settled(seed, settings);
        }
    }
}

#[test]
fn members_restored_from_old_copies_sign_nothing_twice() {
    for (members, seed) in [(4, 1), (4, 2), (5, 3), (7, 4)] {
        settled(seed, Settings { members, crashes: 10, restored: true, every_ms: 40, ..CALM });
    }
}

#[test]
fn planted_faults_are_found() {
    for (fault, settings) in [
        (Fault::RestsEarly, Settings { members: 2, ..CALM }),
        (Fault::AsksNobody, Settings { crashes: 10, restored: true, every_ms: 40, ..CALM }),
    ] {
        let finds = |seed| {
            let run = || settled(seed, Settings { fault: Some(fault), ..settings });
            std::panic::catch_unwind(run).is_err()
        };
        assert!((0..20).any(finds), "{fault:?}");
    }
}

#[test]
fn a_part_without_a_quorum_makes_no_commits_and_all_becomes_final_when_it_is_joined() {
    for members in [2, 3, 4, 5] {
        let settings = Settings { members, parted: (200, 2_500), every_ms: 20, readings: 150, ..CALM };
        let world = settled(members as u64, settings);
        assert!(world.latencies.iter().any(|ms| *ms > 1_000), "readings waited for the others");
    }
}

/// With 25 ms links: what is decided three rounds above the one that covers a reading takes four message delays and
/// the pace of the rounds.
#[test]
fn a_reading_is_final_within_a_few_messages() {
    let median = |settings| {
        let mut latencies = settled(5, settings).latencies;
        latencies.sort_unstable();
        latencies[latencies.len() / 2]
    };
    let busy = Settings { delay_ms: 25, readings: 400, ..CALM };
    let (all, one_gone) = (median(busy), median(Settings { gone: 1, ..busy }));
    assert!(all <= 4 * 25 + 4 * 50, "{all} ms");
    let lone = median(Settings { delay_ms: 25, readings: 4, every_ms: 10_000, ..CALM });
    assert!(lone <= 4 * 25 + 5 * 50, "{lone} ms");
    assert!(one_gone <= 2_000, "{one_gone} ms");
}
