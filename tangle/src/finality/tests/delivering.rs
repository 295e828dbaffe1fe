//! What leaders deliver, held against the definition on random tangles: what is reached, the order, the verdicts, the
//! chain; with memory that holds next to nothing, and with a ledger that fails.

mod counters;

use super::book::{Book, network};
use super::universe::Dice;
use crate::finality::delivery::{Bounds, Delivery};
use crate::finality::testing::member;
use crate::finality::{Delivered, Entry, FinalVerdict, Judged, leaf, merkle};
use crate::{DeviceId, Digest, HistoryError, Kind, Rules, Timestamp, TxId, blake2s};
use std::collections::{BTreeMap, BTreeSet};

fn id(ms: u64, number: u64) -> TxId {
    TxId::from_parts(Timestamp::from_millis(ms), &blake2s(&[&number.to_be_bytes()]))
}

fn device(number: usize) -> DeviceId {
    DeviceId::from_bytes([number as u8; 32])
}

/// The verdicts by their definition: `commits` are the orders of all commits so far.
fn verdicts(rules: &Rules, book: &Book, commits: &[Vec<TxId>]) -> BTreeMap<TxId, FinalVerdict> {
    let mut verdicts: BTreeMap<TxId, FinalVerdict> = BTreeMap::new();
    let order: Vec<(usize, TxId)> = commits
        .iter()
        .enumerate()
        .flat_map(|(commit, ids)| ids.iter().map(move |id| (commit, *id)))
        .collect();
    let same = |a: &TxId, b: &TxId| {
        let (one, other) = (&book.entries[a], &book.entries[b]);
        let epochs = [a, b].map(|id| rules.epoch(id.timestamp()));
        (one.issuer, one.counter, epochs[0]) == (other.issuer, other.counter, epochs[1])
    };
    // First who is revoked and which of control kinds count, which only what came before decides.
    for (at, (_, id)) in order.iter().enumerate() {
        let entry = &book.entries[id];
        let before = || order[..at].iter().map(|(_, id)| id);
        let revokes = |other: &TxId| {
            book.entries[other].revokes == Some(entry.issuer) && verdicts[other] == FinalVerdict::Counts
        };
        let is_revoked = before().any(revokes);
        let is_second = before().any(|other| same(id, other) && verdicts[other] != FinalVerdict::Revoked);
        let verdict = match (is_revoked, is_second, entry.kind.is_control()) {
            (true, ..) => FinalVerdict::Revoked,
            (_, true, true) => FinalVerdict::Conflict,
            (_, true, false) => FinalVerdict::Disputed,
            (_, false, _) => FinalVerdict::Counts,
        };
        verdicts.insert(*id, verdict);
    }
    // Then what another one in the same commit disputes, earlier or later.
    let firsts: Vec<(usize, TxId)> =
        order.iter().filter(|(_, id)| verdicts[id] == FinalVerdict::Counts).copied().collect();
    for (commit, id) in firsts {
        let others = commits[commit].iter().filter(|other| **other != id && same(&id, other));
        let is_disputed = others.clone().any(|other| verdicts[other] != FinalVerdict::Revoked);
        if is_disputed && !book.entries[&id].kind.is_control() {
            verdicts.insert(id, FinalVerdict::Disputed);
        }
    }
    verdicts
}

/// A random tangle: readings, controls and revocations of few devices with few counters, now and then a leader.
fn tangle(dice: &mut Dice) -> Vec<(TxId, Entry)> {
    let mut made: Vec<(TxId, Entry)> = Vec::new();
    for number in 0..150 {
        let references: BTreeSet<TxId> = (0..2)
            .filter_map(|_| {
                made.len().checked_sub(1 + dice.below(made.len().clamp(1, 20))).map(|at| made[at].0)
            })
            .collect();
        let kind = match dice.below(10) {
            0 => Kind::RevokeDevice,
            1 => Kind::Grant,
            2 | 3 => Kind::Witness,
            _ => Kind::Reading,
        };
        let mut references: Vec<TxId> = references.into_iter().collect();
        if kind == Kind::Witness {
            references.extend(made.iter().rev().take(12).map(|(id, _)| *id));
            references.sort_unstable();
            references.dedup();
        }
        let revokes = (kind == Kind::RevokeDevice && dice.percent(30)).then(|| device(dice.below(6)));
        let issuer = device(dice.below(6));
        let entry = Entry { kind, issuer, counter: dice.below(9) as u32, references, revokes, round: None };
        made.push((id(10 * number + 10, number), entry));
    }
    made
}

