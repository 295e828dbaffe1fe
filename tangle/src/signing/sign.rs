//! Signing, with pqcrypto-dilithium; the only production file that names it.
//!
//! pqcrypto-dilithium 0.5 exposes ML-DSA's *internal* function (FIPS 204, algorithm 7). Given `0x00 0x00 || M`
//! (pure ML-DSA, context of length zero: algorithm 2) it makes the standard ML-DSA-44 signature over `M`.
//!
//! **Signing is deterministic and reads no entropy.** The library sets `rnd` to 32 zero bytes, the deterministic
//! variant that FIPS 204 allows (§3.4): the same key and message give the same signature. So it needs nothing of a
//! sensor but CPU. Only the library's `keypair()` reads the system's entropy, and it is banned: keys are
//! expanded from a seed. A device exposed to fault injection would want the hedged variant, which this library lacks.
//!
//! **Secrets.** The expanded key lives in one heap allocation that is overwritten when the key is dropped. The
//! library's key type is `Copy` and not zeroizing, so copies on the stack while a key is made, and what its C code
//! leaves on the stack while signing, are beyond reach without `unsafe`.

use std::fmt;
use std::hint::black_box;

use pqcrypto_dilithium::dilithium2;
use pqcrypto_traits::sign::{DetachedSignature as _, SecretKey as _};

use super::verify::expand;
use super::{PUBLIC_KEY_BYTES, PublicKey, SECRET_KEY_BYTES, SIGNATURE_BYTES, Seed, Signature, SigningError};

const _: () = assert!(dilithium2::public_key_bytes() == PUBLIC_KEY_BYTES);
const _: () = assert!(dilithium2::secret_key_bytes() == SECRET_KEY_BYTES);
const _: () = assert!(dilithium2::signature_bytes() == SIGNATURE_BYTES);

/// What FIPS 204 (algorithm 2) puts before the message: pure ML-DSA, then the length of an empty context.
const EMPTY_CONTEXT: [u8; 2] = [0, 0];

/// A key pair that signs.
pub struct SigningKey {
    secret: Box<dilithium2::SecretKey>,
    public: PublicKey,
}

impl SigningKey {
    /// Expands the key pair that belongs to `seed` (FIPS 204, algorithm 6).
    ///
    /// # Errors
    /// [`SigningError::Expansion`] when the cryptographic library fails, for instance for want of memory.
    pub fn from_seed(seed: &Seed) -> Result<Self, SigningError> {
        let expanded = expand(seed)?;
        let secret = dilithium2::SecretKey::from_bytes(expanded.secret.as_slice())
            .map_err(|_| SigningError::Expansion)?;
        Ok(Self { secret: Box::new(secret), public: expanded.public })
    }

    /// The public half.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message` with standard ML-DSA-44, empty context, deterministic variant.
    ///
    /// Give it what [`message`](super::message()) makes, so that the signature serves one purpose in one network.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        let mut internal = Vec::with_capacity(EMPTY_CONTEXT.len() + message.len());
        internal.extend_from_slice(&EMPTY_CONTEXT);
        internal.extend_from_slice(message);
        let signature = dilithium2::detached_sign(&internal, &self.secret);
        Signature::from_bytes(signature.as_bytes()).expect(
            "the library always writes signature_bytes(), which equals SIGNATURE_BYTES as asserted above",
        )
    }
}

impl Drop for SigningKey {
    fn drop(&mut self) {
        if let Ok(zeros) = dilithium2::SecretKey::from_bytes(&[0; SECRET_KEY_BYTES]) {
            *self.secret = zeros;
            // Otherwise the compiler may leave out a write that nothing reads.
            black_box(&self.secret);
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("public", &self.public).finish_non_exhaustive()
    }
}
