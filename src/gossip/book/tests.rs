//! Who is called when: waits, addresses, bounds.

use super::*;

const WAITS: Waits = Waits {
    first: Duration::from_millis(500),
    near: Duration::from_secs(3),
    most: Duration::from_secs(60),
    stable: Duration::from_secs(10),
};

fn device(number: u16) -> DeviceId {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    DeviceId::from_bytes(bytes)
}

fn book() -> (Book, Instant) {
    (Book::new(device(0), WAITS), Instant::now())
}

fn called(book: &mut Book, now: Instant) -> Vec<DeviceId> {
    book.due(now, 99).into_iter().map(|call| call.device).collect()
}

#[test]
fn waits_double_up_to_the_longest_and_are_drawn_apart() {
    let waits = |is_near, draw| {
        (1..=10).map(|failures| WAITS.after(failures, is_near, draw).as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(
        waits(false, u32::MAX),
        [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    );
    assert_eq!(waits(true, u32::MAX)[..5], [500, 1_000, 2_000, 3_000, 3_000]);
    assert_eq!(waits(false, 0)[..3], [250, 500, 1_000]);
    assert_eq!(WAITS.after(u32::MAX, false, u32::MAX), WAITS.most);
}

/// The longest wait of a node, in a book in which so many others are connected.
fn longest_wait(others: u16, is_committee: bool, why: &Departure) -> Duration {
    let (mut book, mut now) = book();
    for number in 2..2 + others {
        book.learn(device(number), "a:1", false);
        book.connected(&device(number), now);
    }
    book.learn(device(1), "a:1", is_committee);
    for _ in 0..12 {
        now = book.next(now).unwrap();
        assert_eq!(called(&mut book, now), [device(1)]);
        book.failed(&device(1), why.clone(), now, u32::MAX);
    }
    book.next(now).unwrap() - now
}

#[test]
fn who_is_needed_and_may_be_back_is_waited_for_in_seconds_and_who_said_no_is_left_alone() {
    let few = PEERS_FEW as u16 - 1;
    for may_pass in [Departure::Silent, Departure::Crowded, Departure::Closed(Reason::Unavailable)] {
        assert_eq!(longest_wait(few, false, &may_pass), WAITS.near, "each one counts");
        assert_eq!(longest_wait(few + 1, false, &may_pass), WAITS.most);
        assert_eq!(longest_wait(few + 1, true, &may_pass), WAITS.near, "a member always");
    }
    let tls = Departure::Tls("no common ground".into());
    for said_no in [Departure::Closed(Reason::Network), Departure::Closed(Reason::Banned), tls] {
        assert_eq!(longest_wait(0, true, &said_no), WAITS.most, "{said_no}");
    }
}

#[test]
fn when_few_are_left_nobody_is_waited_for_long_any_more_but_for_whom_is_kept_out() {
    let (mut book, now) = book();
    assert!((1..=PEERS_FEW as u16 + 3).all(|number| book.learn(device(number), "a:1", false)));
    let [lost, refusing, banned] = [1, 2, 3].map(device);
    book.due(now, 99);
    (4..=PEERS_FEW as u16 + 3).for_each(|number| book.connected(&device(number), now));
    for _ in 0..12 {
        book.failed(&lost, Departure::Silent, now, u32::MAX);
        book.failed(&refusing, Departure::Closed(Reason::Network), now, u32::MAX);
        book.failed(&banned, Departure::Silent, now, u32::MAX);
    }
    book.hold_off(&banned, now + 9 * WAITS.most);
    assert_eq!(book.next(now), Some(now + WAITS.most));
    book.left(&device(4), Departure::Silent, now, u32::MAX);
    assert_eq!(called(&mut book, now + WAITS.near), [device(4), lost]);
    assert_eq!(called(&mut book, now + WAITS.most), [refusing]);
    assert_eq!(book.next(now), Some(now + 9 * WAITS.most));
}

#[test]
fn nobody_is_called_twice_at_once_nor_before_the_time() {
    let (mut book, now) = book();
    assert!(book.learn(device(1), "a:1", true) && !book.learn(device(1), "a:1", true));
    assert_eq!(called(&mut book, now), [device(1)]);
    assert_eq!((called(&mut book, now), book.next(now)), (vec![], None));
    book.failed(&device(1), Departure::Silent, now, u32::MAX);
    assert_eq!(book.next(now), Some(now + WAITS.first));
    assert_eq!(called(&mut book, now + WAITS.first / 2), []);
    assert_eq!(called(&mut book, now + WAITS.first), [device(1)]);
    book.connected(&device(1), now);
    book.failed(&device(1), Departure::Closed(Reason::Duplicate), now, 0);
    assert_eq!(called(&mut book, now + WAITS.most), [], "a second connection that failed harms nothing");
    book.left(&device(1), Departure::Silent, now + WAITS.stable, u32::MAX);
    assert_eq!(book.next(now), Some(now + WAITS.stable + WAITS.first), "waits begin anew");
}

#[test]
fn a_peer_that_sends_us_away_is_not_called_ever_faster() {
    let (mut book, mut now) = book();
    book.learn(device(1), "a:1", false);
    for _ in 0..9 {
        let at = book.next(now).unwrap();
        assert_eq!(called(&mut book, at), [device(1)]);
        book.connected(&device(1), at);
        book.left(&device(1), Departure::Closed(Reason::Fault), at, u32::MAX);
        now = at;
    }
    assert_eq!(book.next(now), Some(now + WAITS.most));
    book.hold_off(&device(1), now + 2 * WAITS.most);
    assert_eq!(book.next(now), Some(now + 2 * WAITS.most));
}

#[test]
fn every_address_of_a_node_is_tried_and_the_newest_is_kept() {
    let (mut book, mut now) = book();
    book.learn(device(1), "file:1", true);
    book.learn(device(1), "old:1", false);
    assert!(book.learn(device(1), "new:1", false));
    let mut tried = Vec::new();
    for _ in 0..4 {
        now += WAITS.most;
        tried.extend(book.due(now, 9).into_iter().map(|call| call.address));
        book.failed(&device(1), Departure::Silent, now, 0);
    }
    assert_eq!(tried, ["file:1", "new:1", "file:1", "new:1"]);
}

#[test]
fn the_book_is_bounded_and_this_node_is_not_in_it() {
    let (mut book, now) = book();
    assert!(!book.learn(device(0), "own:1", true), "an own key is dropped");
    for number in 1..2_000 {
        book.learn(device(number), "a:1", false);
    }
    assert_eq!(book.entries().count(), PEERS_KNOWN);
    assert!(book.learn(device(3_000), "a:1", true), "the committee always fits");
    assert_eq!(book.due(now, 1)[0].device, device(3_000), "and is called first");
}
