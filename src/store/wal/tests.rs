//! The log: what it gives back, what it does not, and that it bears most of the commits.

mod commits;
mod damaged;

use super::front::LOG_BYTES;
use super::*;
use crate::store::tests::{disks::MemoryDisk, ledger, open_cached, open_on, open_with};
use crate::store::{Batch, Cursors, Position, Store};
use crate::testing::chain::Chain;
use crate::testing::{Dice, Ledger, network};
use redb::StorageBackend;
use std::path::Path;
use std::sync::Arc;
use weft_tangle::finality::{FinalVerdict, Handed};
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Attached, Network, Remains, Transaction};

const NETWORK: &str = "logged";

/// A network, and a ledger of some transactions.
fn world(seed: u64) -> (Arc<Network>, Ledger) {
    let network = network(NETWORK);
    let (ledger, _) = ledger(&network, seed, 2, 40);
    (network, ledger)
}

fn front_of(disk: &MemoryDisk) -> Front {
    divide(Box::new(disk.clone()), Path::new("a disk in memory")).unwrap().0
}

/// What is on the disk when the process ends here, without closing anything.
fn killed(disk: &MemoryDisk) -> MemoryDisk {
    let mut image = vec![0; disk.len().unwrap() as usize];
    disk.read(0, &mut image).unwrap();
    MemoryDisk::with_image(image)
}

/// So many transactions, and no commit.
fn at(transactions: u64) -> Mark {
    Mark { position: Position(transactions), commits: 0 }
}

/// What the writer hands over.
fn batch<'a>(transactions: &'a [Arc<Attached>], none: &'a Cursors, commits: &'a [Arc<Handed>]) -> Batch<'a> {
    Batch { transactions, cursors: none, commits }
}

fn stored(store: &Store) -> u64 {
    store.next_position().unwrap().0
}

#[test]
fn a_small_commit_is_one_write_and_one_sync() {
    let (network, ledger) = world(1);
    let disk = MemoryDisk::default();
    let store = open_cached(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals[..1]).unwrap();
    let before = disk.operations();
    store.append(&ledger.arrivals[1..3]).unwrap();
    assert_eq!(disk.operations() - before, 2);
}

#[test]
fn room_is_made_behind_a_batch_when_another_like_it_would_find_none() {
    let (network, ledger) = world(1);
    let disk = MemoryDisk::default();
    let store = open_cached(disk.clone(), &network).unwrap();
    // The first one asks the database how far it is.
    store.append(&ledger.arrivals[..1]).unwrap();
    let mut relieved = 0;
    for (count, attached) in (2..).zip(&ledger.arrivals[1..]) {
        // Of one that is longer than the one before it nobody could know.
        let before = disk.operations();
        store.append(std::slice::from_ref(attached)).unwrap();
        let is_logged = disk.operations() - before == 2;
        let before = disk.operations();
        let is_relieved = store.relieve().unwrap();
        assert_eq!(disk.operations() > before, is_relieved);
        assert!(is_logged || attached.transaction().wire().len() > 2_000, "a short one finds room");
        if is_relieved {
            relieved += 1;
            assert!(is_logged && !store.relieve().unwrap(), "there is room now");
            let begin = front_of(&killed(&disk)).read(&network, at(count)).unwrap();
            assert_eq!(begin.batches.len(), 0, "the database has it all");
        }
        assert_eq!(stored(&open_on(killed(&disk), &network).unwrap()), count);
    }
    assert!(relieved >= 3, "{relieved}");
}

#[test]
fn room_in_the_log_is_not_made_on_a_disk_that_has_none_and_a_failure_turns_the_store_read_only() {
    let (network, ledger) = world(1);
    for is_full in [true, false] {
        let disk = MemoryDisk::default();
        let store = open_with(&disk, &network).unwrap();
        let mut left = ledger.arrivals.iter();
        while !store.writer.lock().unwrap().is_nearly_full() {
            store.append(std::slice::from_ref(left.next().unwrap())).unwrap();
        }
        if is_full {
            disk.leave_room(1 << 20);
            assert!(!store.relieve().unwrap());
            assert_eq!(store.read_only(), None);
            let refused = store.append(std::slice::from_ref(left.next().unwrap()));
            assert!(matches!(refused, Err(StoreError::NoRoom { .. })), "{refused:?}");
        } else {
            let count = stored(&store);
            disk.fail_after(3);
            assert!(matches!(store.relieve(), Err(StoreError::ReadOnly { .. })));
            assert!(store.read_only().is_some());
            disk.mend();
            store.try_reopen().unwrap();
            assert_eq!(stored(&store), count, "the log has it all");
            store.append(std::slice::from_ref(left.next().unwrap())).unwrap();
        }
    }
}

