//! Keys, seeds and signatures as bytes of the right length, and what can be wrong with them.
//!
//! Having one of these types proves a length and nothing more: only `VerifyingKey::verify` says that a signature
//! is good. Nothing here prints a secret.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{PUBLIC_KEY_BYTES, SEED_BYTES, SIGNATURE_BYTES};

/// An ML-DSA-44 public key in the encoding of FIPS 204 (algorithm 22). Every value of this length is a key.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// Takes the encoded key, which must be exactly [`PUBLIC_KEY_BYTES`] long.
    ///
    /// # Errors
    /// [`SigningError::PublicKeyLength`] for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SigningError> {
        bytes.try_into().map(Self).map_err(|_| SigningError::PublicKeyLength { actual: bytes.len() })
    }

    /// The encoded key.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_beginning(formatter, "PublicKey", &self.0)
    }
}

/// An ML-DSA-44 signature in the encoding of FIPS 204 (algorithm 26), verified or not.
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Box<[u8; SIGNATURE_BYTES]>);

impl Signature {
    /// Takes the encoded signature, which must be exactly [`SIGNATURE_BYTES`] long.
    ///
    /// # Errors
    /// [`SigningError::SignatureLength`] for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SigningError> {
        // The length is checked first: what a peer declares must not be copied.
        if bytes.len() != SIGNATURE_BYTES {
            return Err(SigningError::SignatureLength { actual: bytes.len() });
        }
        let boxed: Box<[u8]> = bytes.into();
        boxed.try_into().map(Self).map_err(|_| SigningError::SignatureLength { actual: bytes.len() })
    }

    /// The encoded signature.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_beginning(formatter, "Signature", self.0.as_slice())
    }
}

/// The 32 secret bytes that a key pair is expanded from. Zeroed when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Seed([u8; SEED_BYTES]);

impl Seed {
    /// Takes bytes from a cryptographically secure source or a key file.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; SEED_BYTES]) -> Self {
        Self(bytes)
    }

    /// The secret bytes, for a key file.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; SEED_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Seed(secret)")
    }
}

/// Why a key or signature was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// A public key of the wrong length.
    #[error(
        "an ML-DSA-44 public key has {PUBLIC_KEY_BYTES} bytes, not {actual}: give the raw FIPS 204 encoding"
    )]
    PublicKeyLength {
        /// The length that was given, in bytes.
        actual: usize,
    },
    /// A signature of the wrong length.
    #[error(
        "an ML-DSA-44 signature has {SIGNATURE_BYTES} bytes, not {actual}: give the raw FIPS 204 encoding"
    )]
    SignatureLength {
        /// The length that was given, in bytes.
        actual: usize,
    },
    /// The cryptographic library could not expand the seed or hand out the expanded key.
    #[error("the seed could not be expanded to an ML-DSA-44 key pair: the cryptographic library refused it")]
    Expansion,
    /// The library refused a public key of the right length.
    #[error("the ML-DSA-44 public key was refused by the cryptographic library")]
    PublicKeyRefused,
    /// The signature is not this key's over this message.
    #[error(
        "the signature is not valid for this message and public key: sign label, zero byte, network id and \
         parts with ML-DSA-44 and an empty context"
    )]
    Invalid,
}

/// Writes a name and the first four bytes in hexadecimal, enough to tell values apart in a log.
fn write_beginning(formatter: &mut fmt::Formatter<'_>, name: &str, bytes: &[u8]) -> fmt::Result {
    write!(formatter, "{name}(")?;
    for byte in bytes.iter().take(4) {
        write!(formatter, "{byte:02x}")?;
    }
    formatter.write_str("..)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lengths_are_refused() {
        for length in [0, 1, PUBLIC_KEY_BYTES - 1, PUBLIC_KEY_BYTES + 1, SIGNATURE_BYTES] {
            let refused = PublicKey::from_bytes(&vec![0; length]);
            assert_eq!(refused, Err(SigningError::PublicKeyLength { actual: length }));
        }
        for length in [0, 1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES + 1, PUBLIC_KEY_BYTES] {
            let refused = Signature::from_bytes(&vec![0; length]);
            assert_eq!(refused, Err(SigningError::SignatureLength { actual: length }));
        }
    }

    #[test]
    fn bytes_come_back_as_they_went_in() {
        let key: Vec<u8> = (0..PUBLIC_KEY_BYTES).map(|index| index.to_le_bytes()[0]).collect();
        assert_eq!(PublicKey::from_bytes(&key).unwrap().as_bytes().as_slice(), key);
        let signature: Vec<u8> = (0..SIGNATURE_BYTES).map(|index| index.to_le_bytes()[0]).collect();
        assert_eq!(Signature::from_bytes(&signature).unwrap().as_bytes().as_slice(), signature);
    }

    #[test]
    fn debug_is_short_and_never_secret() {
        assert_eq!(format!("{:?}", Seed::from_bytes([0xAB; 32])), "Seed(secret)");
        let key = PublicKey::from_bytes(&[0xAB; PUBLIC_KEY_BYTES]).unwrap();
        assert_eq!(format!("{key:?}"), "PublicKey(abababab..)");
        let signature = Signature::from_bytes(&[0xCD; SIGNATURE_BYTES]).unwrap();
        assert_eq!(format!("{signature:?}"), "Signature(cdcdcdcd..)");
    }
}
