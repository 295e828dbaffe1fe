//! Batches that are in the log and not in the database yet: nobody misses them, and nothing loses them.

mod gate;
mod latest;

use super::commits::{witness, witness_by};
use super::disks::MemoryDisk;
use super::failure::holds;
use super::*;
use crate::testing::chain::Chain;
use std::sync::atomic::{AtomicBool, Ordering};
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{DeviceId, History, Kind};

/// What is on the disk when the process ends here, without closing anything.
fn killed(disk: &MemoryDisk) -> MemoryDisk {
    MemoryDisk::with_image(disk.image())
}

/// How much of what is stored the database has.
fn taken(store: &Store) -> u64 {
    store.published().unwrap().end.0
}

/// Stores transactions one by one; all of them are pending then.
fn append_each(store: &Store, batch: &[Arc<Attached>]) {
    let before = taken(store);
    batch.chunks(1).for_each(|one| store.append(one).unwrap());
    assert_eq!(taken(store), before, "the database has taken nothing");
    assert!(store.pending.bytes() > 0);
}

#[test]
fn small_batches_wait_for_each_other_until_somebody_reads() {
    let network = network("together");
    let (ledger, _) = ledger(&network, 1, 2, 20);
    let disk = MemoryDisk::default();
    let store = open_cached(disk.clone(), &network).unwrap();
    append_each(&store, &ledger.arrivals[..1]);
    let before = disk.operations();
    append_each(&store, &ledger.arrivals[1..5]);
    assert_eq!(disk.operations() - before, 8, "a write and a sync each");
    for one in &ledger.arrivals[..6] {
        let is_stored = one.position().0 < 5;
        assert_eq!(store.contains(&one.id()).unwrap(), is_stored);
        assert_eq!(store.latest().contains(&one.id()).unwrap(), is_stored);
    }
    assert_eq!(taken(&store), 0, "whoever asks for an id alone has nothing published");
    let early = store.published_reader().unwrap();
    for one in &ledger.arrivals[..5] {
        assert_eq!(early.position(&one.id()).unwrap(), None, "a snapshot shows what it can read");
    }
    holds(&store, &ledger, 5);
    assert_eq!((taken(&store), store.pending.bytes()), (5, 0));
    assert_eq!(store.shared_reader().unwrap().transactions().unwrap(), 5);
    assert_eq!(early.transactions().unwrap(), 0, "a snapshot does not change");
    append_each(&store, &ledger.arrivals[5..6]);
    assert_eq!(store.shared_reader().unwrap().transactions().unwrap(), 6);
    append_each(&store, &ledger.arrivals[6..7]);
    assert_eq!(store.next_position().unwrap(), Position(7));
}

