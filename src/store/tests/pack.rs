//! Rows of many transactions: how full they are, and what a damaged one does.

use super::*;
use crate::store::pack::{PACKS, ROW_BYTES, decode_together};
use redb::{ReadableTable, ReadableTableMetadata};
use std::ops::Range;

/// Key, state, number of transactions and length of each row.
fn rows(store: &Store) -> Vec<(u64, u8, u8, usize)> {
    let packs = store.snapshot().unwrap().rows.open_table(PACKS).unwrap();
    let row = |key: [u8; 8], row: &[u8]| (u64::from_be_bytes(key), row[0], row[1], row.len());
    packs.iter().unwrap().map(Result::unwrap).map(|(key, value)| row(*key.value(), value.value())).collect()
}

/// Rows follow on each other; full ones have no room for what comes next; open ones come last and would fit in one.
fn check_rows(store: &Store, ledger: &Ledger, stored: usize) {
    let rows = rows(store);
    let mut next = 0;
    for (key, state, count, length) in &rows {
        assert_eq!(*key, next);
        next += u64::from(*count);
        let behind = ledger.arrivals.get(next as usize).filter(|_| *state == 1);
        assert!(behind.is_none_or(|behind| length + 10 + behind.transaction().wire().len() > ROW_BYTES));
    }
    assert_eq!(next, stored as u64);
    let open = rows.iter().skip_while(|(_, state, ..)| *state == 1);
    assert!(open.clone().all(|(_, state, ..)| *state == 0));
    assert!(open.map(|(.., length)| length).sum::<usize>() <= ROW_BYTES + 2 * 25);
}

#[test]
fn rows_are_full_whatever_the_commits_were() {
    let network = network("full");
    let (ledger, _) = ledger(&network, 41, 2, 90);
    for most in [1, 2, 7, 30, 90] {
        let mut dice = Dice::new(most);
        let store = open_on(disks::MemoryDisk::default(), &network).unwrap();
        let mut stored = 0;
        while stored < ledger.arrivals.len() {
            let end = (stored + 1 + dice.below(most) as usize).min(ledger.arrivals.len());
            store.append(&ledger.arrivals[stored..end]).unwrap();
            stored = end;
            check_rows(&store, &ledger, stored);
        }
        assert!(rows(&store).len() >= 4, "it shows something");
    }
}

#[test]
fn a_flipped_byte_is_found_wherever_it_is() {
    let network = network("damage");
    let (ledger, _) = ledger(&network, 31, 1, 3);
    let store = open_on(disks::MemoryDisk::default(), &network).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let packs = store.snapshot().unwrap().rows.open_table(PACKS).unwrap();
    let row = packs.get(&[0; 8]).unwrap().unwrap().value().to_vec();
    assert_eq!(packs.len().unwrap(), 1);
    let named: Vec<_> = ledger.arrivals.iter().map(|one| (one.id(), one.position())).collect();
    let read = |slots: Range<usize>, row: &[u8]| decode_together(&network, &named[slots], Position(0), row);
    let whole = |attached: &Arc<Attached>| Kept::Whole(attached.transaction().clone());
    let all: Vec<_> = read(0..3, &row).into_iter().map(Result::unwrap).collect();
    assert_eq!(all, ledger.arrivals.iter().map(whole).collect::<Vec<_>>());
    // The first byte says whether the row may be packed anew, and nothing of a transaction.
    for at in 1..row.len() {
        let mut damaged = row.clone();
        damaged[at] ^= 1 << (at % 8);
        let alone: Vec<_> = (0..3).map(|slot| read(slot..slot + 1, &damaged)[0].is_err()).collect();
        let together: Vec<_> = read(0..3, &damaged).iter().map(Result::is_err).collect();
        assert_eq!(alone, together, "byte {at}");
        let found = alone.iter().filter(|is_damaged| **is_damaged).count();
        assert!(found >= 1, "byte {at}");
        assert!(at < 32 || found == 1, "byte {at} belongs to one transaction, and costs no other");
    }
    for length in [0, 1, 2, 31, 32, row.len() - 1] {
        assert!(
            matches!(read(0..1, &row[..length])[..], [Err(StoreError::Damaged { .. })]),
            "{length} bytes"
        );
    }
    let behind = [(ledger.arrivals[0].id(), Position(3))];
    assert!(matches!(
        decode_together(&network, &behind, Position(0), &row)[..],
        [Err(StoreError::Damaged { .. })]
    ));
}

#[test]
fn a_damaged_row_is_not_served_and_hinders_nothing_else() {
    let network = network("hinder");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, devices) = ledger(&network, 31, 1, 60);
    let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    let store = open();
    store.append(&ledger.arrivals[..3]).unwrap();
    // A row for each: who reads has it written.
    assert_eq!(rows(&store).len(), 1);
    store.append(&ledger.arrivals[3..5]).unwrap();
    assert_eq!(rows(&store).len(), 2);
    drop(store);
    change(directory.path(), |commit| {
        let mut packs = commit.open_table(PACKS).unwrap();
        let mut row = packs.get(&[0; 8]).unwrap().unwrap().value().to_vec();
        let length = row.len();
        row[100] ^= 1;
        row.truncate(length - 1);
        packs.insert(&[0; 8], &row[..]).unwrap();
    });
    let store = open();
    store.append(&ledger.arrivals[5..]).unwrap();
    let reader = store.reader().unwrap();
    for (position, attached) in ledger.arrivals.iter().enumerate() {
        let (id, found) = (attached.id(), reader.transaction(&attached.id()));
        match found {
            Ok(found) => assert!(position >= 3 && found.unwrap().transaction == *attached.transaction()),
            Err(StoreError::Damaged { id: named, .. }) => assert!(position < 3 && named == id),
            Err(error) => panic!("{error}"),
        }
    }
    let own = reader.enrolments(&devices[0].id(), 1);
    assert!(matches!(own, Err(StoreError::Damaged { id, .. }) if id == ledger.arrivals[0].id()));
}
