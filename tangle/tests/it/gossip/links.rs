//! What one replica says to its peers, and when.

use super::played::{LIFE, Played, asked, device, invented, relayed, sent};
use crate::support::Drawing;
use weft_tangle::DeviceId;
use weft_tangle::TxId;
use weft_tangle::gossip::{Checkpoint, LinkState, Message, Run};
use weft_tangle::limits::*;
use weft_tangle::replica::{Effect, Event, Source};

const TREE: u32 = 0x1111_1111;

fn logs(effects: &[Effect], peer: u32) -> Vec<(u64, Vec<Run>)> {
    let log = |message| match message {
        Message::Log { first, runs, .. } => Some((first, runs)),
        _ => None,
    };
    sent(effects, peer).into_iter().filter_map(log).collect()
}

/// The cursors of peers' logs that are to be written down.
fn cursors(effects: &[Effect]) -> Vec<(DeviceId, Vec<u8>)> {
    let cursor = |effect: &Effect| match effect {
        Effect::Remember { device: of, cursor } if [1, 2].map(device).contains(of) => {
            Some((*of, cursor.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(cursor).collect()
}

/// Two peers, of which this replica names transactions first to the first, and second to the second.
fn led_and_leading() -> [u32; 2] {
    let leads = |peer: u32| {
        let drawing = Drawing::of("a:[g,g]");
        let mut played = Played::new();
        played.joined(peer, 0);
        played.rig.door_sends(&drawing.get("a"));
        played.rig.store_all();
        !logs(&played.wait(LOG_BATCH_MS), peer).is_empty()
    };
    let led = (1..20).find(|peer| leads(*peer)).expect("some are led");
    let leading = (1..20).find(|peer| !leads(*peer)).expect("some lead");
    [led, leading]
}

#[test]
fn what_comes_in_at_the_door_is_pushed_before_it_is_durable_and_told_after() {
    let drawing = Drawing::of("a:[g,g]");
    let [led, _] = led_and_leading();
    let mut played = Played::new();
    played.joined(led, 0);
    let transaction = drawing.get("a");
    let event = Event::Received { transaction, source: Source::Door, token: None };
    let effects = played.rig.event(event);
    assert_eq!(relayed(&effects), [(vec![Source::Peer(led)], TREE, drawing.id("a"))]);
    assert!(logs(&played.wait(1_000), led).is_empty(), "it may be lost yet");
    played.rig.store_all();
    assert_eq!(logs(&played.wait(LOG_BATCH_MS), led), [(0, super::played::fresh(&[drawing.id("a")]))]);
}

#[test]
fn the_second_to_speak_waits_to_say_yours_and_not_for_ever() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let [_, leading] = led_and_leading();
    let mut played = Played::new();
    played.joined(leading, 0);
    played.rig.door_sends(&drawing.get("a"));
    played.rig.store_all();
    assert!(logs(&played.wait(LOG_BATCH_MS), leading).is_empty(), "the other is to name it");
    let effects = played.tells(leading, 0, &[drawing.id("a")]);
    assert_eq!(logs(&effects, leading), [(0, vec![Run::Yours { skip: 0, count: 1 }])]);
    played.rig.door_sends(&drawing.get("b"));
    played.rig.store_all();
    let effects = played.wait(LOG_HOLD_MS);
    assert_eq!(logs(&effects, leading), [(1, super::played::fresh(&[drawing.id("b")]))]);
}

#[test]
fn entries_named_by_their_place_are_those_of_the_own_log() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let mut played = Played::new();
    played.joined(1, 2);
    ["a", "b"].iter().for_each(|name| {
        played.rig.door_sends(&drawing.get(name));
    });
    played.rig.store_all();
    let effects =
        played.says(1, Message::Log { first: 0, behind: 0, runs: vec![Run::Yours { skip: 0, count: 2 }] });
    assert!(effects.is_empty());
    assert_eq!(played.rig.replica.occupancy().wanted, 0);
    assert!(
        sent(&played.wait(ACK_MS), 1).contains(&Message::Ack { position: 2, credit: TAIL_CREDIT as u32 })
    );
}

#[test]
fn a_tail_begins_behind_the_highest_checkpoint_below_which_all_match() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]; d:[c,g]");
    let ids = ["a", "b", "c", "d"].map(|name| drawing.id(name));
    // A life is numbered by its first event's time.
    let life = Played::new().rig.now.as_millis();
    let mark = |position: usize, id: TxId| Checkpoint { position: position as u64, id, life };
    let right = |position: usize| mark(position, ids[position]);
    let wrong = |position: usize| mark(position, invented(position as u64));
    for (checkpoints, expected) in [
        (vec![], 0),
        (vec![right(3), right(1)], 4),
        (vec![wrong(3), right(1)], 2),
        (vec![right(3), wrong(1), right(0)], 1),
        (vec![mark(900, ids[2]), right(2)], 3),
        (vec![wrong(0)], 0),
        (vec![Checkpoint { life: life - 1, ..right(3) }, right(1)], 2),
    ] {
        let mut played = Played::new();
        ["a", "b", "c", "d"].iter().for_each(|name| {
            played.rig.door_sends(&drawing.get(name));
        });
        played.rig.store_all();
        played.connect(1);
        let effects = played.says(1, Message::Tail { checkpoints, credit: 99 });
        assert_eq!(sent(&effects, 1)[0], Message::From { position: expected, length: 4, life });
    }
}

