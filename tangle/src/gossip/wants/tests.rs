//! What is wanted against the rules that always hold, and whom is asked.

mod room;
mod withheld;

use super::*;
use crate::HistoryError;
use crate::gossip::Stretch;
use crate::gossip::message::Message;
use crate::limits::{ANSWER_LONGEST_MS, ANSWER_MS, REQUESTS_PER_PEER, WANT_IDS};
use proptest::prelude::*;
use std::cell::Cell;

const ONE: Source = Source::Peer(1);
const TWO: Source = Source::Peer(2);

fn id(n: u64) -> TxId {
    TxId::first_at(Timestamp::from_millis(n))
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + ms)
}

/// Everybody's log has the transaction `n` at position `n`; some are here.
#[derive(Default)]
struct World {
    here: BTreeSet<TxId>,
    missed: BTreeSet<TxId>,
    unnamed: bool,
    /// How often it was looked whether one is here.
    looked: Cell<usize>,
}

impl Asker for World {
    fn place(&self, _: Source, id: &TxId) -> Option<u64> {
        (!self.unnamed).then(|| id.timestamp().as_millis())
    }

    fn is_here(&self, id: &TxId) -> Result<bool, HistoryError> {
        self.looked.update(|looked| looked + 1);
        Ok(self.here.contains(id))
    }

    fn is_missed(&self, id: &TxId) -> bool {
        self.missed.contains(id)
    }
}

fn space(room: usize) -> Space {
    Space { named: room, missed: room }
}

fn room(room: usize) -> Room {
    [(ONE, space(room)), (TWO, space(room))].into()
}

/// Who is asked for which transactions.
fn ask(wants: &mut Wants, now: Timestamp, world: &World) -> Vec<(Source, u32, Vec<u64>)> {
    let asked = wants.ask(room(WANT_IDS), world, now).unwrap();
    let read = |(source, message)| {
        let Message::Want { request, ranges, ids, .. } = message else { panic!("a request") };
        let places = ranges.iter().flat_map(Stretch::positions);
        (source, request, places.chain(ids.iter().map(|id| id.timestamp().as_millis())).collect())
    };
    asked.into_iter().map(read).collect()
}

