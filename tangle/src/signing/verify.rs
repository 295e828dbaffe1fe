//! Verifying, and expanding seeds, with aws-lc-rs; the only file that names it for signatures.
//!
//! The library's public interface has no context parameter: it always verifies pure ML-DSA-44 with an empty context,
//! which is all that the ledger uses. Whether a signature is valid is decided here alone and must not differ
//! between nodes; the tests hold this verifier together with `reference` and with Wycheproof.
//!
//! [`VerifyingKey`] keeps the encoded key rather than the library's parsed one. Parsing costs 0.2 us of the 22 us
//! that a verification takes (the matrix is expanded anew either way), while a parsed key takes 2.9 KB.

use std::fmt;

use aws_lc_rs::encoding::AsRawBytes as _;
use aws_lc_rs::signature::{KeyPair as _, ML_DSA_44, ML_DSA_44_SIGNING, PqdsaKeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

use super::{PublicKey, SECRET_KEY_BYTES, SIGNATURE_BYTES, Seed, SigningError};

/// A public key that the verifying library has accepted.
///
/// It takes 1,320 bytes: a pointer and one allocation of 1,312 bytes, nothing hidden in the library. Sharing it
/// between threads needs no lock.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    public: Box<PublicKey>,
}

impl VerifyingKey {
    /// Checks that the library accepts the key, so that a later failure is the signature's.
    ///
    /// # Errors
    /// [`SigningError::PublicKeyRefused`] when it does not. FIPS 204 gives every encoding of the right length a
    /// meaning, so this is the library failing (no memory), not a hostile key.
    pub fn parse(public_key: &PublicKey) -> Result<Self, SigningError> {
        // The library tries DER before the raw form. No DER form of an ML-DSA-44 key fits in its 1,312 raw bytes and
        // other algorithms are refused, so hostile bytes are never read as another key than the reference reads.
        UnparsedPublicKey::new(&ML_DSA_44, public_key.as_bytes())
            .parse()
            .map_err(|_| SigningError::PublicKeyRefused)?;
        Ok(Self { public: Box::new(public_key.clone()) })
    }

    /// The key in its encoded form.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Verifies a standard ML-DSA-44 signature over `message` with an empty context (FIPS 204, algorithm 3).
    ///
    /// # Errors
    /// [`SigningError::SignatureLength`] when the signature is not [`SIGNATURE_BYTES`] long, at no cost;
    /// [`SigningError::Invalid`] when it is not this key's over this message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SigningError> {
        if signature.len() != SIGNATURE_BYTES {
            return Err(SigningError::SignatureLength { actual: signature.len() });
        }
        UnparsedPublicKey::new(&ML_DSA_44, self.public.as_bytes())
            .verify(message, signature)
            .map_err(|_| SigningError::Invalid)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("VerifyingKey").field(&self.public).finish()
    }
}

/// What a seed expands to: the public key, and the encoded secret key that the signing library takes.
pub(super) struct Expanded {
    pub(super) public: PublicKey,
    pub(super) secret: Zeroizing<[u8; SECRET_KEY_BYTES]>,
}

/// Expands a seed to its key pair (FIPS 204, algorithm 6). Reads no entropy.
pub(super) fn expand(seed: &Seed) -> Result<Expanded, SigningError> {
    let pair = key_pair(seed)?;
    // The library zeroes its own copies, this buffer included, when they are dropped.
    let raw = pair.private_key().as_raw_bytes().map_err(|_| SigningError::Expansion)?;
    let mut secret = Zeroizing::new([0; SECRET_KEY_BYTES]);
    if raw.as_ref().len() != secret.len() {
        return Err(SigningError::Expansion);
    }
    secret.copy_from_slice(raw.as_ref());
    Ok(Expanded { public: PublicKey::from_bytes(pair.public_key().as_ref())?, secret })
}

fn key_pair(seed: &Seed) -> Result<PqdsaKeyPair, SigningError> {
    PqdsaKeyPair::from_seed(&ML_DSA_44_SIGNING, seed.as_bytes()).map_err(|_| SigningError::Expansion)
}

/// Signs with the verifying library: hedged with entropy of the system, so only tests may.
#[cfg(test)]
pub(super) fn sign_hedged(seed: &Seed, message: &[u8]) -> super::Signature {
    let mut signature = [0; SIGNATURE_BYTES];
    let length = key_pair(seed).unwrap().sign(message, &mut signature).unwrap();
    super::Signature::from_bytes(&signature[..length]).unwrap()
}
