//! A store that has failed is opened again when the disk is mended: it then holds what is on disk, and goes on.

use super::disks::MemoryDisk;
use super::failure::holds;
use super::*;
use crate::limits::STORE_RESUME_BYTES;

/// A store of 40 transactions of 60 whose next commit fails at its operation number `allowed`; nothing if it does not.
fn failed(network: &Network, ledger: &Ledger, disk: &MemoryDisk, allowed: u64) -> Option<Store> {
    let store = open_with(disk, network).unwrap();
    store.append(&ledger.arrivals[..40]).unwrap();
    disk.fail_after(allowed);
    match store.append(&ledger.arrivals[40..]) {
        Ok(()) => None,
        Err(StoreError::ReadOnly { .. }) => Some(store),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn wherever_a_write_fails_the_store_goes_on_once_the_disk_is_mended() {
    let network = network("again");
    let (ledger, _) = ledger(&network, 31, 2, 60);
    for allowed in 0.. {
        let disk = MemoryDisk::default();
        let Some(store) = failed(&network, &ledger, &disk, allowed) else {
            assert!(allowed > 10);
            return;
        };
        for attempts in [0, 1] {
            disk.fail_after(attempts);
            assert!(matches!(store.try_reopen(), Err(StoreError::ReadOnly { .. })), "{allowed}");
            let readable = store.next_position().unwrap().0 as usize;
            assert!(readable == 40 || readable == 60, "{readable} after {allowed}");
            holds(&store, &ledger, readable);
            assert!(matches!(store.append(&ledger.arrivals[40..]), Err(StoreError::ReadOnly { .. })));
        }
        disk.mend();
        store.try_reopen().unwrap();
        assert_eq!(store.read_only(), None);
        let stored = store.next_position().unwrap().0 as usize;
        assert!(stored == 40 || stored == 60, "{stored} after {allowed}");
        holds(&store, &ledger, stored);
        store.append(&ledger.arrivals[stored..]).unwrap();
        holds(&store, &ledger, 60);
        drop(store);
        holds(&open_on(disk, &network).unwrap(), &ledger, 60);
    }
}

#[test]
fn what_a_failed_sync_has_lost_is_not_taken_for_stored() {
    let network = network("forgets");
    let (ledger, _) = ledger(&network, 32, 2, 60);
    let mut lost = 0;
    for allowed in 0.. {
        let disk = MemoryDisk::default();
        disk.forget_on_failure();
        let Some(store) = failed(&network, &ledger, &disk, allowed) else { break };
        disk.mend();
        store.try_reopen().unwrap();
        let stored = store.next_position().unwrap().0 as usize;
        lost += usize::from(stored == 40);
        for seed in 0..4 {
            let image = disk.crash(&mut Dice::new(seed));
            let after = open_on(MemoryDisk::with_image(image), &network).unwrap();
            holds(&after, &ledger, stored);
        }
        holds(&store, &ledger, stored);
    }
    assert!(lost > 0);
}

#[test]
fn a_disk_that_fills_up_stops_the_store_before_a_write_fails() {
    let network = network("full");
    let (ledger, _) = ledger(&network, 33, 2, 400);
    let disk = MemoryDisk::default();
    let store = open_with(&disk, &network).unwrap();
    disk.leave_room(STORE_RESERVE_BYTES + (1 << 20));
    let mut stored = 0;
    let error = loop {
        match store.append(&ledger.arrivals[stored..stored + 10]) {
            Ok(()) => stored += 10,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StoreError::NoRoom { free, needed, .. } if free < needed), "{error}");
    assert!(error.to_string().contains("make room"), "{error}");
    assert!(stored > 10);
    assert_eq!(store.read_only(), None, "the database is whole");
    holds(&store, &ledger, stored);
    disk.leave_room(2 * STORE_RESERVE_BYTES);
    assert!(matches!(store.try_reopen(), Err(StoreError::NoRoom { .. })), "there is not yet enough");
    disk.leave_room(STORE_RESUME_BYTES);
    store.try_reopen().unwrap();
    store.append(&ledger.arrivals[stored..]).unwrap();
    holds(&store, &ledger, 400);
}

#[test]
fn a_disk_that_is_full_without_saying_so_costs_nothing_either() {
    let network = network("quota");
    let (ledger, _) = ledger(&network, 34, 2, 400);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    disk.leave_room(1 << 19);
    let mut stored = 0;
    while store.append(&ledger.arrivals[stored..stored + 10]).is_ok() {
        stored += 10;
    }
    let cause = store.read_only().unwrap();
    assert!(cause.contains("this disk is full") && stored > 10, "{cause}");
    holds(&store, &ledger, stored);
    disk.leave_room(64 << 20);
    store.try_reopen().unwrap();
    let now = store.next_position().unwrap().0 as usize;
    assert!(now == stored || now == stored + 10);
    store.append(&ledger.arrivals[now..]).unwrap();
    holds(&store, &ledger, 400);
}

#[test]
fn a_store_that_has_no_room_to_be_opened_begins_by_reading() {
    let network = network("full at once");
    let (ledger, _) = ledger(&network, 36, 2, 60);
    let disk = MemoryDisk::default();
    let store = open_with(&disk, &network).unwrap();
    ledger.arrivals[..40].chunks(10).for_each(|batch| store.append(batch).unwrap());
    // As a kill leaves it.
    let image = disk.image();
    let refused = (0..).take_while(|allowed| {
        let disk = MemoryDisk::with_image(image.clone());
        disk.fail_after(*allowed);
        let store = open_with(&disk, &network).unwrap();
        let cause = store.read_only();
        if let Some(cause) = &cause {
            assert!(cause.contains("no space left"), "{cause}");
            holds(&store, &ledger, 40);
            let refusal = store.append(&ledger.arrivals[40..]).unwrap_err();
            assert!(matches!(refusal, StoreError::ReadOnly { .. }), "{refusal}");
            disk.mend();
            store.try_reopen().unwrap();
        }
        store.append(&ledger.arrivals[40..]).unwrap_or_else(|error| {
            assert!(cause.is_none() && error.to_string().contains("no space left"), "{allowed}: {error}");
            disk.mend();
            store.try_reopen().unwrap();
            let stored = store.next_position().unwrap().0 as usize;
            store.append(&ledger.arrivals[stored..]).unwrap();
        });
        holds(&store, &ledger, 60);
        cause.is_some()
    });
    assert!(refused.count() > 3, "opening writes");
}

#[test]
fn a_store_that_is_to_begin_by_reading_is_ours_or_refused() {
    let network = network("full and ours");
    let disk = MemoryDisk::default();
    drop(open_with(&disk, &network).unwrap());
    let full = |image: Vec<u8>| {
        let disk = MemoryDisk::with_image(image);
        disk.fail_after(0);
        disk
    };
    let error = open_with(&full(disk.image()), &super::network("another")).unwrap_err();
    assert!(matches!(error, StoreError::OtherNetwork { .. }), "{error}");
    let error = open_with(&full(Vec::new()), &network).unwrap_err();
    assert!(error.want_of_room().is_some(), "{error}");
    let error = error.of_opening(Path::new("ledger.redb")).to_string();
    assert!(error.starts_with("ledger.redb cannot be opened") && error.contains("make room of "), "{error}");
}

#[test]
fn nobody_reads_from_a_file_that_is_opened_again_under_it() {
    let network = network("held");
    let (ledger, _) = ledger(&network, 35, 1, 60);
    let disk = MemoryDisk::default();
    let store = failed(&network, &ledger, &disk, 3).unwrap();
    disk.mend();
    let reader = store.reader().unwrap();
    assert!(matches!(store.try_reopen(), Err(StoreError::Held { readers: 1 })));
    assert!(reader.transaction(&ledger.arrivals[7].id()).unwrap().is_some(), "it reads on");
    assert!(store.read_only().is_some());
    drop(reader);
    store.try_reopen().unwrap();
    holds(&store, &ledger, 40);
}

#[test]
fn a_read_that_fails_is_got_over_too() {
    let network = network("unread");
    let (ledger, _) = ledger(&network, 36, 1, 40);
    let disk = MemoryDisk::default();
    let store = open_with(&disk, &network).unwrap();
    store.append(&ledger.arrivals).unwrap();
    disk.fail_reads();
    let reading = store.reader().and_then(|reader| reader.transaction(&ledger.arrivals[7].id()));
    assert!(reading.is_err());
    assert!(store.read_only().is_some_and(|cause| cause.contains("a read or a write failed")));
    disk.mend();
    store.try_reopen().unwrap();
    assert_eq!(store.read_only(), None);
    holds(&store, &ledger, 40);
}

#[test]
fn a_file_that_holds_less_than_was_acknowledged_is_not_written() {
    let network = network("less");
    let (ledger, _) = ledger(&network, 37, 1, 60);
    let disk = MemoryDisk::default();
    let store = open_with(&disk, &network).unwrap();
    store.append(&ledger.arrivals[..20]).unwrap();
    let older = disk.crash(&mut Dice::new(1));
    store.append(&ledger.arrivals[20..40]).unwrap();
    store.distrust("a test says so".into());
    disk.replace(&older);
    let error = store.try_reopen().unwrap_err();
    assert!(error.to_string().contains("were acknowledged"), "{error}");
    assert!(matches!(store.append(&ledger.arrivals[40..]), Err(StoreError::ReadOnly { .. })));
    assert!(store.try_reopen().is_err(), "nor later");
}

#[test]
fn the_lock_on_the_file_is_never_let_go() {
    let network = network("lock");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 38, 1, 20);
    let open = || Store::open(directory.path(), &network, &StoreOptions { cache_bytes: 0 });
    let store = open().unwrap();
    store.append(&ledger.arrivals[..10]).unwrap();
    assert!(matches!(open(), Err(StoreError::InUse { .. })));
    store.distrust("a test says so".into());
    assert!(matches!(open(), Err(StoreError::InUse { .. })));
    store.try_reopen().unwrap();
    assert!(matches!(open(), Err(StoreError::InUse { .. })));
    store.append(&ledger.arrivals[10..]).unwrap();
    let reader = store.reader().unwrap();
    drop(store);
    holds(&open().unwrap(), &ledger, 20);
    drop(reader);
}

#[test]
fn a_writer_that_meets_a_failed_read_does_not_wait_for_itself() {
    let network = network("itself");
    let (ledger, _) = ledger(&network, 37, 1, 40);
    let disk = MemoryDisk::default();
    let store = open_with(&disk, &network).unwrap();
    store.append(&ledger.arrivals[..30]).unwrap();
    let reader = store.reader().unwrap();
    disk.fail_reads();
    assert!(reader.transaction(&ledger.arrivals[7].id()).is_err());
    assert!(store.finish_erasures().is_err(), "it takes the writer's lock and then looks at the store");
    assert!(store.read_only().is_some());
}

#[test]
fn a_file_that_holds_less_than_was_acknowledged_is_not_taken_up() {
    let network = network("older");
    let (ledger, _) = ledger(&network, 39, 2, 40);
    for (loses_commits, words) in [(false, "were acknowledged"), (true, "0 commits, but 1 were acknowledged")]
    {
        let disk = MemoryDisk::default();
        let store = open_with(&disk, &network).unwrap();
        store.append(&ledger.arrivals[..20]).unwrap();
        let mut older = vec![0; disk.len().unwrap() as usize];
        disk.read(0, &mut older).unwrap();
        if loses_commits {
            let first = (ledger.arrivals[0].transaction(), weft_tangle::finality::FinalVerdict::Counts);
            let commits = [crate::testing::chain::Chain::new(&network).commit(&[first], vec![])];
            let batch = Batch { transactions: &[], cursors: &Cursors::new(), commits: &commits };
            store.append_batch(&batch).unwrap();
        } else {
            store.append(&ledger.arrivals[20..30]).unwrap();
        }
        disk.fail_after(0);
        let next = store.next_position().unwrap().0 as usize;
        assert!(matches!(store.append(&ledger.arrivals[next..]), Err(StoreError::ReadOnly { .. })));
        disk.mend();
        // Somebody puts an older copy in its place.
        disk.set_len(older.len() as u64).unwrap();
        disk.write(0, &older).unwrap();
        let error = store.try_reopen().unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
        assert!(store.read_only().is_some());
    }
}
