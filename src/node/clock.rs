//! The node's clock: the only place that reads the system's.

use std::time::{SystemTime, UNIX_EPOCH};
use weft_tangle::Timestamp;

/// The system's time. A clock set before 1970 reads as 1970, where nothing is accepted and the reason is told.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The same in nanoseconds since 1970, for what is only measured.
pub(crate) fn now_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
