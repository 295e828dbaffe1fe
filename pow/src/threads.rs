//! The search on several threads of a host.
//!
//! The nonces are dealt out in ascending spans of `SPAN`. A span is dealt only while none before it is known to
//! hold a solution, and one that was dealt is searched to its first solution. So the answer is the smallest
//! solution, the same that one thread finds, whatever the number of threads and however they are scheduled.

use crate::{Difficulty, Nonce, Search, Seed, Step};
use core::{
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};
use std::{
    sync::{Mutex, MutexGuard},
    thread,
};

/// More threads than this are not started, whatever is asked for: a configured number must not exhaust a host.
pub const MAX_THREADS: usize = 256;

/// Attempts between two looks at the cancel flag: under a millisecond of a server's core, and enough that the
/// lock between them costs nothing measurable.
const SPAN: u32 = 4_096;

/// The spans that together are all nonces.
const SPANS: u64 = u64::MAX / SPAN as u64 + 1;
const _: () = assert!(SPAN.is_power_of_two(), "spans tile the nonces exactly");

/// The smallest nonce that satisfies `difficulty`, searched on up to `threads` threads, the calling one included,
/// at most [`MAX_THREADS`].
///
/// `None` when `cancel` became true before a solution was found, or when there is none, which takes 2^64 attempts
/// to learn. Each thread looks at `cancel` every few thousand attempts. A solution found in spite of a cancel is
/// returned; it may not be the smallest. All threads have ended on return.
///
/// Threads are started only when the first few thousand attempts, made by the caller, find nothing: starting them
/// costs more than the usual difficulties do. With `threads` = 1 none is started. Those that the system refuses to
/// start are done without.
#[must_use]
pub fn search_on_threads(
    seed: Seed,
    difficulty: Difficulty,
    threads: NonZeroUsize,
    cancel: &AtomicBool,
) -> Option<Nonce> {
    let spans = Spans { seed, difficulty, cancel, progress: Mutex::default() };
    spans.search_on(threads.get().min(MAX_THREADS))
}

/// What the threads of one search share.
struct Spans<'a> {
    seed: Seed,
    difficulty: Difficulty,
    cancel: &'a AtomicBool,
    progress: Mutex<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Spans dealt so far; the next to deal.
    dealt: u64,
    /// The smallest solution found so far.
    smallest: Option<Nonce>,
}

