//! What was damaged is remembered, and whole again once its bytes are back.

use super::*;
use crate::store::pack::PACKS;
use redb::ReadableTable;

/// Changes the bytes of every row.
fn spoil(directory: &Path, change_row: impl Fn(&mut Vec<u8>)) {
    change(directory, |commit| {
        let mut packs = commit.open_table(PACKS).unwrap();
        let rows: Vec<_> = packs
            .iter()
            .unwrap()
            .map(Result::unwrap)
            .map(|(key, row)| (*key.value(), row.value().to_vec()))
            .collect();
        for (key, mut row) in rows {
            change_row(&mut row);
            packs.insert(&key, &row[..]).unwrap();
        }
    });
}

#[test]
fn damage_is_remembered_and_healed_one_by_one() {
    let network = network("heal");
    type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);
    let cases: [Damage<'_>; 3] = [
        // A byte of a body, the lengths of a row, all of a row but its state.
        &|row| *row.last_mut().unwrap() ^= 1,
        &|row| row[3] ^= 1,
        &|row| row.truncate(1),
    ];
    for (number, damage) in cases.iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        let (ledger, devices) = ledger(&network, 51, 2, 60);
        let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
        let store = open();
        store.append(&ledger.arrivals[..50]).unwrap();
        store.append(&ledger.arrivals[50..]).unwrap();
        drop(store);
        spoil(directory.path(), damage);
        let store = open();
        assert_eq!(store.damaged(), []);
        let read = |id: &TxId| store.reader().unwrap().transaction(id);
        let is_damaged = |id: &TxId| matches!(read(id), Err(StoreError::Damaged { .. }));
        let spoilt: Vec<_> = ledger.arrivals.iter().filter(|one| is_damaged(&one.id())).collect();
        assert!(spoilt.len() >= 3, "case {number}");
        let mut ids: Vec<TxId> = spoilt.iter().map(|one| one.id()).collect();
        ids.sort_unstable();
        assert_eq!((store.damaged(), store.damage()), (ids.clone(), (ids.len(), ids.len() as u64)));
        for (healed, one) in spoilt.iter().enumerate() {
            store.heal(one.verified()).unwrap();
            assert_eq!(read(&one.id()).unwrap().unwrap().transaction, *one.transaction());
            assert_eq!(store.damage(), (ids.len() - healed - 1, ids.len() as u64));
        }
        for one in &ledger.arrivals {
            assert_eq!(read(&one.id()).unwrap().unwrap().transaction, *one.transaction(), "case {number}");
        }
        let stranger = Ledger::starting_at(&network, 9, Position(0)).enrol(&devices[0], 77);
        assert!(matches!(store.heal(stranger.verified()), Err(StoreError::NotStored(_))));
    }
}

#[test]
fn the_scrub_finds_what_nobody_reads() {
    let network = network("scrub");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 52, 2, 60);
    let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    open().append(&ledger.arrivals).unwrap();
    let scrub = |store: &Store| {
        let (mut position, mut steps) = (Position(0), 0);
        while let Some(Scrubbed { next, .. }) = store.reader().unwrap().scrub(position).unwrap() {
            assert!(next > position);
            (position, steps) = (next, steps + 1);
        }
        assert_eq!(position, Position(60));
        steps
    };
    let store = open();
    let rows = scrub(&store);
    assert_eq!(store.damage(), (0, 0));
    drop(store);
    spoil(directory.path(), |row| *row.last_mut().unwrap() ^= 1);
    let store = open();
    assert_eq!(scrub(&store), rows);
    assert_eq!(store.damage(), (rows, rows as u64), "the last one of each row");
    assert_eq!(scrub(&store), rows);
    assert_eq!(store.damage(), (rows, rows as u64), "each is told once");
}
