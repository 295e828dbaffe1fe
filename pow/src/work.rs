//! The puzzle of one transaction: its seed, a nonce, and the work that both make.
//!
//! `work(seed, nonce) = BLAKE2s-256(seed || nonce)`, read as a string of bits that begins with the most
//! significant bit of its first byte. Searching and checking go through the one `Puzzle` here, so they cannot
//! come to differ.

use crate::Difficulty;
use blake2::{
    Blake2s256, Blake2sVarCore, Digest,
    digest::block_api::{Buffer, VariableOutputCore},
};

/// Bytes of a transaction's id.
pub const TRANSACTION_ID_LENGTH: usize = 40;
/// Bytes of a [`Seed`].
pub const SEED_LENGTH: usize = 32;
/// Bytes of a [`Nonce`] on the wire.
pub const NONCE_LENGTH: usize = 8;

/// Bytes of the work.
const WORK_LENGTH: usize = 32;
/// Bytes hashed in one attempt.
const MESSAGE_LENGTH: usize = SEED_LENGTH + NONCE_LENGTH;
/// Bytes that one compression of BLAKE2s takes (RFC 7693, section 2.1).
const BLOCK_LENGTH: usize = 64;
// The price of an attempt on a microcontroller was chosen for a single compression.
const _: () = assert!(MESSAGE_LENGTH <= BLOCK_LENGTH);

/// What a search starts from. A device may hand it to a gateway that does the work in its place: the seed tells
/// nothing of the body, and no key is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub [u8; SEED_LENGTH]);

impl Seed {
    /// BLAKE2s-256(`id` || `signature`): the work can begin only once the transaction is signed, and serves for
    /// this signature alone, so that one solution buys one signature check.
    #[must_use]
    pub fn of(id: &[u8; TRANSACTION_ID_LENGTH], signature: &[u8]) -> Self {
        Self(Blake2s256::new().chain_update(id).chain_update(signature).finalize().into())
    }
}

/// What a search varies: 64 bits, big-endian on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(pub u64);

impl Nonce {
    /// The nonce in its wire form.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; NONCE_LENGTH]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }

    /// Its wire form.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; NONCE_LENGTH] {
        self.0.to_be_bytes()
    }
}

/// Whether the work of `nonce` has at least `difficulty` leading zero bits.
#[must_use]
pub fn check(seed: &Seed, nonce: Nonce, difficulty: Difficulty) -> bool {
    Puzzle::new(seed).solved_by(nonce, difficulty)
}

/// The leading zero bits of the work of `nonce`, 0 to 256: the highest difficulty that it satisfies, were there
/// no [`Difficulty::MAX`].
#[must_use]
pub fn leading_zero_bits(seed: &Seed, nonce: Nonce) -> u32 {
    let work = Puzzle::new(seed).work(nonce);
    let zero_bytes = work.iter().take_while(|&&byte| byte == 0).count();
    let rest = work.get(zero_bytes).map_or(0, |byte| byte.leading_zeros());
    // At most 32 bytes, so the conversion keeps the value.
    8 * zero_bytes as u32 + rest
}

/// What all attempts with one seed share.
///
/// The hash is driven through the block interface of the `blake2` crate: a fresh state copied and the whole message
/// put in its buffer at once makes a quarter more attempts a second than `Blake2s256::digest`, or than a state
/// that has taken the seed, which saves no compression because message and seed share a single block.
#[derive(Clone, Debug)]
pub(crate) struct Puzzle {
    state: Blake2sVarCore,
    seed: Seed,
}

impl Puzzle {
    pub(crate) fn new(seed: &Seed) -> Self {
        let state = Blake2sVarCore::new(WORK_LENGTH).expect("BLAKE2s gives digests of up to 32 bytes");
        Self { state, seed: *seed }
    }

    /// Whether `nonce` satisfies `difficulty`. The first 64 bits of the work decide, for no difficulty exceeds 64.
    #[inline]
    pub(crate) fn solved_by(&self, nonce: Nonce, difficulty: Difficulty) -> bool {
        let [a, b, c, d, e, f, g, h, ..] = self.work(nonce);
        u64::from_be_bytes([a, b, c, d, e, f, g, h]).leading_zeros() >= u32::from(difficulty.bits())
    }

