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
    // Whether one that is healed brings its neighbours back.
    let cases: [(bool, Damage<'_>); 5] = [
        // A byte of a body, all of a row but its state.
        (false, &|row| *row.last_mut().unwrap() ^= 1),
        (false, &|row| row.truncate(1)),
        // The first length of a row, the second, how many there are.
        (true, &|row| row[3] ^= 1),
        (true, &|row| row[12] ^= 1),
        (true, &|row| row[1] ^= 1),
    ];
    for (number, (brings_others, damage)) in cases.iter().enumerate() {
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
        let mut healed = 0;
        for one in &spoilt {
            let before = store.damage().0;
            healed += usize::from(is_damaged(&one.id()));
            store.heal(one.verified()).unwrap();
            assert_eq!(read(&one.id()).unwrap().unwrap().transaction, *one.transaction());
            let left = spoilt.iter().filter(|one| is_damaged(&one.id())).count();
            assert_eq!(store.damage(), (left, ids.len() as u64));
            assert!(*brings_others || left + 1 == before, "case {number}: {left} after {before}");
        }
        assert!(!brings_others || 4 * healed < spoilt.len(), "case {number}: {healed} of {}", spoilt.len());
        for one in &ledger.arrivals {
            assert_eq!(read(&one.id()).unwrap().unwrap().transaction, *one.transaction(), "case {number}");
        }
        let stranger = Ledger::starting_at(&network, 9, Position(0)).enrol(&devices[0], 77);
        assert!(matches!(store.heal(stranger.verified()), Err(StoreError::NotStored(_))));
    }
}

#[test]
fn of_what_is_sound_nothing_is_written() {
    let network = network("sound");
    let (ledger, _) = ledger(&network, 53, 1, 10);
    let disk = disks::MemoryDisk::default();
    let store = open_cached(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let before = disk.operations();
    store.heal(ledger.arrivals[5].verified()).unwrap();
    assert_eq!(disk.operations(), before);
}

#[test]
fn a_body_that_was_erased_does_not_come_back_though_its_header_be_damaged() {
    let network = network("erased");
    let (ledger, _) = ledger(&network, 54, 2, 40);
    // Its own bytes, or the lengths of its row too.
    for spoils_lengths in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
        let store = open();
        store.append(&ledger.arrivals).unwrap();
        let reading = |one: &&Arc<Attached>| one.transaction().header().kind == weft_tangle::Kind::Reading;
        let victim = ledger.arrivals[4..].iter().find(reading).unwrap();
        store.erase(&[victim.id()]).unwrap();
        drop(store);
        change(directory.path(), |commit| {
            let mut packs = commit.open_table(PACKS).unwrap();
            let (key, mut row) = {
                let (first, row) = crate::store::pack::row_of(&packs, victim.position()).unwrap().unwrap();
                (first.0.to_be_bytes(), row.value().to_vec())
            };
            let signature = &victim.transaction().wire()[300..400];
            let at = row.windows(100).position(|there| there == signature).unwrap();
            row[at] ^= 1;
            row[3] ^= u8::from(spoils_lengths);
            packs.insert(&key, &row[..]).unwrap();
        });
        let store = open();
        let read = || store.reader().unwrap().transaction(&victim.id());
        assert!(matches!(read(), Err(StoreError::Damaged { .. })));
        store.heal(victim.verified()).unwrap();
        assert!(matches!(read(), Err(StoreError::Erased(_))), "{:?}", read());
        assert_eq!(store.damage().0, 0);
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
