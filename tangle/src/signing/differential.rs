//! The production and the reference verifier accept exactly the same inputs: a difference would split the ledger.
//!
//! Wycheproof holds the cases that need a dishonest signer (z just out of bounds and otherwise valid). Here every
//! part of honest signatures is mutated, from a fixed seed, and both verifiers must agree each time. The encoding of
//! the hint is mutated in `hint`, everything around the signature in `inputs`.

mod hint;
mod inputs;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::wycheproof::production_accepts;
use super::{SIGNATURE_BYTES, Seed, SigningKey, reference};

/// Where z begins in a signature: after the 32 bytes of the challenge (FIPS 204, algorithm 26).
const Z_OFFSET: usize = 32;
/// Bits of a packed coefficient of z; it holds `GAMMA_1 - coefficient`.
const Z_BITS: usize = 18;
/// Coefficients of z: four polynomials of 256.
const Z_COEFFICIENTS: usize = 4 * 256;
/// Where the hint begins: up to 80 positions, then one running count for each of four polynomials.
const HINT_OFFSET: usize = Z_OFFSET + Z_COEFFICIENTS * Z_BITS / 8;
/// The most positions that a hint may set.
const OMEGA: usize = 80;
/// Coefficients of z lie in `-GAMMA_1 + 1 ..= GAMMA_1`; valid ones are smaller in size than `GAMMA_1 - BETA`.
const GAMMA_1: i32 = 1 << 17;
const BETA: i32 = 78;

const _: () = assert!(HINT_OFFSET + OMEGA + 4 == SIGNATURE_BYTES);

/// One honest signature, and how often mutations of it were accepted and refused by both verifiers alike.
struct Subject {
    public: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
    accepted: usize,
    refused: usize,
}

impl Subject {
    fn new(byte: u8) -> Self {
        let key = SigningKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap();
        let message = vec![byte; 91];
        let signature = key.sign(&message).as_bytes().to_vec();
        Self { public: key.public_key().as_bytes().to_vec(), message, signature, accepted: 0, refused: 0 }
    }

    fn compare(&mut self, public: &[u8], message: &[u8], signature: &[u8], what: &str) {
        let production = production_accepts(public, message, signature);
        let reference = reference::accepts(public, &[], message, signature);
        assert_eq!(production, reference, "production and reference differ: {what}");
        *if production { &mut self.accepted } else { &mut self.refused } += 1;
    }

    fn mutate(&mut self, what: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut signature = self.signature.clone();
        change(&mut signature);
        let (public, message) = (self.public.clone(), self.message.clone());
        self.compare(&public, &message, &signature, what);
    }
}

fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    usize::try_from(random.next_u32()).unwrap() % bound
}

/// Writes one coefficient of z as FIPS 204 packs it (algorithm 17): `GAMMA_1 - value` in 18 bits, little-endian.
fn set_z(signature: &mut [u8], index: usize, value: i32) {
    let packed = u32::try_from(GAMMA_1 - value).unwrap() & ((1 << Z_BITS) - 1);
    for bit in 0..Z_BITS {
        let position = index * Z_BITS + bit;
        let byte = &mut signature[Z_OFFSET + position / 8];
        let mask = 1 << (position % 8);
        if packed >> bit & 1 == 1 { *byte |= mask } else { *byte &= !mask }
    }
}

#[test]
fn one_bit_flipped_in_every_byte() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut subject = Subject::new(1);
    for index in 0..SIGNATURE_BYTES {
        let bit = 1 << below(&mut random, 8);
        subject.mutate(&format!("byte {index} xor {bit:#x}"), |signature| signature[index] ^= bit);
    }
    subject.mutate("unchanged", |_| {});
    assert_eq!((subject.accepted, subject.refused), (1, SIGNATURE_BYTES));
}

#[test]
fn coefficients_of_z_at_their_bounds() {
    let bound = GAMMA_1 - BETA;
    let values = [0, 1, -1, bound - 1, bound, bound + 1, 1 - bound, -bound, -bound - 1, GAMMA_1, 1 - GAMMA_1];
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut subject = Subject::new(2);
    for value in values {
        for _ in 0..64 {
            let index = below(&mut random, Z_COEFFICIENTS);
            subject.mutate(&format!("z[{index}] = {value}"), |signature| set_z(signature, index, value));
        }
        subject.mutate(&format!("all of z = {value}"), |signature| {
            (0..Z_COEFFICIENTS).for_each(|index| set_z(signature, index, value));
        });
    }
    assert_eq!((subject.accepted, subject.refused), (0, values.len() * 65));
}

#[test]
fn regions_filled_at_random() {
    let regions = [0..Z_OFFSET, Z_OFFSET..HINT_OFFSET, HINT_OFFSET..SIGNATURE_BYTES, 0..SIGNATURE_BYTES];
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let mut subject = Subject::new(41);
    for region in regions.iter().cloned().cycle().take(1_000) {
        subject.mutate(&format!("random bytes in {region:?}"), |signature| {
            random.fill_bytes(&mut signature[region]);
        });
    }
    for fill in [0x00, 0xFF, 0x80, 0x01] {
        for region in regions.clone() {
            subject.mutate(&format!("{fill:#x} in {region:?}"), |signature| signature[region].fill(fill));
        }
    }
    assert_eq!((subject.accepted, subject.refused), (0, 1_016));
}
