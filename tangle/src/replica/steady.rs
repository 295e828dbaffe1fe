//! A clock that never goes back, from one that may.
//!
//! Timers and forgiveness count what has passed. When somebody sets the node's clock back nothing passes until the next
//! event; from then on it goes on. When it is set forward all that waits is due.

use crate::Timestamp;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Steady {
    /// Its own time.
    now: Timestamp,
    /// What the node's clock showed then.
    shown: Option<Timestamp>,
}

impl Steady {
    /// The node's clock shows this; returns its own time.
    pub(super) fn at(&mut self, shown: Timestamp) -> Timestamp {
        self.now = match self.shown {
            Some(before) => self.now.plus(shown.since(before)),
            None => shown,
        };
        self.shown = Some(shown);
        self.now
    }

    /// Its own time at the last event.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// What the node's clock will show at one of its own times to come.
    pub(super) fn shown_at(&self, time: Timestamp) -> Timestamp {
        self.shown.unwrap_or_default().plus(time.since(self.now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_when_the_clock_is_set_back() {
        let at = Timestamp::from_millis;
        let mut steady = Steady::default();
        let times = [9_000, 9_500, 4_000, 4_100, 90_000].map(|shown| steady.at(at(shown)).as_millis());
        assert_eq!(times, [9_000, 9_500, 9_500, 9_600, 95_500]);
        assert_eq!(steady.shown_at(at(96_000)), at(90_500));
        assert_eq!(steady.shown_at(at(1)), at(90_000), "what was due is due");
    }
}
