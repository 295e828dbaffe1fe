//! ML-DSA-44 (FIPS 204) signatures over labelled messages: the only signature scheme of the ledger.
//!
//! What always holds here:
//! - Every signature is the standard ML-DSA-44 with an empty context, so any FIPS 204 library can make and check
//!   it. Purposes are kept apart by the label in the message, never by the context.
//! - Each library is named in one file: `verify` (aws-lc-rs) expands seeds and verifies, `sign`
//!   (pqcrypto-dilithium) signs, `reference` (pqcrypto-dilithium, tests only) is the second opinion that the
//!   production verifier is compared with. `spec/decisions/0001-ml-dsa-44.md` says why.
//! - No entropy and no clock are read: seeds are arguments, and signing is deterministic.
//! - A `PublicKey`, `Signature` or `Seed` has its full length; wrong lengths from outside are errors, never panics.

mod message;
mod sign;
mod types;
mod verify;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod known_answers;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod wycheproof;

pub use message::{Purpose, message};
pub use sign::SigningKey;
pub use types::{PublicKey, Seed, Signature, SigningError};
pub use verify::VerifyingKey;

/// Length of an ML-DSA-44 public key in bytes (FIPS 204, table 2).
pub const PUBLIC_KEY_BYTES: usize = 1312;

/// Length of an ML-DSA-44 signature in bytes (FIPS 204, table 2).
pub const SIGNATURE_BYTES: usize = 2420;

/// Length of the seed that a key pair is expanded from, in bytes (`xi` of FIPS 204, algorithm 1).
pub const SEED_BYTES: usize = 32;

/// Length of the expanded secret key in bytes (FIPS 204, table 2). It never leaves this module.
const SECRET_KEY_BYTES: usize = 2560;