#[test]
fn what_only_the_log_holds_is_given_back() {
    let (network, ledger) = world(2);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let mut logged = 0;
    for (count, attached) in (1..).zip(&ledger.arrivals) {
        store.append(std::slice::from_ref(attached)).unwrap();
        let copy = killed(&disk);
        let found = front_of(&copy).read(&network, at(count - 1)).unwrap();
        logged += usize::from(found.batches.last().is_some_and(|batch| batch.end() == at(count)));
        assert_eq!(found.beyond, None);
        let again = open_on(copy, &network).unwrap();
        assert_eq!(stored(&again), count);
        let reader = again.reader().unwrap();
        for attached in &ledger.arrivals[..count as usize] {
            let found = reader.transaction(&attached.id()).unwrap().unwrap();
            assert!(found.transaction.wire() == attached.transaction().wire());
        }
    }
    assert!(logged > 4, "some were in the log alone: {logged}");
}

#[test]
fn what_came_without_its_body_is_erased_in_the_log_and_behind_it() {
    let (network, ledger) = world(3);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let mut erased = 0;
    for attached in &ledger.arrivals {
        let wire = &attached.transaction().wire()[..BODY_OFFSET];
        let left = Remains::decode(&network, wire).ok().and_then(Remains::into_transaction);
        erased += u64::from(left.is_some());
        let transaction = left.as_ref().unwrap_or(attached.transaction());
        let record = Record { transaction, ..Record::from(&**attached) };
        store.append_records(&[record]).unwrap();
        let again = open_on(killed(&disk), &network).unwrap();
        for store in [&store, &again] {
            let (kept, position) = store.reader().unwrap().kept(&attached.id()).unwrap().unwrap();
            assert_eq!((kept.wire(), position), (transaction.wire(), attached.position()));
            assert_eq!(kept.is_erased(), left.is_some());
            let served = store.reader().unwrap().serve(position.0..position.0 + 1, 1 << 20).unwrap();
            assert_eq!(served.withheld, left.iter().map(Transaction::id).collect::<Vec<_>>());
            assert_eq!(served.found, [kept]);
        }
    }
    assert!(erased > 4, "{erased} of them are readings");
    assert_eq!(stored(&store), ledger.arrivals.len() as u64);
}

#[test]
fn twins_are_remembered_over_the_log() {
    let (network, ledger) = world(3);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let twins = |store: &Store| {
        let reader = store.reader().unwrap();
        let issuers = ledger.arrivals.iter().map(|one| one.transaction().header().issuer);
        issuers.map(|issuer| reader.twins(&issuer, usize::MAX).unwrap()).collect::<Vec<_>>()
    };
    for attached in &ledger.arrivals {
        store.append(std::slice::from_ref(attached)).unwrap();
        assert_eq!(twins(&open_on(killed(&disk), &network).unwrap()), twins(&store));
    }
    assert!(twins(&store).iter().any(|found| !found.is_empty()));
}

#[test]
fn a_record_with_any_byte_changed_is_none() {
    let (network, ledger) = world(4);
    let disk = MemoryDisk::default();
    let front = front_of(&disk);
    let mut log = Log::new(front.clone());
    let records: Vec<Record<'_>> = ledger.arrivals[..2].iter().map(|one| Record::from(&**one)).collect();
    log.append(at(0), &records, &Settlement::default()).unwrap();
    let length = record::bytes_of(&records, &Settlement::default()) as usize;
    assert_eq!(front.read(&network, at(0)).unwrap().batches.len(), 1);
    let mut byte = [0];
    for place in 0..length as u64 {
        let offset = BLOCK_BYTES as u64 + place;
        disk.read(offset, &mut byte).unwrap();
        disk.write(offset, &[byte[0] ^ 1]).unwrap();
        assert!(front.read(&network, at(0)).unwrap().batches.is_empty(), "byte {place}");
        disk.write(offset, &byte).unwrap();
    }
    assert_eq!(front.read(&network, at(0)).unwrap().batches.len(), 1);
}

#[test]
fn records_that_nothing_leads_to_are_reported_and_not_taken_for_others() {
    let (network, ledger) = world(5);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    for attached in &ledger.arrivals[..3] {
        store.append(std::slice::from_ref(attached)).unwrap();
    }
    let copy = killed(&disk);
    let front = front_of(&copy);
    let first = record::bytes_of(&[Record::from(&*ledger.arrivals[0])], &Settlement::default());
    copy.write(BLOCK_BYTES as u64 + first + 60, &[0xFF; 8]).unwrap();
    let found = front.read(&network, at(0)).unwrap();
    assert_eq!((found.batches.len(), found.beyond), (1, Some(at(2))));
    let again = open_on(copy.clone(), &network).unwrap();
    assert_eq!(stored(&again), 1, "what comes behind the damage has no place");
    let found = front.read(&network, at(1)).unwrap();
    assert_eq!((found.batches.len(), found.beyond), (0, None), "and is gone");
    again.append(&ledger.arrivals[1..2]).unwrap();
    assert_eq!(stored(&open_on(killed(&copy), &network).unwrap()), 2);
}

