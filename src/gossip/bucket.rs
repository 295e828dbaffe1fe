//! A token bucket: a rate, and how much may come at once. The clock is an argument.

use std::time::{Duration, Instant};

/// Tokens that come back with time.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    per_second: u64,
    burst: u64,
    /// Millionths of a token; below zero where something was taken on credit.
    level: i128,
    at: Instant,
}

const MILLION: i128 = 1_000_000;

impl Bucket {
    /// A full bucket. A rate of zero would never come back and counts as one.
    pub(super) fn new(per_second: u64, burst: u64, now: Instant) -> Self {
        Self { per_second: per_second.max(1), burst, level: i128::from(burst) * MILLION, at: now }
    }

    /// Takes `tokens` if there are as many.
    pub(super) fn take(&mut self, tokens: u64, now: Instant) -> bool {
        self.refill(now);
        let cost = i128::from(tokens) * MILLION;
        let enough = self.level >= cost;
        if enough {
            self.level -= cost;
        }
        enough
    }

    /// Takes `tokens`, on credit where they are not there.
    pub(super) fn charge(&mut self, tokens: u64, now: Instant) {
        self.refill(now);
        self.level -= i128::from(tokens) * MILLION;
    }

    /// How long until nothing is owed.
    pub(super) fn debt(&mut self, now: Instant) -> Duration {
        self.refill(now);
        let owed = u128::try_from(-self.level).unwrap_or(0);
        let micros = owed.div_ceil(u128::from(self.per_second));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Whether nothing has been taken that has not come back.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.level >= i128::from(self.burst) * MILLION
    }

    fn refill(&mut self, now: Instant) {
        let micros = now.saturating_duration_since(self.at).as_micros();
        let gained = i128::try_from(micros).unwrap_or(i128::MAX).saturating_mul(self.per_second.into());
        self.level = self.level.saturating_add(gained).min(i128::from(self.burst) * MILLION);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_rate_and_burst() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(10, 5, begin);
        let taken = |bucket: &mut Bucket, at| (0..100).filter(|_| bucket.take(1, begin + at)).count();
        assert_eq!(taken(&mut bucket, Duration::ZERO), 5);
        assert_eq!(taken(&mut bucket, Duration::from_millis(350)), 3);
        assert_eq!(taken(&mut bucket, Duration::from_millis(399)), 0);
        assert_eq!(taken(&mut bucket, Duration::from_millis(400)), 1, "parts of a token are kept");
        assert_eq!(taken(&mut bucket, Duration::from_secs(3_600)), 5);
        assert_eq!(taken(&mut bucket, Duration::ZERO), 0, "a clock that goes back gives nothing");
    }

    #[test]
    fn credit_is_paid_back_at_the_rate() {
        let begin = Instant::now();
        let mut bucket = Bucket::new(1_000, 100, begin);
        bucket.charge(600, begin);
        assert_eq!(bucket.debt(begin), Duration::from_millis(500));
        assert_eq!(bucket.debt(begin + Duration::from_millis(200)), Duration::from_millis(300));
        assert!(!bucket.take(1, begin + Duration::from_millis(500)));
        assert!(!bucket.is_full(begin + Duration::from_millis(599)));
        assert!(bucket.is_full(begin + Duration::from_millis(600)));
    }
}
