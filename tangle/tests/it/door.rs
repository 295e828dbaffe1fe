//! What the replica answers a client.

use crate::support::{Drawing, Rig, START, world};
use weft_tangle::limits::{AHEAD_MS, DOOR_PARENT_AGE_MS};
use weft_tangle::replica::Taken;
use weft_tangle::{ParentsFault, Refusal, TxId, Verified};

const DAY: u64 = DOOR_PARENT_AGE_MS;

fn reading(counter: u32, ms: u64, parents: [TxId; 2]) -> Verified {
    world().verified(&world().reading(counter, START.plus(ms), parents), 0)
}

fn attached_now(rig: &mut Rig, transaction: &Verified) {
    let token = rig.door_sends(transaction);
    assert_eq!(rig.answers.get(&token), None, "told before it was durable");
    rig.store_all();
    assert_eq!(rig.answers[&token], Ok(Taken { id: transaction.id(), is_new: true, disputed: false }));
}

#[test]
fn a_parent_that_is_not_here_is_named_and_nothing_waits() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,a]");
    let mut rig = Rig::new();
    rig.door_sends(&drawing.get("a"));
    let unknown = Err(ParentsFault::Unknown(drawing.id("b")).into());
    assert_eq!(rig.answer_of_door(&drawing.get("c")), unknown);
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn a_timestamp_ahead_is_refused_by_how_much() {
    let mut rig = Rig::new();
    let ahead = |ms| reading(0, 300_000 + ms, [world().genesis(); 2]);
    let refused = Err(Refusal::Ahead { ahead_ms: AHEAD_MS + 1 });
    assert_eq!(rig.answer_of_door(&ahead(AHEAD_MS + 1)), refused);
    attached_now(&mut rig, &ahead(AHEAD_MS));
    assert!(rig.ticket(0, 1).parents[0].contains(&world().genesis()), "nobody is dragged into the future");
    rig.now = rig.now.plus(AHEAD_MS);
    assert!(rig.ticket(0, 1).parents[0].contains(&ahead(AHEAD_MS).id()));
}

/// `old` is approved by `young`, and a day has passed since `old`.
fn a_day_later() -> (Rig, Verified, Verified) {
    let mut rig = Rig::new();
    let old = reading(0, 1, [world().genesis(); 2]);
    let young = reading(0, DAY, [old.id(), world().genesis()]);
    rig.now = START.plus(DAY);
    attached_now(&mut rig, &old);
    attached_now(&mut rig, &young);
    rig.now = START.plus(DAY + 1);
    (rig, old, young)
}

#[test]
fn a_parent_of_more_than_a_day_is_refused() {
    let (mut rig, old, young) = a_day_later();
    let child = |counter| reading(counter, DAY + 1, [young.id(), old.id()]);
    attached_now(&mut rig, &child(1));
    rig.now = rig.now.plus(1);
    assert_eq!(rig.answer_of_door(&child(2)), Err(ParentsFault::TooOld(old.id()).into()));
    // From a peer any age is right: validity does not depend on when somebody looks.
    assert_eq!(rig.peer_sends(&child(2), 1).len(), 1);
}

#[test]
fn an_old_parent_is_excused_as_genesis_as_tip_and_as_handed_out() {
    let (mut rig, old, young) = a_day_later();
    rig.now = START.plus(3 * DAY);
    let child = |counter, parents| reading(counter, 3 * DAY - 5, parents);
    assert_eq!(
        rig.answer_of_door(&child(1, [young.id(), old.id()])),
        Err(ParentsFault::TooOld(old.id()).into())
    );
    attached_now(&mut rig, &child(2, [world().genesis(), young.id()]));

    // Now `young` is no tip any more either, and only its lease excuses it.
    let (mut rig, _, young) = a_day_later();
    let pair = rig.ticket(0, 1).parents[0];
    assert!(pair.contains(&young.id()));
    rig.now = START.plus(3 * DAY);
    let child = |counter| reading(counter, 3 * DAY - 5, [world().genesis(), young.id()]);
    attached_now(&mut rig, &child(1));
    attached_now(&mut rig, &child(2));
    rig.restart();
    let refused = Err(ParentsFault::TooOld(young.id()).into());
    assert_eq!(rig.answer_of_door(&child(3)), refused, "a restarted node remembers no leases");
}

#[test]
fn a_duplicate_waits_for_the_disk_and_is_told_that_it_is_not_new() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let mut rig = Rig::new();
    rig.door_sends(&drawing.get("b"));
    let first = rig.door_sends(&drawing.get("a"));
    let again = rig.door_sends(&drawing.get("a"));
    assert_eq!(rig.attached.len(), 1);
    assert!(!rig.answers.contains_key(&first) && !rig.answers.contains_key(&again));
    rig.store_all();
    let id = drawing.id("a");
    assert_eq!(rig.answers[&first], Ok(Taken { id, is_new: true, disputed: false }));
    assert_eq!(rig.answers[&again], Ok(Taken { id, is_new: false, disputed: false }));
    assert_eq!(rig.answer_of_door(&drawing.get("a")), Ok(Taken { id, is_new: false, disputed: false }));
}

#[test]
fn what_a_peer_brought_first_answers_the_door_once_durable() {
    let drawing = Drawing::of("a:[g,g]");
    let mut rig = Rig::new();
    rig.peer_sends(&drawing.get("a"), 1);
    let token = rig.door_sends(&drawing.get("a"));
    assert!(!rig.answers.contains_key(&token));
    rig.store_all();
    assert_eq!(rig.answers[&token], Ok(Taken { id: drawing.id("a"), is_new: false, disputed: false }));
}

#[test]
fn answers_come_no_earlier_than_their_position() {
    let drawing = Drawing::of("a:[g,g]; b:[g,g]; c:[g,g]");
    let mut rig = Rig::new();
    let tokens = ["a", "b", "c"].map(|name| rig.door_sends(&drawing.get(name)));
    for stored in 1..=3 {
        rig.store(1);
        let answered = tokens.map(|token| rig.answers.contains_key(&token));
        assert_eq!(answered, [true, stored >= 2, stored >= 3]);
        assert_eq!(rig.replica.occupancy().in_flight, 3 - stored);
    }
}

#[test]
fn nothing_is_a_parent_on_a_ticket_before_it_is_durable() {
    let drawing = Drawing::of("a:[g,g]; b:[g,g]");
    let mut rig = Rig::new();
    rig.door_sends(&drawing.get("a"));
    rig.door_sends(&drawing.get("b"));
    assert_eq!(rig.ticket(0, 1).parents, [[world().genesis(); 2]]);
    rig.store(1);
    let pair = rig.ticket(0, 1).parents[0];
    assert_eq!(pair, [drawing.id("a"), world().genesis()]);
    // A transaction that is attached is a parent at the door, durable or not: the disk keeps their order.
    let child = reading(7, 5_000, [drawing.id("a"), drawing.id("b")]);
    rig.door_sends(&child);
    assert_eq!(rig.attached.len(), 3);
}

#[test]
fn a_ticket_has_as_many_pairs_as_asked_within_its_bound() {
    let mut rig = Rig::new();
    for (count, pairs) in [(0, 1), (1, 1), (64, 64), (1_000_000_000, 64)] {
        assert_eq!(rig.ticket(0, count).parents.len(), pairs);
    }
}