fn check(wants: &Wants) {
    let mut turns = [BTreeSet::new(), BTreeSet::new()];
    let mut asked = BTreeMap::<(Source, u32), BTreeSet<TxId>>::new();
    for (id, want) in &wants.wants {
        match want.state {
            State::Waits(due) | State::Held(due) => {
                assert!(turns[usize::from(want.is_reference)].insert((due, *id)));
            }
            State::Asked(source, request) => assert!(asked.entry((source, request)).or_default().insert(*id)),
        }
        assert!(want.is_reference || !want.announcers.is_empty(), "nobody is known to have it");
    }
    assert_eq!([false, true].map(|is_reference| wants.schedule.all(is_reference).clone()), turns);
    assert_eq!(wants.asked, asked.values().map(BTreeSet::len).sum::<usize>());
    assert_eq!(wants.references, wants.wants.values().filter(|want| want.is_reference).count());
    assert_eq!(wants.withheld, wants.wants.values().filter(|want| !want.withheld.is_empty()).count());
    assert!(wants.given_up_on.iter().all(|id| !wants.wants[id].withheld.is_empty()));
    for source in [ONE, TWO] {
        let of_source = asked.iter().filter(|((asked, _), _)| *asked == source).map(|(_, ids)| ids.len());
        assert_eq!(wants.asked_of(&source).0, of_source.sum::<usize>());
        assert!(wants.asked_of(&source).1 <= REQUESTS_PER_PEER);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Announce(u64, bool),
    Reference(u64),
    Arrived(u64, bool),
    Remove(u64),
    Refuse(u64, bool),
    Done(bool, u32, Vec<u64>),
    Withheld(bool, u32, u64),
    Forget(bool),
    Ask(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let n = || 0u64..12;
    prop_oneof![
        4 => (n(), any::<bool>()).prop_map(|(n, one)| Step::Announce(n, one)),
        1 => n().prop_map(Step::Reference),
        2 => (n(), any::<bool>()).prop_map(|(n, one)| Step::Arrived(n, one)),
        1 => n().prop_map(Step::Remove),
        1 => (n(), any::<bool>()).prop_map(|(n, one)| Step::Refuse(n, one)),
        2 => (any::<bool>(), 0u32..9, proptest::collection::vec(n(), 0..3)).prop_map(|(one, r, ids)| Step::Done(one, r, ids)),
        1 => (any::<bool>(), 0u32..9, n()).prop_map(|(one, r, id)| Step::Withheld(one, r, id)),
        1 => any::<bool>().prop_map(Step::Forget),
        4 => (0u64..9_000).prop_map(Step::Ask),
    ]
}

proptest! {
    #[test]
    fn the_rules_hold_after_every_step(steps in proptest::collection::vec(step(), 1..150)) {
        let source = |one: bool| if one { ONE } else { TWO };
        let (mut wants, mut now) = (Wants::default(), at(0));
        let world = World::default();
        for step in steps {
            match step {
                Step::Announce(n, one) => wants.announce(id(n), source(one), now.plus(n), true),
                Step::Reference(n) => wants.reference(id(n), ONE, now),
                Step::Arrived(n, one) => { wants.arrived(&id(n), source(one), now); }
                Step::Remove(n) => wants.remove(&id(n)),
                Step::Refuse(n, one) => wants.refuse(&id(n), source(one), now),
                Step::Done(one, request, lacking) => {
                    let lacking: Vec<TxId> = lacking.into_iter().map(id).collect();
                    wants.done(source(one), request, &lacking, now);
                }
                Step::Withheld(one, request, n) => wants.withheld(source(one), request, &[id(n)], now),
                Step::Forget(one) => wants.forget(source(one), now),
                Step::Ask(ms) => {
                    now = now.plus(ms);
                    wants.expire(now);
                    let full = |source| REQUESTS_PER_PEER - wants.asked_of(&source).1;
                    let room = [ONE, TWO].map(|source| (source, space(full(source) * 2))).into();
                    wants.ask(room, &world, now).unwrap();
                }
            }
            check(&wants);
        }
    }
}

#[test]
fn each_is_asked_of_one_peer_and_then_of_the_other() {
    let (mut wants, world) = (Wants::default(), World::default());
    wants.announce(id(5), ONE, at(100), true);
    wants.announce(id(5), TWO, at(200), true);
    assert_eq!(wants.due(), Some(at(100)));
    assert!(ask(&mut wants, at(99), &world).is_empty(), "a push may bring it");
    assert_eq!(ask(&mut wants, at(120), &world), [(ONE, 0, vec![5])]);
    assert_eq!(wants.due(), Some(at(120 + ANSWER_MS)));
    assert!(ask(&mut wants, at(500), &world).is_empty() && wants.expire(at(119 + ANSWER_MS)).is_empty());
    assert_eq!(wants.expire(at(120 + ANSWER_MS)), [ONE], "it named it and does not send it");
    assert_eq!(ask(&mut wants, at(120 + ANSWER_MS), &world), [(TWO, 0, vec![5])]);
}

#[test]
fn a_peer_that_is_at_work_has_time_but_not_for_ever() {
    let (mut wants, world) = (Wants::default(), World::default());
    (0..2).for_each(|n| wants.announce(id(n), ONE, at(0), false));
    assert_eq!(ask(&mut wants, at(0), &world), [(ONE, 0, vec![0, 1])]);
    let mut now = at(0);
    while wants.expire(now).is_empty() {
        // It sends the same one again and again, and the other one never.
        wants.copied(&id(0), ONE, now);
        now = now.plus(ANSWER_MS / 2);
    }
    assert_eq!(now, at(ANSWER_LONGEST_MS));
}

#[test]
fn a_silent_link_is_one_fault_and_each_answer_that_lacks_something_is_one() {
    for is_done in [false, true] {
        let (mut wants, world) = (Wants::default(), World::default());
        (0..4).for_each(|n| wants.announce(id(n), ONE, at(100 * n), true));
        for n in 0..4 {
            assert_eq!(ask(&mut wants, at(100 * n), &world), [(ONE, n as u32, vec![n])]);
            if is_done {
                wants.done(ONE, n as u32, &[], at(100 * n));
            }
        }
        let faults = (0..8).flat_map(|n| wants.expire(at(ANSWER_MS + 100 * n))).count();
        assert_eq!(faults, if is_done { 4 } else { 1 });
    }
}

#[test]
fn what_only_one_has_is_asked_for_again_and_what_came_is_not() {
    let (mut wants, mut world) = (Wants::default(), World::default());
    wants.announce(id(5), ONE, at(0), true);
    assert_eq!(ask(&mut wants, at(0), &world).len(), 1);
    assert!(wants.done(ONE, 0, &[id(5)], at(10)), "it lacks what it has announced");
    assert!(ask(&mut wants, at(10), &world).is_empty(), "not at once");
    assert_eq!(ask(&mut wants, at(20 + AGAIN_MS), &world), [(ONE, 1, vec![5])]);
    assert!(wants.arrived(&id(5), ONE, at(1_100)));
    world.here.insert(id(5));
    assert!(ask(&mut wants, at(1_100 + HELD_MS), &world).is_empty(), "it waits here");
    world.here.clear();
    assert_eq!(ask(&mut wants, at(1_100 + 2 * HELD_MS), &world).len(), 1, "it was dropped here");
}

#[test]
fn what_a_peer_sent_is_asked_of_others_when_it_leaves() {
    let (mut wants, world) = (Wants::default(), World::default());
    wants.announce(id(5), ONE, at(0), true);
    wants.announce(id(5), TWO, at(0), true);
    assert_eq!(ask(&mut wants, at(0), &world), [(ONE, 0, vec![5])]);
    wants.arrived(&id(5), ONE, at(20));
    assert!(ask(&mut wants, at(30), &world).is_empty());
    // It waited for a parent, and went with its source.
    wants.forget(ONE, at(40));
    assert_eq!(ask(&mut wants, at(40), &world), [(TWO, 0, vec![5])]);
}

#[test]
fn a_reference_is_asked_of_anybody_while_it_is_missed() {
    let (mut wants, mut world) = (Wants::default(), World { unnamed: true, ..World::default() });
    world.missed.insert(id(5));
    wants.reference(id(5), ONE, at(0));
    assert_eq!(ask(&mut wants, at(0), &world), [(ONE, 0, vec![5])]);
    wants.forget(ONE, at(50));
    assert_eq!(wants.ask([(TWO, space(1))].into(), &world, at(60)).unwrap().len(), 1);
    assert!(!wants.done(TWO, 0, &[id(5)], at(70)), "it never said that it has it");
    world.missed.clear();
    wants.ask(room(1), &world, at(70 + AGAIN_MS)).unwrap();
    assert_eq!(wants.len(), 0, "nothing references it any more");
}

#[test]
fn who_sent_a_child_may_lack_its_parent_on_disk_and_whose_log_names_it_may_not() {
    for named in [false, true] {
        let (mut wants, mut world) = (Wants::default(), World::default());
        world.missed.insert(id(5));
        wants.reference(id(5), ONE, at(0));
        if named {
            wants.announce(id(5), ONE, at(0), true);
        }
        assert_eq!(ask(&mut wants, at(0), &world), [(ONE, 0, vec![5])]);
        assert_eq!(wants.done(ONE, 0, &[id(5)], at(9)), named);
    }
}

#[test]
fn a_request_given_up_counts_until_the_peer_is_done_with_it() {
    let (mut wants, world) = (Wants::default(), World::default());
    wants.announce(id(5), ONE, at(0), true);
    ask(&mut wants, at(0), &world);
    wants.expire(at(ANSWER_MS));
    assert_eq!(wants.asked_of(&ONE), (0, 1));
    wants.done(ONE, 0, &[], at(ANSWER_MS));
    assert_eq!(wants.asked_of(&ONE), (0, 0));
}
