//! The verdicts on signatures, shared by the checkers: whatever they are handed at once, each is reached once.
//!
//! Always true: while a signature is being checked, whoever needs the same verdict waits for it, a bounded time; and a
//! check that ends without a verdict, for it panicked, lets the next one make it.

use crate::limits::VERDICT_WAIT;
use crate::metrics::Metrics;
use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weft_tangle::{Claim, Recall, Verdict, Verdicts};

/// The memory of all checkers.
#[derive(Debug)]
pub(super) struct SharedVerdicts {
    state: Mutex<State>,
    decided: Condvar,
    metrics: Arc<Metrics>,
    wait: Duration,
}

#[derive(Debug, Default)]
struct State {
    verdicts: Verdicts,
    /// Claims that somebody is checking; at most one a thread.
    running: BTreeSet<Claim>,
    /// Threads that wait for somebody's verdict.
    waiting: usize,
}

/// What a thread is to do about a claim.
enum Task<'a> {
    /// Nothing: here is the verdict.
    None(Verdict),
    /// Check it, while others wait.
    Check(Running<'a>),
    /// Check it as well: whoever began has not come to an end.
    CheckAsWell,
}

impl SharedVerdicts {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { state: Mutex::default(), decided: Condvar::new(), metrics, wait: VERDICT_WAIT }
    }

    fn task(&self, claim: Claim) -> Task<'_> {
        let mut begun = None;
        let mut state = self.lock();
        loop {
            if let Some(verdict) = state.verdicts.recall(&claim) {
                return Task::None(verdict);
            }
            if state.running.insert(claim) {
                return Task::Check(Running { shared: self, claim });
            }
            let begun = *begun.get_or_insert_with(Instant::now);
            let Some(left) = self.wait.checked_sub(begun.elapsed()) else { return Task::CheckAsWell };
            state.waiting += 1;
            let waited = self.decided.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.waiting -= 1;
        }
    }

    fn check(&self, check: &mut dyn FnMut() -> Verdict) -> Verdict {
        let begin = Instant::now();
        let verdict = check();
        self.metrics.count_signature(verdict.is_valid(), begin.elapsed().as_secs_f64());
        self.lock().verdicts.remember(verdict);
        verdict
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No check runs under the lock, and every change is whole before it is left.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recall for SharedVerdicts {
    fn verdict(&self, claim: Claim, check: &mut dyn FnMut() -> Verdict) -> Verdict {
        match self.task(claim) {
            Task::None(verdict) => {
                self.metrics.signatures_recalled.inc();
                verdict
            }
            Task::Check(_running) => self.check(check),
            Task::CheckAsWell => self.check(check),
        }
    }
}

/// A claim that is being checked, until this is dropped.
struct Running<'a> {
    shared: &'a SharedVerdicts,
    claim: Claim,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.running.remove(&self.claim);
        // Waking nobody costs a call of the system as well.
        if state.waiting > 0 {
            self.shared.decided.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Device, network, reading};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;
    use weft_tangle::{Network, Refusal, Screened, Transaction, Verified};

    struct Rig {
        network: Arc<Network>,
        device: Device,
        metrics: Arc<Metrics>,
        shared: SharedVerdicts,
    }

    impl Rig {
        fn new(wait: Duration) -> Self {
            let metrics = Metrics::new("test").unwrap();
            let shared = SharedVerdicts { wait, ..SharedVerdicts::new(Arc::clone(&metrics)) };
            Self { network: network("verdicts"), device: Device::new(1), metrics, shared }
        }

        fn check(&self, wire: &[u8], verdicts: &dyn Recall) -> Result<(), Refusal> {
            let transaction = Transaction::decode(&self.network, wire)?;
            let screened = Screened::check(&self.network, transaction)?;
            Verified::check_once(&self.network, screened, self.device.issuer(), verdicts).map(drop)
        }

        fn checked(&self) -> (u64, u64, u64) {
            let count = |verdict| self.metrics.signatures_checked(verdict);
            (count(true), count(false), self.metrics.signatures_recalled.get())
        }
    }

    /// Passes on to the shared memory; `before` runs within each check.
    struct Meddling<'a, F> {
        shared: &'a SharedVerdicts,
        before: F,
    }

    impl<F: Fn()> Recall for Meddling<'_, F> {
        fn verdict(&self, claim: Claim, check: &mut dyn FnMut() -> Verdict) -> Verdict {
            self.shared.verdict(claim, &mut || {
                (self.before)();
                check()
            })
        }
    }

    #[test]
    fn thousands_of_copies_in_many_threads_cost_one_check_each() {
        let rig = Rig::new(Duration::from_secs(60));
        let right = reading(&rig.network, &rig.device, 0);
        let mut wrong = right.clone();
        wrong[200] ^= 1;
        let together = Barrier::new(8);
        // Long enough for all to arrive while the first one checks; were it not, they would still count one.
        let slow = Meddling { shared: &rig.shared, before: || thread::sleep(Duration::from_millis(20)) };
        let slow: &(dyn Recall + Sync) = &slow;
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    together.wait();
                    for _ in 0..500 {
                        assert_eq!(rig.check(&right, slow), Ok(()));
                        assert_eq!(rig.check(&wrong, slow), Err(Refusal::Signature));
                    }
                });
            }
        });
        assert_eq!(rig.checked(), (1, 1, 2 * 8 * 500 - 2));
    }

    #[test]
    fn a_check_that_panics_lets_the_next_one_check() {
        let rig = Rig::new(Duration::from_secs(60));
        let wire = reading(&rig.network, &rig.device, 0);
        let (entered, checks) = (Barrier::new(2), AtomicU32::new(0));
        let before = || {
            if checks.fetch_add(1, Ordering::Relaxed) == 0 {
                entered.wait();
                panic!("as if the library had a slip");
            }
        };
        let panicking = Meddling { shared: &rig.shared, before };
        thread::scope(|scope| {
            let first =
                scope.spawn(|| catch_unwind(AssertUnwindSafe(|| rig.check(&wire, &panicking))).is_err());
            entered.wait();
            // Whether this one comes while the first still runs or after it: it is not let down.
            assert_eq!(rig.check(&wire, &panicking), Ok(()));
            assert!(first.join().unwrap());
        });
        assert_eq!(rig.checked(), (1, 0, 0));
        assert!(rig.shared.lock().running.is_empty());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let rig = Rig::new(Duration::from_millis(1));
        let wire = reading(&rig.network, &rig.device, 0);
        let (entered, leave) = (Barrier::new(2), Barrier::new(2));
        let stuck = Meddling {
            shared: &rig.shared,
            before: || {
                entered.wait();
                leave.wait();
            },
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| rig.check(&wire, &stuck));
            entered.wait();
            assert_eq!(rig.check(&wire, &rig.shared), Ok(()), "it is checked as well");
            leave.wait();
            assert_eq!(first.join().unwrap(), Ok(()));
        });
        assert_eq!(rig.checked(), (2, 0, 0));
        assert!(rig.shared.lock().running.is_empty());
    }
}
