//! What peers may still be asked for: how it is used, and what is not even looked at without.

use super::*;
use crate::limits::{SCAN_MS, SCANNED_PER_MS};

#[test]
fn what_others_wait_for_is_asked_of_a_peer_whose_share_is_full_of_them() {
    let (mut wants, mut world) = (Wants::default(), World::default());
    (5..7).for_each(|n| wants.announce(id(n), ONE, at(0), true));
    wants.reference(id(6), TWO, at(0));
    world.missed.insert(id(6));
    let full: Room = [(ONE, Space { named: 0, missed: 9 })].into();
    let asked = wants.ask(full, &world, at(0)).unwrap();
    assert!(
        matches!(&asked[..], [(ONE, Message::Want { ranges, .. })] if ranges[..] == [Stretch { first: 6, count: 1 }])
    );
}

#[test]
fn ranges_where_logs_are_dense_and_room_where_there_is_some() {
    let (mut wants, world) = (Wants::default(), World::default());
    (0..300).for_each(|n| wants.announce(id(n), ONE, at(0), false));
    let asked = wants.ask([(ONE, space(200))].into(), &world, at(0)).unwrap();
    let sizes: Vec<_> = asked
        .iter()
        .map(|(_, message)| match message {
            Message::Want { ranges, ids, graft: false, .. } => (ranges.clone(), ids.len()),
            other => panic!("{other:?}"),
        })
        .collect();
    let range = |first, count| (vec![Stretch { first, count }], 0);
    assert_eq!(sizes, [range(0, WANT_IDS as u32), range(WANT_IDS as u64, 200 - WANT_IDS as u32)]);
    assert!(
        wants.ask([(ONE, space(200))].into(), &world, at(SCAN_MS - 1)).unwrap().is_empty(),
        "not looked at yet"
    );
}

#[test]
fn what_has_no_room_is_not_looked_for_here() {
    let (mut wants, world) = (Wants::default(), World::default());
    let named = 2 * SCANNED_PER_MS;
    (0..named).for_each(|n| wants.announce(id(n), ONE, at(0), false));
    let (full, missed) = (Space { named: 0, missed: 9 }, id(named));
    for room in [full, space(0)] {
        // Another's room helps none of what it does not name.
        let room = [(ONE, room), (TWO, space(9))].into();
        assert!(wants.ask(room, &world, at(SCAN_MS)).unwrap().is_empty());
        wants.scan_at = at(0);
    }
    assert_eq!(world.looked.get(), 0);
    let world = World { missed: [missed].into(), ..world };
    wants.reference(missed, ONE, at(0));
    assert_eq!(wants.ask([(ONE, full)].into(), &world, at(SCAN_MS)).unwrap().len(), 1);
    assert_eq!(world.looked.get(), 1, "what others wait for has room");
    assert_eq!(wants.scan_at, at(2 * SCAN_MS), "and nothing else was so much as counted");
}
