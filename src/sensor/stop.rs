//! Waiting that can be ended: one flag that a signal raises stops searches, waits and replays alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use weft_tangle::Timestamp;

/// How long a wait goes on after the flag was raised, at most.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A flag that says: end what you do, cleanly. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Raises the flag, for good.
    pub fn raise(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// The flag itself, for a signal handler or a search.
    pub fn flag(&self) -> &Arc<AtomicBool> {
        &self.0
    }

    /// Waits; false when the flag was raised meanwhile.
    pub fn sleep(&self, time: Duration) -> bool {
        // A wait beyond the clock's range is one that only the flag ends.
        let end = Instant::now().checked_add(time);
        while !self.is_raised() {
            let left = end.map_or(LOOK_EVERY, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
        false
    }
}

/// What the system's clock says; the beginning of 1970 for a clock before that.
pub fn system_now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
