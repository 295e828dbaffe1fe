//! SenML's time as a whole number of microseconds, so that adding a base time never loses a millisecond.
//!
//! A double near 1.7e9 s resolves 0.24 us; adding two of them and printing the sum shows that noise. Integers
//! do not, and a microsecond is finer than any vital sign's clock.

use super::error::Problem;
use super::limits::MAX_TIME_MICROSECONDS;

/// Seconds from which on a time is absolute; below, it is relative to now (RFC 8428, section 4.5.3).
pub const ABSOLUTE_FROM_SECONDS: i64 = 1 << 28;

const MICROSECONDS: i64 = 1_000_000;

/// A time as SenML has it: since the Unix epoch when at or above 2^28 s, else relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    microseconds: i64,
}

impl Time {
    /// The time that a record without one has: roughly now.
    pub const NOW: Self = Self { microseconds: 0 };

    /// A time in seconds, rounded to the microsecond.
    ///
    /// # Errors
    /// [`Problem::Time`] when it is not finite or farther from the epoch than [`MAX_TIME_MICROSECONDS`].
    pub fn from_seconds(seconds: f64) -> Result<Self, Problem> {
        let microseconds = (seconds * MICROSECONDS as f64).round();
        if microseconds.abs() <= MAX_TIME_MICROSECONDS as f64 {
            Ok(Self { microseconds: microseconds as i64 })
        } else {
            Err(Problem::Time { seconds })
        }
    }

    /// A time in microseconds, cut to what can be kept.
    pub const fn from_microseconds(microseconds: i64) -> Self {
        if microseconds > MAX_TIME_MICROSECONDS {
            Self { microseconds: MAX_TIME_MICROSECONDS }
        } else if microseconds < -MAX_TIME_MICROSECONDS {
            Self { microseconds: -MAX_TIME_MICROSECONDS }
        } else {
            Self { microseconds }
        }
    }

    /// A time in milliseconds since the Unix epoch, as transactions have it, cut to what can be kept.
    pub fn from_milliseconds(milliseconds: u64) -> Self {
        Self::from_microseconds(i64::try_from(milliseconds).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    /// Seconds; the double nearest to the exact decimal.
    pub fn seconds(self) -> f64 {
        self.microseconds as f64 / MICROSECONDS as f64
    }

    /// Microseconds, exactly.
    pub const fn microseconds(self) -> i64 {
        self.microseconds
    }

    /// Milliseconds, rounded to the nearest, halves up.
    pub const fn milliseconds(self) -> i64 {
        (self.microseconds + 500).div_euclid(1000)
    }

    /// Whether the time counts from now and not from the epoch.
    pub const fn is_relative(self) -> bool {
        self.microseconds < ABSOLUTE_FROM_SECONDS * MICROSECONDS
    }

    /// The sum of a base time and a time.
    ///
    /// # Errors
    /// [`Problem::Time`] when the sum is farther from the epoch than can be kept.
    pub fn plus(self, offset: Self) -> Result<Self, Problem> {
        let microseconds = self.microseconds + offset.microseconds;
        if microseconds.abs() > MAX_TIME_MICROSECONDS {
            return Err(Problem::Time { seconds: microseconds as f64 / MICROSECONDS as f64 });
        }
        Ok(Self { microseconds })
    }

    /// The absolute time: itself, or counted from `now`. Beyond what can be kept it stays at the bound.
    pub fn resolved(self, now: Self) -> Self {
        if self.is_relative() { Self::from_microseconds(now.microseconds + self.microseconds) } else { self }
    }

    /// The whole second at or before this time.
    pub(super) const fn whole_second(self) -> Self {
        Self { microseconds: self.microseconds.div_euclid(MICROSECONDS) * MICROSECONDS }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tells_relative_from_absolute() {
        assert!(Time::from_seconds(268_435_455.999_999).unwrap().is_relative());
        assert!(!Time::from_seconds(268_435_456.0).unwrap().is_relative());
        assert!(Time::from_seconds(-5.0).unwrap().is_relative());
        let now = Time::from_milliseconds(1_700_000_000_123);
        assert_eq!(Time::from_seconds(-0.5).unwrap().resolved(now).seconds(), 1_699_999_999.623);
        assert_eq!(Time::from_seconds(1.3e9).unwrap().resolved(now).milliseconds(), 1_300_000_000_000);
    }

    #[test]
    fn refuses_what_it_cannot_keep() {
        for seconds in [f64::NAN, f64::INFINITY, 1e300, -1e10, 4_307_633_422.848_166] {
            assert!(Time::from_seconds(seconds).is_err(), "{seconds}");
        }
        assert!(Time::from_seconds(4e9).unwrap().plus(Time::from_seconds(4e9).unwrap()).is_err());
        assert_eq!(Time::from_milliseconds(u64::MAX).microseconds(), MAX_TIME_MICROSECONDS);
    }

    proptest! {
        #[test]
        fn milliseconds_and_microseconds_survive_seconds_as_a_double(us in 0..=MAX_TIME_MICROSECONDS) {
            let time = Time::from_microseconds(us);
            prop_assert_eq!(Time::from_seconds(time.seconds()).unwrap(), time);
            let ms = us as u64 / 1000;
            prop_assert_eq!(Time::from_seconds(ms as f64 / 1000.0).unwrap().milliseconds(), ms as i64);
        }
    }
}
