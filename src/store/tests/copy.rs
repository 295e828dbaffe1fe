//! A copy is what it was made of: every table, every byte, damage and erasures included.

use super::*;
use crate::store::commits::{COMMITS, DELIVERED, RULINGS, WITNESSES};
use crate::store::copy::MOST_BYTES;
use crate::store::layout::{
    ARRIVAL_BYTES, ARRIVALS, ENROLMENTS, EQUIVOCATIONS, ISSUED, META, REVOCATIONS, TRANSACTIONS,
};
use crate::store::pack::{self as rows, PACKS};
use crate::testing::chain::Chain;
use redb::ReadableTable;
use weft_tangle::finality::COMMIT_BYTES;
use weft_tangle::{History, Kind};

/// All rows of the index tables, and the bytes at each position.
fn contents(reader: &Reader) -> Vec<Vec<Vec<u8>>> {
    macro_rules! rows {
        ($table:expr, $value:expr) => {{
            let table = reader.snapshot.open_table($table).unwrap();
            let rows = table.iter().unwrap().map(Result::unwrap);
            rows.map(|(key, value)| [key.value().to_vec(), $value(value)].concat()).collect()
        }};
    }
    let packs = reader.snapshot.open_table(PACKS).unwrap();
    let rows_of_packs = packs.iter().unwrap().map(Result::unwrap);
    let wires = rows_of_packs.flat_map(|(_, row)| {
        let entries = rows::entries(row.value()).unwrap();
        entries.iter().map(|entry| [&entry.check[..], entry.wire].concat()).collect::<Vec<_>>()
    });
    vec![
        rows!(ARRIVALS, |value: redb::AccessGuard<'_, &[u8; ARRIVAL_BYTES]>| value.value().to_vec()),
        rows!(TRANSACTIONS, |value: redb::AccessGuard<'_, &[u8; 8]>| value.value().to_vec()),
        rows!(ISSUED, |value: redb::AccessGuard<'_, &[u8; 5]>| value.value().to_vec()),
        rows!(ENROLMENTS, |_| Vec::new()),
        rows!(REVOCATIONS, |_| Vec::new()),
        rows!(EQUIVOCATIONS, |_| Vec::new()),
        rows!(COMMITS, |value: redb::AccessGuard<'_, &[u8; COMMIT_BYTES]>| value.value().to_vec()),
        rows!(DELIVERED, |value: redb::AccessGuard<'_, &[u8]>| value.value().to_vec()),
        rows!(RULINGS, |value: redb::AccessGuard<'_, &[u8; 80]>| value.value().to_vec()),
        rows!(WITNESSES, |_| Vec::new()),
        finality_of(reader),
        wires.collect(),
    ]
}

#[test]
fn a_copy_remembers_that_it_is_one_unless_somebody_vouches_for_it() {
    let (network, directory) = (network("copies"), tempfile::tempdir().unwrap());
    for is_newest in [false, true] {
        let home = directory.path().join(is_newest.to_string());
        std::fs::create_dir(&home).unwrap();
        let mut file = CopyFile::create(&home.join(FILE_NAME), network.id()).unwrap();
        if is_newest {
            file.vouch_for();
        }
        file.finish(None).unwrap();
        let open = || Store::open(&home, &network, &StoreOptions::default()).unwrap();
        assert_eq!(open().reader().unwrap().has_forgotten().unwrap(), !is_newest);
        open().recall().unwrap();
        assert!(!open().reader().unwrap().has_forgotten().unwrap());
    }
}

/// What `meta` says of finality.
fn finality_of(reader: &Reader) -> Vec<Vec<u8>> {
    let meta = reader.snapshot.open_table(META).unwrap();
    let rows = ["resume", "settled"].map(|key| meta.get(key).unwrap().map(|row| row.value().to_vec()));
    rows.into_iter().flatten().collect()
}

/// Copies the first `length` transactions through their form on the socket; how many were damaged.
fn copy(reader: &Reader, length: u64, path: &Path, network: &Network) -> usize {
    let mut file = CopyFile::create(path, network.id()).unwrap();
    let mut damaged = 0;
    while file.transactions() < length {
        let from = file.transactions();
        let slice = reader.copy(from..length.min(from + 23)).unwrap();
        let sent: Vec<_> = slice.iter().map(|one| Copied::decode(&one.encode()).unwrap()).collect();
        assert_eq!(sent, slice);
        assert!(slice.iter().all(|one| one.encode().len() <= MOST_BYTES));
        damaged += slice.iter().filter(|one| one.is_damaged()).count();
        file.append(&sent).unwrap();
        assert!(!path.exists(), "it has its name when it is whole");
    }
    assert_eq!(reader.copy(length..length).unwrap(), []);
    if let Some(resume) = reader.newest_commit().unwrap().filter(|_| length == reader.transactions().unwrap())
    {
        while file.commits() < resume.commit.index {
            let slice = reader.copy_commits(file.commits() + 1..resume.commit.index + 1).unwrap();
            let sent: Vec<_> = slice.iter().map(|one| CopiedCommit::decode(&one.encode()).unwrap()).collect();
            assert_eq!(sent, slice);
            assert!(slice.iter().all(|one| one.encode().len() <= MOST_BYTES));
            file.append_commits(&sent).unwrap();
        }
        let sent = encode_end(&resume);
        file.resume_with(&decode_end(&sent, &resume.commit).unwrap()).unwrap();
    }
    file.finish(None).unwrap();
    damaged
}

#[test]
fn a_copy_is_what_it_was_made_of() {
    let network = network("copy");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 71, 3, 120);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    let (mut chain, mut dice) = (Chain::new(&network), Dice::new(5));
    for (at, part) in ledger.arrivals.chunks(9).enumerate() {
        let there: Vec<_> = ledger.arrivals[..9 * at].iter().map(|one| one.transaction()).collect();
        let commits: Vec<_> = chain.commit_some(&there, 14, &mut dice).into_iter().collect();
        let cursors = Cursors::new();
        store.append_batch(&Batch { transactions: part, cursors: &cursors, commits: &commits }).unwrap();
    }
    assert!(chain.handed.len() > 5);
    let witnesses = [1, 2].map(|after| commits::witness(&network, 1, vec![], ledger.now.plus(after)));
    for (at, transaction) in (120..).zip(&witnesses) {
        store.append_records(&[Record { position: Position(at), transaction, twin: None }]).unwrap();
    }
    let of = |kind: Kind, skip: usize| {
        let of_kind = ledger.arrivals.iter().filter(|one| one.transaction().header().kind == kind);
        of_kind.clone().nth(skip).unwrap().clone()
    };
    store.erase(&[of(Kind::Reading, 0).id(), of(Kind::Anchor, 1).id()]).unwrap();
    drop(store);
    // A header, so that the tables have to say whose it was, and a body.
    let damaged = [of(Kind::RevokeDevice, 1).position(), of(Kind::Reading, 7).position(), Position(121)];
    change(directory.path(), |commit| {
        let mut packs = commit.open_table(PACKS).unwrap();
        for (position, at) in damaged.into_iter().zip([30, 2_595, 2_610]) {
            let (first, row) = {
                let (first, row) = rows::row_of(&packs, position).unwrap().unwrap();
                (first, row.value().to_vec())
            };
            let slot = (position.0 - first.0) as usize;
            let held = rows::entries(&row).unwrap();
            let mut wire = held[slot].wire.to_vec();
            wire[at] ^= 1;
            let spoilt = rows::Entry { check: held[slot].check, wire: &wire };
            let row = rows::with_slots(&row, held.len(), &[(slot, spoilt)]);
            packs.insert(&first.0.to_be_bytes(), &row[..]).unwrap();
        }
    });
    let view = View::open(&directory.path().join(FILE_NAME), &network).unwrap();
    let path = directory.path().join("copy");
    assert_eq!(copy(&view.reader().unwrap(), 122, &path, &network), 3);
    let copied = View::open(&path, &network).unwrap();
    assert_eq!(contents(&copied.reader().unwrap()), contents(&view.reader().unwrap()));

    // A copy that ends earlier names nothing that it has not.
    let path = directory.path().join("part");
    copy(&view.reader().unwrap(), 60, &path, &network);
    let begun = View::open(&path, &network).unwrap();
    let whole = tempfile::tempdir().unwrap();
    let store = Store::open(whole.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals[..60]).unwrap();
    drop(store);
    let whole = View::open(&whole.path().join(FILE_NAME), &network).unwrap();
    let (found, expected) = (contents(&begun.reader().unwrap()), contents(&whole.reader().unwrap()));
    assert_eq!(found[..6], expected[..6]);
}

/// A cursor says that all before it is here, so one that is ahead of a copy would hide from it what it lacks.
#[test]
fn a_copy_has_the_cursors_of_its_own_snapshot_and_none_that_is_ahead() {
    let (network, directory) = (network("cursors"), tempfile::tempdir().unwrap());
    let (ledger, devices) = ledger(&network, 73, 2, 40);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    let [one, other] = [0, 1].map(|device: usize| devices[device].id());
    store.append_with(&ledger.arrivals[..20], &Cursors::from([(one, vec![1]), (other, vec![2])])).unwrap();
    let before = store.reader().unwrap();
    store.append_with(&ledger.arrivals[20..], &Cursors::from([(one, vec![3])])).unwrap();
    let after = store.reader().unwrap();
    for (reader, held, expected) in [(&before, 20, [vec![1], vec![2]]), (&after, 40, [vec![3], vec![2]])] {
        let cursors = reader.copy_cursors().unwrap();
        assert_eq!((cursors.held(), cursors.len()), (held, 2));
        let sent = cursors.records().map(|record| decode_cursor(&record).unwrap()).collect();
        let path = directory.path().join(format!("copy-{held}"));
        let mut file = CopyFile::create(&path, network.id()).unwrap();
        file.append(&reader.copy(0..held - 1).unwrap()).unwrap();
        let refused = file.put_cursors(&cursors).unwrap_err();
        assert!(matches!(refused, StoreError::Torn(Position(at)) if at == held - 1), "{refused}");
        file.append(&reader.copy(held - 1..held).unwrap()).unwrap();
        file.put_cursors(&CopiedCursors::of(held, sent)).unwrap();
        file.finish(None).unwrap();
        let view = View::open(&path, &network).unwrap();
        let copied = view.reader().unwrap();
        assert_eq!([one, other].map(|device| copied.cursor(&device).unwrap()), expected);
        assert_eq!(copied.copy_cursors().unwrap(), cursors);
    }
    assert_eq!(decode_cursor(&[0; 31]), None);
}

#[test]
fn what_the_index_cannot_name_is_copied_too_and_named_again_once_it_is_healed() {
    let network = network("unlisted");
    let (ledger, devices) = ledger(&network, 72, 2, 12);
    for victim in [&ledger.arrivals[1], &ledger.arrivals[7]] {
        let disk = disks::MemoryDisk::default();
        let store = open_on(disk.clone(), &network).unwrap();
        // Cursors, so that it is not the log that brings them back.
        let cursors = Cursors::from([(devices[0].id(), vec![1])]);
        store.append_with(&ledger.arrivals, &cursors).unwrap();
        // The process ends, and with it the rows of the index that waited in memory; then the header is damaged.
        let disk = disks::MemoryDisk::with_image(disk.image());
        disk.damage(&victim.transaction().wire()[..40]);
        let store = open_on(disk, &network).unwrap();
        let header = victim.transaction().header();
        let is_issued = |store: &Store| {
            let mut found = false;
            let times = header.timestamp..header.timestamp.plus(1);
            let reader = store.reader().unwrap();
            History::issued(&reader, &header.issuer, times, &mut |id, _| found |= id == victim.id()).unwrap();
            found
        };
        assert!(!is_issued(&store), "its header is not there to say whose it is");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy");
        let all = ledger.arrivals.len() as u64;
        assert_eq!(copy(&store.reader().unwrap(), all, &path, &network), 1);
        let copied = View::open(&path, &network).unwrap();
        let (found, expected) = (contents(&copied.reader().unwrap()), contents(&store.reader().unwrap()));
        for (table, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!(found == expected, "table {table}: {} and {} rows", found.len(), expected.len());
        }
        store.heal(victim.verified()).unwrap();
        assert!(is_issued(&store));
    }
}

#[test]
fn a_copy_that_is_given_up_leaves_nothing() {
    let network = network("given up");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("copy");
    std::fs::write(&path, "what was there").unwrap();
    let file = CopyFile::create(&path, network.id()).unwrap();
    assert!(directory.path().join("copy.part").exists());
    drop(file);
    assert!(!directory.path().join("copy.part").exists());
    assert_eq!(std::fs::read(&path).unwrap(), b"what was there");
}

#[test]
fn what_is_no_record_is_none() {
    // Flags, the row of `arrivals`, issuer, counter, kind and check.
    const FIXED: usize = 1 + 72 + 32 + 4 + 1 + 8;
    for length in 0..FIXED {
        assert_eq!(Copied::decode(&vec![0; length]), None);
    }
    let mut record = vec![0; FIXED];
    assert!(Copied::decode(&record).is_some());
    for flags in [1, 2, 3, 8, 255] {
        record[0] = flags;
        assert_eq!(Copied::decode(&record), None, "flags {flags}");
    }
    record[0] = 0;
    record.resize(FIXED + weft_tangle::limits::TRANSACTION_MAX_BYTES + 1, 0);
    assert_eq!(Copied::decode(&record), None);
}
