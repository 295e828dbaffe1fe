//! What waits, for a parent, for its time, for its issuer, and what becomes of it.

use crate::support::{Drawing, Rig, START, world};
use weft_tangle::limits::{AHEAD_MS, PENDING, PENDING_PER_SOURCE};
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{Refusal, TxId, Verified};

fn genesis() -> [TxId; 2] {
    [world().genesis(); 2]
}

fn unpermitted(rig: &mut Rig, device: u8, counter: u32, peer: u32) -> Vec<Effect> {
    let draft = world().reading(counter, START.plus(50 + u64::from(counter)), genesis());
    let transaction = world().screened(&draft, device);
    rig.event(Event::Unpermitted { transaction, source: Source::Peer(peer) })
}

/// Checks again what the replica wants checked, as the node does, and hands it in.
fn check_again(rig: &mut Rig, effects: Vec<Effect>, device: u8) -> usize {
    let mut checked = 0;
    for effect in effects {
        if let Effect::Verify(screened, source) = effect {
            let transaction = Verified::check(&world().network, screened, world().issuer(device)).unwrap();
            rig.event(Event::Received { transaction, source, token: None });
            checked += 1;
        }
    }
    checked
}

#[test]
fn an_early_transaction_waits_for_the_clock() {
    let mut rig = Rig::new();
    let ahead = rig.now.plus(AHEAD_MS + 500);
    let early = world().verified(&world().reading(0, ahead, genesis()), 0);
    let child = world().verified(&world().reading(1, ahead.plus(1), [early.id(), world().genesis()]), 0);
    rig.peer_sends(&child, 1);
    rig.peer_sends(&early, 1);
    assert_eq!(rig.replica.wake(), Some(rig.now.plus(500)), "it need not wait any longer");
    let mut attached = Vec::new();
    for passed in [499, 1, 1] {
        rig.now = rig.now.plus(passed);
        rig.event(Event::Tick);
        attached.push(rig.attached.len());
    }
    assert_eq!(attached, [0, 1, 2], "each in its own time");
    assert_eq!(rig.ids(), [early.id(), child.id()].into());
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn an_early_transaction_of_an_unknown_issuer_waits_for_both() {
    let mut rig = Rig::new();
    let draft = world().reading(0, rig.now.plus(AHEAD_MS + 1), genesis());
    let transaction = world().screened(&draft, 0);
    rig.event(Event::Unpermitted { transaction, source: Source::Peer(1) });
    assert!(rig.event(Event::Tick).is_empty());
    rig.now = rig.now.plus(1);
    let effects = rig.event(Event::Tick);
    assert!(matches!(&effects[..], [Effect::Verify(..)]));
    assert_eq!(check_again(&mut rig, effects, 0), 1);
    assert_eq!(rig.attached.len(), 1);
}

#[test]
fn an_unknown_issuer_is_looked_up_again_when_its_enrolment_is_durable_and_not_before() {
    let mut rig = Rig::new();
    for counter in 1..4 {
        assert!(unpermitted(&mut rig, 3, counter, counter).is_empty());
    }
    unpermitted(&mut rig, 4, 1, 1);
    let enrols = world().enrols(&world().enrolment(3), 3, 0, START.plus(1));
    let effects = rig.peer_sends(&enrols, 1);
    assert!(matches!(&effects[..], [Effect::Persist(_)]));
    let effects = rig.store_all();
    assert_eq!(check_again(&mut rig, effects, 3), 3);
    assert_eq!(rig.attached.len(), 4);
    assert_eq!(rig.replica.occupancy().pending, 1, "the other device is still unknown");
}

#[test]
fn an_enrolment_that_became_durable_after_the_look_up_is_not_missed() {
    let mut rig = Rig::new();
    let enrols = world().enrols(&world().enrolment(3), 3, 0, START.plus(1));
    rig.peer_sends(&enrols, 1);
    rig.store_all();
    // The node looked before the enrolment was stored; its finding is handled after.
    let effects = unpermitted(&mut rig, 3, 1, 1);
    assert_eq!(check_again(&mut rig, effects, 3), 1);
    assert_eq!(rig.attached.len(), 2);
}

#[test]
fn an_enrolment_that_does_not_permit_the_time_wakes_nothing_up() {
    let mut rig = Rig::new();
    let mut expired = world().enrolment(3);
    expired.valid_until = START.plus(20);
    rig.peer_sends(&world().enrols(&expired, 3, 0, START.plus(1)), 1);
    rig.store_all();
    assert!(unpermitted(&mut rig, 3, 1, 1).is_empty(), "it would go round in circles");
    assert_eq!(rig.replica.occupancy().pending, 1);
    let renewed = world().enrols(&world().enrolment(3), 3, 7, START.plus(2));
    rig.peer_sends(&renewed, 1);
    let effects = rig.store_all();
    assert_eq!(check_again(&mut rig, effects, 3), 1);
}

#[test]
fn what_is_attached_or_from_the_door_does_not_wait_for_an_issuer() {
    let mut rig = Rig::new();
    let draft = world().reading(1, START.plus(51), genesis());
    rig.peer_sends(&world().verified(&draft, 3), 1);
    assert!(unpermitted(&mut rig, 3, 1, 1).is_empty());
    let transaction = world().screened(&world().reading(2, START.plus(52), genesis()), 3);
    rig.event(Event::Unpermitted { transaction, source: Source::Door });
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn a_checked_copy_takes_the_place_of_an_unchecked_one() {
    let drawing = Drawing::of("a:[g,g]; b/3:[a,g]");
    let mut rig = Rig::new();
    let draft = world().reading(0, START.plus(2_000), [drawing.id("a"), world().genesis()]);
    let mut twin = draft.clone();
    twin.salt = [1; 16];
    let screened = world().screened(&twin, 3);
    assert_eq!(screened.transaction().id(), drawing.id("b"), "the same transaction");
    rig.event(Event::Unpermitted { transaction: screened, source: Source::Peer(1) });
    // Its enrolment never comes by this node, but another peer's copy is checked against one that does.
    rig.peer_sends(&drawing.get("b"), 2);
    rig.peer_sends(&drawing.get("a"), 2);
    assert_eq!(rig.ids(), [drawing.id("a"), drawing.id("b")].into());
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn what_the_door_brought_leaves_nothing_waiting() {
    let mut rig = Rig::new();
    let at = rig.now.plus(AHEAD_MS + 1);
    let early = world().verified(&world().reading(0, at, genesis()), 0);
    rig.peer_sends(&early, 1);
    rig.now = rig.now.plus(1);
    rig.door_sends(&early);
    assert_eq!(rig.replica.occupancy().pending, 0);
    assert_eq!(rig.attached.len(), 1);
}

#[test]
fn a_refused_child_is_dropped_and_its_own_children_keep_waiting() {
    // c is the third of its counter by the time its parent comes, and nothing wants it but d.
    let drawing = Drawing::of("p/1:[g,g]; a#4:[g,g]; b#4:[g,g]; c#4:[p,g]; d/2:[p,g]");
    let mut rig = Rig::new();
    rig.peer_sends_all(&drawing, &["c", "d", "a", "b"], 1);
    rig.peer_sends(&drawing.get("p"), 1);
    assert_eq!(rig.ids(), ["a", "b", "d", "p"].map(|name| drawing.id(name)).into());
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn a_lost_parent_that_comes_again_releases_what_waits() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,a]");
    let mut rig = Rig::new();
    rig.peer_sends(&drawing.get("b"), 1);
    rig.peer_sends(&drawing.get("c"), 2);
    rig.event(Event::Left { source: Source::Peer(1) });
    rig.peer_sends(&drawing.get("a"), 2);
    assert_eq!((rig.attached.len(), rig.replica.occupancy().pending), (1, 1));
    rig.peer_sends(&drawing.get("b"), 2);
    assert_eq!((rig.attached.len(), rig.replica.occupancy().pending), (3, 0));
}

#[test]
fn a_peer_is_told_when_its_share_is_full_and_others_are_not_hurt() {
    let unknown = [TxId::first_at(START), world().genesis()];
    let orphan = |counter, device| {
        world().verified(&world().reading(counter, START.plus(1 + u64::from(counter)), unknown), device)
    };
    let mut rig = Rig::new();
    rig.peer_sends(&orphan(0, 1), 2);
    for counter in 0..PENDING_PER_SOURCE as u32 {
        rig.peer_sends(&orphan(counter, 0), 1);
    }
    let token = rig.token();
    let transaction = orphan(PENDING_PER_SOURCE as u32, 0);
    rig.event(Event::Received { transaction, source: Source::Peer(1), token: Some(token) });
    assert_eq!(rig.answers[&token], Err(Refusal::PendingFull));
    assert_eq!(rig.replica.occupancy().pending, PENDING_PER_SOURCE + 1);
    let token = rig.token();
    let transaction = orphan(1, 1);
    rig.event(Event::Received { transaction, source: Source::Peer(2), token: Some(token) });
    assert_eq!(rig.answers.get(&token), None, "it waits, and nobody is told");
    assert!(rig.replica.occupancy().pending <= PENDING);
}