#[test]
fn a_record_that_the_database_has_in_part_brings_the_rest() {
    let (network, ledger) = world(14);
    let none = Cursors::new();
    let mut chain = Chain::new(&network);
    let commits: Vec<_> = ledger.arrivals[..2]
        .iter()
        .map(|one| chain.commit(&[(one.transaction(), FinalVerdict::Counts)], vec![]))
        .collect();
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let records: Vec<Record<'_>> = ledger.arrivals[..2].iter().map(|one| Record::from(&**one)).collect();
    let settlement = store.settle(&records, &commits).unwrap();
    store.append_batch(&batch(&ledger.arrivals[..1], &none, &commits[..1])).unwrap();
    drop(store);
    Log::new(front_of(&disk)).append(at(0), &records, &settlement).unwrap();
    let store = open_on(disk, &network).unwrap();
    let newest = store.reader().unwrap().newest_commit().unwrap().unwrap();
    assert_eq!((stored(&store), newest), (2, commits[1].resume));
}

#[test]
fn cursors_are_on_disk_with_what_they_come_with_and_by_themselves() {
    let (network, ledger) = world(15);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let [one, other] = [1, 2].map(|byte| weft_tangle::DeviceId::from_bytes([byte; 32]));
    store.append(&ledger.arrivals[..1]).unwrap();
    store.append_with(&ledger.arrivals[1..2], &Cursors::from([(one, vec![1])])).unwrap();
    let again = open_on(killed(&disk), &network).unwrap();
    let reader = again.reader().unwrap();
    assert_eq!((reader.transactions().unwrap(), reader.cursor(&one).unwrap()), (2, vec![1]));
    store.append_with(&[], &Cursors::from([(other, vec![2])])).unwrap();
    store.append(&ledger.arrivals[2..3]).unwrap();
    let again = open_on(killed(&disk), &network).unwrap();
    let reader = again.reader().unwrap();
    assert_eq!(reader.transactions().unwrap(), 3);
    assert_eq!([one, other].map(|device| reader.cursor(&device).unwrap()), [vec![1], vec![2]]);
}

#[test]
fn a_batch_that_is_no_record_is_not_taken_for_written() {
    let mut log = Log::new(front_of(&MemoryDisk::default()));
    assert!(log.append(at(0), &[], &Settlement::default()).is_err());
}

#[test]
fn what_looks_like_a_record_in_what_a_device_sends_is_none() {
    let (network, ledger) = world(6);
    let disk = MemoryDisk::default();
    let front = front_of(&disk);
    let records: Vec<Record<'_>> = ledger.arrivals[..1].iter().map(|one| Record::from(&**one)).collect();
    // Right in all but the secret, which nobody outside knows.
    let forged = record::encode(&[7; 16], at(0), &records, &Settlement::default()).unwrap();
    disk.write(BLOCK_BYTES as u64, &forged).unwrap();
    let found = front.read(&network, at(0)).unwrap();
    assert!(found.batches.is_empty() && found.beyond.is_none());
}

#[test]
fn a_batch_that_the_log_has_no_room_for_goes_past_it() {
    let (network, ledger) = world(7);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let records: Vec<Record<'_>> = ledger.arrivals.iter().map(|one| Record::from(&**one)).collect();
    assert!(record::bytes_of(&records, &Settlement::default()) > LOG_BYTES);
    store.append(&ledger.arrivals).unwrap();
    assert!(front_of(&disk).read(&network, at(0)).unwrap().batches.is_empty());
    assert_eq!(stored(&open_on(killed(&disk), &network).unwrap()), 40);
}

#[test]
fn a_store_that_is_closed_needs_its_log_no_more() {
    let (network, ledger) = world(8);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals[..2]).unwrap();
    drop(store);
    let front = front_of(&disk);
    front.clear().unwrap();
    assert_eq!(stored(&open_on(killed(&disk), &network).unwrap()), 2);
}

#[test]
fn the_front_is_made_whole_or_made_again() {
    let path = Path::new("a disk in memory");
    for operations in 0..4 {
        for seed in 0..16 {
            let disk = MemoryDisk::default();
            disk.fail_after(operations);
            assert!(divide(Box::new(disk.clone()), path).is_err());
            let disk = MemoryDisk::with_image(disk.crash(&mut Dice::new(seed)));
            let secret = divide(Box::new(disk.clone()), path).unwrap().0.secret;
            assert_eq!(divide_existing(Box::new(killed(&disk)), path).unwrap().0.secret, secret);
        }
    }
    let old = MemoryDisk::with_image([b"redb\x1A\x0A\xA9\x0D\x0A".to_vec(), vec![0; 1 << 20]].concat());
    let smaller_log = MemoryDisk::with_image([b"weft ledger 1\r\n\x1A".to_vec(), vec![0; 1 << 20]].concat());
    for old in [old, smaller_log] {
        let error = divide(Box::new(old), path).unwrap_err().to_string();
        assert!(error.contains("before the first release"), "{error}");
    }
    let cut = killed(&{
        let disk = MemoryDisk::default();
        drop(divide(Box::new(disk.clone()), path).unwrap());
        disk.set_len(6_000).unwrap();
        disk
    });
    let error = divide(Box::new(cut), path).unwrap_err().to_string();
    assert!(error.contains("ends within its write-ahead log"), "{error}");
}