#[test]
fn a_tail_begins_behind_the_newest_checkpoint_though_the_first_ones_life_is_forgotten() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]; d:[c,g]");
    let ids = ["a", "b", "c", "d"].map(|name| drawing.id(name));
    let mut played = Played::new();
    let first_life = played.rig.now.as_millis();
    let lives_of = |effects: Vec<Effect>| {
        let own = DeviceId::from_bytes([0x11; 32]);
        effects.into_iter().find_map(|effect| match effect {
            Effect::Remember { device, cursor } if device == own => Some(cursor),
            _ => None,
        })
    };
    let mut lives = lives_of(played.rig.event(Event::Tick)).expect("a life is written down");
    // The later lives add nothing to it.
    ["a", "b", "c", "d"].iter().for_each(|name| {
        played.rig.door_sends(&drawing.get(name));
    });
    played.rig.store_all();
    let start = |played: &mut Played, lives: &[u8]| {
        played.rig.replica.set_device(DeviceId::from_bytes([0x11; 32]), lives);
        played.rig.now = played.rig.now.plus(1);
        lives_of(played.rig.event(Event::Tick)).expect("a life is written down")
    };
    for _ in 0..LIVES {
        lives = start(&mut played, &lives);
    }
    let life = played.rig.now.as_millis();
    played.connect(1);
    let mark = |position: usize, life| Checkpoint { position: position as u64, id: ids[position], life };
    let checkpoints = vec![mark(3, first_life), mark(2, life), mark(0, first_life)];
    let effects = played.says(1, Message::Tail { checkpoints, credit: 99 });
    assert!(matches!(sent(&effects, 1)[0], Message::From { position: 3, .. }), "{effects:?}");
}

#[test]
fn credit_bounds_what_is_told() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]");
    let mut played = Played::new();
    ["a", "b", "c"].iter().for_each(|name| {
        played.rig.door_sends(&drawing.get(name));
    });
    played.rig.store_all();
    played.wait(LOG_HOLD_MS);
    played.connect(1);
    let effects = played.says(1, Message::Tail { checkpoints: vec![], credit: 2 });
    assert_eq!(logs(&effects, 1), [(0, super::played::fresh(&[drawing.id("a"), drawing.id("b")]))]);
    assert!(logs(&played.wait(1_000), 1).is_empty());
    let effects = played.says(1, Message::Ack { position: 1, credit: 2 });
    assert_eq!(logs(&effects, 1), [(2, super::played::fresh(&[drawing.id("c")]))]);
}