struct Run {
    book: Book,
    commits: Vec<Delivered>,
    attached: usize,
    calls: usize,
}

/// Attaches a tangle piece by piece and delivers its witnesses in their order.
fn run(seed: u64, undelivered: usize, commit: usize, failing: bool) -> Run {
    let bounds = Bounds { undelivered, commit, reached: 100_000, frontier: 100_000, steps: 100_000 };
    run_within(seed, bounds, failing, None)
}

/// The order in which a node may have taken these: each behind all that it references, and else by chance.
fn arrivals(tangle: &[(TxId, Entry)], dice: &mut Dice) -> Vec<TxId> {
    let mut waiting: Vec<&(TxId, Entry)> = tangle.iter().collect();
    let mut here: BTreeSet<TxId> = BTreeSet::new();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let may =
            |(_, entry): &(TxId, Entry)| entry.references.iter().all(|reference| here.contains(reference));
        let ready: Vec<usize> = (0..waiting.len()).filter(|at| may(waiting[*at])).collect();
        let (id, _) = waiting.remove(ready[dice.below(ready.len())]);
        here.insert(*id);
        order.push(*id);
    }
    order
}

fn run_within(seed: u64, bounds: Bounds, failing: bool, order: Option<u64>) -> Run {
    let network = network(1);
    let mut dice = Dice::new(seed);
    let tangle = tangle(&mut dice);
    let mut failures = Dice::new(seed);
    let mut delivery = Delivery::with_bounds(&network, bounds);
    let mut run = Run { book: Book::default(), commits: Vec::new(), attached: 0, calls: 0 };
    run.book.arrivals = order.map(|order| arrivals(&tangle, &mut Dice::new(order))).unwrap_or_default();
    let mut leaders = Vec::new();
    for (id, entry) in &tangle {
        run.book.entries.insert(*id, entry.clone());
        delivery.attached(*id, entry.clone());
        run.attached += 1;
        if entry.kind == Kind::Witness {
            leaders.push(*id);
        }
        if !dice.percent(15) {
            continue;
        }
        for leader in std::mem::take(&mut leaders) {
            if run.book.verdicts.contains_key(&leader) {
                continue;
            }
            let mut trying = |book: &Book, step: &mut dyn FnMut(&Book) -> Result<(), HistoryError>| {
                for attempt in 0.. {
                    book.fails_after.set(failing.then(|| failures.below(20 + 20 * attempt)));
                    if step(book).is_ok() {
                        return book.fails_after.set(None);
                    }
                    assert!(failing);
                }
            };
            let times = [Timestamp::from_millis(leader.timestamp().as_millis() / 2)];
            delivery.begin(leader, member(0), times.into_iter());
            while delivery.finished().is_none() {
                let mut next = None;
                trying(&run.book, &mut |book| delivery.next(book).map(|found| next = found));
                run.calls += 1;
                assert!(delivery.held() <= bounds.reached);
                if let Some((delivered, _)) = next {
                    run.book.store(&delivered);
                    run.commits.push(delivered);
                }
            }
        }
        let waiting = tangle[..run.attached]
            .iter()
            .filter(|(id, entry)| entry.kind != Kind::Witness && !run.book.verdicts.contains_key(id));
        assert_eq!(delivery.open(), waiting.count() as u64);
    }
    run
}

