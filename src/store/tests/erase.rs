//! What was erased is nowhere in the file, and nothing else is touched.

use super::*;
use crate::store::check::{Checkpoint, Watch, check};
use std::collections::HashSet;
use std::num::NonZeroUsize;
use weft_tangle::limits::{BODY_OFFSET, SALT_BYTES};
use weft_tangle::{Issuer, Kind, Standing};

const ERASED: Erasure = Erasure::Done { overwritten: 0 };

/// Moments at which the test cuts the power.
const CRASHES: u64 = 24;

fn is_done(erasure: Erasure) -> bool {
    matches!(erasure, Erasure::Done { .. })
}

/// Every 16 bytes of these bodies, beginning with the salts.
fn pieces(victims: &[Arc<Attached>]) -> HashSet<Vec<u8>> {
    let bodies = victims.iter().map(|one| one.transaction().body());
    bodies.flat_map(|body| body.chunks_exact(SALT_BYTES)).map(<[u8]>::to_vec).collect()
}

/// How many of the pieces stand somewhere in a file.
fn found(bytes: &[u8], pieces: &HashSet<Vec<u8>>) -> usize {
    let found: HashSet<&[u8]> = bytes.windows(SALT_BYTES).filter(|window| pieces.contains(*window)).collect();
    found.len()
}

/// Every third reading.
fn victims(ledger: &Ledger) -> Vec<Arc<Attached>> {
    let kind = |one: &&Arc<Attached>| one.transaction().header().kind == Kind::Reading;
    ledger.arrivals.iter().filter(kind).step_by(3).cloned().collect()
}

fn ids(victims: &[Arc<Attached>]) -> Vec<TxId> {
    victims.iter().map(|one| one.id()).collect()
}

/// What is left of the erased can be verified, and the others are what they were.
fn compare(store: &Store, ledger: &Ledger, devices: &[Device], erased: &[Arc<Attached>]) {
    let reader = store.reader().unwrap();
    let erased = ids(erased);
    for one in &ledger.arrivals {
        let id = one.id();
        if !erased.contains(&id) {
            assert_eq!(reader.transaction(&id).unwrap().unwrap().transaction, *one.transaction());
            continue;
        }
        assert!(matches!(reader.transaction(&id), Err(StoreError::Erased(named)) if named == id));
        let Some((Kept::Erased(remains), position)) = reader.kept(&id).unwrap() else { panic!("{id}") };
        assert_eq!((position, remains.header()), (one.position(), one.transaction().header()));
        assert_eq!(remains.wire(), &one.transaction().wire()[..BODY_OFFSET]);
        let device = devices.iter().find(|device| device.id() == remains.header().issuer).unwrap();
        remains.check(&ledger.network, device.issuer()).unwrap();
        let nobody = Issuer::new(device.issuer_key(), Vec::<Standing>::new()).unwrap();
        assert!(remains.check(&ledger.network, &nobody).is_err(), "it is a check");
    }
}

#[test]
fn erased_bytes_are_nowhere_in_the_file() {
    let network = network("erase");
    for (seed, batch) in [(61, 1), (62, 7), (63, 60), (64, 25)] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE_NAME);
        let (ledger, devices) = ledger(&network, seed, 3, 150);
        let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
        let store = open();
        ledger.arrivals.chunks(batch).for_each(|batch| store.append(batch).unwrap());
        let victims = victims(&ledger);
        let pieces = pieces(&victims);
        assert!(victims.len() > 20 && pieces.len() > victims.len());
        assert_eq!(found(&std::fs::read(&path).unwrap(), &pieces), pieces.len());

        assert!(is_done(store.erase(&ids(&victims)).unwrap()));
        assert_eq!(found(&std::fs::read(&path).unwrap(), &pieces), 0, "batches of {batch}");
        compare(&store, &ledger, &devices, &victims);
        assert_eq!(store.erasures(), victims.len() as u64);
        assert_eq!(store.erase(&ids(&victims)).unwrap(), ERASED, "twice is once");

        // It goes on: more is stored, and it is all there after a restart.
        let mut more = ledger;
        (0..40).for_each(|counter| drop(more.read(&devices[0], 500 + counter)));
        store.append(&more.arrivals[150..]).unwrap();
        compare(&store, &more, &devices, &victims);
        drop(store);
        let mut database = open_database(&path);
        assert!(database.check_integrity().unwrap(), "no page that is in use was overwritten");
        drop(database);
        compare(&open(), &more, &devices, &victims);
        let view = View::open(&path, &network).unwrap();
        let watch = Watch { stop: &|| false, progress: &|_, _| (), note: &|_| () };
        let one = NonZeroUsize::MIN;
        let report = check(&view, one, Checkpoint::default(), &watch).unwrap().report;
        assert_eq!((report.faults, report.erased), (vec![], victims.len() as u64));
    }
}

