//! How three ways of choosing parents serve sensors that need 0.1 to 30 s between a ticket and a transaction.
//!
//! `cargo bench -p weft-tangle --bench tips` prints a table; under `cargo test` it makes a short run and says nothing.
//! Time is virtual and each seed gives the same figures on every machine: the same sensors ask at the same moments
//! and take equally long, whoever chooses. Ours are the leases of [`Tips`]; URTS draws two tips evenly at random;
//! MCMC walks from a transaction of some time ago towards the tips, towards heavier ones by a factor of
//! exp(alpha * weight), as in the IOTA white paper (Popov, The Tangle, 2018, section 4.1).
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use weft_tangle::replica::Tips;
use weft_tangle::{Timestamp, TxId};

/// A sensor's shortest and longest time from ticket to submission, in milliseconds; evenly distributed between.
const DELAY_MS: (u64, u64) = (100, 30_000);
/// What happens before is not counted: the pool fills.
const WARM_UP_MS: u64 = 120_000;
/// Transactions this near to the end are not counted: they had no time to be approved.
const COOL_DOWN_MS: u64 = 150_000;
/// How far back a walk begins, and how far back weights are kept up.
const WALK_MS: u64 = 90_000;
/// How much a walk prefers the heavier transaction.
const ALPHA: f64 = 0.005;

/// A way to choose parents. Transactions are numbers in the order of their submission; 0 is the genesis.
trait Selection {
    fn pair(&mut self, now: u64, rng: &mut ChaCha8Rng) -> [usize; 2];
    fn insert(&mut self, number: usize, parents: [usize; 2], now: u64);
}

type Make = fn() -> Box<dyn Selection>;

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench")
        && !std::env::args().any(|argument| argument == "--test");
    let (minutes, rates, seeds) = if measured { (20, &[2, 10, 50][..], 3) } else { (5, &[2][..], 1) };
    if measured {
        println!("rate/s  selection  pool/(2 x rate x delay)  first approval p50    p99  never approved");
    }
    for rate in rates {
        let makes: [(&str, Make); 3] = [
            ("leases", || Box::new(Leases(Tips::new(id(0, 0)), vec![id(0, 0)]))),
            ("URTS", || Box::new(Uniform(vec![0]))),
            ("MCMC", || Box::new(Walk::new())),
        ];
        for (name, make) in makes {
            let outcome = Outcome::of((0..seeds).map(|seed| simulate(make().as_mut(), *rate, minutes, seed)));
            if measured {
                println!(
                    "{rate:>6}  {name:<9}  {:>23.2}  {:>16.1} s {:>4.0} s  {:.2} %",
                    outcome.pool, outcome.p50, outcome.p99, outcome.unapproved
                );
            } else {
                assert!(outcome.pool > 0.0 && outcome.p50 < outcome.p99);
            }
        }
    }
}

/// One run: the mean pool of tips over time, relative to 2 x rate x mean delay, and times to first approval in ms.
struct Run {
    pool: f64,
    approvals: Vec<u64>,
    never: usize,
}

fn simulate(selection: &mut dyn Selection, rate: u64, minutes: u64, seed: u8) -> Run {
    let end = minutes * 60_000;
    // Apart, so that what a selection draws does not change how long the sensors take.
    let mut sensors = ChaCha8Rng::from_seed([seed; 32]);
    let mut draws = ChaCha8Rng::from_seed([seed + 100; 32]);
    let mut submissions: BTreeMap<(u64, u64), [usize; 2]> = BTreeMap::new();
    let mut submitted = vec![0];
    let mut approved: Vec<Option<u64>> = vec![Some(0)];
    let (mut tips, mut pool_ms, mut last) = (0usize, 0.0, WARM_UP_MS);
    for ask in 0..rate * end / 1_000 {
        let now = ask * 1_000 / rate;
        while let Some(entry) = submissions.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), parents) = entry.remove_entry();
            if at > WARM_UP_MS {
                pool_ms += tips as f64 * (at - last) as f64;
                last = at;
            }
            for parent in parents {
                if approved[parent].is_none() {
                    approved[parent] = Some(at);
                    tips -= 1;
                }
            }
            selection.insert(submitted.len(), parents, at);
            submitted.push(at);
            approved.push(None);
            tips += 1;
        }
        let delay = DELAY_MS.0 + u64::from(sensors.next_u32()) % (DELAY_MS.1 - DELAY_MS.0);
        submissions.insert((now + delay, ask), selection.pair(now, &mut draws));
    }
    let counted =
        submitted.iter().zip(&approved).filter(|(at, _)| (WARM_UP_MS..end - COOL_DOWN_MS).contains(at));
    let times: Vec<Option<u64>> = counted.map(|(at, first)| first.map(|first| first - at)).collect();
    let mean_delay = (DELAY_MS.0 + DELAY_MS.1) as f64 / 2_000.0;
    Run {
        pool: pool_ms / (last - WARM_UP_MS) as f64 / (2.0 * rate as f64 * mean_delay),
        approvals: times.iter().flatten().copied().collect(),
        never: times.iter().filter(|time| time.is_none()).count(),
    }
}

