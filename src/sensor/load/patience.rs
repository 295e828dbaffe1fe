//! How long a device of a load goes on with one request: it waits after 503, and longer each time that there is no answer.

use crate::sensor::limits::{LOAD_BUSY, LOAD_FAILURES};
use std::time::Duration;

/// The wait after the first failure; each further one is twice as long, so that a device gives up after three seconds.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The wait when the node is busy and does not say for how long.
const BUSY_WAIT: Duration = Duration::from_millis(500);

/// The longest wait that a node may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Of one request; every further request begins anew.
#[derive(Debug, Default)]
pub(super) struct Patience {
    failures: u32,
    busy: u32,
}

impl Patience {
    /// There was no answer: how long to wait. `None` when it is not to be tried again.
    pub(super) fn after_failure(&mut self) -> Option<Duration> {
        self.failures += 1;
        (self.failures < LOAD_FAILURES).then(|| FIRST_WAIT * (1 << (self.failures - 1)))
    }

    /// The node has no room, and asks to wait so many seconds: how long to wait. `None` when it is not to be tried again.
    pub(super) fn after_busy(&mut self, seconds: Option<u64>) -> Option<Duration> {
        self.busy += 1;
        self.failures = 0;
        let wait = seconds.map_or(BUSY_WAIT, Duration::from_secs).min(LONGEST_WAIT);
        (self.busy < LOAD_BUSY).then_some(wait)
    }
}

const _: () = assert!(LOAD_FAILURES < 16, "the longest wait is a number of seconds");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends() {
        let mut patience = Patience::default();
        assert_eq!(
            [patience.after_failure(), patience.after_failure()],
            [100, 200].map(|ms| Some(Duration::from_millis(ms)))
        );
        assert_eq!(patience.after_busy(Some(1_000)), Some(LONGEST_WAIT));
        assert_eq!(patience.failures, 0, "an answer is a sign of life");
        assert_eq!((1..).find(|_| patience.after_busy(None).is_none()), Some(LOAD_BUSY - 1));
        assert_eq!((1..).find(|_| patience.after_failure().is_none()), Some(LOAD_FAILURES));
    }
}
