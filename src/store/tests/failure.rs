//! A disk that fails turns the store read-only; what was acknowledged stays readable, then and after reopening.

use super::disks::MemoryDisk;
use super::*;

/// Every transaction up to `stored` is there and no other.
pub(super) fn holds(store: &Store, ledger: &Ledger, stored: usize) {
    let reader = store.reader().unwrap();
    assert_eq!(reader.transactions().unwrap(), stored as u64);
    for (position, attached) in ledger.arrivals.iter().enumerate() {
        let found = reader.transaction(&attached.id()).unwrap();
        let expected = (position < stored).then(|| attached.transaction().wire());
        assert_eq!(found.as_ref().map(|found| found.transaction.wire()), expected);
    }
    let mut recovered = 0;
    store.recover(usize::MAX, &mut |_| recovered += 1).unwrap();
    assert_eq!(recovered, stored);
}

#[test]
fn wherever_a_write_fails_reading_goes_on() {
    let network = network("failure");
    let (ledger, _) = ledger(&network, 11, 2, 60);
    let all = &ledger.arrivals;
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&all[..40]).unwrap();
    let before = disk.operations();
    store.append(&all[40..]).unwrap();
    let needed = disk.operations() - before;
    assert!(needed > 10);
    for allowed in 0..needed {
        let disk = MemoryDisk::default();
        let store = open_on(disk.clone(), &network).unwrap();
        store.append(&all[..40]).unwrap();
        disk.fail_after(allowed);
        let Err(StoreError::ReadOnly { cause }) = store.append(&all[40..]) else { panic!("{allowed}") };
        assert!(cause.contains("no space left"), "{cause}");
        let readable = store.next_position().unwrap().0 as usize;
        assert!(readable == 40 || (readable == 60 && allowed > needed / 2), "{readable} after {allowed}");
        holds(&store, &ledger, readable);
        disk.fail_after(u64::MAX / 2);
        assert!(
            matches!(store.append(&all[40..]), Err(StoreError::ReadOnly { cause: again }) if again == cause),
            "room that comes back changes nothing before the store is opened again"
        );
        assert_eq!(store.read_only(), Some(cause));
        holds(&store, &ledger, readable);
        drop(store);
        let store = open_on(disk, &network).unwrap();
        let stored = store.next_position().unwrap().0 as usize;
        assert!(stored == 60 || stored == readable, "{stored} after {allowed}");
        holds(&store, &ledger, stored);
        store.append(&all[stored..]).unwrap();
        holds(&store, &ledger, 60);
    }
}

#[test]
fn what_a_failed_sync_has_not_brought_to_disk_is_not_read() {
    let network = network("unsynced");
    let (ledger, _) = ledger(&network, 14, 1, 20);
    let disk = MemoryDisk::default();
    disk.forget_on_failure();
    let store = open_cached(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals[..1]).unwrap();
    // The record is written, and shown by the system from then on; its sync fails.
    disk.fail_after(1);
    assert!(matches!(store.append(&ledger.arrivals[1..2]), Err(StoreError::ReadOnly { .. })));
    holds(&store, &ledger, 1);
    assert!(matches!(store.try_reopen(), Err(StoreError::ReadOnly { .. })));
    holds(&store, &ledger, 1);
    disk.mend();
    store.try_reopen().unwrap();
    // Opening makes it durable, so that it may be shown.
    holds(&store, &ledger, 2);
    let after = open_on(MemoryDisk::with_image(disk.crash(&mut Dice::new(1))), &network).unwrap();
    holds(&after, &ledger, 2);
}

#[test]
fn a_disk_that_is_gone_says_so() {
    let network = network("gone");
    let (ledger, _) = ledger(&network, 12, 1, 20);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals[..10]).unwrap();
    disk.fail_after(0);
    disk.fail_reads();
    assert!(matches!(store.append(&ledger.arrivals[10..]), Err(StoreError::ReadOnly { .. })));
    assert!(
        matches!(store.reader(), Err(StoreError::ReadOnly { cause }) if cause.contains("nor can it be read"))
    );
}

#[test]
fn a_file_on_disk_reads_on_too() {
    let network = network("file");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 13, 2, 50);
    let store = Store::open(directory.path(), &network, &StoreOptions { cache_bytes: 0 }).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let error = store.fail("a test says so".into());
    assert!(matches!(error, StoreError::ReadOnly { cause } if cause == "a test says so"));
    holds(&store, &ledger, 50);
    let second = Store::open(directory.path(), &network, &StoreOptions::default());
    assert!(matches!(second, Err(StoreError::InUse { .. })), "the failed store keeps its lock");
}
