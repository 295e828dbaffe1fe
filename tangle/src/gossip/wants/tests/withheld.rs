//! What peers have without its body: how often it is asked for, and when what is left of it is taken.

use super::*;
use crate::finality::Member;
use crate::limits::{ERASED_ROUNDS, SCAN_MS, SILENT_TIMES, WITHHELD_MS};

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
