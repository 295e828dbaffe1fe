//! A history that cannot be read: the event has not happened, and nothing that happened before is undone.

use crate::support::{Drawing, Rig, START, world};
use weft_tangle::limits::AHEAD_MS;
use weft_tangle::replica::{Event, Source};

#[test]
fn an_event_that_cannot_be_handled_leaves_no_trace() {
    let drawing = Drawing::of("a#3:[g,g]; b#3:[g,g]; u/3:[a,g]");
    // A twin needs the history several times; it may fail at each.
    for reads in 0.. {
        let mut rig = Rig::new();
        rig.door_sends(&drawing.get("a"));
        rig.store_all();
        rig.restart();
        rig.history.fail_after(Some(reads));
        let token = rig.token();
        let received = |token| Event::Received { transaction: drawing.get("b"), source: Source::Door, token };
        let failed = rig.try_event(received(Some(token))).is_err();
        rig.history.fail_after(None);
        if !failed {
            assert!(reads >= 3, "{reads}");
            break;
        }
        assert!(!rig.answers.contains_key(&token));
        assert_eq!(rig.replica.occupancy().in_flight, 0);
        assert_eq!(rig.ticket(0, 1).counter, 4);
        rig.event(received(Some(token)));
        assert_eq!(rig.attached[1].twin(), Some(drawing.id("a")));
        rig.store_all();
        assert!(rig.answers[&token].is_ok());
    }
}

#[test]
fn a_ticket_and_an_unknown_issuer_fail_with_the_history() {
    let mut rig = Rig::new();
    rig.history.fail_after(Some(0));
    let token = rig.token();
    let ticket = Event::Ticket { device: world().device(0), count: 1, entropy: [0; 32], token };
    assert!(rig.try_event(ticket).is_err());
    let transaction = world().screened(&world().reading(0, START.plus(5), [world().genesis(); 2]), 3);
    assert!(rig.try_event(Event::Unpermitted { transaction, source: Source::Peer(1) }).is_err());
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn what_attached_before_the_failure_is_still_handed_out() {
    let drawing = Drawing::of("a:[g,g]; b/1:[a,g]; c/2:[a,g]; d/3:[b,c]");
    let reads_for_one = 3;
    for reads in reads_for_one..reads_for_one + 6 {
        let mut rig = Rig::new();
        rig.peer_sends_all(&drawing, &["b", "c", "d"], 1);
        rig.history.fail_after(Some(reads));
        // The rig checks that all effects arrive: a lost one is a gap in the order of arrival.
        rig.peer_sends(&drawing.get("a"), 2);
        let before = rig.attached.len();
        assert!(before >= 1);
        assert_eq!(rig.replica.occupancy().pending, 4 - before, "nothing that waits is lost");
        rig.history.fail_after(Some(0));
        assert_eq!(rig.try_event(Event::Tick).is_err(), before < 4, "{reads}");
        rig.history.fail_after(None);
        rig.event(Event::Tick);
        assert_eq!(rig.attached.len(), 4);
        rig.store_all();
        assert!(rig.replica.tips().iter().eq([drawing.id("d")]));
    }
}

#[test]
fn a_tick_that_fails_keeps_what_was_due() {
    let mut rig = Rig::new();
    let at = rig.now.plus(AHEAD_MS + 1);
    for device in 0..4 {
        rig.peer_sends(&world().verified(&world().reading(0, at, [world().genesis(); 2]), device), 1);
    }
    rig.now = rig.now.plus(1);
    rig.history.fail_after(Some(0));
    assert!(rig.try_event(Event::Tick).is_err());
    assert_eq!(rig.replica.occupancy().pending, 4);
    rig.history.fail_after(None);
    rig.event(Event::Tick);
    assert_eq!(rig.attached.len(), 4);
}
