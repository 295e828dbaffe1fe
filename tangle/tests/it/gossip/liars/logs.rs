//! What peers say of their logs: ids that do not exist, contradictions, more than was granted, messages that change nothing.

use super::super::played::{Played, asked, dropped, fresh, invented, sent};
use super::{HONEST, LIAR, fault, stretch};
use crate::support::{Drawing, START, world};
use weft_tangle::TxId;
use weft_tangle::gossip::{Fault, Message, Reason, Run, Tree};
use weft_tangle::limits::*;
use weft_tangle::replica::{Effect, Event, Source};

#[test]
fn a_million_announced_ids_that_do_not_exist_are_bounded_by_credit() {
    let mut played = Played::new();
    played.joined(LIAR, 1_000_000);
    let mut first = 0;
    let found_out = loop {
        let ids: Vec<TxId> = (first..first + LOG_ENTRIES as u64).map(invented).collect();
        let effects = played.says(LIAR, Message::Log { first, behind: 1_000_000, runs: fresh(&ids) });
        assert!(played.rig.replica.occupancy().wanted <= TAIL_CREDIT);
        assert!(played.view(LIAR).is_none_or(|view| view.asked <= ASKED_PER_PEER));
        if let Some(fault) = fault(&effects) {
            break fault;
        }
        if played.points(LIAR) == 0 {
            first += LOG_ENTRIES as u64;
        }
        assert!(first < 1_000_000);
    };
    assert_eq!((first, found_out), (TAIL_CREDIT as u64, Fault::Budget));
    assert_eq!(played.rig.replica.occupancy().wanted, 0, "nothing of it stays");
}

#[test]
fn who_names_what_does_not_exist_and_keeps_within_credit_is_found_out_in_seconds() {
    let mut played = Played::new();
    played.joined(LIAR, 4_096);
    for part in 0..TAIL_CREDIT as u64 / 256 {
        let ids: Vec<TxId> = (256 * part..256 * (part + 1)).map(invented).collect();
        played.says(LIAR, Message::Log { first: 256 * part, behind: 4_095 - 256 * part, runs: fresh(&ids) });
    }
    // It says that it is done with each request, so that it gets the next.
    let mut seconds = 0;
    let found_out = loop {
        seconds += 1;
        let effects = played.wait(1_000);
        if let Some(fault) = fault(&effects) {
            break fault;
        }
        for (request, ..) in asked(&effects, LIAR) {
            played.says(LIAR, Message::Done { request, lacking: vec![], withheld: vec![] });
        }
    };
    assert_eq!(found_out, Fault::Undelivered);
    assert!(seconds <= 8, "{seconds} s");
    assert_eq!(played.rig.replica.occupancy().wanted, 0);
}

#[test]
fn a_log_that_contradicts_itself_ends_the_connection() {
    type Says = dyn Fn(&mut Played) -> Vec<Effect>;
    let logs: [&Says; 6] = [
        &|played| played.tells(LIAR, 1, &[invented(1)]),
        &|played| played.tells(LIAR, 0, &[invented(1), invented(1)]),
        &|played| played.says(LIAR, Message::From { position: 0, length: 9, life: 1 }),
        &|played| played.says(LIAR, Message::Ack { position: 1, credit: 1 }),
        &|played| {
            let runs = vec![Run::Yours { skip: 7, count: 1 }];
            played.says(LIAR, Message::Log { first: 0, behind: 0, runs })
        },
        &|played| played.rig.event(Event::Garbled { source: Source::Peer(LIAR) }),
    ];
    for (number, log) in logs.iter().enumerate() {
        let mut played = Played::new();
        played.joined(LIAR, 9);
        let expected = if number == 5 { Fault::Message } else { Fault::Log };
        assert_eq!(fault(&log(&mut played)), Some(expected), "{number}");
        assert!(played.view(LIAR).is_none());
        assert!(played.says(LIAR, Message::Prune { tree: 1 }).is_empty(), "nobody listens to it any more");
    }
}

