//! How much work is asked for, as a number of leading zero bits, and how it grows with what an issuer sends.
//!
//! `Difficulty::ZERO <= d <= Difficulty::MAX` for every `d`. Arithmetic saturates at [`Difficulty::MAX`], so
//! that no rule of a network file and no counter can make it wrap to something cheap.

use core::{fmt, num::NonZeroU32};

/// Leading zero bits that the work must have at least; 0 to 64. Each bit doubles the attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Difficulty(u8);

impl Difficulty {
    /// No work: every nonce passes.
    pub const ZERO: Self = Self(0);

    /// 64 bits: more could not be searched, for the nonce has 64 bits itself.
    pub const MAX: Self = Self(64);

    /// A difficulty of `bits` leading zero bits; `None` above [`Difficulty::MAX`].
    ///
    /// For an error to show to a person, use `Difficulty::try_from`.
    #[must_use]
    pub const fn new(bits: u8) -> Option<Self> {
        if bits <= Self::MAX.0 { Some(Self(bits)) } else { None }
    }

    /// The number of leading zero bits, 0 to 64.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The mean number of attempts until a nonce is found: 2^bits, saturating at `u64::MAX` for 64 bits.
    #[must_use]
    pub const fn expected_attempts(self) -> u64 {
        match 1_u64.checked_shl(self.0 as u32) {
            Some(attempts) => attempts,
            None => u64::MAX,
        }
    }

    /// What a transaction with this `counter` must show when `self` is the base of its kind:
    /// `base + floor(log2(1 + counter / quota))`, at most [`Difficulty::MAX`].
    ///
    /// `counter` counts an issuer's transactions in its epoch from 0; the first `quota` of them pay the base.
    /// A pure function of header and network file, so all nodes judge alike (spec: proof of work).
    #[must_use]
    pub const fn escalated(self, counter: u32, quota: NonZeroU32) -> Self {
        // In 64 bits, because 1 + u32::MAX / 1 does not fit in 32. Cutting the quotient down to an integer
        // changes nothing: the logarithm is cut down too, and steps at integers only.
        let quotas_begun = 1 + (counter / quota.get()) as u64;
        // At most 64 + 32, which fits.
        let bits = self.0 + quotas_begun.ilog2() as u8;
        if bits < Self::MAX.0 { Self(bits) } else { Self::MAX }
    }
}

impl fmt::Display for Difficulty {
    /// Writes `10 bits`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { "bit" } else { "bits" })
    }
}

impl TryFrom<u8> for Difficulty {
    type Error = DifficultyOutOfRange;

    /// A difficulty of `bits` leading zero bits.
    ///
    /// # Errors
    ///
    /// [`DifficultyOutOfRange`] above [`Difficulty::MAX`].
    fn try_from(bits: u8) -> Result<Self, DifficultyOutOfRange> {
        Self::new(bits).ok_or(DifficultyOutOfRange { bits })
    }
}

impl From<Difficulty> for u8 {
    fn from(difficulty: Difficulty) -> Self {
        difficulty.bits()
    }
}

/// A difficulty of more bits than a nonce can ever satisfy was asked for.
// Written by hand rather than with `thiserror`: this crate depends on the hash alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DifficultyOutOfRange {
    /// What was asked for.
    pub bits: u8,
}

impl fmt::Display for DifficultyOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a difficulty of {} bits cannot be searched with a 64-bit nonce: choose 0 to {}",
            self.bits,
            Difficulty::MAX.0
        )
    }
}

impl core::error::Error for DifficultyOutOfRange {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;

    const QUOTA: NonZeroU32 = NonZeroU32::new(600).unwrap();

    #[test]
    fn escalation_doubles_the_span_of_each_step() {
        let base = Difficulty::new(10).unwrap();
        let table = [
            (0, 10),
            (599, 10),
            (600, 11),
            (1_199, 11),
            (1_200, 11),
            (1_799, 11),
            (1_800, 12),
            (4_199, 12),
            (4_200, 13),
            (8_999, 13),
            (9_000, 14),
            (u32::MAX, 32),
        ];
        for (counter, bits) in table {
            assert_eq!(base.escalated(counter, QUOTA).bits(), bits, "counter {counter}");
        }
    }

    #[test]
    fn escalation_starts_at_the_base_and_saturates() {
        let one = NonZeroU32::MIN;
        let table = [
            (0, 0, one, 0),
            (0, 1, one, 1),
            (0, 2, one, 1),
            (0, 3, one, 2),
            (0, u32::MAX, one, 32),
            (0, u32::MAX - 1, one, 31),
            (18, u32::MAX, NonZeroU32::MAX, 19),
            (18, u32::MAX - 1, NonZeroU32::MAX, 18),
            (32, u32::MAX, one, 64),
            (33, u32::MAX, one, 64),
            (64, 600, QUOTA, 64),
            (64, u32::MAX, one, 64),
        ];
        for (base, counter, quota, bits) in table {
            let escalated = Difficulty::new(base).unwrap().escalated(counter, quota);
            assert_eq!(escalated.bits(), bits, "base {base}, counter {counter}, quota {quota}");
        }
    }

    #[test]
    fn bits_beyond_the_nonce_are_refused_with_what_to_do() {
        assert_eq!(Difficulty::new(64), Some(Difficulty::MAX));
        assert_eq!(Difficulty::new(65), None);
        assert_eq!(
            Difficulty::try_from(200).unwrap_err().to_string(),
            "a difficulty of 200 bits cannot be searched with a 64-bit nonce: choose 0 to 64"
        );
    }

    #[test]
    fn expected_attempts_are_powers_of_two() {
        for (bits, attempts) in [(0, 1), (1, 2), (10, 1_024), (18, 262_144), (63, 1 << 63), (64, u64::MAX)] {
            assert_eq!(Difficulty::new(bits).unwrap().expected_attempts(), attempts);
        }
    }

    #[test]
    fn shown_with_the_unit() {
        assert_eq!(Difficulty::ZERO.to_string(), "0 bits");
        assert_eq!(Difficulty::new(1).unwrap().to_string(), "1 bit");
        assert_eq!(Difficulty::MAX.to_string(), "64 bits");
    }

    proptest! {
        /// The rule again without a logarithm: the largest step whose first counter, (2^step - 1) quotas, is reached.
        #[test]
        fn escalation_equals_counting_the_steps(base in 0_u8..=64, counter: u32, quota in 1_u32..=5_000) {
            let mut steps = 0;
            while ((1_u64 << (steps + 1)) - 1) * u64::from(quota) <= u64::from(counter) {
                steps += 1;
            }
            let escalated = Difficulty::new(base).unwrap().escalated(counter, NonZeroU32::new(quota).unwrap());
            prop_assert_eq!(u32::from(escalated.bits()), (u32::from(base) + steps).min(64));
        }

        #[test]
        fn a_higher_counter_never_pays_less(base in 0_u8..=64, a: u32, b: u32, quota: NonZeroU32) {
            let base = Difficulty::new(base).unwrap();
            prop_assert!(base.escalated(a.min(b), quota) <= base.escalated(a.max(b), quota));
            prop_assert!(base <= base.escalated(a, quota));
        }
    }
}
