//! One scenario with many seeds, on all cores.
//!
//! Always true: which seeds are run and what comes of each does not depend on how many threads run them; of several that
//! fail the first in number is told.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use weft_tangle::sim::{Outcome, Scenario, run};

/// One simulation in so many is run twice, and both must be alike.
const TWICE: u64 = 50;

/// Something that must not be.
#[derive(Clone, Debug)]
pub enum Finding {
    /// An invariant does not hold.
    Violation(Box<Outcome>),
    /// Two runs of one seed are not alike.
    Unlike {
        /// The seed.
        seed: u64,
        /// What the two runs came to.
        traces: [u64; 2],
    },
}

impl Finding {
    /// The seed that shows it.
    pub fn seed(&self) -> u64 {
        match self {
            Self::Violation(outcome) => outcome.seed,
            Self::Unlike { seed, .. } => *seed,
        }
    }
}

/// What has come of all of them.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Simulations that ran to their end, those that were run twice once.
    pub runs: u64,
    /// Of these, how many were run twice.
    pub twice: u64,
    /// What happened in them, in number.
    pub events: u64,
    /// Microseconds that they simulated.
    pub simulated: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Transactions of which a client was told that they are taken.
    pub acknowledged: u64,
    /// Planned faults.
    pub faults: u64,
    /// Microseconds of the slowest one from the end of its faults until all nodes held the same.
    pub settled_most: u64,
    /// Traces of all, in whatever order they were run.
    pub traces: u64,
    /// The first that failed.
    pub finding: Option<Finding>,
}

/// Seeds to be run.
#[derive(Clone, Debug)]
pub struct Campaign<'a> {
    /// What is simulated.
    pub scenario: &'a Scenario,
    /// With which seeds.
    pub seeds: Range<u64>,
    /// On how many threads.
    pub threads: NonZeroUsize,
}

impl Campaign<'_> {
    /// Runs all seeds, or those before and beside the first that fails. Calls `progress` now and then with the number
    /// that are done.
    pub fn run(&self, progress: &(dyn Fn(u64) + Sync)) -> Summary {
        let next = AtomicU64::new(self.seeds.start);
        let stop = AtomicBool::new(false);
        let summary = Mutex::new(Summary::default());
        let work = || {
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.seeds.end {
                    return;
                }
                let is_twice =
                    (seed - self.seeds.start).is_multiple_of(TWICE) && self.seeds.end - self.seeds.start > 1;
                let outcome = run(self.scenario, seed);
                let again = is_twice.then(|| run(self.scenario, seed).trace);
                let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                summary.add(outcome, again);
                stop.fetch_or(summary.finding.is_some(), Ordering::Relaxed);
                progress(summary.runs);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.get() {
                scope.spawn(work);
            }
        });
        summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Summary {
    fn add(&mut self, outcome: Outcome, again: Option<u64>) {
        self.runs += 1;
        self.twice += u64::from(again.is_some());
        self.events += outcome.events;
        self.simulated += outcome.simulated;
        self.transactions += outcome.transactions as u64;
        self.acknowledged += outcome.acknowledged as u64;
        self.faults += outcome.scenario.plan.len() as u64;
        self.settled_most = self.settled_most.max(outcome.settled.unwrap_or(0));
        self.traces = self.traces.wrapping_add(outcome.trace);
        let (seed, trace) = (outcome.seed, outcome.trace);
        let finding = match again {
            _ if outcome.violation.is_some() => Some(Finding::Violation(Box::new(outcome))),
            Some(again) if again != trace => Some(Finding::Unlike { seed, traces: [trace, again] }),
            _ => None,
        };
        let is_first =
            |finding: &Finding| self.finding.as_ref().is_none_or(|first| finding.seed() < first.seed());
        if let Some(finding) = finding.filter(is_first) {
            self.finding = Some(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_change_nothing() {
        let mut scenario = Scenario::plain("threads");
        scenario.lasts = weft_tangle::sim::Span::of(2_000_000);
        let run = |threads| {
            let threads = NonZeroUsize::new(threads).unwrap();
            Campaign { scenario: &scenario, seeds: 5..9, threads }.run(&|_| ())
        };
        let [one, four] = [run(1), run(4)];
        assert_eq!((one.runs, one.twice), (4, 1));
        assert!(one.finding.is_none() && one.acknowledged > 0);
        assert_eq!((one.traces, one.events, one.simulated), (four.traces, four.events, four.simulated));
    }

    #[test]
    fn a_run_that_differs_from_its_twin_is_told() {
        let mut scenario = Scenario::plain("twins");
        scenario.lasts = weft_tangle::sim::Span::of(1_000_000);
        let outcome = run(&scenario, 3);
        let mut summary = Summary::default();
        summary.add(outcome.clone(), Some(outcome.trace));
        assert!(summary.finding.is_none());
        summary.add(outcome.clone(), Some(outcome.trace + 1));
        assert!(matches!(summary.finding, Some(Finding::Unlike { seed: 3, .. })));
    }
}
