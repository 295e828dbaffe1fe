//! How far the checkers are with what was handed in, so that a commit can wait for what is about to join it.
//!
//! Always true: `handed <= submitted` but for a moment, and every job that is counted in is counted out once, whatever
//! comes of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// Jobs handed to the checkers, and jobs that they are done with.
#[derive(Debug, Default)]
pub(super) struct Progress {
    submitted: AtomicU64,
    done: AtomicU64,
    awaited: AtomicBool,
}

impl Progress {
    /// A job is about to be queued for the checkers.
    pub(super) fn submit(&self) {
        self.submitted.fetch_add(1, SeqCst);
    }

    /// A job has left the checkers, or has found no room before them.
    pub(super) fn finish(&self) {
        self.done.fetch_add(1, SeqCst);
    }

    /// Whether somebody waits for [`Progress::is_past`] to become true.
    pub(super) fn is_awaited(&self) -> bool {
        self.awaited.load(SeqCst)
    }

    /// The count of done jobs at which all that is with the checkers now will be through, but at most `most` of them.
    pub(super) fn mark(&self, most: u64) -> u64 {
        let done = self.done.load(SeqCst);
        self.submitted.load(SeqCst).min(done + most)
    }

    /// Whether as many jobs are done as `mark` says. If not, whoever finishes one from now on sees that it is awaited:
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
        (0..3).for_each(|_| progress.submit());
        let mark = progress.mark(8);
        for _ in 0..3 {
            assert!(!progress.is_past(mark) && progress.is_awaited());
            // What comes later is not waited for.
            progress.submit();
            progress.finish();
        }
        assert!(progress.is_past(mark) && !progress.is_awaited());
        assert_eq!(progress.mark(2), 5, "of what is there only so many are waited for");
    }
}
