//! Counters used twice: what is taken, what is refused, and that memory forgets nothing that matters.

use crate::support::{Drawing, EPOCH_MS, Rig, START, world};
use proptest::prelude::*;
use std::collections::BTreeMap;
use weft_tangle::replica::{Event, Source, Taken};
use weft_tangle::{Refusal, TxId};

fn twin_of(rig: &Rig, id: TxId) -> Option<TxId> {
    rig.attached.iter().find(|attached| attached.id() == id).unwrap().twin()
}

#[test]
fn two_readings_of_one_counter_are_both_taken_and_a_third_is_not() {
    for store in [false, true] {
        let drawing = Drawing::of("a#4:[g,g]; b#4:[g,g]; c#4:[g,g]");
        let mut rig = Rig::new();
        for name in ["a", "b"] {
            rig.door_sends(&drawing.get(name));
            if store {
                rig.store_all();
            }
        }
        assert_eq!(
            (twin_of(&rig, drawing.id("a")), twin_of(&rig, drawing.id("b"))),
            (None, Some(drawing.id("a")))
        );
        let refused = Err(Refusal::Equivocation { counter: 4, first: drawing.id("a") });
        assert_eq!(rig.answer_of_door(&drawing.get("c")), refused);
        assert!(rig.peer_sends(&drawing.get("c"), 1).is_empty());
        assert_eq!(rig.ticket(0, 1).counter, 5);
    }
}

#[test]
fn a_stored_transaction_that_is_still_in_flight_counts_once() {
    let drawing = Drawing::of("a#4:[g,g]; b#4:[g,g]");
    let mut rig = Rig::new();
    rig.door_sends(&drawing.get("a"));
    // On disk, and the replica has not been told yet.
    rig.history.store(rig.attached[0].clone());
    rig.door_sends(&drawing.get("b"));
    assert_eq!(rig.attached.len(), 2);
}

#[test]
fn a_third_is_taken_where_something_that_waits_references_it() {
    let drawing = Drawing::of("a#4:[g,g]; b#4:[g,g]; c#4:[g,g]; d/1:[c,a]");
    let mut rig = Rig::new();
    rig.peer_sends_all(&drawing, &["a", "b", "c"], 1);
    assert_eq!(rig.attached.len(), 2);
    rig.peer_sends(&drawing.get("d"), 1);
    rig.peer_sends(&drawing.get("c"), 1);
    assert_eq!(rig.ids().len(), 4);
}

#[test]
fn a_second_of_a_control_kind_is_refused_at_the_door_and_taken_from_a_peer() {
    let drawing = Drawing::of("a#4:[g,g]!; b#4:[g,g]!; r#5:[g,g]; s#5:[g,g]!");
    let mut rig = Rig::new();
    rig.door_sends(&drawing.get("a"));
    let refused = Err(Refusal::Equivocation { counter: 4, first: drawing.id("a") });
    assert_eq!(rig.answer_of_door(&drawing.get("b")), refused);
    rig.peer_sends(&drawing.get("b"), 1);
    assert_eq!(twin_of(&rig, drawing.id("b")), Some(drawing.id("a")));
    // The kind that counts is that of the newcomer: a revocation after a reading could not count either.
    rig.door_sends(&drawing.get("r"));
    assert!(matches!(rig.answer_of_door(&drawing.get("s")), Err(Refusal::Equivocation { counter: 5, .. })));
}