    #[inline]
    fn work(&self, nonce: Nonce) -> [u8; WORK_LENGTH] {
        let mut message = [0; MESSAGE_LENGTH];
        message[..SEED_LENGTH].copy_from_slice(&self.seed.0);
        message[SEED_LENGTH..].copy_from_slice(&nonce.to_bytes());
        let mut work = [0; WORK_LENGTH].into();
        self.state.clone().finalize_variable_core(&mut Buffer::<Blake2sVarCore>::new(&message), &mut work);
        work.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Search, Step};
    use proptest::prelude::*;
    use std::{format, string::String, vec::Vec};

    /// `leading_zero_bits` again, from the page of the spec: hash everything in one call, write the bits out, count.
    fn recomputed(seed: &Seed, nonce: Nonce) -> u32 {
        let message: Vec<u8> = seed.0.iter().copied().chain(nonce.0.to_be_bytes()).collect();
        let digest = Blake2s256::digest(&message);
        let bits = digest.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1));
        bits.take_while(|&bit| bit == 0).map(|_| 1).sum()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Computed with Python's `hashlib.blake2s`.
    #[test]
    fn a_fixed_vector() {
        let id = core::array::from_fn(|i| i as u8);
        let seed = Seed::of(&id, &[0xa5; 2_420]);
        assert_eq!(hex(&seed.0), "d265197dabfef1ccc499f03c6c157856ece9930c144c70f91a208858f2a0588d");
        let work = Puzzle::new(&seed).work(Nonce(26_007));
        assert_eq!(hex(&work), "0000150868c8c1407b672a0db45077f98610d0d9ca3a4b3ee60f95184da60ae5");
        let table =
            [(0, 9), (1_897, 12), (10_472, 14), (26_007, 19), (0x0102_0304_0506_0708, 3), (u64::MAX, 0)];
        for (nonce, zero_bits) in table {
            assert_eq!(leading_zero_bits(&seed, Nonce(nonce)), zero_bits, "nonce {nonce}");
        }
        let bits = |bits| Difficulty::new(bits).unwrap();
        assert!(check(&seed, Nonce(26_007), bits(19)));
        assert!(!check(&seed, Nonce(26_007), bits(20)));
        assert_eq!(Search::new(seed, bits(15)).step(26_008), Step::Found(Nonce(26_007)));
        assert_eq!(Search::new(seed, bits(15)).step(26_007), Step::Continue);
    }

    #[test]
    fn a_nonce_is_big_endian_on_the_wire() {
        assert_eq!(Nonce(0x0102_0304_0506_0708).to_bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(Nonce::from_bytes([0, 0, 0, 0, 0, 0, 1, 0]), Nonce(256));
    }

    proptest! {
        #[test]
        fn work_equals_the_plain_hash(seed: [u8; SEED_LENGTH], nonce: u64) {
            let (seed, nonce) = (Seed(seed), Nonce(nonce));
            prop_assert_eq!(leading_zero_bits(&seed, nonce), recomputed(&seed, nonce));
            prop_assert_eq!(Puzzle::new(&seed).work(nonce), <[u8; 32]>::from(
                Blake2s256::digest([&seed.0[..], &nonce.to_bytes()].concat())
            ));
        }

        /// Exactly the difficulties up to the zero bits pass, so the bound is neither one too strict nor too lax.
        #[test]
        fn check_draws_the_line_at_the_zero_bits(seed: [u8; SEED_LENGTH], nonce: u64) {
            let (seed, nonce) = (Seed(seed), Nonce(nonce));
            let zero_bits = leading_zero_bits(&seed, nonce);
            for bits in 0..=Difficulty::MAX.bits() {
                let difficulty = Difficulty::new(bits).unwrap();
                prop_assert_eq!(check(&seed, nonce, difficulty), u32::from(bits) <= zero_bits);
            }
        }

        #[test]
        fn a_seed_is_the_hash_of_id_then_signature(
            id in prop::array::uniform32(any::<u8>()).prop_map(|part| core::array::from_fn(|i| part[i % 32])),
            signature in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let id: [u8; TRANSACTION_ID_LENGTH] = id;
            prop_assert_eq!(
                Seed::of(&id, &signature).0,
                <[u8; 32]>::from(Blake2s256::digest([&id[..], &signature].concat()))
            );
        }

        #[test]
        fn nonces_survive_the_wire(bytes: [u8; NONCE_LENGTH]) {
            prop_assert_eq!(Nonce::from_bytes(bytes).to_bytes(), bytes);
        }
    }
}
