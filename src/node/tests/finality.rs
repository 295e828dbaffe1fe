//! A member on a disk that fails on command: it makes no round twice, and all becomes final.

use super::*;
use crate::node::bus::{Filter, Happening, Heard, What};
use std::collections::BTreeSet;
use std::time::Instant;
use weft_tangle::body::Witness;
use weft_tangle::finality::{Divergence, Members};

/// The committee by itself.
pub(super) fn member() -> Own {
    let key = SigningKey::from_seed(&Seed::from_bytes([0xC0; 32])).unwrap();
    // As fast as it can be, for whoever waits.
    Own { key: Arc::new(key), pace: Pace::new(1, 1, 1).unwrap() }
}

/// Rounds of the stored witnesses, in their order, and what of everything else is final.
fn witnessed(world: &World) -> (Vec<u64>, Vec<TxId>) {
    let reader = world.ledger.store.reader().unwrap();
    let (mut rounds, mut done) = (Vec::new(), Vec::new());
    reader
        .log(0..u64::MAX, &mut |id| {
            let stored = reader.transaction(&id).unwrap().unwrap();
            if stored.transaction.header().kind == Kind::Witness {
                let witness = Witness::decode(stored.transaction.content()).unwrap();
                rounds.push(witness.head().round.get());
            } else if reader.outcome(&id).unwrap().is_some() {
                done.push(id);
            }
        })
        .unwrap();
    (rounds, done)
}