#[test]
fn what_others_are_judged_by_is_not_erased() {
    let network = network("keep");
    let directory = tempfile::tempdir().unwrap();
    let (mut ledger, devices) = ledger(&network, 65, 2, 60);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals[..50]).unwrap();
    let arrivals = ledger.arrivals.clone();
    let of = |kind: Kind| arrivals.iter().find(|one| one.transaction().header().kind == kind).unwrap().id();
    for kind in [Kind::Enrol, Kind::RevokeDevice] {
        let refused = store.erase(&[of(Kind::Reading), of(kind)]);
        assert!(matches!(refused, Err(StoreError::NotErasable { id, .. }) if id == of(kind)), "{kind:?}");
    }
    let missing = ledger.arrivals[55].id();
    let refused = store.erase(&[of(Kind::Reading), missing]);
    assert!(matches!(refused, Err(StoreError::NotStored(id)) if id == missing));
    let too_many = vec![of(Kind::Reading); crate::limits::ERASE_MOST + 1];
    assert!(matches!(store.erase(&too_many), Err(StoreError::TooMany { .. })));
    ledger.arrivals.truncate(50);
    compare(&store, &ledger, &devices, &[]);
    assert_eq!(store.erasures(), 0);
}

#[test]
fn bytes_are_overwritten_only_when_no_reader_can_look_at_them() {
    let network = network("readers");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let (ledger, devices) = ledger(&network, 66, 2, 90);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let victims = victims(&ledger);
    let one = &victims[0];
    let pieces = pieces(&victims);
    let left = || found(&std::fs::read(&path).unwrap(), &pieces);
    let old = store.reader().unwrap();
    assert_eq!(store.erase(&ids(&victims)).unwrap(), Erasure::Waiting);
    assert_eq!(store.finish_erasures().unwrap(), Erasure::Waiting);
    assert_eq!(old.transaction(&one.id()).unwrap().unwrap().transaction, *one.transaction());
    compare(&store, &ledger, &devices, &victims);
    assert_eq!(left(), pieces.len());
    drop(old);
    assert!(matches!(store.finish_erasures().unwrap(), Erasure::Done { overwritten } if overwritten > 0));
    assert_eq!(left(), 0);
    compare(&store, &ledger, &devices, &victims);
}

#[test]
fn a_body_that_is_damaged_can_be_erased() {
    let network = network("damaged");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, devices) = ledger(&network, 67, 1, 30);
    let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    open().append(&ledger.arrivals).unwrap();
    let victim = victims(&ledger)[1].clone();
    let path = directory.path().join(FILE_NAME);
    let mut bytes = std::fs::read(&path).unwrap();
    let body = victim.transaction().body();
    let places: Vec<usize> =
        (0..bytes.len() - body.len()).filter(|at| bytes[*at..].starts_with(body)).collect();
    places.iter().for_each(|at| bytes[at + body.len() - 1] ^= 1);
    std::fs::write(&path, bytes).unwrap();
    let store = open();
    let id = victim.id();
    assert!(matches!(store.reader().unwrap().transaction(&id), Err(StoreError::Damaged { .. })));
    assert_eq!(store.damaged(), [id]);
    assert!(is_done(store.erase(&[id]).unwrap()));
    assert_eq!(store.damaged(), []);
    assert!(matches!(store.heal(victim.verified()), Err(StoreError::Erased(_))), "it does not come back");
    compare(&store, &ledger, &devices, &[victim]);
}

