//! What peers send, or do not: forged, invalid, known, not asked for, one variant too many.

use super::super::played::{Played, asked, device, dropped, sent};
use super::{HONEST, LIAR, fault, stretch};
use crate::support::Drawing;
use weft_tangle::gossip::{Fault, Message, Reason, Tree};
use weft_tangle::limits::*;
use weft_tangle::replica::{Event, Source};
use weft_tangle::{Refusal, TxId, Verified};

#[test]
fn what_a_liar_names_and_does_not_send_an_honest_peer_is_asked_for() {
    let drawing = Drawing::of("a:[g,g]");
    let mut played = Played::new();
    played.joined(LIAR, 1);
    played.joined(HONEST, 1);
    played.tells(LIAR, 0, &[drawing.id("a")]);
    played.tells(HONEST, 0, &[drawing.id("a")]);
    let effects = played.wait(REPAIR_MS + SCAN_MS);
    assert_eq!(asked(&effects, LIAR), [(0, vec![stretch(0, 1)], vec![])]);
    assert!(asked(&effects, HONEST).is_empty(), "one at a time");
    let effects = played.wait(ANSWER_MS);
    assert_eq!(asked(&effects, HONEST), [(0, vec![stretch(0, 1)], vec![])]);
    assert_eq!((played.points(LIAR), played.points(HONEST)), (Fault::Undelivered.points(), 0));
    played.rig.peer_sends(&drawing.get("a"), HONEST);
    assert_eq!(played.rig.attached.len(), 1);
    assert_eq!(played.rig.replica.occupancy().wanted, 0);
}

#[test]
fn a_forged_copy_costs_its_sender_and_the_genuine_one_is_asked_for() {
    let drawing = Drawing::of("a:[g,g]");
    let mut played = Played::new();
    played.joined(LIAR, 1);
    played.joined(HONEST, 1);
    played.tells(LIAR, 0, &[drawing.id("a")]);
    played.tells(HONEST, 0, &[drawing.id("a")]);
    played.wait(REPAIR_MS + SCAN_MS);
    let id = Some(drawing.id("a"));
    let refusal = Refusal::Signature;
    let mut effects = played.rig.event(Event::Refused { id, source: Source::Peer(LIAR), refusal });
    effects.extend(played.wait(SCAN_MS));
    assert_eq!(asked(&effects, HONEST).len(), 1, "an id covers no signature");
    assert_eq!(played.points(LIAR), Fault::Signature.points());
}

#[test]
fn what_is_invalid_drops_a_peer_at_the_third_and_keeps_it_out_for_its_time() {
    for (refusal, expected) in [
        (Refusal::Signature, Fault::Signature),
        (Refusal::Work { found: 0, needed: 10 }, Fault::Work),
        (Refusal::BodyDigest, Fault::Transaction),
    ] {
        let mut played = Played::new();
        played.joined(LIAR, 0);
        let mut send = || {
            let refusal = refusal.clone();
            played.rig.event(Event::Refused { id: None, source: Source::Peer(LIAR), refusal })
        };
        assert_eq!([send(), send(), send()].map(|effects| fault(&effects)), [None, None, Some(expected)]);
        let again = |played: &mut Played, source| {
            let (device, cursor) = (device(LIAR), Vec::new());
            played.rig.event(Event::Connected { source: Source::Peer(source), device, cursor })
        };
        let until = played.rig.now.plus(BAN_MS);
        let effects = again(&mut played, 8);
        assert_eq!(dropped(&effects), [(Source::Peer(8), Reason::Banned(expected, until))]);
        assert!(sent(&effects, 8).is_empty());
        played.rig.now = until;
        assert_eq!(sent(&again(&mut played, 9), 9).len(), 1, "its time is over");
    }
}

#[test]
fn pushing_what_is_known_after_being_asked_not_to_is_a_fault() {
    let drawing = Drawing::of("a:[g,g]");
    let mut played = Played::new();
    played.joined(LIAR, 0);
    played.rig.door_sends(&drawing.get("a"));
    let duplicate = Event::Duplicate { id: drawing.id("a"), source: Source::Peer(LIAR), tree: Some(Tree(7)) };
    let again = || match &duplicate {
        Event::Duplicate { id, source, tree } => Event::Duplicate { id: *id, source: *source, tree: *tree },
        _ => unreachable!("it is made above"),
    };
    assert_eq!(sent(&played.rig.event(again()), LIAR), [Message::Prune { tree: 7 }]);
    assert!(played.rig.event(again()).is_empty(), "it was under way");
    assert_eq!(played.points(LIAR), 0);
    played.wait(2 * TREE_QUIET_MS);
    let dropped = (0..200).find(|_| fault(&played.rig.event(again())).is_some());
    assert_eq!(dropped, Some(99));
}

#[test]
fn bodies_that_nobody_asked_for_are_a_fault() {
    let drawing = Drawing::of("a:[g,g]; b:[g,g]");
    let mut played = Played::new();
    played.joined(LIAR, 0);
    played.rig.peer_sends(&drawing.get("a"), LIAR);
    assert_eq!(played.points(LIAR), Fault::Unasked.points());
    assert_eq!(played.rig.attached.len(), 1, "it is right all the same");
    played.pushes(LIAR, 7, &drawing.get("b"));
    assert_eq!(played.points(LIAR), Fault::Unasked.points(), "a push needs no asking");
}

#[test]
fn a_hundred_variants_cost_two_places_and_a_cursor_goes_on_over_the_rest() {
    let text: String = (0..100).map(|n| format!("a{n}#4@{}:[g,g];", n + 1)).collect();
    let drawing = Drawing::of(&format!("{text} c@2000:[a50,g]"));
    let mut played = Played::new();
    played.joined(HONEST, 101);
    let ids: Vec<TxId> = drawing.all().iter().map(Verified::id).collect();
    played.tells(HONEST, 0, &ids);
    assert_eq!(asked(&played.wait(REPAIR_MS + SCAN_MS), HONEST), [(0, vec![stretch(0, 101)], vec![])]);
    for transaction in drawing.all().iter().take(100) {
        played.rig.peer_sends(transaction, HONEST);
    }
    assert_eq!(played.rig.attached.len(), VARIANTS_PER_COUNTER);
    // What the hundred-and-first references is asked for again, and taken.
    played.rig.peer_sends(&drawing.get("c"), HONEST);
    let effects = played.wait(REFERENCE_MS + SCAN_MS);
    assert_eq!(asked(&effects, HONEST), [(1, vec![stretch(50, 1)], vec![])]);
    played.rig.peer_sends(&drawing.get("a50"), HONEST);
    played.rig.store_all();
    assert_eq!(played.rig.attached.len(), VARIANTS_PER_COUNTER + 2);
    let acks = sent(&played.wait(ACK_MS), HONEST);
    assert!(acks.iter().any(|message| matches!(message, Message::Ack { position: 101, .. })), "{acks:?}");
    assert_eq!(played.points(HONEST), 0);
}
