//! Counters that are used more than once: who is named as disputed, and how little is looked at for it.

use super::{Book, Delivery, device, id, member, network};
use crate::finality::{Entry, FinalVerdict};
use crate::{Kind, TxId};

#[test]
fn one_that_was_delivered_alone_is_named_when_another_has_its_counter() {
    let network = network(1);
    let mut delivery = Delivery::new(&network);
    let mut book = Book::default();
    let mut commit = |number: u64, kind: Kind, counter: u32, last: Option<TxId>| {
        let entry = |kind, issuer, counter, references| Entry {
            kind,
            issuer,
            counter,
            references,
            revokes: None,
            round: None,
        };
        let transaction = (id(10 * number, number), entry(kind, device(1), counter, vec![]));
        let references = [Some(transaction.0), last].into_iter().flatten().collect();
        let leader =
            (id(10 * number + 1, number), entry(Kind::Witness, device(9), number as u32, references));
        for (id, entry) in [&transaction, &leader] {
            book.entries.insert(*id, entry.clone());
            delivery.attached(*id, entry.clone());
        }
        delivery.begin(leader.0, member(0), std::iter::empty());
        let (delivered, _) = delivery.next(&book).unwrap().unwrap();
        book.store(&delivered);
        assert_eq!(delivery.next(&book), Ok(None));
        delivery.finished().unwrap();
        (transaction.0, leader.0, delivered.transactions[0].verdict, delivered.also_disputed)
    };
    let (reading, leader, verdict, also) = commit(1, Kind::Reading, 5, None);
    assert_eq!((verdict, also), (FinalVerdict::Counts, vec![]));
    let (grant, leader, verdict, also) = commit(2, Kind::Grant, 6, Some(leader));
    assert_eq!((verdict, also), (FinalVerdict::Counts, vec![]));
    let (_, leader, verdict, also) = commit(3, Kind::Reading, 5, Some(leader));
    assert_eq!((verdict, also), (FinalVerdict::Disputed, vec![reading]));
    // A control kind that counts goes on counting.
    let (_, leader, verdict, also) = commit(4, Kind::Reading, 6, Some(leader));
    assert_eq!((verdict, also), (FinalVerdict::Disputed, vec![]));
    let (_, _, verdict, also) = commit(5, Kind::Grant, 5, Some(leader));
    assert_eq!(
        (verdict, also),
        (FinalVerdict::Conflict, vec![]),
        "{reading} and {grant} stand as they stood"
    );
}

/// Delivers what a device has issued with these counters, each of these batches by a leader of its own, all within one epoch;
/// how many delivered transactions were looked at for it, and which are named as disputed by each.
fn issued(batches: &[Vec<u32>]) -> (usize, Vec<Vec<TxId>>) {
    let network = network(1);
    let mut delivery = Delivery::new(&network);
    let mut book = Book::default();
    let entry = |kind, counter, references| Entry {
        kind,
        issuer: device(if kind == Kind::Witness { 9 } else { 1 }),
        counter,
        references,
        revokes: None,
        round: None,
    };
    let (mut named, mut last, mut number) = (Vec::new(), None, 0);
    for batch in batches {
        let mut references: Vec<TxId> = Vec::from_iter(last);
        for counter in batch {
            number += 1;
            let reading = (id(1_000_000, number), entry(Kind::Reading, *counter, vec![]));
            references.push(reading.0);
            book.entries.insert(reading.0, reading.1.clone());
            delivery.attached(reading.0, reading.1);
        }
        number += 1;
        let leader = (id(1_000_000, number), entry(Kind::Witness, number as u32, references));
        book.entries.insert(leader.0, leader.1.clone());
        delivery.attached(leader.0, leader.1);
        delivery.begin(leader.0, member(0), std::iter::empty());
        let (delivered, _) = delivery.next(&book).unwrap().unwrap();
        book.store(&delivered);
        assert_eq!(delivery.next(&book), Ok(None));
        delivery.finished().unwrap();
        named.push(delivered.also_disputed);
        last = Some(leader.0);
    }
    (book.visited.get(), named)
}

#[test]
fn a_device_that_repeats_its_counters_has_no_more_looked_at_than_it_has_sent() {
    let counters: Vec<u32> = (0..500).collect();
    let (visited, named) = issued(&[counters.clone(), counters.clone(), counters]);
    assert_eq!(named.iter().map(Vec::len).collect::<Vec<_>>(), [0, 500, 0]);
    assert!(visited <= 3 * 500, "{visited} were looked at");
}

#[test]
fn a_counter_that_is_used_again_and_again_is_looked_for_once() {
    let batches = vec![vec![7]; 500];
    let (visited, named) = issued(&batches);
    assert_eq!(named.iter().filter(|named| !named.is_empty()).count(), 1, "the first, by the second");
    assert!(visited <= 2, "{visited} were looked at");
}
