//! Networks of whole nodes: everything becomes final, alike, and then they rest.

use super::book::{Book, network};
use super::world::{Settings, World};
use crate::body::{Vote, Witness};
use crate::finality::testing::round;
use crate::finality::{Entry, Finality, Next, Pace};
use crate::planted::{Planted, with};
use crate::{DeviceId, Kind, Timestamp, Transaction, TxId};

const CALM: Settings = Settings {
    members: 4,
    liars: 0,
    gone: 0,
    readings: 100,
    every_ms: 10,
    crashes: 0,
    restored_ms: 0,
    commit_size: usize::MAX,
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
fn a_leader_that_a_crash_has_cut_off_goes_on_where_it_was() {
    for (members, seed) in [(1, 1), (3, 2), (4, 3), (4, 4)] {
        let settings = Settings { members, crashes: 12, commit_size: 2, readings: 400, every_ms: 10, ..CALM };
        let world = settled(seed, settings);
        assert!(world.chain.len() > 130, "turns have changed twice: {}", world.chain.len());
    }
}

/// However old the copies are, and whoever has what they lack: it may be one member, or none.
#[test]
fn members_restored_from_old_copies_sign_nothing_twice() {
    for (members, liars) in [(3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (7, 1)] {
        for seed in 0..4 {
            // On slow links what a member lost is on its way to some, or to all, when it asks.
            let (restored_ms, delay_ms) = [(90, 30), (3_000, 150), (500, 400), (2_000, 1_500)][seed as usize];
            let settings = Settings { members, liars, crashes: 15, every_ms: 40, ..CALM };
            settled(seed, Settings { restored_ms, delay_ms, ..settings });
        }
    }
}

/// The witnesses of a round by these members, each on all of the round before.
fn layer(world: &mut World, number: u64, places: &[usize], before: &[Transaction]) -> Vec<Transaction> {
    let (devices, genesis) = (world.devices(), network(4).genesis());
    let parents: Vec<TxId> = before.iter().map(Transaction::id).collect();
    let make = |place: &usize| {
        let witness = Witness::new(round(number), Vote::NONE, parents.clone(), Vec::new()).unwrap();
        let own = before.iter().find(|parent| parent.header().issuer == devices[*place]);
        let header = witness.header_parents(own.map(Transaction::id), genesis);
        let timestamp = Timestamp::from_millis(2_000 + 100 * number + *place as u64);
        world.make(Kind::Witness, devices[*place], timestamp, header, &witness.encode())
    };
    places.iter().map(make).collect()
}

/// A has signed its witness of round 4 and sent it to B alone; then it falls back to before round 2. C and D cannot know.
#[test]
fn a_member_that_fell_back_leaves_out_what_it_may_have_signed() {
    let mut world = World::new(1, Settings { readings: 0, ..CALM });
    let devices = world.devices();
    let (mut finality, mut book) = (Finality::new(&network(4)), Book::default());
    finality.set_device(&devices[0], Pace::default());
    finality.forgot();
    let mut now = Timestamp::from_millis(1_000_000);
    let mut next = |finality: &mut Finality| {
        // Asked again when all patience is over.
        let _first = finality.next_witness(now);
        now = now.plus(10_000);
        match finality.next_witness(now) {
            Next::Witness(plan) => Some(plan.witness.head().round.get()),
            Next::Rest | Next::Wake(_) => None,
        }
    };
    let mut attach = |finality: &mut Finality, transaction: &Transaction| {
        finality.attached(book.entries.len() as u64, transaction, false, &book).unwrap();
        book.entries.insert(transaction.id(), Entry::of(transaction, network(4).genesis()));
    };
    let genesis = network(4).genesis();
    let stranger = DeviceId::from_bytes([200; 32]);
    let reading = world.make(Kind::Reading, stranger, Timestamp::from_millis(1_500), [genesis; 2], b"[]");
    let mut before = Vec::new();
    attach(&mut finality, &reading);
    for number in 1..=3 {
        before = layer(&mut world, number, &[0, 1, 2, 3], &before);
        before.iter().for_each(|witness| attach(&mut finality, witness));
        assert_eq!(next(&mut finality), None, "nobody was heard");
    }
    [2, 3].iter().for_each(|place| finality.heard(&devices[*place]));
    assert!(finality.is_listening());
    assert_eq!(next(&mut finality), None, "round 4 was signed, and B may say so");
    // B says nothing of it. It makes its next round, as do C and D, and A goes on behind that.
    finality.heard(&devices[1]);
    assert!(!finality.is_listening());
    assert_eq!(next(&mut finality), None, "B may lie");
    for (place, goes_on) in [(1, false), (2, false), (3, true)] {
        let [witness] = &layer(&mut world, 4, &[place], &before)[..] else { panic!() };
        attach(&mut finality, witness);
        assert_eq!(next(&mut finality), goes_on.then_some(5), "{place}");
    }
}

#[test]
fn a_member_that_only_crashed_goes_on_with_others_away() {
    for (members, away) in [(3, 0), (4, 1), (5, 1), (7, 2), (10, 3)] {
        let settings = Settings { members, gone: away, crashes: 8, every_ms: 40, delay_ms: 60, ..CALM };
        (0..4).for_each(|seed| drop(settled(seed, settings)));
    }
}

#[test]
fn planted_faults_are_found() {
    for (fault, settings) in [
        (Planted::RestsEarly, Settings { members: 2, ..CALM }),
        (Planted::AsksNobody, Settings { crashes: 10, restored_ms: 90, every_ms: 40, ..CALM }),
        (
            Planted::TrustsOldDisk,
            Settings { crashes: 10, restored_ms: 2_000, delay_ms: 1_500, every_ms: 40, ..CALM },
        ),
    ] {
        let finds = |seed| {
            let run = || with(fault, || settled(seed, settings));
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

/// Whoever is swept is delivered, and has no vote for it: nobody builds on the leader here, all take it along.
#[test]
fn a_swept_leader_has_no_votes() {
    let genesis = network(4).genesis();
    let mut world = World::new(1, Settings { readings: 0, ..CALM });
    let devices = world.devices();
    let mut finality = Finality::new(&network(4));
    finality.set_device(&devices[0], Pace::default());
    let mut book = Book::default();
    let mut before: [Option<TxId>; 4] = [None; 4];
    let mut leader = None;
    for number in 1..=4 {
        let mut made = [None; 4];
        for place in 0..4 {
            let sweeps: Vec<TxId> = leader.filter(|_| number == 2 && place != 1).into_iter().collect();
            let mut parents: Vec<TxId> = before.into_iter().flatten().collect();
            parents.retain(|parent| !sweeps.contains(parent));
            if number == 2 && place == 1 {
                // The leader itself stays behind.
                continue;
            }
            let previous = before[place];
            let witness = Witness::new(round(number), Vote::NONE, parents, sweeps).unwrap();
            let timestamp = Timestamp::from_millis(2_000 + 100 * number + place as u64);
            let header = witness.header_parents(previous, genesis);
            let witness = world.make(Kind::Witness, devices[place], timestamp, header, &witness.encode());
            finality.attached(book.entries.len() as u64, &witness, false, &book).unwrap();
            book.entries.insert(witness.id(), Entry::of(&witness, genesis));
            made[place] = Some(witness.id());
        }
        if number == 1 {
            leader = made[1];
        }
        before = made;
    }
    let handed = finality.next_commit(&book).unwrap().unwrap();
    assert_eq!(handed.resume.round, round(2), "the leader of round 1 was passed by");
    assert!(handed.delivered.leaves().any(|(id, _)| Some(id) == leader), "and is delivered all the same");
}