#[test]
fn a_crash_leaves_either_all_bodies_or_none_and_the_next_start_ends_it() {
    let network = network("torn");
    let (ledger, devices) = ledger(&network, 68, 2, 40);
    let victims = victims(&ledger);
    let begun = disks::MemoryDisk::default();
    let store = open_on(begun.clone(), &network).unwrap();
    ledger.arrivals.chunks(4).for_each(|batch| store.append(batch).unwrap());
    let image = begun.crash(&mut Dice::new(0));
    drop(store);
    let pieces = pieces(&victims);
    // How many writes and syncs a whole erasure takes.
    let disk = disks::MemoryDisk::with_image(image.clone());
    let store = open_on(disk.clone(), &network).unwrap();
    let before = disk.operations();
    assert!(is_done(store.erase(&ids(&victims)).unwrap()));
    let all = disk.operations() - before;
    drop(store);
    let (mut whole, mut erased) = (0, 0);
    for crash in 0..CRASHES {
        let operations = all * crash / (CRASHES - 1);
        let disk = disks::MemoryDisk::with_image(image.clone());
        let store = open_on(disk.clone(), &network).unwrap();
        disk.fail_after(operations);
        let outcome = store.erase(&ids(&victims));
        assert_eq!(outcome.is_ok(), operations == all);
        let after = disks::MemoryDisk::with_image(disk.crash(&mut Dice::new(crash)));
        let store = open_on(after.clone(), &network).unwrap();
        let is_whole = store.reader().unwrap().transaction(&victims[0].id()).is_ok();
        let gone = if is_whole { &[][..] } else { &victims[..] };
        compare(&store, &ledger, &devices, gone);
        drop(store);
        whole += u64::from(is_whole);
        if !is_whole {
            erased += 1;
            assert_eq!(
                found(&after.crash(&mut Dice::new(0)), &pieces),
                0,
                "{operations} of {all} operations"
            );
        }
    }
    assert!(whole > 1 && erased > 5, "{whole} crashes before, {erased} behind the commit");
}

/// An open row that just does not fit into the full one before it still fits into the same page.
#[test]
fn nothing_is_left_between_rows_of_one_page() {
    let network = network("slack");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE_NAME);
    let (mut ledger, device) = (Ledger::new(&network, 69), Device::new(1));
    ledger.enrol(&device, 0);
    let mut dice = Dice::new(70);
    let mut read = |ledger: &mut Ledger, counter: u32, length: usize| {
        let content: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
        ledger.issue(&device, Kind::Reading, counter, weft_tangle::content_format::SENML_CBOR, &content);
    };
    (1..9).for_each(|counter| read(&mut ledger, counter, 4_000));
    let slot = |wire: usize| 10 + wire;
    let filled: usize =
        2 + ledger.arrivals.iter().map(|one| slot(one.transaction().wire().len())).sum::<usize>();
    let left = crate::store::pack::ROW_BYTES + 8 - filled;
    read(&mut ledger, 9, left - slot(BODY_OFFSET + SALT_BYTES));
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let victims = ledger.arrivals[8..].to_vec();
    let pieces = pieces(&victims);
    assert_eq!(found(&std::fs::read(&path).unwrap(), &pieces), pieces.len());
    assert!(is_done(store.erase(&ids(&victims)).unwrap()));
    assert_eq!(found(&std::fs::read(&path).unwrap(), &pieces), 0);
    compare(&store, &ledger, &[device], &victims);
}