#[test]
fn requests_are_bounded_and_only_for_what_was_told() {
    let mut played = Played::new();
    played.joined(LIAR, 0);
    let want = |request| Message::Want { request, graft: false, ranges: vec![], ids: vec![invented(1)] };
    for request in 0..REQUESTS_PER_PEER as u32 {
        let effects = played.says(LIAR, want(request));
        assert!(matches!(effects[..], [Effect::Serve { request: served, .. }] if served == request));
    }
    assert!(played.says(LIAR, want(99)).is_empty());
    assert_eq!(played.points(LIAR), Fault::Budget.points());
    played.rig.event(Event::Served { source: Source::Peer(LIAR), request: 0 });
    assert_eq!(played.says(LIAR, want(100)).len(), 1);
    let range = Message::Want { request: 5, graft: false, ranges: vec![stretch(0, 1)], ids: vec![] };
    played.rig.event(Event::Served { source: Source::Peer(LIAR), request: 5 });
    assert!(played.says(LIAR, range).is_empty());
    assert!(played.says(LIAR, Message::Tail { checkpoints: vec![], credit: 1 }).is_empty(), "a second tail");
    assert_eq!(played.points(LIAR), 3 * Fault::Budget.points());
}

#[test]
fn a_log_that_goes_round_in_a_circle_is_a_fault() {
    let mut played = Played::new();
    let mut parent = world().genesis();
    let count = (NAMES + LOG_ENTRIES) as u32;
    for counter in 0..count {
        let draft = world().reading(counter, START.plus(1 + u64::from(counter)), [parent, world().genesis()]);
        let transaction = world().verified(&draft, 0);
        parent = transaction.id();
        played.rig.door_sends(&transaction);
    }
    played.rig.store_all();
    played.joined(LIAR, 1_000_000);
    let mut first = 0;
    let found_out = loop {
        let skip = (first % u64::from(count)) as i64;
        let runs = vec![Run::Yours { skip, count: LOG_ENTRIES as u32 }];
        if let Some(fault) = fault(&played.says(LIAR, Message::Log { first, behind: 9, runs })) {
            break fault;
        }
        first += LOG_ENTRIES as u64;
        assert!(first < 100_000, "it goes on for ever");
    };
    assert_eq!((first, found_out), (u64::from(count), Fault::Log));
}

#[test]
fn an_endless_stream_of_messages_that_change_nothing_is_a_fault() {
    let acks = || Message::Ack { position: 0, credit: TAIL_CREDIT as u32 };
    for message in [acks(), Message::Prune { tree: 0x9999_9999 }] {
        let mut played = Played::new();
        played.joined(LIAR, 0);
        let dropped = (1..200).find(|_| fault(&played.says(LIAR, message.clone())) == Some(Fault::Unasked));
        assert_eq!(dropped, Some(100), "{message:?}");
    }
    let mut played = Played::new();
    played.joined(HONEST, 0);
    played.says(HONEST, Message::Ack { position: 0, credit: 7 });
    // The tree of this node's own door is pushed to everybody.
    played.says(HONEST, Message::Prune { tree: 0x1111_1111 });
    assert_eq!(played.points(HONEST), 0, "it says something");
    // Both find that they push each other the same, at once.
    let drawing = Drawing::of("a:[g,g]");
    played.rig.door_sends(&drawing.get("a"));
    let tree = Some(Tree(7));
    let copy = Event::Duplicate { id: drawing.id("a"), source: Source::Peer(HONEST), tree };
    assert_eq!(sent(&played.rig.event(copy), HONEST), [Message::Prune { tree: 7 }]);
    played.says(HONEST, Message::Prune { tree: 7 });
    assert_eq!(played.points(HONEST), 0, "the prunes cross");
}

#[test]
fn there_are_as_many_peers_as_the_limit_says() {
    let mut played = Played::new();
    (0..PEERS as u32).for_each(|peer| played.joined(peer, 0));
    let effects = played.connect(PEERS as u32);
    assert_eq!(dropped(&effects), [(Source::Peer(PEERS as u32), Reason::Full)]);
    // Who comes on a new connection before the old one is known to be gone is no further peer.
    let again = Source::Peer(2 * PEERS as u32);
    let event =
        Event::Connected { source: again, device: super::super::played::device(0), cursor: Vec::new() };
    assert!(dropped(&played.rig.event(event)).iter().all(|(source, _)| *source != again));
    for source in [Source::Peer(0), again] {
        played.rig.event(Event::Left { source });
    }
    assert!(dropped(&played.connect(PEERS as u32 + 1)).is_empty());
}
