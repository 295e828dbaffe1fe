//! What waits for a parent, an issuer or a body: for how long, who is asked for it, and who is to blame.

use super::super::played::{Played, asked, device, invented, relayed, sent};
use super::{HONEST, LIAR, fault};
use crate::support::{Drawing, MEMBER, START, key, world};
use weft_tangle::gossip::{Fault, Message};
use weft_tangle::limits::*;
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{DeviceId, Kind, Refusal, Verified};

#[test]
fn what_waits_or_comes_early_or_is_one_variant_too_many_is_no_fault() {
    let drawing = Drawing::of("a#4:[g,g]; b#4:[g,g]; c#4:[g,g]; d:[g,g]; e:[d,g]");
    let mut played = Played::new();
    played.joined(HONEST, 0);
    for name in ["a", "b", "c", "e"] {
        played.pushes(HONEST, 7, &drawing.get(name));
    }
    let early = played.rig.now.plus(AHEAD_MS + 1_000);
    let early = world().verified(&world().reading(9, early, [world().genesis(); 2]), 1);
    played.pushes(HONEST, 7, &early);
    for refusal in [Refusal::PendingFull, Refusal::Overloaded, Refusal::KindNotYet(Kind::Grant)] {
        played.rig.event(Event::Refused { id: Some(invented(1)), source: Source::Peer(HONEST), refusal });
    }
    assert_eq!(played.points(HONEST), 0);
    assert_eq!(played.rig.attached.len(), 2);
}

#[test]
fn history_whose_parents_never_come_is_asked_for_held_for_its_time_and_given_up() {
    let mut played = Played::new();
    played.joined(LIAR, 0);
    let mut parent = invented(1);
    let children: Vec<Verified> = (0..PENDING_PER_SOURCE as u32 + 50)
        .map(|counter| {
            let at = START.plus(30_000 + u64::from(counter));
            let child = world().verified(&world().reading(counter, at, [parent, world().genesis()]), 0);
            parent = invented(2 + u64::from(counter));
            child
        })
        .collect();
    for child in &children {
        played.pushes(LIAR, 7, child);
    }
    let held = played.rig.replica.occupancy();
    assert_eq!(held.pending, PENDING_PER_SOURCE);
    assert!(held.wanted <= 2 * PENDING_PER_SOURCE);
    // Its share is full of what waits; what that waits for is asked for all the same.
    let asked = asked(&played.wait(REFERENCE_MS + SCAN_MS), LIAR);
    assert_eq!(asked.iter().map(|(_, _, ids)| ids.len()).sum::<usize>(), ASKED_PER_PEER);
    assert_eq!(played.points(LIAR), 0, "they may not be on its disk yet");
    let begin = played.rig.now;
    let found_out = loop {
        let held = played.rig.replica.occupancy().pending;
        if let Some(fault) = fault(&played.wait(100)) {
            break fault;
        }
        assert_eq!((held, played.points(LIAR)), (PENDING_PER_SOURCE, 0));
    };
    let waited = played.rig.now.since(begin);
    assert!((PENDING_MS * 3 / 4..=PENDING_MS + 200).contains(&waited), "{waited} ms");
    assert_eq!(found_out, Fault::Undelivered);
    played.wait(1_000);
    let held = played.rig.replica.occupancy();
    assert_eq!((held.pending, held.wanted), (0, 0));
}

#[test]
fn a_few_orphans_are_one_fault() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]; d:[b,g]");
    let mut played = Played::new();
    played.joined(HONEST, 0);
    ["c", "d"].iter().for_each(|name| drop(played.pushes(HONEST, 7, &drawing.get(name))));
    let most = (0..PENDING_MS / 100 + 100).map(|_| {
        played.wait(100);
        played.points(HONEST)
    });
    assert_eq!(most.max(), Some(Fault::Undelivered.points()));
}

