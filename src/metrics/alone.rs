//! One scrape at a time catches up with what is counted elsewhere: two at once would each add what is missing.
//!
//! Always true: whoever adds to such a counter holds an [`Alone`], of which there is one at a time; nothing else makes one.

use prometheus::IntCounter;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The scrapes of one node.
#[derive(Debug, Default)]
pub(super) struct Scrapes(Mutex<()>);

/// The only scrape at present, until it is dropped.
#[derive(Debug)]
pub(super) struct Alone<'a>(#[expect(dead_code, reason = "it is held")] MutexGuard<'a, ()>);

impl Scrapes {
    /// Waits until no other scrape catches up.
    pub(super) fn begin(&self) -> Alone<'_> {
        // A panic elsewhere has spoilt nothing, for no figure is half written.
        Alone(self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Alone<'_> {
    /// Brings a counter to what was counted elsewhere.
    pub(super) fn catch_up(&mut self, counter: &IntCounter, count: u64) {
        counter.inc_by(count.saturating_sub(counter.get()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_scrape_at_a_time_catches_up_and_it_never_counts_down() {
        let (scrapes, counter) = (Scrapes::default(), IntCounter::new("counter", "help").unwrap());
        let mut alone = scrapes.begin();
        assert!(scrapes.0.try_lock().is_err(), "another one waits");
        for (count, expected) in [(3, 3), (3, 3), (2, 3), (7, 7)] {
            alone.catch_up(&counter, count);
            assert_eq!(counter.get(), expected);
        }
        drop(alone);
        assert!(scrapes.0.try_lock().is_ok());
    }
}
