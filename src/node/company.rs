//! Whether a commit waits for company: what only peers have sent may, for nobody is answered when it is durable, and a
//! commit costs far more than a transaction more in it (`spec/decisions/0016-peers-wait-for-company.md`). Witnesses of others
//! may wait longer than readings.
//!
//! Always true: what somebody waits for makes the commit due at once, and takes along what lingered; nothing lingers
//! longer than [`WITNESSES_LINGER`], and no reading longer than [`COMMIT_LINGERS`].

use crate::limits::{COMMIT_LINGERS, WITNESSES_LINGER};
use std::time::{Duration, Instant};

/// Of what stands before the writer, once there is something.
#[derive(Debug, Default)]
pub(super) struct Company {
    is_awaited: bool,
    until: Option<Instant>,
}

impl Company {
    /// Somebody waits for what stands there.
    pub(super) fn is_awaited(&mut self) {
        self.is_awaited = true;
    }

    /// Whether what stands there should wait for more. It begins to when this is asked first; a reading, when it is asked
    /// first with one there.
    pub(super) fn lingers(&mut self, now: Instant, only_witnesses: bool) -> bool {
        let most = now + if only_witnesses { WITNESSES_LINGER } else { COMMIT_LINGERS };
        let until = self.until.map_or(most, |until| until.min(most));
        self.until = Some(until);
        !self.is_awaited && now < until
    }

    /// How long it waits at most; none when nothing does.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let until = self.until.filter(|_| !self.is_awaited)?;
        Some(until.saturating_duration_since(now))
    }

    /// It went to the writer. What stays, of a batch that was full, may be awaited as before.
    pub(super) fn went(&mut self, stays_some: bool) {
        self.until = None;
        self.is_awaited &= stays_some;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_peers_sent_waits_for_company_and_not_for_long() {
        let (mut company, begun) = (Company::default(), Instant::now());
        assert_eq!(company.left(begun), None, "there is nothing");
        assert!(company.lingers(begun, false));
        assert!(company.lingers(begun + COMMIT_LINGERS / 2, false), "and does not begin anew");
        assert_eq!(company.left(begun + COMMIT_LINGERS / 2), Some(COMMIT_LINGERS / 2));
        assert!(!company.lingers(begun + COMMIT_LINGERS, false));
        company.went(false);
        assert_eq!(company.left(begun), None);
        assert!(company.lingers(begun + COMMIT_LINGERS, false), "the next commit has a time of its own");
    }

    #[test]
    fn what_somebody_waits_for_does_not_linger() {
        let (mut company, begun) = (Company::default(), Instant::now());
        assert!(company.lingers(begun, false));
        company.is_awaited();
        assert!(!company.lingers(begun, false) && company.left(begun).is_none());
        company.went(true);
        assert!(!company.lingers(begun, false), "a part of it is left");
        company.went(false);
        assert!(company.lingers(begun, false));
    }

    #[test]
    fn witnesses_of_others_wait_for_a_reading_and_it_not_for_them() {
        let (mut company, begun) = (Company::default(), Instant::now());
        assert!(company.lingers(begun, true) && company.lingers(begun + COMMIT_LINGERS, true));
        let came = begun + 2 * COMMIT_LINGERS;
        assert!(company.lingers(came, false));
        assert_eq!(company.left(came), Some(COMMIT_LINGERS));
        assert!(!company.lingers(came + COMMIT_LINGERS, false));
        company.went(false);
        assert!(company.lingers(begun, true) && !company.lingers(begun + WITNESSES_LINGER, true));
        assert!(!company.lingers(begun + WITNESSES_LINGER, false), "a reading takes nothing from their wait");
    }
}