/// Runs taken together; approvals in seconds, those that never came counted as longest.
struct Outcome {
    pool: f64,
    p50: f64,
    p99: f64,
    /// Percent of the transactions that nothing approved until the end.
    unapproved: f64,
}

impl Outcome {
    fn of(runs: impl Iterator<Item = Run>) -> Self {
        let runs: Vec<Run> = runs.collect();
        let mut times: Vec<u64> = runs.iter().flat_map(|run| run.approvals.iter().copied()).collect();
        times.sort_unstable();
        let never: usize = runs.iter().map(|run| run.never).sum();
        let all = times.len() + never;
        let unapproved = 100.0 * never as f64 / all as f64;
        let quantile =
            |q: f64| times.get((all as f64 * q) as usize).map_or(f64::INFINITY, |ms| *ms as f64 / 1_000.0);
        let pool = runs.iter().map(|run| run.pool).sum::<f64>() / runs.len() as f64;
        Self { pool, p50: quantile(0.5), p99: quantile(0.99), unapproved }
    }
}

/// The number in an id, behind a time.
fn id(number: usize, at: u64) -> TxId {
    let mut bytes = *TxId::first_at(Timestamp::from_millis(at)).as_bytes();
    bytes[32..].copy_from_slice(&(number as u64).to_be_bytes());
    TxId::from_bytes(bytes)
}

fn number(id: TxId) -> usize {
    let (_, tail) = id.as_bytes().split_last_chunk().expect("an id is longer than a number");
    u64::from_be_bytes(*tail) as usize
}

/// The ledger's own, and the ids of all numbers.
struct Leases(Tips, Vec<TxId>);

impl Selection for Leases {
    fn pair(&mut self, now: u64, rng: &mut ChaCha8Rng) -> [usize; 2] {
        self.0.lease(1, Timestamp::from_millis(now), rng)[0].map(number)
    }

    fn insert(&mut self, number: usize, parents: [usize; 2], now: u64) {
        self.1.push(id(number, now));
        self.0.insert(id(number, now), parents.map(|parent| self.1[parent]));
    }
}

/// Two different tips, evenly at random.
struct Uniform(Vec<usize>);

impl Selection for Uniform {
    fn pair(&mut self, _: u64, rng: &mut ChaCha8Rng) -> [usize; 2] {
        let count = self.0.len();
        let first = rng.next_u32() as usize % count;
        let second = (first + 1 + rng.next_u32() as usize % (count - 1).max(1)) % count;
        [self.0[first], self.0[second]]
    }

    fn insert(&mut self, number: usize, parents: [usize; 2], _: u64) {
        self.0.retain(|tip| !parents.contains(tip));
        self.0.push(number);
    }
}

/// The weighted walk; a transaction's weight is the number of those that approve it, directly or not.
struct Walk {
    parents: Vec<[usize; 2]>,
    children: Vec<Vec<usize>>,
    weights: Vec<f64>,
    submitted: Vec<u64>,
    marked: Vec<usize>,
}

impl Walk {
    fn new() -> Self {
        let (parents, children) = (vec![[0; 2]], vec![vec![]]);
        Self { parents, children, weights: vec![0.0], submitted: vec![0], marked: vec![0] }
    }

    fn step(&self, at: usize, rng: &mut ChaCha8Rng) -> Option<usize> {
        let children = &self.children[at];
        let heaviest = children.iter().map(|child| self.weights[*child]).fold(0.0, f64::max);
        let pull = |child: &usize| (ALPHA * (self.weights[*child] - heaviest)).exp();
        let all: f64 = children.iter().map(pull).sum();
        let mut left = f64::from(rng.next_u32()) / 2f64.powi(32) * all;
        let chosen = children.iter().find(|child| {
            left -= pull(child);
            left < 0.0
        });
        chosen.or(children.last()).copied()
    }

    fn tip(&self, now: u64, rng: &mut ChaCha8Rng) -> usize {
        let horizon = now.saturating_sub(WALK_MS);
        let mut at =
            self.submitted.partition_point(|submitted| *submitted < horizon).min(self.parents.len() - 1);
        while let Some(next) = self.step(at, rng) {
            at = next;
        }
        at
    }
}

impl Selection for Walk {
    fn pair(&mut self, now: u64, rng: &mut ChaCha8Rng) -> [usize; 2] {
        let first = self.tip(now, rng);
        // A few walks more when the second ends where the first did.
        let second = (0..8).map(|_| self.tip(now, rng)).find(|second| *second != first);
        [first, second.unwrap_or(self.parents[first][0])]
    }

    fn insert(&mut self, number: usize, parents: [usize; 2], now: u64) {
        self.parents.push(parents);
        self.children.push(Vec::new());
        self.weights.push(0.0);
        self.submitted.push(now);
        self.marked.push(0);
        self.children[parents[0]].push(number);
        if parents[1] != parents[0] {
            self.children[parents[1]].push(number);
        }
        let mut stack = parents.to_vec();
        while let Some(at) = stack.pop() {
            let recent = self.submitted[at] + 2 * WALK_MS > now && self.marked[at] != number;
            if recent {
                self.marked[at] = number;
                self.weights[at] += 1.0;
                stack.extend(self.parents[at]);
            }
        }
    }
}
