//! Whether a commit waits for company: what only peers have sent may, for nobody is answered when it is durable, and a
//! commit costs far more than a transaction more in it (`spec/decisions/0016-peers-wait-for-company.md`).
//!
//! Always true: what somebody waits for makes the commit due at once, and takes along what lingered; nothing lingers
//! longer than [`COMMIT_LINGERS`].

use crate::limits::COMMIT_LINGERS;
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

    /// Whether what stands there should wait for more. It begins to when this is asked first.
    pub(super) fn lingers(&mut self, now: Instant) -> bool {
        let until = *self.until.get_or_insert(now + COMMIT_LINGERS);
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
        assert!(company.lingers(begun));
        assert!(company.lingers(begun + COMMIT_LINGERS / 2), "and does not begin anew");
        assert_eq!(company.left(begun + COMMIT_LINGERS / 2), Some(COMMIT_LINGERS / 2));
        assert!(!company.lingers(begun + COMMIT_LINGERS));
        company.went(false);
        assert_eq!(company.left(begun), None);
        assert!(company.lingers(begun + COMMIT_LINGERS), "the next commit has a time of its own");
    }

    #[test]
    fn what_somebody_waits_for_does_not_linger() {
        let (mut company, begun) = (Company::default(), Instant::now());
        assert!(company.lingers(begun));
        company.is_awaited();
        assert!(!company.lingers(begun) && company.left(begun).is_none());
        company.went(true);
        assert!(!company.lingers(begun), "a part of it is left");
        company.went(false);
        assert!(company.lingers(begun));
    }
}
