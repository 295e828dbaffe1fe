//! Numbers that look random and follow from a seed.
//!
//! Each purpose has a stream of its own, so that leaving out one fault does not change what all others draw. Nothing
//! here computes with fractions: the same seed gives the same numbers on every machine.

/// One in a million, so many times.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Chance(pub u32);

/// What is certain, as a [`Chance`].
pub const CERTAIN: u32 = 1_000_000;

/// A stream of numbers (SplitMix64: Steele, Lea, Flood, OOPSLA 2014, doi.org/10.1145/2660193.2660195).
#[derive(Clone, Debug)]
pub struct Random(u64);

/// Mixes the bits of a number.
pub(super) const fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Random {
    /// The stream of a purpose; streams of different purposes have nothing to do with each other.
    pub fn new(seed: u64, purpose: &[u64]) -> Self {
        let begin = mix(seed ^ 0x9E37_79B9_7F4A_7C15);
        Self(purpose.iter().fold(begin, |state, part| mix(state.rotate_left(17) ^ mix(*part))))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// An index of a list that is not empty.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number from `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.checked_sub(low).and_then(|width| width.checked_add(1)) {
            Some(count) => low + self.below(count),
            None => low,
        }
    }

    /// Whether what happens with this chance happens now.
    pub fn happens(&mut self, chance: Chance) -> bool {
        chance.0 > 0 && self.below(u64::from(CERTAIN)) < u64::from(chance.0)
    }

    /// Bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.number().to_be_bytes()[..part.len()]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_follow_from_their_seed_and_differ() {
        let draw = |seed, purpose: &[u64]| Random::new(seed, purpose).bytes::<24>();
        assert_eq!(draw(7, &[1, 2]), draw(7, &[1, 2]));
        let all = [draw(7, &[1, 2]), draw(7, &[2, 1]), draw(7, &[1]), draw(8, &[1, 2])];
        assert!(all.iter().enumerate().all(|(at, one)| !all[..at].contains(one)));
    }

    #[test]
    fn what_is_drawn_keeps_its_bounds() {
        let mut random = Random::new(1, &[]);
        let drawn: Vec<u64> = (0..1_000).map(|_| random.between(3, 5)).collect();
        assert!((3..=5).all(|number| drawn.contains(&number)) && drawn.iter().all(|n| (3..=5).contains(n)));
        assert_eq!(random.between(9, 9), 9);
        assert_eq!(random.between(9, 3), 9, "an empty span is its beginning");
        let happened = (0..100_000).filter(|_| random.happens(Chance(CERTAIN / 10))).count();
        assert!((9_000..11_000).contains(&happened), "{happened}");
        assert!((0..1_000).all(|_| random.happens(Chance(CERTAIN)) && !random.happens(Chance(0))));
    }
}
