//! Peers that lie: what each can cost, how it is found out, and that honest ones are not hurt.

use super::played::{Played, asked, device, dropped, invented, sent};
use crate::support::{Drawing, START, world};
use weft_tangle::gossip::{Fault, Message, Reason, Run, Stretch};
use weft_tangle::limits::*;
use weft_tangle::replica::{Effect, Event, Source};
use weft_tangle::{ParentsFault, Refusal, TxId, Verified};

const LIAR: u32 = 1;
const HONEST: u32 = 2;

fn stretch(first: u64, count: u32) -> Stretch {
    Stretch { first, count }
}

/// Why the liar was dropped.
fn fault(effects: &[Effect]) -> Option<Fault> {
    match dropped(effects)[..] {
        [(Source::Peer(LIAR), Reason::Fault(fault, _))] => Some(fault),
        [] => None,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_million_announced_ids_that_do_not_exist_are_bounded_by_credit() {
    let mut played = Played::new();
    played.joined(LIAR, 1_000_000);
    let mut first = 0;
    let found_out = loop {
        let ids: Vec<TxId> = (first..first + LOG_ENTRIES as u64).map(invented).collect();
        let effects =
            played.says(LIAR, Message::Log { first, behind: 1_000_000, runs: super::played::fresh(&ids) });
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
        played.says(
            LIAR,
            Message::Log { first: 256 * part, behind: 4_095 - 256 * part, runs: super::played::fresh(&ids) },
        );
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
    for refusal in [Refusal::PendingFull, Refusal::Overloaded, Refusal::KindNotYet(weft_tangle::Kind::Grant)]
    {
        played.rig.event(Event::Refused { id: Some(invented(1)), source: Source::Peer(HONEST), refusal });
    }
    assert_eq!(played.points(HONEST), 0);
    assert_eq!(played.rig.attached.len(), 2);
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
fn what_another_version_may_process_is_missed_without_fault() {
    let drawing = Drawing::of("a:[g,g]; b:[a,g]");
    let points = |refusal: Refusal| {
        let mut played = Played::new();
        [LIAR, HONEST].iter().for_each(|peer| played.joined(*peer, 0));
        played.pushes(HONEST, 7, &drawing.get("b"));
        let (id, source) = (Some(drawing.id("a")), Source::Peer(LIAR));
        played.rig.event(Event::Refused { id, source, refusal });
        let most = (0..PENDING_MS / 100 + 100).map(|_| {
            played.wait(100);
            played.points(HONEST)
        });
        most.max().unwrap()
    };
    assert_eq!(points(Refusal::KindNotYet(weft_tangle::Kind::Grant)), 0);
    // No honest node attaches anything above what no version takes.
    let equal = ParentsFault::Equal(world().genesis());
    assert_eq!(points(Refusal::Parents(equal)), Fault::Undelivered.points());
}

#[test]
fn a_node_that_could_not_hear_blames_nobody() {
    let mut played = Played::new();
    played.joined(HONEST, 1_024);
    let ids: Vec<TxId> = (0..1_024).map(invented).collect();
    for (part, ids) in ids.chunks(LOG_ENTRIES).enumerate() {
        played.tells(HONEST, (LOG_ENTRIES * part) as u64, ids);
    }
    assert!(asked(&played.wait(REPAIR_MS + SCAN_MS), HONEST).len() > 1);
    // The disk stands still.
    let mut parent = world().genesis();
    for counter in 0..IN_FLIGHT as u32 {
        let draft = world().reading(counter, START.plus(1 + u64::from(counter)), [parent, world().genesis()]);
        let transaction = world().verified(&draft, 0);
        parent = transaction.id();
        played.rig.door_sends(&transaction);
    }
    played.wait(2 * ANSWER_MS);
    assert_eq!(played.points(HONEST), 0, "what it sent would have had no room");
    played.rig.store_all();
    // The machine stands still.
    played.rig.now = played.rig.now.plus(10 * ANSWER_MS);
    played.rig.event(Event::Tick);
    assert_eq!(played.points(HONEST), 0, "what it sent has not been looked at");
    let most = (0..20).map(|_| {
        played.wait(ANSWER_MS / 10);
        played.points(HONEST)
    });
    let of_one = Some(Fault::Undelivered.points());
    assert_eq!(most.max(), of_one, "now it is silent, which is one fault and not one for each request");
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
fn pushing_what_is_known_after_being_asked_not_to_is_a_fault() {
    let drawing = Drawing::of("a:[g,g]");
    let mut played = Played::new();
    played.joined(LIAR, 0);
    played.rig.door_sends(&drawing.get("a"));
    let duplicate = Event::Duplicate {
        id: drawing.id("a"),
        source: Source::Peer(LIAR),
        tree: Some(weft_tangle::gossip::Tree(7)),
    };
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
    let tree = Some(weft_tangle::gossip::Tree(7));
    let copy = Event::Duplicate { id: drawing.id("a"), source: Source::Peer(HONEST), tree };
    assert_eq!(sent(&played.rig.event(copy), HONEST), [Message::Prune { tree: 7 }]);
    played.says(HONEST, Message::Prune { tree: 7 });
    assert_eq!(played.points(HONEST), 0, "the prunes cross");
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

#[test]
fn there_are_as_many_peers_as_the_limit_says() {
    let mut played = Played::new();
    (0..PEERS as u32).for_each(|peer| played.joined(peer, 0));
    let effects = played.connect(PEERS as u32);
    assert_eq!(dropped(&effects), [(Source::Peer(PEERS as u32), Reason::Full)]);
    played.rig.event(Event::Left { source: Source::Peer(0) });
    assert!(dropped(&played.connect(PEERS as u32 + 1)).is_empty());
}
