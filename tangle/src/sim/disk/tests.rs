//! What a disk keeps in a crash, and what an older one brings back.

use super::*;
use crate::finality::{Commit, Delivered, FinalVerdict, Judged, Member, Members, Resume, Round};
use crate::{Digest, Kind, NetworkId, Timestamp};

fn catalogue(count: u32) -> (Catalogue, Vec<Number>) {
    let mut catalogue = Catalogue::new(crate::sim::net::network(600_000, &[]));
    let genesis = catalogue.network.genesis();
    let draft = |counter| crate::Draft {
        kind: Kind::Reading,
        content_format: crate::content_format::SENML_JSON,
        counter,
        timestamp: genesis.timestamp().plus(u64::from(counter) + 1),
        parents: [genesis; 2],
        salt: [0; 16],
        content: b"[]",
    };
    let key = crate::sim::keys::Key::new(1);
    let numbers = (0..count).map(|counter| catalogue.make(&draft(counter), &key).unwrap()).collect();
    (catalogue, numbers)
}

fn write(disk: &mut Disk, count: usize) {
    let batch = disk.take_batch(count);
    disk.write(batch, &catalogue(0).0);
}

fn disk() -> Disk {
    let mut disk = Disk::default();
    for number in [4, 2, 7] {
        disk.push(number, (number == 2).then(|| TxId::first_at(Timestamp::from_millis(9))));
    }
    disk
}

#[test]
fn a_crash_leaves_what_was_committed() {
    let mut disk = disk();
    assert_eq!((disk.unsaved(), disk.has(7), disk.has_durable(4)), (3, true, false));
    write(&mut disk, 1);
    disk.crash();
    assert_eq!((disk.order(), disk.has(2), disk.has_durable(4)), (&[4][..], false, true));
    assert!(disk.twins().is_empty());
    let mut other = Disk::default();
    other.push(4, None);
    assert_eq!(disk.print(), other.print());
}

#[test]
fn a_backup_brings_back_what_was_and_those_after_it_are_void() {
    let mut disk = disk();
    write(&mut disk, 1);
    disk.back_up();
    write(&mut disk, 2);
    disk.back_up();
    assert_eq!(disk.restore(1), [2, 7]);
    assert_eq!(disk.order(), [4]);
    disk.push(9, None);
    assert_eq!(disk.restore(0), Vec::<Number>::new(), "what was not durable is no loss");
    assert_eq!(disk.order(), [4]);
    assert_eq!(Disk::default().restore(3), Vec::<Number>::new());
}

/// A commit that delivers one transaction.
fn handed(index: u64, id: TxId) -> Arc<Handed> {
    let zero = Digest([0; 32]);
    let time = Timestamp::default();
    let commit = Commit { index, previous: zero, leader: id, time, root: zero, count: 1 };
    let issuer = DeviceId::from_bytes([1; 32]);
    let verdict = FinalVerdict::Counts;
    let judged = Judged { id, kind: Kind::Reading, issuer, counter: 0, verdict };
    let leader = Member::new(0).unwrap();
    let digest = commit.digest(&NetworkId::from_bytes([2; 32]));
    let (transactions, also_disputed, revoked) = (vec![judged], vec![], vec![]);
    let delivered = Delivered { commit, digest, leader, transactions, also_disputed, revoked };
    let resume =
        Resume { commit, first: index, round: Round::FIRST, active: Members::NONE, last_open: index };
    Arc::new(Handed { delivered, resume })
}

#[test]
fn a_commit_waits_for_what_was_to_be_written_before_it_and_is_lost_with_it() {
    let (catalogue, numbers) = catalogue(3);
    let mut disk = Disk::default();
    for (index, number) in (1..).zip(&numbers) {
        disk.push(*number, None);
        disk.push_commit(handed(index, catalogue.id(*number)));
    }
    let batch = disk.take_batch(2);
    assert_eq!((batch.count, batch.commits), (2, 2), "the third is behind a transaction that is not in it");
    disk.write(batch, &catalogue);
    let outcomes = |disk: &Disk| numbers.iter().filter_map(|number| disk.outcome(*number)).count();
    assert_eq!((disk.commits().len(), disk.durable_commits().len(), outcomes(&disk)), (3, 2, 2));
    disk.back_up();
    disk.push_commit(handed(4, catalogue.id(numbers[2])));
    disk.crash();
    assert_eq!((disk.commits().len(), outcomes(&disk)), (2, 2));
    disk.push(numbers[2], None);
    disk.push_commit(handed(3, catalogue.id(numbers[2])));
    let batch = disk.take_batch(9);
    disk.write(batch, &catalogue);
    assert_eq!(outcomes(&disk), 3);
    disk.restore(0);
    assert_eq!((disk.commits().len(), outcomes(&disk), disk.outcome(numbers[2])), (2, 2, None));
}

#[test]
fn a_sum_does_not_depend_on_order() {
    let sum = |numbers: &[Number]| {
        let mut disk = Disk::default();
        numbers.iter().for_each(|number| disk.push(*number, None));
        disk.print()
    };
    assert_eq!(sum(&[1, 2, 3]), sum(&[3, 1, 2]));
    assert_ne!(sum(&[1, 2, 3]), sum(&[1, 2, 4]));
}