#[test]
fn whose_bodies_were_erased_is_no_liar() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let [erased, child] = ["a", "b"].map(|name| drawing.id(name));
    let mut played = Played::new();
    played.joined(HONEST, 2);
    played.tells(HONEST, 0, &[erased, child]);
    let (mut asked_for, mut effects) = ([0, 0], Vec::new());
    // Ten minutes: at ten points for each time that it is asked it would be sent away in a few.
    for _ in 0..1_200 {
        for (request, ranges, ids) in asked(&std::mem::take(&mut effects), HONEST) {
            let names = |place, id| {
                ranges.iter().any(|range| range.positions().contains(&place)) || ids.contains(&id)
            };
            let [names_erased, names_child] = [names(0, erased), names(1, child)];
            if names_child {
                effects.extend(played.rig.peer_sends(&drawing.get("b"), HONEST));
            }
            asked_for[0] += usize::from(names_erased);
            asked_for[1] += usize::from(names_child);
            let withheld = names_erased.then_some(erased).into_iter().collect();
            effects.extend(played.says(HONEST, Message::Done { request, lacking: vec![], withheld }));
        }
        effects.extend(played.wait(500));
        assert_eq!(played.points(HONEST), 0, "asked for {asked_for:?}");
    }
    assert!(asked_for.iter().all(|times| (2..=20).contains(times)), "asked for {asked_for:?}");
    // Whoever has it whole is asked at once.
    played.joined(LIAR, 1);
    played.tells(LIAR, 0, &[erased]);
    let mut asked_of = [0, 0];
    for _ in 0..20 {
        let effects = played.wait(SCAN_MS);
        for (peer, times) in [LIAR, HONEST].into_iter().zip(&mut asked_of) {
            for (request, ..) in asked(&effects, peer) {
                *times += 1;
                let withheld = vec![erased];
                played.says(peer, Message::Done { request, lacking: vec![], withheld });
            }
        }
    }
    assert_eq!(asked_of, [1, 1]);
    // A member of the committee that has erased it is believed, for one is more than may lie here.
    let member = DeviceId::of(key(MEMBER).public_key());
    played.joined_as(3, member, 1);
    played.tells(3, 0, &[erased]);
    let is_asked = (0..50).any(|_| {
        let effects = played.wait(SCAN_MS);
        for peer in [LIAR, HONEST] {
            for (request, ..) in asked(&effects, peer) {
                let withheld = vec![erased];
                played.says(peer, Message::Done { request, lacking: vec![], withheld });
            }
        }
        !asked(&effects, 3).is_empty()
    });
    assert!(is_asked, "it may have it whole");
    assert_eq!(played.rig.attached.len(), 0);
    let effects = played.sends_remains(3, &drawing.get("a"));
    assert!(relayed(&effects).is_empty() && !played.rig.attached[0].transaction().is_whole());
    let attached = (0..2_000).any(|_| {
        for (request, ..) in asked(&played.wait(100), HONEST) {
            played.rig.peer_sends(&drawing.get("b"), HONEST);
            played.says(HONEST, Message::Done { request, lacking: vec![], withheld: vec![] });
        }
        played.rig.attached.len() == 2
    });
    assert!(attached, "what descends from it is attached");
    let mut effects = played.rig.store_all();
    effects.extend(played.wait(ACK_MS));
    let acks = sent(&effects, HONEST);
    assert!(acks.iter().any(|message| matches!(message, Message::Ack { position: 2, .. })), "{acks:?}");
    assert_eq!(played.rig.replica.occupancy().withheld, 0);
}

#[test]
fn nobody_but_the_committee_strips_a_body_that_somebody_has() {
    let drawing = Drawing::of("a:[g,g]");
    let (erased, whole) = (drawing.id("a"), drawing.get("a"));
    let member = DeviceId::of(key(MEMBER).public_key());
    for (liar, names) in [(device(LIAR), true), (member, true), (member, false)] {
        let mut played = Played::new();
        played.joined_as(LIAR, liar, 1);
        played.joined(HONEST, u64::from(names));
        played.tells(LIAR, 0, &[erased]);
        // Who is no member is not believed; who is one, not while somebody names it that was not asked.
        if names {
            played.tells(HONEST, 0, &[erased]);
        }
        let effects = played.wait(REPAIR_MS + SCAN_MS);
        let [(request, ..)] = asked(&effects, LIAR)[..] else { panic!("{effects:?}") };
        played.sends_remains(LIAR, &whole);
        assert_eq!(played.rig.attached.len(), usize::from(!names));
        let mut effects =
            played.says(LIAR, Message::Done { request, lacking: vec![], withheld: vec![erased] });
        effects.extend(played.wait(2 * SCAN_MS));
        assert_eq!(asked(&effects, HONEST).len(), usize::from(names));
        played.rig.peer_sends(&whole, HONEST);
        let attached: Vec<bool> =
            played.rig.attached.iter().map(|attached| attached.transaction().is_whole()).collect();
        assert_eq!(attached, [names]);
        assert_eq!(played.points(LIAR), 0, "it was asked for");
    }
}