#[test]
fn commits_are_what_their_definition_says() {
    let network = network(1);
    let mut found: BTreeMap<FinalVerdict, usize> = BTreeMap::new();
    let mut splits = 0;
    for seed in 0..120 {
        let (limit, size) = [(1_000, 1_000), (5, 1_000), (1_000, 7), (3, 4)][(seed % 4) as usize];
        let run = run(seed, limit, size, false);
        let mut delivered: BTreeSet<TxId> = BTreeSet::new();
        let mut orders: Vec<Vec<TxId>> = Vec::new();
        let mut leaders: Vec<(TxId, Vec<TxId>)> = Vec::new();
        let (mut digest, mut time) = (Digest([0; 32]), network.created());
        for (at, Delivered { commit, transactions, revoked, .. }) in (1..).zip(&run.commits) {
            let order: Vec<TxId> = transactions.iter().map(|judged| judged.id).collect();
            assert_eq!((commit.index, commit.previous, commit.count as usize), (at, digest, order.len()));
            assert!(commit.time >= time && (1..=size).contains(&order.len()));
            (digest, time) = (commit.digest(network.id()), commit.time);
            assert_eq!(run.book.digests[at as usize - 1], digest);
            orders.push(order.clone());
            let now = verdicts(network.rules(), &run.book, &orders);
            let judged = |id: &TxId| {
                let Entry { kind, issuer, counter, .. } = run.book.entries[id];
                Judged { id: *id, kind, issuer, counter, verdict: now[id] }
            };
            let expected: Vec<Judged> = order.iter().map(judged).collect();
            assert_eq!(*transactions, expected, "seed {seed}, commit {at}");
            let counting =
                |id: &TxId| run.book.entries[id].revokes.filter(|_| now[id] == FinalVerdict::Counts);
            assert!(order.iter().filter_map(counting).eq(revoked.iter().copied()));
            let leaves = transactions.iter().map(|judged| leaf(&judged.id, judged.verdict));
            assert_eq!(commit.root, merkle::root(leaves));
            match leaders.last_mut().filter(|(leader, _)| *leader == commit.leader) {
                Some((_, all)) => {
                    splits += 1;
                    all.extend(order);
                }
                None => leaders.push((commit.leader, order)),
            }
            transactions.iter().for_each(|judged| *found.entry(judged.verdict).or_default() += 1);
        }
        for (leader, order) in leaders {
            let mut reached = BTreeSet::new();
            let mut queue = vec![leader];
            while let Some(id) = queue.pop() {
                if !delivered.contains(&id) && reached.insert(id) {
                    queue.extend(&run.book.entries[&id].references);
                }
            }
            assert!(order.iter().eq(&reached), "seed {seed}: what {leader} reaches, ascending");
            delivered.extend(reached);
        }
    }
    assert!(
        found.len() == 4 && found.values().all(|count| *count > 100) && splits > 100,
        "{found:?} {splits}"
    );
}

#[test]
fn bounds_of_memory_and_failures_of_the_ledger_change_nothing() {
    for seed in 0..60 {
        let plain = run(seed, 1_000, 9, false);
        for (limit, failing) in [(0, false), (4, true), (1_000, true)] {
            let commits = run(seed, limit, 9, failing).commits;
            assert!(commits == plain.commits, "seed {seed}, {limit} in memory");
        }
    }
}

#[test]
fn however_little_is_held_and_looked_at_at_once_the_commits_are_the_same() {
    for seed in 0..60 {
        let plain = run(seed, 1_000, 4, false);
        for (reached, steps) in [(4, 1_000), (8, 3), (1_000, 1)] {
            let bounds = Bounds { undelivered: 9, commit: 4, reached, frontier: 1_000, steps };
            let found = run_within(seed, bounds, seed % 2 == 0, None);
            assert!(found.commits == plain.commits, "seed {seed}, {reached} held, {steps} at once");
            assert!(steps > 3 || found.calls > 2 * plain.calls, "it is gone in pieces");
        }
    }
}

/// By positions the way down meets the same, in whatever order a node has taken them.
#[test]
fn however_few_ids_are_held_on_the_way_and_in_whatever_order_all_came_the_commits_are_the_same() {
    for seed in 0..60 {
        let plain = run(seed, 1_000, 4, false);
        for (frontier, undelivered, reached) in [(0, 1_000, 1_000), (3, 9, 4), (6, 0, 8)] {
            let bounds = Bounds { undelivered, commit: 4, reached, frontier, steps: 7 };
            let found = run_within(seed, bounds, seed % 2 == 0, Some(seed ^ frontier as u64));
            assert!(found.commits == plain.commits, "seed {seed}, {frontier} ids, {reached} held");
        }
    }
}

