//! The check finds nothing in a sound store, and each thing that is wrong in one that is not.

use super::*;
use crate::store::check::{Checkpoint, Report, Watch, check, is_of};
use crate::store::layout::{
    ARRIVALS, ENROLMENTS, EQUIVOCATIONS, ISSUED, REVOCATIONS, TRANSACTIONS, device_key, encode_arrival,
    equivocation_key,
};
use crate::store::pack::{self as rows, PACKS};
use redb::ReadableTable;
use std::cell::Cell;
use std::num::NonZeroUsize;
use weft_tangle::Kind;

fn run(directory: &Path, network: &Network, begin: Checkpoint, stop_at: u64) -> Checkpoint {
    let view = View::open(&directory.join(FILE_NAME), network).unwrap();
    let told = Cell::new(0);
    let stopping = std::sync::atomic::AtomicBool::new(stop_at == 0);
    let watch = Watch {
        stop: &|| stopping.load(std::sync::atomic::Ordering::Relaxed),
        progress: &|done, _| {
            assert!(done > told.replace(done));
            stopping.fetch_or(done >= stop_at, std::sync::atomic::Ordering::Relaxed);
        },
        note: &|_| (),
    };
    check(&view, NonZeroUsize::new(2).unwrap(), begin, &watch).unwrap()
}

pub(super) fn report(directory: &Path, network: &Network) -> Report {
    let done = run(directory, network, Checkpoint::default(), u64::MAX);
    assert!(done.report.is_complete);
    done.report
}

/// A store of 60 transactions in a directory.
fn stored(seed: u64) -> (tempfile::TempDir, Arc<Network>, Ledger, Vec<Device>) {
    let network = network("check");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, devices) = ledger(&network, seed, 3, 60);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals[..40]).unwrap();
    ledger.arrivals[40..].chunks(3).for_each(|batch| store.append(batch).unwrap());
    (directory, network, ledger, devices)
}

#[test]
fn a_sound_store_has_no_fault() {
    let (directory, network, ledger, _) = stored(1);
    let before = std::fs::read(directory.path().join(FILE_NAME)).unwrap();
    let report = report(directory.path(), &network);
    assert_eq!(report.faults, []);
    assert_eq!((report.transactions, report.erased), (60, 0));
    let bytes = ledger.arrivals.iter().map(|one| one.transaction().wire().len() as u64).sum::<u64>();
    assert_eq!(report.bytes, bytes);
    let after = std::fs::read(directory.path().join(FILE_NAME)).unwrap();
    assert!(before == after, "who looks changes nothing");
}

