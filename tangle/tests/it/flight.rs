//! Storage that does not follow: the node takes no more, says so, and loses nothing that waits.

use crate::support::{Rig, START, world};
use std::sync::OnceLock;
use weft_tangle::limits::{IN_FLIGHT, WAITERS_PER_TRANSACTION};
use weft_tangle::replica::Event;
use weft_tangle::{Refusal, Verified};

/// As many readings above the genesis as may be in flight; slow to sign, so signed once.
fn flood() -> &'static [Verified] {
    static ALL: OnceLock<Vec<Verified>> = OnceLock::new();
    let reading =
        |counter: u32| world().reading(counter, START.plus(1 + u64::from(counter)), [world().genesis(); 2]);
    ALL.get_or_init(|| (0..IN_FLIGHT as u32).map(|counter| world().verified(&reading(counter), 0)).collect())
}

#[test]
fn what_waits_outlives_a_full_flight() {
    let mut rig = Rig::new();
    let parent = &flood()[0];
    let children: Vec<Verified> = (0..3)
        .map(|counter| {
            let at = START.plus(10_000 + u64::from(counter));
            world().verified(&world().reading(counter, at, [parent.id(), world().genesis()]), 1)
        })
        .collect();
    children.iter().for_each(|child| drop(rig.peer_sends(child, 1)));
    for transaction in &flood()[1..] {
        rig.peer_sends(transaction, 2);
    }
    assert!(rig.replica.has_room());
    rig.peer_sends(parent, 2);
    assert!(!rig.replica.has_room());
    assert_eq!(rig.replica.occupancy().in_flight, IN_FLIGHT);
    assert_eq!(rig.replica.occupancy().pending, 3, "the children have lost nothing");
    rig.event(Event::Tick);
    assert_eq!(rig.replica.occupancy().pending, 3);
    let late = world().verified(&world().reading(9, START.plus(9), [world().genesis(); 2]), 2);
    assert_eq!(rig.answer_of_door(&late), Err(Refusal::Overloaded));
    let known = rig.door_sends(parent);
    assert_eq!(rig.answers.get(&known), None, "what is known needs no room");

    rig.store_all();
    rig.event(Event::Tick);
    assert_eq!(rig.attached.len(), IN_FLIGHT + 3);
    assert_eq!(rig.replica.occupancy().pending, 0);
}

#[test]
fn requests_that_wait_for_one_transaction_are_bounded() {
    let mut rig = Rig::new();
    let transaction = &flood()[0];
    rig.door_sends(transaction);
    for _ in 0..WAITERS_PER_TRANSACTION {
        let token = rig.door_sends(transaction);
        assert_eq!(rig.answers.get(&token), None);
    }
    assert_eq!(rig.answer_of_door(transaction), Err(Refusal::Overloaded));
    rig.store_all();
    assert_eq!(rig.answers.len(), WAITERS_PER_TRANSACTION + 2);
}