#[test]
fn a_link_that_is_congested_or_far_behind_gets_the_log_alone() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]; d:[c,g]");
    let [led, _] = led_and_leading();
    let mut played = Played::new();
    let send = |played: &mut Played, name: &str| {
        let event = Event::Received { transaction: drawing.get(name), source: Source::Door, token: None };
        relayed(&played.rig.event(event)).len()
    };
    played.connect(led);
    assert_eq!(send(&mut played, "a"), 0, "it has not asked for the log");
    played.says(led, Message::Tail { checkpoints: vec![], credit: 9 });
    assert_eq!(send(&mut played, "b"), 1);
    played.rig.event(Event::Congested { source: Source::Peer(led) });
    assert_eq!(send(&mut played, "c"), 0);
    assert_eq!(played.view(led).unwrap().state, LinkState::CatchingUp);
    played.rig.store_all();
    assert!(sent(&played.wait(1_000), led).is_empty(), "it would only wait");
    let effects = played.rig.event(Event::Drained { source: Source::Peer(led) });
    assert_eq!(logs(&effects, led).len(), 1);
    assert_eq!(send(&mut played, "d"), 1);
}

#[test]
fn a_pushed_transaction_goes_on_along_grafted_links_only_and_never_back() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]; d:[c,g]");
    let mut played = Played::new();
    (1..=3).for_each(|peer| played.joined(peer, 0));
    assert!(relayed(&played.pushes(1, 7, &drawing.get("a"))).is_empty(), "nobody has asked for that tree");
    let graft = |request| Message::Want { request, graft: true, ranges: vec![], ids: vec![drawing.id("a")] };
    played.says(2, graft(0));
    played.says(1, graft(0));
    assert_eq!(
        relayed(&played.pushes(1, 7, &drawing.get("b"))),
        [(vec![Source::Peer(2)], 7, drawing.id("b"))]
    );
    assert!(relayed(&played.pushes(1, 8, &drawing.get("c"))).is_empty(), "another tree");
    played.says(2, Message::Prune { tree: 7 });
    assert!(relayed(&played.pushes(1, 7, &drawing.get("d"))).is_empty());
    played.rig.event(Event::Served { source: Source::Peer(2), request: 0 });
    played.says(2, graft(1));
    assert_eq!(played.view(2).unwrap().trees, 1, "not again at once");
}

#[test]
fn what_is_pushed_on_the_own_tree_is_not_passed_on() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let mut played = Played::new();
    (1..=2).for_each(|peer| played.joined(peer, 0));
    let effects = played.pushes(1, TREE, &drawing.get("a"));
    assert!(relayed(&effects).is_empty(), "it did not come in at the own door");
    let transaction = drawing.get("b");
    let effects = played.rig.event(Event::Received { transaction, source: Source::Door, token: None });
    let both = vec![Source::Peer(1), Source::Peer(2)];
    assert_eq!(relayed(&effects), [(both, TREE, drawing.id("b"))]);
}

#[test]
fn what_waited_for_its_parent_goes_on_when_it_is_attached() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]; c:[b,g]");
    let mut played = Played::new();
    (1..=2).for_each(|peer| played.joined(peer, 0));
    played.pushes(1, 7, &drawing.get("a"));
    played.says(2, Message::Want { request: 0, graft: true, ranges: vec![], ids: vec![drawing.id("a")] });
    assert!(relayed(&played.pushes(1, 7, &drawing.get("c"))).is_empty());
    let effects = played.pushes(1, 7, &drawing.get("b"));
    let ids: Vec<TxId> = relayed(&effects).into_iter().map(|(_, _, id)| id).collect();
    assert_eq!(ids, [drawing.id("b"), drawing.id("c")]);
}

#[test]
fn what_an_announcement_brought_is_grafted_and_what_a_push_brought_is_not_asked_for() {
    let drawing = Drawing::of("a:[g,g]; b:[g,g]");
    let mut played = Played::new();
    played.joined(1, 2);
    played.tells(1, 0, &[drawing.id("a"), drawing.id("b")]);
    played.wait(REPAIR_MS / 2);
    played.pushes(1, 7, &drawing.get("a"));
    let effects = played.wait(REPAIR_MS);
    let [Message::Want { graft: true, .. }] = sent(&effects, 1)[..] else { panic!("{effects:?}") };
    assert_eq!(asked(&effects, 1)[0].1[0].first, 1, "b alone");
}

