//! Proof of work: how much is asked, the search for it, the check of it.
//!
//! ```text
//! seed = BLAKE2s-256(TxId || signature)      fixes the puzzle, so nothing can be searched in advance
//! work = BLAKE2s-256(seed || nonce)          one compression an attempt
//! valid  <=>  leading zero bits of work >= difficulty
//! ```
//!
//! What always holds: every answer is a function of the arguments alone. Nothing here reads a clock, draws a
//! random number or allocates; a search is bounded by attempts, never by time. Without the feature `std` the
//! crate is `no_std`, for firmware; with it `search_on_threads` uses the cores of a host.
#![no_std]

#[cfg(any(feature = "std", test))]
extern crate std;

mod difficulty;
mod search;
#[cfg(any(feature = "std", test))]
mod threads;
mod work;

pub use difficulty::{Difficulty, DifficultyOutOfRange};
pub use search::{Search, Step};
#[cfg(any(feature = "std", test))]
pub use threads::{MAX_THREADS, search_on_threads};
pub use work::{NONCE_LENGTH, Nonce, SEED_LENGTH, Seed, TRANSACTION_ID_LENGTH, check, leading_zero_bits};