/// Readings none of which any other one approves, then as many that approve two of them each: half of all waits to be looked
/// at while the way goes down the others.
#[test]
fn what_waits_where_the_way_forks_takes_a_bit_each() {
    const PAIRS: u64 = 6_000;
    let network = network(1);
    let bounds = Bounds { undelivered: 50, commit: 4_096, reached: 4_096, frontier: 64, steps: 1_000 };
    let mut delivery = Delivery::with_bounds(&network, bounds);
    let mut book = Book::default();
    let mut attach = |at: u64, kind, references: Vec<TxId>| {
        let (id, issuer, counter) = (id(at, at), device(1), at as u32);
        let entry = Entry { kind, issuer, counter, references, revokes: None, round: None };
        book.entries.insert(id, entry.clone());
        book.arrivals.push(id);
        delivery.attached(id, entry);
        id
    };
    let lower: Vec<TxId> = (1..=2 * PAIRS).map(|at| attach(at, Kind::Reading, vec![])).collect();
    let mut last = None;
    for (at, pair) in (20_000..).zip(lower.chunks(2)) {
        last = Some(attach(at, Kind::Reading, last.iter().chain(pair).copied().collect()));
    }
    let leader = attach(40_000, Kind::Witness, Vec::from_iter(last));
    delivery.begin(leader, member(0), std::iter::empty());
    let (mut delivered, mut held, mut by_position) = (0, (0, 0), 0);
    while delivery.finished().is_none() {
        if let Some((commit, _)) = delivery.next(&book).unwrap() {
            delivered += u64::from(commit.commit.count);
            book.store(&commit);
        }
        let (ids, pieces) = delivery.ahead();
        held = (held.0.max(ids), held.1.max(pieces));
        by_position += u64::from(pieces > 0);
    }
    assert_eq!(delivered, 3 * PAIRS + 1);
    assert!(held.0 <= 64 && by_position > 0, "{held:?}");
    assert!(held.1 as u64 <= 2 * PAIRS / 128 + 3, "{held:?}: a bit for each");
}

/// Readings that approve what was delivered long ago, each another two, with most of them on disk alone.
#[test]
fn a_past_that_is_approved_once_more_is_not_remembered() {
    let network = network(1);
    for undelivered in [20_000, 100] {
        let bounds = Bounds { undelivered, commit: 64, reached: 64, frontier: 1_000_000, steps: 1_000 };
        let mut delivery = Delivery::with_bounds(&network, bounds);
        let mut book = Book::default();
        let attach = |delivery: &mut Delivery, book: &mut Book, at: u64, kind, references: Vec<TxId>| {
            let (id, issuer, counter) = (id(at, at), device(1), at as u32);
            let entry = Entry { kind, issuer, counter, references, revokes: None, round: None };
            book.entries.insert(id, entry.clone());
            delivery.attached(id, entry);
            id
        };
        let mut past = Vec::new();
        for at in 1..=4_000 {
            past.push(attach(&mut delivery, &mut book, at, Kind::Reading, vec![]));
        }
        let deliver = |delivery: &mut Delivery, book: &mut Book, leader| {
            delivery.begin(leader, member(0), std::iter::empty());
            let (mut delivered, mut held) = (0, 0);
            while delivery.finished().is_none() {
                if let Some((commit, _)) = delivery.next(book).unwrap() {
                    delivered += commit.commit.count;
                    book.store(&commit);
                }
                held = held.max(delivery.ahead().0);
            }
            (delivered, held)
        };
        let leader = attach(&mut delivery, &mut book, 5_000, Kind::Witness, past.clone());
        assert_eq!(deliver(&mut delivery, &mut book, leader).0, 4_001);
        let mut last = leader;
        for (at, parents) in (6_000..).zip(past.chunks(2)) {
            let references = [last].iter().chain(parents).copied().collect();
            last = attach(&mut delivery, &mut book, at, Kind::Reading, references);
        }
        let leader = attach(&mut delivery, &mut book, 20_000, Kind::Witness, vec![last]);
        assert_eq!(deliver(&mut delivery, &mut book, leader), (2_001, 1), "{undelivered} in memory");
    }
}