#[test]
fn a_member_whose_disk_fails_goes_on_behind_its_last_round_and_makes_all_final() {
    for allowed in [0, 3, 7, 12, 18, 25, 33] {
        let mut world = World::of(&network(), member(), |_| ());
        let mut device = Device::new(1);
        world.enrol(&mut device);
        let mut listener = world.ledger.bus.subscribe(Filter::of([What::Final, What::Commit])).unwrap();
        world.disk.fail_after(allowed);
        let refused = loop {
            let wire = device.next(&world);
            match world.submit(&wire) {
                Ok(_) => {}
                Err(Fault::Storage(_)) => break wire,
                Err(other) => panic!("{other}"),
            }
        };
        world.wait_until(true);
        world.disk.mend();
        world.wait_until(false);
        world.submit(&refused).unwrap();
        let begun = Instant::now();
        let (rounds, done) = loop {
            let (rounds, done) = witnessed(&world);
            if world.acknowledged.iter().all(|id| done.contains(id)) {
                break (rounds, done);
            }
            assert!(begun.elapsed() < PATIENCE, "{} of {:?} are final", done.len(), world.acknowledged);
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(rounds.is_sorted_by(|one, next| one < next), "no round twice: {rounds:?}");
        // Only what is on disk was told, each once, and commits in their order.
        let (mut told, mut newest) = (BTreeSet::new(), 0);
        world.ledger.bus.close();
        let ended = loop {
            let happening = match block_on(listener.next()) {
                Heard::Happened(happening) => happening,
                end => break end,
            };
            match happening {
                Happening::Final { id, kind, .. } => {
                    assert!(kind == Kind::Witness || done.contains(&id), "{id} is not final");
                    assert!(told.insert(id), "{id} is told twice");
                }
                Happening::Commit { index, .. } => {
                    assert!(newest == 0 || index == newest + 1, "{index} behind {newest}: some are left out");
                    newest = index;
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(
            ended,
            Heard::Interrupted,
            "a batch that reached the disk untold is to be read from there"
        );
        assert!(newest <= world.ledger.finality.last().index);
        world.stop();
    }
}

/// Waits until these are final.
fn wait_until_final(world: &World, ids: &[TxId]) {
    let begun = Instant::now();
    let is_final =
        |id: &TxId| world.ledger.store.reader().unwrap().outcome(id).is_ok_and(|outcome| outcome.is_some());
    while !ids.iter().all(is_final) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", world.ledger.health);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What is asked of the reading whose counter is used again is what its header says.
#[test]
fn the_twin_of_a_damaged_reading_becomes_final_like_any_other() {
    let (mut world, mut device) = (World::of(&network(), member(), |_| ()), Device::new(1));
    world.enrol(&mut device);
    let first = device.next(&world);
    world.submit(&first).unwrap();
    let before = world.acknowledged.clone();
    wait_until_final(&world, &before);
    world.disk.damage(&first);
    let twin = device.sign(&world, Kind::from_byte(200).unwrap(), device.counter, b"something else");
    let taken = world.submit(&twin).unwrap();
    assert!(taken.is_new && taken.disputed);
    wait_until_final(&world, &[taken.id]);
    let reader = world.ledger.store.reader().unwrap();
    let [enrolment, first] = before[..] else { panic!("{before:?}") };
    let is_disputed = |id| reader.outcome(id).unwrap().unwrap().is_disputed;
    assert!(is_disputed(&first) && !is_disputed(&enrolment));
    drop(reader);
    assert_eq!((world.ledger.health.reasons(), world.recoveries()), (vec![], "0".into()));
    world.stop();
}

#[test]
fn an_enrolment_that_is_damaged_before_it_is_final_becomes_final_all_the_same() {
    let network = network();
    let (mut world, mut device) = (World::of(&network, stranger(), |_| ()), Device::new(1));
    let enrolment = world.enrol(&mut device);
    let wire = device.next(&world);
    world.submit(&wire).unwrap();
    let acknowledged = world.acknowledged.clone();
    let disk = world.leave();
    disk.damage(&enrolment);
    let world = World::start(disk, &network, member());
    wait_until_final(&world, &acknowledged);
    assert_eq!(world.ledger.health.reasons(), [""; 0]);
    world.stop();
}

/// What is final hangs on a witness, so nothing is where it is damaged; but readings are taken.
#[test]
fn a_node_whose_witness_is_damaged_takes_readings_says_why_nothing_is_final_and_goes_on_once_it_is_healed() {
    let network = network();
    let (mut world, mut device) = (World::of(&network, member(), |_| ()), Device::new(1));
    world.enrol(&mut device);
    wait_until_final(&world, &world.acknowledged);
    let disk = world.leave();
    let (witness, commits) = {
        let reader = disk.store.reader().unwrap();
        let mut last = None;
        reader.log(0..u64::MAX, &mut |id| last = Some(id)).unwrap();
        let last = reader.transaction(&last.unwrap()).unwrap().unwrap().transaction;
        assert!(last.header().kind == Kind::Witness && reader.outcome(&last.id()).unwrap().is_none());
        (last, reader.newest_index().unwrap())
    };
    disk.damage(witness.wire());
    let mut world = World::start(disk, &network, member());
    for _ in 0..3 {
        let wire = device.next(&world);
        assert!(world.submit(&wire).unwrap().is_new);
    }
    let stored = world.ledger.store.reader().unwrap().transactions().unwrap();
    let begun = Instant::now();
    // What is not final is counted all the same.
    let counted = |world: &World| {
        world.ledger.finality.finalised() + world.ledger.finality.status().undelivered == stored
    };
    while world.ledger.health.reasons().is_empty() || !counted(&world) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", world.ledger.finality.status());
        std::thread::sleep(Duration::from_millis(5));
    }
    let [reason] = &world.ledger.health.reasons()[..] else { panic!("{:?}", world.ledger.health) };
    assert!(reason.contains(&witness.id().to_string()) && reason.contains("backup"), "{reason}");
    assert_eq!(
        (world.ledger.health.read_only(), world.figure("weft_finality_illegible")),
        (None, "1".into())
    );
    assert_eq!(world.ledger.store.reader().unwrap().newest_index().unwrap(), commits);

    // That another one is healed changes nothing. When this one is, finality goes on, in the same process.
    let wire = device.next(&world);
    world.submit(&wire).unwrap();
    world.disk.damage(&wire);
    let last = *world.acknowledged.last().unwrap();
    assert!(world.ledger.store.reader().unwrap().transaction(&last).is_err());
    assert!(!world.submit(&wire).unwrap().is_new);
    assert_eq!(world.ledger.store.healed(), 1);
    assert!(!world.submit(&Bytes::copy_from_slice(witness.wire())).unwrap().is_new);
    wait_until_final(&world, &world.acknowledged);
    let wire = device.next(&world);
    assert!(world.submit(&wire).unwrap().is_new);
    wait_until_final(&world, &world.acknowledged);
    while !world.ledger.health.reasons().is_empty() {
        assert!(begun.elapsed() < 3 * PATIENCE, "{:?}", world.ledger.health);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(world.figure("weft_finality_illegible"), "0");
    let (rounds, _) = witnessed(&world);
    assert!(rounds.windows(2).all(|pair| pair[0] < pair[1]), "none is made twice: {rounds:?}");
    assert_eq!(world.recoveries(), "0", "nothing was read-only");
    world.stop();
}

/// The mark of a copy stays over failures of the disk until a witness made since is on it.
#[test]
fn a_member_remembers_that_it_has_forgotten_until_a_witness_of_its_own_is_on_disk() {
    let mut world = World::of(&network(), member(), |disk| disk.store.forget());
    let has_forgotten = |world: &World| world.ledger.store.reader().unwrap().has_forgotten().unwrap();
    assert!(has_forgotten(&world));
    let mut device = Device::new(1);
    world.enrol(&mut device);
    let begun = Instant::now();
    while has_forgotten(&world) {
        assert!(begun.elapsed() < PATIENCE, "it has made {:?}", witnessed(&world).0);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(!witnessed(&world).0.is_empty());
    world.stop();
}

#[test]
fn a_node_whose_chain_has_parted_stays_so_behind_a_failed_disk_and_a_restart() {
    let divergence = Divergence::Contradicted { index: 7, members: Members::NONE };
    let note = |disk: &Fragile| disk.store.note_divergence(&divergence).unwrap();
    let mut world = World::of(&network(), member(), note);
    let mut device = Device::new(1);
    for life in 0..2 {
        match life {
            0 => drop(world.enrol(&mut device)),
            _ => drop(world.submit(&device.next(&world)).unwrap()),
        }
        let begun = Instant::now();
        while world.ledger.health.diverged().is_none() {
            assert!(begun.elapsed() < PATIENCE, "nobody says so");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(world.ledger.health.diverged().unwrap().contains("commit 7"));
        assert_eq!(world.ledger.finality.status().divergence, Some(divergence), "life {life}");
        world.disk.fail_after(0);
        assert!(world.submit(&device.next(&world)).is_err());
        world.wait_until(true);
        world.disk.mend();
        world.wait_until(false);
    }
    assert_eq!(witnessed(&world), (Vec::new(), Vec::new()));
    world.stop();
}
