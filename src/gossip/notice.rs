//! What is said in the log of those who are not let in: once for each reason in a time, for anybody can knock.
//!
//! Always true: at most one line a reason in [`NOTICE_EVERY`]; all are counted by the metrics.

use super::limits::NOTICE_EVERY;
use super::reason::{Departure, Reason};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// When each reason was said last. Reasons are of a fixed list, so this does not grow.
#[derive(Debug, Default)]
pub(super) struct Notices(Mutex<BTreeMap<&'static str, Instant>>);

impl Notices {
    /// Whether an operator is to hear of this now. What happens between honest nodes is not news.
    pub(super) fn is_due(&self, why: &Departure, now: Instant) -> bool {
        let is_news = match why {
            Departure::Closed(reason) => {
                !matches!(reason, Reason::Stopping | Reason::Duplicate | Reason::Unavailable)
            }
            Departure::Tls(_) => true,
            // Also whoever stops while it dials.
            _ => false,
        };
        if !is_news {
            return false;
        }
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = said.get(why.slug());
        let is_due = last.is_none_or(|last| now.saturating_duration_since(*last) >= NOTICE_EVERY);
        if is_due {
            said.insert(why.slug(), now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_said_once_in_its_time() {
        let (notices, now) = (Notices::default(), Instant::now());
        let [network, proof] = [Reason::Network, Reason::Proof].map(Departure::Closed);
        assert!(notices.is_due(&network, now) && notices.is_due(&proof, now));
        assert!(!notices.is_due(&network, now) && !notices.is_due(&proof, now + NOTICE_EVERY / 2));
        assert!(notices.is_due(&network, now + NOTICE_EVERY));
        for usual in [Departure::Silent, Departure::Closed(Reason::Duplicate)] {
            assert!(!notices.is_due(&usual, now), "{usual}");
        }
    }
}
