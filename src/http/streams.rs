//! What is counted of streams of events, for the metrics to read, and how many are open.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What is written to streams, by the name of its event. `missed` is the last word to a client that did not read.
const EVENTS: [&str; 6] = ["attached", "final", "disputed", "commit", "peer", "missed"];

/// The counters of all streams. Cheap to update from any thread.
#[derive(Debug, Default)]
pub struct StreamStats {
    open: AtomicUsize,
    written: [AtomicU64; EVENTS.len()],
}

impl StreamStats {
    /// Streams open now.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many events of each name were written.
    pub fn written(&self) -> impl Iterator<Item = (&'static str, u64)> {
        EVENTS.into_iter().zip(self.written.iter().map(|count| count.load(Ordering::Relaxed)))
    }

    /// Opens a stream, unless `most` are open; says whether it did.
    pub(super) fn open(&self, most: usize) -> bool {
        let more = |open: usize| (open < most).then(|| open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(super) fn close(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn count(&self, event: &str) {
        if let Some(at) = EVENTS.iter().position(|name| *name == event) {
            self.written[at].fetch_add(1, Ordering::Relaxed);
        }
    }
}
