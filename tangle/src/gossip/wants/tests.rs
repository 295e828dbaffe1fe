//! What is wanted against the rules that always hold, and whom is asked.

use super::*;
use crate::finality::Member;
use crate::gossip::message::Message;
use crate::limits::{
    ANSWER_LONGEST_MS, ANSWER_MS, ERASED_ROUNDS, REQUESTS_PER_PEER, SCAN_MS, SILENT_TIMES, WANT_IDS,
    WITHHELD_MS,
};
use crate::{HistoryError, gossip::Stretch};
use proptest::prelude::*;

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
}

impl Asker for World {
    fn place(&self, _: Source, id: &TxId) -> Option<u64> {
        (!self.unnamed).then(|| id.timestamp().as_millis())
    }

    fn is_here(&self, id: &TxId) -> Result<bool, HistoryError> {
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
    let mut schedule = BTreeSet::new();
    let mut asked = BTreeMap::<(Source, u32), BTreeSet<TxId>>::new();
    for (id, want) in &wants.wants {
        match want.state {
            State::Waits(due) | State::Held(due) => assert!(schedule.insert((due, *id))),
            State::Asked(source, request) => assert!(asked.entry((source, request)).or_default().insert(*id)),
        }
        assert!(want.is_reference || !want.announcers.is_empty(), "nobody is known to have it");
    }
    assert_eq!(wants.schedule, schedule);
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
fn what_is_withheld_is_asked_of_others_then_ever_more_seldom_and_at_once_of_whoever_names_it_anew() {
    let (mut wants, world) = (Wants::default(), World::default());
    wants.announce(id(5), ONE, at(0), true);
    let (mut now, mut waits) = (at(0), Vec::new());
    while waits.len() < 8 {
        let asked = ask(&mut wants, now, &world);
        let [(ONE, request, _)] = asked[..] else { panic!("{asked:?}") };
        wants.withheld(ONE, request, &[id(5)], now);
        assert!(!wants.done(ONE, request, &[], now), "it is believed");
        let answered = now;
        // That all were asked is seen at the next look.
        assert!(ask(&mut wants, now.plus(SCAN_MS), &world).is_empty());
        now = wants.due().unwrap();
        waits.push(now.since(answered.plus(SCAN_MS)));
    }
    assert_eq!(waits, [2_000, 4_000, 8_000, 16_000, 32_000, WITHHELD_MS, WITHHELD_MS, WITHHELD_MS]);
    assert!(wants.is_withheld(&id(5), ONE) && !wants.is_withheld(&id(5), TWO));
    now = now.minus(WITHHELD_MS / 2);
    wants.announce(id(5), ONE, now, true);
    assert!(ask(&mut wants, now, &world).is_empty(), "that it has it is nothing new");
    wants.announce(id(5), TWO, now.plus(SCAN_MS), true);
    let asked: Vec<Source> = (1..4u64)
        .flat_map(|look| {
            let asked = ask(&mut wants, now.plus(look * SCAN_MS), &world);
            asked.iter().for_each(|(to, request, _)| wants.withheld(*to, *request, &[id(5)], now));
            asked.into_iter().map(|(to, ..)| to)
        })
        .collect();
    assert!(asked.contains(&TWO), "{asked:?}");
    wants.forget(ONE, now);
    wants.forget(TWO, now);
    assert_eq!(wants.len(), 0);
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

/// Asks for the transaction 5 until a time, `one` answering each time that it has erased it and `two` nothing; how often `two`
/// was asked, and after how many milliseconds what is left is taken.
fn until_taken(wants: &mut Wants, member: Option<Member>, least: usize, until: u64) -> (u32, Option<u64>) {
    let (world, mut silent) = (World::default(), 0);
    for ms in (0..until).step_by(10) {
        wants.expire(at(ms));
        for (source, request, _) in ask(wants, at(ms), &world) {
            if source == TWO {
                silent += 1;
                continue;
            }
            if wants.remains(&id(5), ONE, member, least) {
                return (silent, Some(ms));
            }
            wants.withheld(ONE, request, &[id(5)], at(ms));
            wants.done(ONE, request, &[], at(ms));
        }
        check(wants);
    }
    (silent, None)
}

#[test]
fn what_is_left_is_taken_when_enough_members_send_it_and_nobody_may_have_it_whole() {
    let member = Member::new;
    let mut wants = Wants::default();
    assert!(!wants.remains(&id(5), ONE, member(0), 1), "nobody wants it");
    [ONE, TWO].into_iter().for_each(|source| wants.announce(id(5), source, at(0), false));
    let [(ONE, request, _)] = ask(&mut wants, at(0), &World::default())[..] else { panic!("one is asked") };
    assert!(!wants.remains(&id(5), ONE, member(0), 1), "another names it and was not asked");
    wants.withheld(ONE, request, &[id(5)], at(0));
    let [(TWO, request, _)] = ask(&mut wants, at(20), &World::default())[..] else {
        panic!("then the other")
    };
    assert!(!wants.remains(&id(5), TWO, None, 2) && !wants.remains(&id(5), TWO, member(0), 2), "that is one");
    wants.withheld(TWO, request, &[id(5)], at(20));
    assert!(!wants.remains(&id(5), ONE, member(0), 2), "however often it says so");
    assert!(wants.remains(&id(5), TWO, member(3), 2), "one of two is honest");
    // Whoever comes and names it may have it whole.
    wants.announce(id(5), Source::Peer(3), at(30), false);
    assert!(!wants.remains(&id(5), TWO, member(3), 2));
    wants.forget(Source::Peer(3), at(40));
    assert!(wants.remains(&id(5), TWO, member(3), 2));
}

#[test]
fn whoever_names_it_and_sends_nothing_hinders_for_some_time_and_too_few_members_are_never_believed() {
    let wants = || {
        let mut wants = Wants::default();
        [ONE, TWO].into_iter().for_each(|source| wants.announce(id(5), source, at(0), false));
        wants
    };
    let (silent, taken) = until_taken(&mut wants(), Member::new(0), 1, 200_000);
    assert_eq!(silent, u32::from(SILENT_TIMES), "taken after {taken:?} ms");
    assert!(taken.is_some());
    const HOUR: u64 = 3_600_000;
    let mut waiting = wants();
    assert_eq!(until_taken(&mut waiting, Member::new(0), 2, HOUR).1, None, "a liar alone");
    assert_eq!(waiting.oldest_withheld(), Some(id(5)), "somebody should know");
    waiting.forget(ONE, at(HOUR));
    assert_eq!(waiting.oldest_withheld(), None, "nobody says so any more");
    assert_eq!(until_taken(&mut wants(), None, 1, HOUR).1, None, "who is no member");
}

#[test]
fn who_names_it_ever_anew_hinders_for_so_many_rounds() {
    let (mut wants, world) = (Wants::default(), World::default());
    wants.announce(id(5), ONE, at(0), false);
    let taken = (1..200).find(|round| {
        // It comes, is asked, says nothing, and leaves before that is held against it.
        let now = round * 2 * ANSWER_MS;
        wants.announce(id(5), TWO, at(now), false);
        for ms in [now, now + SCAN_MS, now + 2 * SCAN_MS] {
            for (source, request, _) in ask(&mut wants, at(ms), &world) {
                if source == ONE && wants.remains(&id(5), ONE, Member::new(0), 1) {
                    return true;
                }
                if source == ONE {
                    wants.withheld(ONE, request, &[id(5)], at(ms));
                    wants.done(ONE, request, &[], at(ms));
                }
            }
        }
        wants.forget(TWO, at(now + ANSWER_MS / 2));
        assert!(ask(&mut wants, at(now + ANSWER_MS / 2), &world).is_empty());
        false
    });
    let rounds = wants.wants[&id(5)].rounds;
    assert_eq!((taken.is_some(), rounds), (true, ERASED_ROUNDS));
}

#[test]
fn who_answers_no_request_is_asked_no_more_and_hinders_nobody() {
    let (mut wants, world) = (Wants::default(), World::default());
    let most = REQUESTS_PER_PEER as u64;
    (0..most).for_each(|n| wants.announce(id(100 + n), TWO, at(20 * n), false));
    for n in 0..most {
        assert!(matches!(ask(&mut wants, at(20 * n), &world)[..], [(TWO, ..)]));
    }
    wants.expire(at(2 * ANSWER_MS));
    (0..most).for_each(|n| wants.remove(&id(100 + n)));
    [ONE, TWO].into_iter().for_each(|source| wants.announce(id(5), source, at(0), false));
    let [(ONE, request, _)] = ask(&mut wants, at(2 * ANSWER_MS), &world)[..] else { panic!("one is asked") };
    assert!(wants.remains(&id(5), ONE, Member::new(0), 1));
    wants.withheld(ONE, request, &[id(5)], at(2 * ANSWER_MS));
    assert!(ask(&mut wants, at(2 * ANSWER_MS + SCAN_MS), &world).is_empty());
    assert_eq!(wants.wants[&id(5)].rounds, 1, "nobody is left to be asked");
}
