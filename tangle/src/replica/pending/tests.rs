//! Waiting transactions against a plain list, and the promises made to each source.

use super::*;
use crate::limits::{OTHERS_PER_SOURCE, REFERENCES};
use crate::replica::testing;
use proptest::prelude::*;
use std::sync::OnceLock;

const LIMIT: usize = 8;
const SHARE: usize = 4;
const SOURCES: u32 = 4;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// Transactions of one device, each before and after its signature is checked.
fn transactions() -> &'static [(Screened, Verified)] {
    static ALL: OnceLock<Vec<(Screened, Verified)>> = OnceLock::new();
    ALL.get_or_init(|| (0..24).map(|counter| testing::reading(counter, 100 + u64::from(counter))).collect())
}

fn waiting(number: usize, verified: bool) -> Waiting {
    let (screened, checked) = &transactions()[number];
    if verified { Waiting::Verified(checked.clone()) } else { Waiting::Screened(screened.clone()) }
}

fn id(number: usize) -> TxId {
    transactions()[number].1.id()
}

fn missing(number: u8) -> Missing {
    match number {
        0..3 => Missing::Time(at(number.into())),
        3..6 => Missing::Reference(id(number.into())),
        _ => Missing::Issuer(DeviceId::from_bytes([number; 32])),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert { number: usize, verified: bool, source: u32, missing: u8 },
    Release(u8),
    ReleaseUntil(u64),
    Forget(u32),
    ForgetId(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let insert = (0usize..24, any::<bool>(), 0..SOURCES, 0u8..8)
        .prop_map(|(number, verified, source, missing)| Step::Insert { number, verified, source, missing });
    prop_oneof![
        20 => insert,
        1 => (0u8..8).prop_map(Step::Release),
        1 => (0u64..3).prop_map(Step::ReleaseUntil),
        1 => (0..SOURCES).prop_map(Step::Forget),
        1 => (0usize..24).prop_map(Step::ForgetId),
    ]
}

/// Number, source, what is missing, whether the signature was checked.
type Row = (usize, u32, u8, bool);

#[derive(Default)]
struct Model(Vec<Row>);

impl Model {
    fn held(&self, source: u32) -> usize {
        self.0.iter().filter(|row| row.1 == source).count()
    }

    fn insert(&mut self, (number, source, missing, verified): Row) -> bool {
        let same = |row: &&Row| row.0 == number;
        let again = self.0.iter().filter(same).any(|row| row.3 || (row.1 == source && !verified));
        if again {
            return true;
        }
        let mut next: Vec<Row> = self.0.clone();
        let own = self.0.iter().filter(|row| row.1 == source && row.0 != number).count();
        if own >= SHARE {
            return false;
        }
        next.retain(|row| !(verified && row.0 == number));
        if next.len() >= LIMIT {
            let count = |source: u32| next.iter().filter(|row| row.1 == source).count();
            let largest = (0..SOURCES).max_by_key(|source| (count(*source), *source)).unwrap();
            if count(largest) < own + 2 {
                return false;
            }
            let youngest = next.iter().filter(|row| row.1 == largest).map(|row| row.0).max().unwrap();
            next.retain(|row| (row.0, row.1) != (youngest, largest));
        }
        next.push((number, source, missing, verified));
        self.0 = next;
        true
    }

    fn take(&mut self, take: impl Fn(&Row) -> bool) -> Vec<(TxId, Source)> {
        let mut taken: Vec<_> =
            self.0.iter().filter(|row| take(row)).map(|row| (id(row.0), Source::Peer(row.1))).collect();
        self.0.retain(|row| !take(row));
        taken.sort();
        taken
    }
}

fn places(released: Vec<Released>) -> Vec<(TxId, Source)> {
    released.iter().map(|released| (released.waiting.transaction().id(), released.source)).collect()
}

proptest! {
    #[test]
    fn pending_equals_a_plain_list(steps in proptest::collection::vec(step(), 1..120)) {
        let mut pending = Pending::with_limits(LIMIT, SHARE);
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Insert { number, verified, source, missing: what } => {
                    let taken = pending.insert(waiting(number, verified), Source::Peer(source), missing(what));
                    prop_assert_eq!(taken.is_ok(), model.insert((number, source, what, verified)));
                    prop_assert!(taken.is_ok() || taken == Err(Refusal::PendingFull));
                }
                Step::Release(what) => {
                    prop_assert_eq!(places(pending.release(missing(what))), model.take(|row| row.2 == what));
                }
                Step::ReleaseUntil(latest) => {
                    let due = model.take(|row| row.2 < 3 && u64::from(row.2) <= latest);
                    prop_assert_eq!(places(pending.release_until(at(latest), LIMIT)), due);
                }
                Step::Forget(source) => {
                    pending.forget(Source::Peer(source));
                    model.take(|row| row.1 == source);
                }
                Step::ForgetId(number) => {
                    pending.forget_id(&id(number));
                    model.take(|row| row.0 == number);
                }
            }
            let held: BTreeSet<(TxId, Source)> = pending.entries.keys().copied().collect();
            let expected: BTreeSet<(TxId, Source)> = model.0.iter().map(|row| (id(row.0), Source::Peer(row.1))).collect();
            prop_assert_eq!(&held, &expected);
            prop_assert_eq!(pending.len(), model.0.len());
            prop_assert!(pending.len() <= LIMIT);
            prop_assert!((0..SOURCES).all(|source| model.held(source) <= SHARE));
            for number in 0..24 {
                let wanted = model.0.iter().any(|row| (3..6).contains(&row.2) && usize::from(row.2) == number);
                prop_assert_eq!(pending.wants(&id(number)), wanted);
            }
            let indexed: usize = pending.by_missing.values().map(BTreeSet::len).sum();
            prop_assert_eq!(indexed, model.0.len());
            prop_assert!(pending.by_missing.values().all(|places| !places.is_empty()));
            prop_assert!(pending.by_source.values().all(|ids| !ids.is_empty()));
        }
    }

    /// Whatever a hungry peer does, one that keeps within an equal share of the whole loses nothing.
    #[test]
    fn no_peer_evicts_another_below_its_share(order in proptest::collection::vec((0usize..24, 1..SOURCES), 0..200)) {
        let mut pending = Pending::with_limits(LIMIT, SHARE);
        let share = LIMIT / SOURCES as usize;
        let modest = Source::Peer(0);
        for number in 0..share {
            pending.insert(waiting(number, false), modest, missing(7)).unwrap();
        }
        for (number, source) in order {
            let _ = pending.insert(waiting(number, false), Source::Peer(source), missing(7));
            prop_assert_eq!(pending.held_by(modest), share);
        }
    }
}