#[test]
fn whatever_commits_durably_takes_what_is_pending_along() {
    let network = network("along");
    let (ledger, _) = ledger(&network, 2, 2, 60);
    let reading = ledger.arrivals.iter().find(|one| one.transaction().header().kind == Kind::Reading);
    let reading = reading.unwrap();
    type Commit<'a> = &'a dyn Fn(&Store, &MemoryDisk);
    let cursors = Cursors::from([(DeviceId::from_bytes([1; 32]), vec![1])]);
    let batch = |store: &Store, from: usize, to: usize, cursors: &Cursors| {
        let transactions = &ledger.arrivals[from..to];
        store.append_batch(&Batch { transactions, cursors, commits: &[] }).unwrap();
    };
    let cases: [(usize, Commit<'_>); 7] = [
        (25, &|store, _| batch(store, 25, 25, &cursors)),
        (26, &|store, _| batch(store, 25, 26, &cursors)),
        (50, &|store, _| batch(store, 25, 50, &Cursors::new())),
        (25, &|store, _| store.recall().unwrap()),
        (25, &|store, _| {
            let members = weft_tangle::finality::Members::NONE;
            let parted = weft_tangle::finality::Divergence::Contradicted { index: 1, members };
            store.note_divergence(&parted).unwrap();
        }),
        (25, &|store, _| assert!(matches!(store.erase(&[reading.id()]).unwrap(), Erasure::Done { .. }))),
        (25, &|store, disk| {
            disk.damage(reading.transaction().wire());
            assert!(store.published_reader().unwrap().transaction(&reading.id()).is_err());
            store.heal(reading.verified()).unwrap();
        }),
    ];
    for (number, (stored, commit)) in cases.iter().enumerate() {
        let disk = MemoryDisk::default();
        let store = open_on(disk.clone(), &network).unwrap();
        store.append(&ledger.arrivals[..20]).unwrap();
        append_each(&store, &ledger.arrivals[20..25]);
        commit(&store, &disk);
        assert_eq!((taken(&store), store.pending.bytes()), (*stored as u64, 0), "case {number}");
        let check = |disk: &MemoryDisk, stored: usize| {
            for seed in 0..4 {
                let image = disk.crash(&mut Dice::new(seed));
                let again = open_on(MemoryDisk::with_image(image), &network).unwrap();
                let all = again.reader().unwrap();
                assert_eq!(all.transactions().unwrap(), stored as u64, "case {number}");
                for one in &ledger.arrivals[..stored] {
                    assert!(all.kept(&one.id()).unwrap().is_some(), "case {number}");
                }
            }
        };
        check(&disk, *stored);
        // The next record is written over those that were pending.
        append_each(&store, &ledger.arrivals[*stored..stored + 1]);
        check(&disk, stored + 1);
    }
}

#[test]
fn a_crash_loses_nothing_that_is_pending_and_closing_leaves_nothing_so() {
    let network = network("crash");
    let (ledger, _) = ledger(&network, 3, 2, 40);
    for count in 1..8 {
        let disk = MemoryDisk::default();
        let store = open_on(disk.clone(), &network).unwrap();
        append_each(&store, &ledger.arrivals[..count]);
        for seed in 0..4 {
            let image = disk.crash(&mut Dice::new(seed));
            holds(&open_on(MemoryDisk::with_image(image), &network).unwrap(), &ledger, count);
        }
        drop(store);
        let (front, _) = wal::divide_existing(Box::new(disk.clone()), Path::new("a disk")).unwrap();
        front.clear().unwrap();
        holds(&open_on(disk, &network).unwrap(), &ledger, count);
    }
}

#[test]
fn a_batch_that_is_refused_leaves_what_is_pending_as_it_was() {
    let network = network("refused");
    let (ledger, _) = ledger(&network, 4, 2, 60);
    let (all, none) = (&ledger.arrivals, Cursors::new());
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&all[..40]).unwrap();
    append_each(&store, &all[40..43]);
    let before = (disk.operations(), store.pending.bytes());

    let mut chain = Chain::new(&network);
    let one = |at: usize| (all[at].transaction(), FinalVerdict::Counts);
    let first = chain.commit(&[one(0)], vec![]);
    let second = chain.commit(&[one(1), one(42)], vec![]);
    chain.truncate(0);
    let missing = chain.commit(&[one(0), one(50)], vec![]);
    chain.truncate(0);
    let undelivered = chain.commit(&[one(0)], vec![all[42].id()]);
    let mut broken = weft_tangle::finality::Handed::clone(&first);
    broken.delivered.commit.previous.0[3] ^= 1;

    let record = |at: u64, transaction| Record { position: Position(at), transaction, twin: None };
    let refused = |batch: &[Record<'_>]| store.append_records(batch).unwrap_err();
    let commits = |commits: &[Arc<weft_tangle::finality::Handed>]| {
        store.append_batch(&Batch { transactions: &all[43..44], cursors: &none, commits }).unwrap_err()
    };
    // Of a node that is in no committee.
    let stranger = witness_by([7; 32], &network, 1, vec![], ledger.now);
    let named = stranger.id();
    let errors = [
        refused(&[record(44, all[44].transaction())]),
        refused(&[record(43, all[43].transaction()), record(45, all[45].transaction())]),
        refused(&[record(43, all[42].transaction())]),
        refused(&[record(43, all[0].transaction())]),
        refused(&[record(43, all[43].transaction()), record(44, all[43].transaction())]),
        refused(&[record(43, all[43].transaction()), record(44, &stranger)]),
        commits(&[second]),
        commits(&[missing]),
        commits(&[undelivered]),
        commits(&[Arc::new(broken)]),
    ];
    assert!(
        matches!(
            &errors,
            [
                StoreError::Gap { expected: Position(43), found: Position(44) },
                StoreError::Gap { expected: Position(44), found: Position(45) },
                StoreError::Twice(pending),
                StoreError::Twice(written),
                StoreError::Twice(same),
                StoreError::Unverified(unverified),
                StoreError::CommitGap { expected: 1, found: 2 },
                StoreError::NotStored(lacking),
                StoreError::BadCommit { index: 1, problem: "it disputes what was not delivered" },
                StoreError::BadCommit { index: 1, problem: "it does not follow on the one before" },
            ] if [pending, written, same, unverified, lacking].map(|id| *id)
                == [all[42].id(), all[0].id(), all[43].id(), named, all[50].id()]
        ),
        "{errors:?}"
    );
    assert_eq!((disk.operations(), store.pending.bytes()), before, "nothing was written or published");
    assert_eq!(store.read_only(), None);
    append_each(&store, &all[43..44]);
    holds(&open_on(killed(&disk), &network).unwrap(), &ledger, 44);
    store.append_batch(&Batch { transactions: &all[44..45], cursors: &none, commits: &[first] }).unwrap();
    holds(&store, &ledger, 45);
    holds(&open_on(killed(&disk), &network).unwrap(), &ledger, 45);
}

#[test]
fn a_batch_that_cannot_be_published_is_read_from_the_log_and_goes_on_once_the_disk_is_mended() {
    let network = network("unpublished");
    let (ledger, _) = ledger(&network, 5, 2, 60);
    let mut failed = 0;
    for allowed in 0..12 {
        let disk = MemoryDisk::default();
        let store = open_with(&disk, &network).unwrap();
        store.append(&ledger.arrivals[..40]).unwrap();
        append_each(&store, &ledger.arrivals[40..44]);
        disk.fail_after(allowed);
        holds(&store, &ledger, 44);
        failed += usize::from(store.read_only().is_some());
        disk.mend();
        store.try_reopen().unwrap();
        assert_eq!((store.read_only(), store.pending.bytes()), (None, 0));
        holds(&store, &ledger, 44);
        append_each(&store, &ledger.arrivals[44..46]);
        holds(&open_on(killed(&disk), &network).unwrap(), &ledger, 46);
        holds(&store, &ledger, 46);
    }
    assert!(failed > 0, "some could not be published");
}

#[test]
fn a_store_that_fails_while_something_is_pending_is_as_it_was_acknowledged() {
    let network = network("fails");
    let (ledger, _) = ledger(&network, 6, 2, 60);
    for reads in [false, true] {
        let disk = MemoryDisk::default();
        let store = open_with(&disk, &network).unwrap();
        store.append(&ledger.arrivals[..40]).unwrap();
        append_each(&store, &ledger.arrivals[40..43]);
        // The record is written and its sync fails.
        disk.fail_after(1);
        assert!(matches!(store.append(&ledger.arrivals[43..44]), Err(StoreError::ReadOnly { .. })));
        if reads {
            holds(&store, &ledger, 43);
        }
        disk.mend();
        store.try_reopen().unwrap();
        let stored = store.next_position().unwrap().0 as usize;
        assert!(stored == 43 || stored == 44, "{stored}");
        holds(&store, &ledger, stored);
        append_each(&store, &ledger.arrivals[stored..stored + 2]);
        holds(&open_on(killed(&disk), &network).unwrap(), &ledger, stored + 2);
    }
}

#[test]
fn who_reads_while_batches_are_appended_sees_what_was_stored_first_without_holes() {
    let network = network("readers");
    let (ledger, _) = ledger(&network, 7, 4, 400);
    let all = &ledger.arrivals;
    let disk = MemoryDisk::default();
    let store = open_cached(disk, &network).unwrap();
    let is_over = AtomicBool::new(false);
    let by_snapshot = |store: &Store, is_shared: bool| {
        let (mut before, mut looks) = (0, 0);
        while !is_over.load(Ordering::Acquire) || looks == 0 {
            let (own, shared);
            let reader = if is_shared {
                shared = store.shared_reader().unwrap();
                &*shared
            } else {
                own = store.reader().unwrap();
                &own
            };
            let stored = reader.transactions().unwrap() as usize;
            assert!(stored >= before, "{stored} after {before}");
            for one in &all[stored.saturating_sub(20)..(stored + 20).min(all.len())] {
                let found = reader.transaction(&one.id()).unwrap().map(|found| found.position);
                assert_eq!(found, Some(one.position()).filter(|at| (at.0 as usize) < stored));
            }
            (before, looks) = (stored, looks + 1);
        }
    };
    let by_question = |store: &Store| {
        let mut known = 0;
        while !is_over.load(Ordering::Acquire) || known == 0 {
            let latest = store.latest();
            let mut ids = Vec::new();
            latest.log(known as u64..u64::MAX, &mut |id| ids.push(id)).unwrap();
            let expected = all[known..].iter().map(|one| one.id()).take(ids.len());
            assert!(ids.iter().copied().eq(expected), "the log from {known} on");
            known += ids.len();
            for one in &all[known.saturating_sub(20)..known] {
                let id = one.id();
                assert_eq!(History::position(&latest, &id).unwrap(), Some(one.position().0));
                let kind = one.transaction().header().kind;
                assert_eq!(latest.entry(&id).unwrap().map(|entry| entry.kind), Some(kind));
            }
        }
    };
    std::thread::scope(|scope| {
        let readers = [
            scope.spawn(|| by_snapshot(&store, false)),
            scope.spawn(|| by_snapshot(&store, true)),
            scope.spawn(|| by_question(&store)),
            scope.spawn(|| by_question(&store)),
        ];
        let mut dice = Dice::new(7);
        let mut stored = 0;
        while stored < all.len() {
            let end = (stored + 1 + dice.below(4) as usize).min(all.len());
            store.append(&all[stored..end]).unwrap();
            stored = end;
            assert!(store.contains(&all[stored - 1].id()).unwrap());
            if dice.below(3) == 0 {
                assert_eq!(store.shared_reader().unwrap().transactions().unwrap(), stored as u64);
            }
        }
        is_over.store(true, Ordering::Release);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    holds(&store, &ledger, all.len());
}