#[test]
fn a_far_log_is_fetched_at_once_and_without_grafting() {
    let mut played = Played::new();
    played.joined(1, 100_000);
    let ids: Vec<TxId> = (0..10).map(invented).collect();
    let runs = super::played::fresh(&ids);
    let effects = played.says(1, Message::Log { first: 0, behind: 99_990, runs });
    assert!(matches!(sent(&effects, 1)[..], [Message::Want { graft: false, .. }]), "{effects:?}");
}

#[test]
fn a_cursor_is_written_down_and_offered_again() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let mut played = Played::new();
    played.joined(1, 2);
    played.tells(1, 0, &[drawing.id("a"), drawing.id("b")]);
    played.pushes(1, 7, &drawing.get("a"));
    assert!(cursors(&played.wait(REMEMBER_MS)).is_empty(), "it is not durable");
    let effects = played.rig.store_all();
    let cursors = cursors(&effects);
    let [(of, cursor)] = &cursors[..] else { panic!("{effects:?}") };
    assert_eq!(*of, device(1));
    let again = Event::Connected { source: Source::Peer(2), device: device(1), cursor: cursor.clone() };
    let effects = played.rig.event(again);
    let checkpoints = vec![Checkpoint { position: 0, id: drawing.id("a"), life: LIFE }];
    assert_eq!(sent(&effects, 2), [Message::Tail { checkpoints, credit: TAIL_CREDIT as u32 }]);
}

#[test]
fn when_one_cursor_is_due_all_are_written_down() {
    let drawing = Drawing::of("a:[g,g]");
    let mut played = Played::new();
    played.joined(1, 1);
    played.wait(REMEMBER_MS / 2);
    played.joined(2, 1);
    for peer in [1, 2] {
        played.tells(peer, 0, &[drawing.id("a")]);
    }
    played.pushes(1, 7, &drawing.get("a"));
    played.rig.store_all();
    let cursors = cursors(&played.wait(REMEMBER_MS / 2 + 1));
    assert_eq!(cursors.iter().map(|(of, _)| *of).collect::<Vec<_>>(), [device(1), device(2)]);
}

#[test]
fn timers_go_on_when_the_clock_is_set_back() {
    let mut played = Played::new();
    played.joined(1, 1);
    played.tells(1, 0, &[invented(1)]);
    played.rig.now = played.rig.now.minus(3_600_000);
    played.wait(10);
    assert_eq!(asked(&played.wait(REPAIR_MS + SCAN_MS), 1).len(), 1);
}

#[test]
fn a_far_log_is_told_in_parts() {
    let mut played = Played::new();
    let mut parent = crate::support::world().genesis();
    for counter in 0..(TELL_MESSAGES * LOG_ENTRIES) as u32 + 1 {
        let at = crate::support::START.plus(1 + u64::from(counter));
        let draft = crate::support::world().reading(counter, at, [parent, crate::support::world().genesis()]);
        let transaction = crate::support::world().verified(&draft, 0);
        parent = transaction.id();
        let event = Event::Received { transaction, source: Source::Door, token: None };
        played.rig.event(event);
    }
    played.rig.store_all();
    played.wait(LOG_HOLD_MS);
    played.connect(1);
    let effects = played.says(1, Message::Tail { checkpoints: vec![], credit: 4_096 });
    assert_eq!(logs(&effects, 1).len(), TELL_MESSAGES);
    assert!(played.rig.replica.wake().is_some_and(|due| due <= played.rig.now), "and goes on at once");
    assert_eq!(logs(&played.wait(10), 1).len(), 1);
}

#[test]
fn nothing_is_due_when_nothing_is_under_way() {
    let mut played = Played::new();
    assert_eq!(played.rig.replica.wake(), None);
    played.joined(1, 0);
    assert_eq!(played.rig.replica.wake(), None, "an idle link costs nothing");
    let drawing = Drawing::of("a:[g,g]");
    played.tells(1, 0, &[drawing.id("a")]);
    assert_eq!(played.rig.replica.wake(), Some(played.rig.now.plus(REPAIR_MS)));
}
