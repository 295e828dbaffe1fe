//! Commits in the log, with transactions and by themselves.

use super::*;

#[test]
fn a_batch_of_commits_alone_is_one_write_and_one_sync_and_is_given_back() {
    let (network, ledger) = world(9);
    let disk = MemoryDisk::default();
    let store = open_cached(disk.clone(), &network).unwrap();
    let none = Cursors::new();
    store.append(&ledger.arrivals[..2]).unwrap();
    let mut chain = Chain::new(&network);
    for (index, attached) in (1..).zip(&ledger.arrivals[..2]) {
        let commit = chain.commit(&[(attached.transaction(), FinalVerdict::Counts)], vec![]);
        let before = disk.operations();
        store.append_batch(&batch(&[], &none, &[commit])).unwrap();
        assert_eq!(disk.operations() - before, 2);
        let again = open_on(killed(&disk), &network).unwrap();
        assert_eq!(again.reader().unwrap().newest_index().unwrap(), index);
    }
    let found = front_of(&disk).read(&network, at(0)).unwrap();
    let commits: Vec<_> = found.batches.iter().map(|batch| batch.settlement.commits.len()).collect();
    assert_eq!(commits, [0, 1, 1]);
    let newer = Mark { commits: 1, ..at(2) };
    assert_eq!(
        front_of(&disk).read(&network, newer).unwrap().batches.len(),
        1,
        "what the database has is passed over"
    );
}

#[test]
fn a_commit_that_is_damaged_in_the_log_takes_what_comes_behind_it_along() {
    let (network, ledger) = world(10);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let none = Cursors::new();
    store.append(&ledger.arrivals[..1]).unwrap();
    let mut chain = Chain::new(&network);
    let commit = chain.commit(&[(ledger.arrivals[0].transaction(), FinalVerdict::Counts)], vec![]);
    store.append_batch(&batch(&[], &none, std::slice::from_ref(&commit))).unwrap();
    store.append(&ledger.arrivals[1..2]).unwrap();
    let copy = killed(&disk);
    let front = front_of(&copy);
    let first = record::bytes_of(&[Record::from(&*ledger.arrivals[0])], &Settlement::default());
    copy.write(BLOCK_BYTES as u64 + first + 90, &[0xFF; 8]).unwrap();
    let found = front.read(&network, at(0)).unwrap();
    let beyond = Mark { commits: 1, ..at(1) };
    assert_eq!((found.batches.len(), found.beyond), (1, Some(beyond)));
    let again = open_on(copy.clone(), &network).unwrap();
    assert_eq!((stored(&again), again.reader().unwrap().newest_index().unwrap()), (1, 0));
    assert_eq!(front.read(&network, at(1)).unwrap().beyond, None, "the log was cleared");
    assert!(!store.reader().unwrap().has_forgotten().unwrap());
    assert!(again.reader().unwrap().has_forgotten().unwrap(), "own witnesses may be among what is lost");
    again.append_batch(&batch(&ledger.arrivals[1..2], &none, &[commit])).unwrap();
    let third = killed(&copy);
    let again = open_on(third.clone(), &network).unwrap();
    assert_eq!((stored(&again), again.reader().unwrap().newest_index().unwrap()), (2, 1));
    assert!(again.reader().unwrap().has_forgotten().unwrap(), "until it is told that it remembers");
    again.recall().unwrap();
    let again = open_on(killed(&third), &network).unwrap();
    assert!(!again.reader().unwrap().has_forgotten().unwrap());
}