#[test]
fn a_newcomer_gets_its_share_of_a_full_house() {
    let mut pending = Pending::with_limits(LIMIT, SHARE);
    for number in 0..LIMIT {
        pending.insert(waiting(number, true), Source::Peer((number / SHARE) as u32), missing(7)).unwrap();
    }
    let taken = (LIMIT..2 * LIMIT)
        .filter(|number| pending.insert(waiting(*number, true), Source::Peer(9), missing(7)).is_ok());
    assert_eq!(taken.count(), 2);
    assert_eq!(pending.len(), LIMIT);
    // What waits longest by its own time stays; the youngest gives way.
    assert!(pending.entries.contains_key(&(id(0), Source::Peer(0))));
}

#[test]
fn a_forged_copy_does_not_keep_out_the_genuine_one() {
    let mut pending = Pending::with_limits(LIMIT, SHARE);
    pending.insert(waiting(1, false), Source::Peer(1), missing(7)).unwrap();
    pending.insert(waiting(1, false), Source::Peer(2), missing(7)).unwrap();
    assert_eq!(pending.len(), 2, "neither signature is checked yet");
    pending.insert(waiting(1, true), Source::Peer(3), missing(3)).unwrap();
    assert_eq!(places(pending.release(missing(3))), [(id(1), Source::Peer(3))]);
    assert_eq!(pending.len(), 0);
}

#[test]
fn sources_that_left_hold_nothing() {
    let mut pending = Pending::with_limits(LIMIT, SHARE);
    for number in 0..LIMIT {
        pending.insert(waiting(number, true), Source::Peer(number as u32), missing(7)).unwrap();
    }
    assert_eq!(pending.insert(waiting(LIMIT, true), Source::Peer(99), missing(7)), Err(Refusal::PendingFull));
    pending.forget(Source::Peer(0));
    assert_eq!(pending.insert(waiting(LIMIT, true), Source::Peer(99), missing(7)), Ok(()));
}

