//! Who hears what, what becomes of whoever is slow, and how many may listen.

use super::*;
use crate::limits::EVENTS_WAITING;
use crate::runtime::{First, block_on, first, sleep, spawn};
use std::time::Duration;
use weft_tangle::finality::FinalVerdict;
use weft_tangle::{DeviceId, Digest, Kind, Position, Timestamp, TxId};

fn device(number: u8) -> DeviceId {
    DeviceId::from_bytes([number; 32])
}

fn attached(number: u64, kind: Kind, issuer: u8) -> Happening {
    let id = TxId::first_at(Timestamp::from_millis(number));
    Happening::Attached { id, kind, issuer: device(issuer), position: Position(number) }
}

fn reading(number: u64) -> Happening {
    attached(number, Kind::Reading, 1)
}

fn heard(subscription: &mut Subscription) -> Heard {
    block_on(subscription.next())
}

#[test]
fn everybody_hears_what_it_wants_in_its_order() {
    let bus = Arc::new(Bus::default());
    let all = Filter::of(What::ALL);
    let id = TxId::first_at(Timestamp::from_millis(9));
    let (kind, issuer, verdict) = (Kind::Reading, device(1), FinalVerdict::Counts);
    let told = [
        reading(1),
        attached(2, Kind::Witness, 2),
        Happening::Final { id, kind, issuer, verdict, commit: 7, place: 0 },
        Happening::Disputed { id, kind, issuer, commit: Some(7) },
        Happening::Commit { index: 7, digest: Digest([3; 32]), transactions: 1 },
        Happening::Peer { device: device(2), change: PeerChange::Left },
    ];
    let cases: [(Filter, &[usize]); 7] = [
        (all, &[0, 1, 2, 3, 4, 5]),
        (Filter::of([What::Attached, What::Peer]), &[0, 1, 5]),
        (Filter::of([What::Commit]), &[4]),
        (Filter::of([]), &[]),
        (all.of_kind(Kind::Reading), &[0, 2, 3, 4, 5]),
        (all.of_issuer(device(2)), &[1, 4, 5]),
        (Filter::of([What::Attached]).of_kind(Kind::Witness).of_issuer(device(1)), &[]),
    ];
    let mut subscriptions: Vec<_> = cases.iter().map(|(filter, _)| bus.subscribe(*filter).unwrap()).collect();
    bus.tell(told[..2].to_vec());
    bus.tell(told[2..].to_vec());
    bus.close();
    for (subscription, (filter, expected)) in subscriptions.iter_mut().zip(cases) {
        for at in expected {
            assert_eq!(heard(subscription), Heard::Happened(told[*at]), "{filter:?}");
        }
        assert_eq!((heard(subscription), heard(subscription)), (Heard::Closed, Heard::Closed));
    }
}

#[test]
fn whoever_is_interrupted_hears_what_was_told_before_and_may_come_again_at_once() {
    let bus = Arc::new(Bus::default());
    let mut first = bus.subscribe(Filter::of(What::ALL)).unwrap();
    bus.tell(vec![reading(1)]);
    bus.interrupt();
    let mut second = bus.subscribe(Filter::of(What::ALL)).unwrap();
    bus.tell(vec![reading(2)]);
    assert_eq!(bus.subscribers(), 1);
    assert_eq!(heard(&mut first), Heard::Happened(reading(1)));
    assert_eq!((heard(&mut first), heard(&mut first)), (Heard::Interrupted, Heard::Interrupted));
    assert_eq!(heard(&mut second), Heard::Happened(reading(2)));
}

#[test]
fn whoever_lets_too_much_wait_is_told_how_much_and_no_one_else_notices() {
    let bus = Arc::new(Bus::default());
    let [mut slow, mut quick] = [(); 2].map(|()| bus.subscribe(Filter::of(What::ALL)).unwrap());
    let full: Vec<_> = (0..EVENTS_WAITING as u64).map(reading).collect();
    bus.tell(full);
    assert_eq!(
        (heard(&mut slow), heard(&mut quick)),
        (Heard::Happened(reading(0)), Heard::Happened(reading(0)))
    );
    assert_eq!(heard(&mut quick), Heard::Happened(reading(1)));
    bus.tell(vec![reading(7)]);
    assert_eq!(bus.subscribers(), 2, "what it has taken is no part of what waits");
    bus.tell(vec![reading(8)]);
    assert_eq!((bus.subscribers(), bus.lagged()), (1, 1));
    bus.tell(vec![]);
    let lost = EVENTS_WAITING as u64 + 1;
    assert_eq!(heard(&mut slow), Heard::Lagged(lost));
    assert_eq!((heard(&mut slow), heard(&mut slow)), (Heard::Closed, Heard::Closed));
    for number in (2..EVENTS_WAITING as u64).chain([7, 8]) {
        assert_eq!(heard(&mut quick), Heard::Happened(reading(number)));
    }
}

#[test]
fn so_many_listen_and_no_more_until_one_leaves() {
    let bus = Arc::new(Bus::default());
    let peers = Filter::of([What::Peer]);
    let mut listening: Vec<_> = (0..SUBSCRIBERS).map(|_| bus.subscribe(peers).unwrap()).collect();
    assert_eq!(bus.subscribe(peers).unwrap_err(), Full);
    listening.pop();
    assert_eq!(bus.subscribers(), SUBSCRIBERS - 1);
    listening.push(bus.subscribe(peers).unwrap());
    assert!(bus.wants(&[What::Final, What::Peer]) && !bus.wants(&[What::Final, What::Attached]));
    drop(listening);
    assert!(bus.subscribers() == 0 && !bus.wants(&What::ALL));
}

#[test]
fn whoever_waits_is_woken_by_what_happens_and_by_the_end() {
    let bus = Arc::new(Bus::default());
    block_on(async {
        let mut subscription = bus.subscribe(Filter::of(What::ALL)).unwrap();
        let nothing = first(subscription.next(), sleep(Duration::from_millis(20))).await;
        assert_eq!(nothing, First::Right(()));
        let told = Arc::clone(&bus);
        let task = spawn(async move { (subscription.next().await, subscription.next().await) });
        sleep(Duration::from_millis(20)).await;
        told.tell(vec![reading(1)]);
        sleep(Duration::from_millis(20)).await;
        told.close();
        assert_eq!(task.await, (Heard::Happened(reading(1)), Heard::Closed));
    });
    assert_eq!(
        block_on(bus.subscribe(Filter::of(What::ALL)).unwrap().next()),
        Heard::Closed,
        "it stays closed"
    );
}
