//! How far the checkers are with what was handed in, so that a commit can wait for what is about to join it.
//!
//! It is counted in transactions, not in jobs: one job may have hundreds, and who has one reading in the next commit must
//! not wait for all that others have queued.
//!
//! Always true: `done <= submitted` but for a moment, and every transaction that is counted in is counted out once,
//! whatever comes of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// Transactions handed to the checkers, and those that they are done with.
#[derive(Debug, Default)]
pub(super) struct Progress {
    submitted: AtomicU64,
    done: AtomicU64,
    awaited: AtomicBool,
}

impl Progress {
    /// A job of so many is about to be queued for the checkers.
    pub(super) fn submit(&self, transactions: usize) {
        self.submitted.fetch_add(transactions as u64, SeqCst);
    }

    /// A job of so many has left the checkers, or has found no room before them.
    pub(super) fn finish(&self, transactions: usize) {
        self.done.fetch_add(transactions as u64, SeqCst);
    }

    /// Whether somebody waits for [`Progress::is_past`] to become true.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.load(SeqCst)
    }

    /// The count of done transactions at which all that is with the checkers now will be through, but at most `most` of
    /// them. Who passes it with the last of a job waits for that whole job, and for no other.
    pub(super) fn mark(&self, most: u64) -> u64 {
        let done = self.done.load(SeqCst);
        self.submitted.load(SeqCst).min(done + most)
    }

    /// Whether as many are done as `mark` says. If not, whoever finishes one from now on sees that it is awaited:
    /// the flag is set before the count is read here, and read there after the count is raised.
    pub(super) fn is_past(&self, mark: u64) -> bool {
        self.awaited.store(true, SeqCst);
        let past = self.done.load(SeqCst) >= mark;
        if past {
            self.awaited.store(false, SeqCst);
        }
        past
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn a_mark_is_passed_when_what_was_there_is_done_and_not_before() {
        let progress = Progress::default();
        assert!(progress.is_past(progress.mark(8)) && !progress.is_awaited());
        (0..3).for_each(|_| progress.submit(1));
        let mark = progress.mark(8);
        for _ in 0..3 {
            assert!(!progress.is_past(mark) && progress.is_awaited());
            // What comes later is not waited for.
            progress.submit(1);
            progress.finish(1);
        }
        assert!(progress.is_past(mark) && !progress.is_awaited());
        assert_eq!(progress.mark(2), 5, "of what is there only so many are waited for");
    }
}