impl Spans<'_> {
    /// The answer of [`search_on_threads`].
    fn search_on(&self, threads: usize) -> Option<Nonce> {
        if self.search_one() {
            thread::scope(|scope| {
                for _ in 1..threads {
                    if thread::Builder::new().spawn_scoped(scope, || self.search_all()).is_err() {
                        break;
                    }
                }
                self.search_all();
            });
        }
        self.lock().smallest
    }

    fn search_all(&self) {
        while self.search_one() {}
    }

    /// Searches the next span. False when the search is over.
    fn search_one(&self) -> bool {
        self.deal().is_some_and(|first| self.search_from(first))
    }

    /// Searches the span that begins at `first`. False when it holds a solution.
    fn search_from(&self, first: Nonce) -> bool {
        match Search::new(self.seed, self.difficulty).resume_at(first).step(SPAN) {
            Step::Found(nonce) => {
                let mut progress = self.lock();
                progress.smallest = Some(progress.smallest.map_or(nonce, |known| known.min(nonce)));
                false
            }
            Step::Continue | Step::Exhausted => true,
        }
    }

    /// The first nonce of the next span; `None` when no more are to be searched. Spans are dealt in ascending
    /// order, so once a solution is known none to come can hold a smaller one.
    fn deal(&self) -> Option<Nonce> {
        let mut progress = self.lock();
        if self.cancel.load(Relaxed) || progress.smallest.is_some() || progress.dealt == SPANS {
            return None;
        }
        let first = Nonce(progress.dealt * u64::from(SPAN));
        progress.dealt += 1;
        Some(first)
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().expect("no code panics while it holds this lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use proptest::prelude::*;

    static NEVER: AtomicBool = AtomicBool::new(false);

    fn spans(seed: Seed, difficulty: Difficulty, cancel: &AtomicBool, dealt: u64) -> Spans<'_> {
        Spans { seed, difficulty, cancel, progress: Mutex::new(Progress { dealt, smallest: None }) }
    }

    /// The smallest solution, by trying one nonce after the other.
    fn smallest(seed: Seed, difficulty: Difficulty) -> Option<Nonce> {
        (0..u64::MAX).map(Nonce).find(|&nonce| check(&seed, nonce, difficulty))
    }

    fn on(threads: usize, seed: Seed, difficulty: Difficulty, cancel: &AtomicBool) -> Option<Nonce> {
        search_on_threads(seed, difficulty, NonZeroUsize::new(threads).unwrap(), cancel)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_number_of_threads_finds_the_smallest_solution(
            seed: [u8; 32], bits in 0_u8..=15, threads in 1_usize..=9,
        ) {
            let (seed, difficulty) = (Seed(seed), Difficulty::new(bits).unwrap());
            prop_assert_eq!(on(threads, seed, difficulty, &NEVER), smallest(seed, difficulty));
        }
    }

    /// Deeper than a first span by far, so that threads do start.
    #[test]
    fn a_search_of_many_spans_finds_the_smallest_solution() {
        let (seed, difficulty) = (Seed([1; 32]), Difficulty::new(17).unwrap());
        let expected = smallest(seed, difficulty);
        assert!(expected > Some(Nonce(u64::from(10 * SPAN))), "choose another seed: {expected:?}");
        for threads in [1, 2, 8, usize::MAX] {
            assert_eq!(on(threads, seed, difficulty, &NEVER), expected, "{threads} threads");
        }
    }

    #[test]
    fn a_search_cancelled_before_it_begins_tries_nothing() {
        for threads in [1, 4] {
            assert_eq!(on(threads, Seed([1; 32]), Difficulty::ZERO, &AtomicBool::new(true)), None);
        }
    }

    /// 64 bits would take some 2^64 attempts: that this test ends at all shows that a cancel reaches every thread.
    #[test]
    fn a_cancel_ends_all_threads_of_a_search_under_way() {
        for threads in [1, 4] {
            let cancel = AtomicBool::new(false);
            let spans = spans(Seed([1; 32]), Difficulty::MAX, &cancel, 0);
            let found = thread::scope(|scope| {
                let search = scope.spawn(|| spans.search_on(threads));
                while spans.lock().dealt < 16 {
                    thread::yield_now();
                }
                cancel.store(true, Relaxed);
                search.join().unwrap()
            });
            assert_eq!(found, None);
        }
    }

    /// Nonce 105,434 is what Python's `hashlib.blake2s` finds for this seed; its span is the 26th.
    #[test]
    fn a_solution_found_ends_the_dealing() {
        let spans = spans(Seed([1; 32]), Difficulty::new(17).unwrap(), &NEVER, 24);
        assert!(spans.search_one());
        assert!(!spans.search_one());
        assert_eq!(spans.lock().smallest, Some(Nonce(105_434)));
        assert_eq!(spans.deal(), None);
        assert_eq!(spans.lock().dealt, 26);
    }

    /// Spans end in any order: what comes in later replaces what is known only when it is smaller.
    #[test]
    fn the_smaller_of_two_solutions_stays() {
        for known in [0, u64::MAX] {
            let spans = spans(Seed([1; 32]), Difficulty::ZERO, &NEVER, 0);
            spans.lock().smallest = Some(Nonce(known));
            assert!(!spans.search_from(Nonce(SPAN.into())));
            assert_eq!(spans.lock().smallest, Some(Nonce(known.min(SPAN.into()))));
        }
    }

    #[test]
    fn the_last_span_ends_at_the_last_nonce() {
        let spans = spans(Seed([1; 32]), Difficulty::MAX, &NEVER, SPANS - 1);
        assert_eq!((SPANS - 1) * u64::from(SPAN) + u64::from(SPAN - 1), u64::MAX);
        assert!(spans.search_one());
        assert!(!spans.search_one());
        assert_eq!(spans.lock().smallest, None);
    }
}