#[test]
fn what_is_left_is_pushed_to_nobody_though_its_tree_is_known() {
    let drawing = Drawing::of("p:[g,g]; a:[p,g]");
    let [parent, erased] = ["p", "a"].map(|name| drawing.id(name));
    let mut played = Played::new();
    played.joined_as(3, DeviceId::of(key(MEMBER).public_key()), 2);
    [HONEST, LIAR].into_iter().for_each(|peer| played.joined(peer, 0));
    // It was pushed whole once, and who pushed it left before its parent came.
    played.pushes(LIAR, 7, &drawing.get("a"));
    let (ranges, ids) = (vec![], vec![erased]);
    played.says(HONEST, Message::Want { request: 0, graft: true, ranges, ids });
    assert_eq!(played.view(HONEST).unwrap().counts.grafts, 1, "it is pushed that tree from now on");
    played.rig.event(Event::Left { source: Source::Peer(LIAR) });
    played.tells(3, 0, &[parent, erased]);
    assert_eq!(asked(&played.wait(REPAIR_MS + SCAN_MS), 3).len(), 1);
    played.rig.peer_sends(&drawing.get("p"), 3);
    let effects = played.sends_remains(3, &drawing.get("a"));
    assert_eq!((played.rig.attached.len(), relayed(&effects)), (2, vec![]));
}

#[test]
fn what_is_left_of_a_transaction_and_nobody_asked_for_is_a_fault_and_counts_for_nothing() {
    let drawing = Drawing::of("a:[g,g]");
    let mut played = Played::new();
    let member = DeviceId::of(key(MEMBER).public_key());
    played.joined_as(LIAR, member, 1);
    played.sends_remains(LIAR, &drawing.get("a"));
    assert_eq!(played.points(LIAR), Fault::Unasked.points());
    played.tells(LIAR, 0, &[drawing.id("a")]);
    played.sends_remains(LIAR, &drawing.get("a"));
    assert_eq!(played.points(LIAR), 2 * Fault::Unasked.points(), "it is named, and not asked for yet");
    assert_eq!(played.rig.attached.len(), 0);
    // Where its issuer is not known it is no fault, and nothing comes of it.
    assert_eq!(asked(&played.wait(REPAIR_MS + SCAN_MS), LIAR).len(), 1);
    let source = Source::Peer(LIAR);
    played.rig.event(Event::Remains { id: drawing.id("a"), source, transaction: None });
    assert_eq!((played.points(LIAR), played.rig.attached.len()), (2 * Fault::Unasked.points(), 0));
}

#[test]
fn a_missing_parent_is_asked_of_who_sent_the_child_and_then_of_anybody() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let mut played = Played::new();
    played.joined(LIAR, 0);
    played.joined(HONEST, 0);
    played.pushes(LIAR, 7, &drawing.get("b"));
    let effects = played.wait(REFERENCE_MS + SCAN_MS);
    assert_eq!(asked(&effects, LIAR), [(0, vec![], vec![drawing.id("a")])]);
    let mut effects =
        played.says(LIAR, Message::Done { request: 0, lacking: vec![drawing.id("a")], withheld: vec![] });
    assert_eq!(played.points(LIAR), 0, "it may not be on its disk yet");
    effects.extend(played.wait(SCAN_MS));
    assert_eq!(asked(&effects, HONEST), [(0, vec![], vec![drawing.id("a")])], "anybody may have it");
    played.says(HONEST, Message::Done { request: 0, lacking: vec![drawing.id("a")], withheld: vec![] });
    assert_eq!(played.points(HONEST), 0, "it never said so");
}

#[test]
fn what_waits_for_its_issuers_enrolment_comes_in_twice_and_is_no_fault() {
    let mut played = Played::new();
    played.joined(HONEST, 0);
    let draft = world().reading(1, START.plus(60), [world().genesis(); 2]);
    let source = Source::Peer(HONEST);
    played.rig.event(Event::Unpermitted { transaction: world().screened(&draft, 3), source });
    let enrols = world().enrols(&world().enrolment(3), 3, 0, START.plus(50));
    played.pushes(HONEST, 7, &enrols);
    let effects = played.rig.store_all();
    let [Effect::Verify(screened, Source::Peer(HONEST))] = &effects[..] else { panic!("{effects:?}") };
    let transaction = Verified::check(&world().network, screened.clone(), world().issuer(3)).unwrap();
    played.rig.event(Event::Received { transaction, source, token: None });
    assert_eq!((played.rig.attached.len(), played.points(HONEST)), (2, 0));
}

#[test]
fn what_a_dropped_peer_sent_waits_no_longer() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let mut played = Played::new();
    played.joined(LIAR, 0);
    played.pushes(LIAR, 7, &drawing.get("b"));
    assert_eq!(played.rig.replica.occupancy().pending, 1);
    played.rig.event(Event::Garbled { source: Source::Peer(LIAR) });
    assert_eq!(played.rig.replica.occupancy().pending, 0);
}