#[test]
fn what_waits_too_long_is_given_up_and_who_sent_an_orphan_is_named() {
    let mut pending = Pending::with_limits(LIMIT, SHARE);
    let step = PENDING_MS / TURNS;
    pending.expire(at(10 * PENDING_MS));
    let begin = 10 * PENDING_MS;
    pending.insert(waiting(0, true), Source::Peer(1), missing(3)).unwrap();
    pending.insert(waiting(1, false), Source::Peer(2), missing(7)).unwrap();
    for turn in 1..TURNS {
        assert!(pending.expire(at(begin + turn * step - 1)).is_empty());
        assert!(pending.expire(at(begin + turn * step)).is_empty());
    }
    // What got one thing and waits for the next has its time anew.
    let released = pending.release(missing(7));
    pending.insert(waiting(2, true), Source::Peer(3), missing(4)).unwrap();
    released.into_iter().for_each(|released| pending.restore(released, missing(4)));
    assert_eq!(pending.expire(at(begin + PENDING_MS)), [(Source::Peer(1), id(3))].into());
    assert!(!pending.contains(&id(0)) && pending.contains(&id(1)) && pending.contains(&id(2)));
}

#[test]
fn what_else_is_missing_is_wanted_as_long_as_what_misses_it_waits() {
    let mut pending = Pending::new();
    let source = Source::Peer(1);
    for number in [0, 1] {
        pending.insert(waiting(number, true), source, Missing::Reference(id(9))).unwrap();
        pending.misses_too(&id(number), source, vec![id(10 + number), id(12)]);
    }
    let wanted =
        |pending: &Pending| (8..15).filter(|number| pending.wants(&id(*number))).collect::<Vec<usize>>();
    assert_eq!(wanted(&pending), [9, 10, 11, 12]);
    // Asked again, it misses less.
    pending.misses_too(&id(1), source, vec![id(12)]);
    assert_eq!(wanted(&pending), [9, 10, 12]);
    pending.forget_id(&id(0));
    assert_eq!(wanted(&pending), [9, 12]);
    pending.release(Missing::Reference(id(9)));
    assert!(wanted(&pending).is_empty() && pending.others.is_empty());
    pending.misses_too(&id(1), source, vec![id(12)]);
    assert!(wanted(&pending).is_empty(), "it waits no more");
}

#[test]
fn what_goes_on_to_wait_keeps_what_is_older_and_others_wait_their_turn() {
    let (mut pending, mut ids) = (Pending::new(), [8, 9, 10, 11].map(id));
    ids.sort_unstable();
    for number in 0..3 {
        pending.insert(waiting(number, true), Source::Peer(1), Missing::Reference(ids[3])).unwrap();
        pending.misses_too(&id(number), Source::Peer(1), ids[..3].to_vec());
    }
    for released in pending.release(Missing::Reference(ids[3])) {
        assert_eq!(released.looked, Some(ids[3]));
        pending.restore(released, Missing::Reference(ids[2]));
    }
    assert_eq!(ids.map(|id| pending.wanting(&id).count()), [3, 3, 3, 0]);
    for released in pending.release(Missing::Reference(ids[2])) {
        pending.restore(released, missing(1));
    }
    assert_eq!(ids.map(|id| pending.wanting(&id).count()), [3, 3, 0, 0], "it misses them all the same");
    assert_eq!([2, 2].map(|most| pending.release_until(at(1), most).len()), [2, 1]);
    assert!(pending.others.is_empty());
}

#[test]
fn what_else_is_missing_is_remembered_within_the_bounds_of_each_and_all() {
    let mut pending = Pending::new();
    let other = |number: usize| TxId::first_at(at(10_000 + number as u64));
    let misses = |pending: &mut Pending, number: usize, source: u32, from: usize, count: usize| {
        let source = Source::Peer(source);
        pending.insert(waiting(number, true), source, Missing::Reference(id(23))).unwrap();
        pending.misses_too(&id(number), source, (from..from + count).map(other).collect()).len()
    };
    assert_eq!(misses(&mut pending, 0, 1, 0, OTHERS_PER_SOURCE - 2), OTHERS_PER_SOURCE - 2);
    assert_eq!(misses(&mut pending, 1, 1, 0, 5), 2, "known or not, each counts for who sent it");
    pending.forget(Source::Peer(1));
    let sources = REFERENCES / OTHERS_PER_SOURCE;
    for number in 0..sources {
        let from = number * OTHERS_PER_SOURCE;
        let kept = misses(&mut pending, number, number as u32, from, OTHERS_PER_SOURCE);
        assert_eq!(kept, OTHERS_PER_SOURCE);
    }
    assert_eq!(misses(&mut pending, sources, 99, REFERENCES - 1, 3), 1, "what is remembered costs no room");
    assert_eq!(pending.others.len(), REFERENCES);
}