#[test]
fn each_epoch_and_each_device_counts_for_itself() {
    let end = EPOCH_MS - 1;
    let text = format!("a#0@{end}:[g,g]; b#0@{}:[g,g]; c/1#0@{end}:[g,g]", end + 1);
    let drawing = Drawing::of(&text);
    let mut rig = Rig::new();
    rig.now = START.plus(EPOCH_MS + 5);
    for transaction in drawing.all() {
        rig.door_sends(&transaction);
    }
    assert!(rig.attached.iter().all(|attached| attached.twin().is_none()));
    assert_eq!(rig.ticket(0, 1).counter, 1);
    assert_eq!(rig.ticket(1, 1).counter, 0);
    assert_eq!(rig.ticket(0, 1).epoch.0, START.as_millis() / EPOCH_MS + 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Against a plain list, with storage anywhere behind, and with replicas that restart and so know no counter.
    #[test]
    fn counters_and_twins_equal_a_plain_list(
        steps in proptest::collection::vec((0u8..2, 0u32..5, any::<bool>(), any::<bool>(), 0u8..6), 1..30),
    ) {
        let mut rig = Rig::new();
        let mut model: BTreeMap<(u8, u32), Vec<TxId>> = BTreeMap::new();
        for (index, (device, counter, at_door, late_epoch, act)) in steps.into_iter().enumerate() {
            let epoch = if late_epoch { EPOCH_MS } else { 0 };
            rig.now = START.plus(2 * EPOCH_MS);
            let draft = world().reading(counter, START.plus(epoch + index as u64 + 1), [world().genesis(); 2]);
            let transaction = world().verified(&draft, device);
            let variants = model.entry((device + 10 * u8::from(late_epoch), counter)).or_default();
            let source = if at_door { Source::Door } else { Source::Peer(1) };
            let token = rig.token();
            let id = transaction.id();
            rig.event(Event::Received { transaction, source, token: Some(token) });
            if variants.len() < 2 {
                let attached = rig.attached.last().unwrap();
                prop_assert_eq!(attached.id(), id);
                prop_assert_eq!(attached.twin(), variants.first().copied());
                variants.push(id);
            } else {
                let refused = matches!(&rig.answers[&token], Err(Refusal::Equivocation { counter: c, first })
                    if *c == counter && variants.contains(first));
                prop_assert!(refused);
            }
            match act {
                0 | 1 => drop(rig.store(usize::from(act) * 3 + 1)),
                2 => {
                    rig.store_all();
                    rig.restart();
                }
                _ => {}
            }
            for device in 0..2 {
                rig.now = START.plus(5);
                let used = model.keys().filter(|key| key.0 == device).map(|key| key.1 + 1).max();
                prop_assert_eq!(rig.ticket(device, 1).counter, used.unwrap_or(0));
            }
        }
    }
}

#[test]
fn a_counter_used_before_a_restart_is_still_used() {
    let drawing = Drawing::of("a#4:[g,g]; b#4:[g,g]; c#4:[g,g]");
    let mut rig = Rig::new();
    rig.door_sends(&drawing.get("a"));
    rig.store_all();
    rig.restart();
    assert_eq!(rig.ticket(0, 1).counter, 5);
    assert_eq!(
        rig.answer_of_door(&drawing.get("a")),
        Ok(Taken { id: drawing.id("a"), is_new: false, disputed: false })
    );
    rig.door_sends(&drawing.get("b"));
    assert_eq!(twin_of(&rig, drawing.id("b")), Some(drawing.id("a")));
    assert!(matches!(rig.answer_of_door(&drawing.get("c")), Err(Refusal::Equivocation { .. })));
}

/// A device that repeats its counters has what it issued read once, not once for each, and what is refused costs no reading of
/// that either.
#[test]
fn who_repeats_counters_has_a_bounded_number_of_rows_read_for_each() {
    const READINGS: u64 = 60;
    let mut rig = Rig::new();
    let variant = |number: u64, counter: u64| {
        let time = START.plus(number * READINGS + counter + 1);
        world().verified(&world().reading(counter as u32, time, [world().genesis(); 2]), 0)
    };
    rig.now = START.plus(10 * READINGS);
    let mut firsts = Vec::new();
    for counter in 0..READINGS {
        let transaction = variant(0, counter);
        firsts.push(transaction.id());
        rig.door_sends(&transaction);
        rig.store_all();
    }
    rig.restart();
    let visited = rig.history.visited();
    for counter in 0..READINGS {
        let twin = variant(1, counter);
        rig.door_sends(&twin);
        assert_eq!(twin_of(&rig, twin.id()), Some(firsts[counter as usize]));
        rig.store_all();
    }
    let read = rig.history.visited() - visited;
    assert!(read <= 4 * READINGS, "{read} rows for {READINGS} twins");
    let visited = rig.history.visited();
    for counter in 0..READINGS {
        let refused = rig.answer_of_door(&variant(2, counter));
        assert!(
            matches!(refused, Err(Refusal::Equivocation { first, .. }) if first == firsts[counter as usize])
        );
    }
    let read = rig.history.visited() - visited;
    assert!(read <= 2 * READINGS, "{read} rows for {READINGS} refused");
}