#[test]
fn whatever_is_wrong_is_found_and_named() {
    let (_, network, ledger, devices) = stored(2);
    let of = |kind: Kind| {
        let mut of_kind = ledger.arrivals.iter().filter(|one| one.transaction().header().kind == kind);
        of_kind.next_back().unwrap().clone()
    };
    let victim = of(Kind::Reading);
    let (id, position) = (victim.id(), victim.position().0);
    let header = victim.transaction().header().clone();
    let other = ledger.arrivals[5].id();
    assert_ne!(other, id);
    let (enrolment, revocation) = (of(Kind::Enrol), of(Kind::RevokeDevice));
    let twin = ledger.arrivals.iter().find(|one| one.twin().is_some()).unwrap().clone();
    let twin_header = twin.transaction().header();
    let epoch = network.rules().epoch(twin_header.timestamp);
    let twin_key = equivocation_key(&twin_header.issuer, epoch, twin_header.counter, &twin.id());
    let stranger = Device::new(99).id();
    type Change<'a> = &'a dyn Fn(&redb::WriteTransaction);
    let flip = |commit: &redb::WriteTransaction, at: usize| {
        let mut packs = commit.open_table(PACKS).unwrap();
        let (key, mut row, place) = {
            let all: Vec<_> = packs.iter().unwrap().map(Result::unwrap).collect();
            let wire = victim.transaction().wire();
            let found = all.iter().find_map(|(key, row)| {
                let place = row.value().windows(wire.len()).position(|window| window == wire)?;
                Some((*key.value(), row.value().to_vec(), place))
            });
            found.unwrap()
        };
        row[place + at] ^= 1;
        packs.insert(&key, &row[..]).unwrap();
    };
    let cases: &[(&str, TxId, Change<'_>)] = &[
        ("packs", id, &|commit| flip(commit, 2_600)),
        ("packs", id, &|commit| flip(commit, 1_000)),
        ("packs", id, &|commit| flip(commit, 20)),
        ("transactions", id, &|commit| {
            commit.open_table(TRANSACTIONS).unwrap().remove(id.as_bytes()).unwrap();
        }),
        ("transactions", id, &|commit| {
            let mut table = commit.open_table(TRANSACTIONS).unwrap();
            table.insert(id.as_bytes(), &5_u64.to_be_bytes()).unwrap();
        }),
        ("transactions", TxId::from_bytes([9; 40]), &|commit| {
            let mut table = commit.open_table(TRANSACTIONS).unwrap();
            table.insert(&[9; 40], &5_u64.to_be_bytes()).unwrap();
        }),
        ("arrivals", id, &|commit| {
            let mut table = commit.open_table(ARRIVALS).unwrap();
            let row = encode_arrival(
                id,
                [ParentTag::of(&header.parents[1]), ParentTag::of(&TxId::from_bytes([1; 40]))],
            );
            table.insert(&position.to_be_bytes(), &row).unwrap();
        }),
        ("issued", id, &|commit| {
            commit.open_table(ISSUED).unwrap().remove(&device_key(&header.issuer, &id)).unwrap();
        }),
        ("issued", id, &|commit| {
            let mut table = commit.open_table(ISSUED).unwrap();
            table.insert(&device_key(&header.issuer, &id), &[0, 0, 9, 9, 2]).unwrap();
        }),
        ("issued", TxId::from_bytes([8; 40]), &|commit| {
            let mut table = commit.open_table(ISSUED).unwrap();
            table.insert(&device_key(&stranger, &TxId::from_bytes([8; 40])), &[0, 0, 9, 9, 2]).unwrap();
        }),
        ("enrolments", enrolment.id(), &|commit| {
            let issuer = enrolment.transaction().header().issuer;
            commit.open_table(ENROLMENTS).unwrap().remove(&device_key(&issuer, &enrolment.id())).unwrap();
        }),
        ("enrolments", other, &|commit| {
            commit.open_table(ENROLMENTS).unwrap().insert(&device_key(&stranger, &other), ()).unwrap();
        }),
        ("revocations", revocation.id(), &|commit| {
            let issuer = revocation.transaction().header().issuer;
            commit.open_table(REVOCATIONS).unwrap().remove(&device_key(&issuer, &revocation.id())).unwrap();
        }),
        ("revocations", other, &|commit| {
            commit.open_table(REVOCATIONS).unwrap().insert(&device_key(&stranger, &other), ()).unwrap();
        }),
        ("equivocations", twin.id(), &|commit| {
            commit.open_table(EQUIVOCATIONS).unwrap().remove(&twin_key).unwrap();
        }),
        ("equivocations", other, &|commit| {
            let key = equivocation_key(&devices[0].id(), Epoch(3), 7, &other);
            commit.open_table(EQUIVOCATIONS).unwrap().insert(&key, ()).unwrap();
        }),
    ];
    for (number, (table, named, wrong)) in cases.iter().enumerate() {
        let (directory, ..) = stored(2);
        change(directory.path(), wrong);
        let faults = report(directory.path(), &network).faults;
        let named = Some(named.to_string());
        assert!(
            faults.iter().any(|fault| fault.table == *table && fault.id == named),
            "case {number}: {faults:?}"
        );
        assert!(faults.len() <= 3, "case {number} has named too much: {faults:?}");
    }
}

#[test]
fn gaps_and_surplus_rows_are_found() {
    let (directory, network, ledger, _) = stored(3);
    change(directory.path(), |commit| {
        assert!(commit.open_table(ARRIVALS).unwrap().remove(&7_u64.to_be_bytes()).unwrap().is_some());
    });
    let faults = report(directory.path(), &network).faults;
    let gap = faults.iter().find(|fault| fault.table == "arrivals").unwrap();
    assert_eq!((gap.position, gap.problem.as_str()), (Some(7), "there is no row at this position"));

    let (directory, ..) = stored(3);
    change(directory.path(), |commit| {
        let mut packs = commit.open_table(PACKS).unwrap();
        packs.pop_last().unwrap().unwrap();
    });
    let faults = report(directory.path(), &network).faults;
    let last = ledger.arrivals.last().unwrap().id().to_string();
    assert!(faults.iter().any(|fault| fault.table == "packs" && fault.id.as_ref() == Some(&last)));
}

#[test]
fn a_signature_by_somebody_else_is_found_though_all_hashes_fit() {
    let (directory, network, ledger, _) = stored(4);
    let one = ledger.arrivals.iter().find(|one| one.transaction().header().kind == Kind::Reading).unwrap();
    let (id, position) = (one.id(), one.position());
    let mut wire = one.transaction().wire().to_vec();
    wire[500] ^= 1;
    change(directory.path(), |commit| {
        let mut packs = commit.open_table(PACKS).unwrap();
        let (first, row) = {
            let (first, row) = rows::row_of(&packs, position).unwrap().unwrap();
            (first, row.value().to_vec())
        };
        let count = rows::entries(&row).unwrap().len();
        let slot = (position.0 - first.0) as usize;
        let forged = rows::with_slots(
            &row,
            count,
            &[(slot, rows::Entry::new(position, &Transaction::decode(&network, &wire).unwrap()))],
        );
        packs.insert(&first.0.to_be_bytes(), &forged[..]).unwrap();
    });
    let faults = report(directory.path(), &network).faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!((&faults[0].id, faults[0].position), (&Some(id.to_string()), Some(position.0)));
    assert!(faults[0].problem.contains("signature"), "{faults:?}");
}

#[test]
fn a_check_that_was_stopped_goes_on_and_finds_the_same() {
    let network = network("resume");
    let directory = tempfile::tempdir().unwrap();
    let (mut ledger, devices) = ledger(&network, 5, 2, 10);
    for epoch in 0..5 {
        ledger.now = ledger.now.plus(600_000);
        (0..500).for_each(|counter| drop(ledger.read(&devices[epoch % 2], counter)));
    }
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    drop(store);
    let stopped = run(directory.path(), &network, Checkpoint::default(), 1);
    assert!(!stopped.report.is_complete);
    assert!((1_024..2_048 + 1_024).contains(&stopped.position), "{}", stopped.position);
    assert_eq!(stopped.report.transactions, stopped.position);
    let resumed = run(directory.path(), &network, stopped.clone(), u64::MAX);
    let whole = run(directory.path(), &network, Checkpoint::default(), u64::MAX);
    assert_eq!(resumed, whole);
    assert_eq!((whole.position, whole.report.faults_in_all()), (2_510, 0));
    let view = |directory: &Path| View::open(&directory.join(FILE_NAME), &network).unwrap();
    assert!(is_of(&view(directory.path()), &stopped).unwrap());
    let (elsewhere, other, ..) = stored(6);
    let elsewhere = View::open(&elsewhere.path().join(FILE_NAME), &other).unwrap();
    assert!(!is_of(&elsewhere, &stopped).unwrap(), "of another store");
}
