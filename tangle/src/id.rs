//! The identifiers and their text form (`spec/01-identifiers.md`).
//!
//! An id's bytes and its text sort alike, because base32hex keeps the order. A [`TxId`] begins with the
//! transaction's timestamp, so sorting ids is sorting by time, and every reference sorts before its referrer.

use crate::{Timestamp, blake2s, hash::blake2s_keyed, header::HEADER_BYTES, signing::PublicKey};
use data_encoding::BASE32_DNSSEC;
use std::{cmp::Ordering, fmt, str::FromStr};

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text has another length than this kind of id.
    #[error("{what} is written in {expected} characters of lower-case base32hex, not {found}")]
    Length {
        /// The name of the id's kind.
        what: &'static str,
        /// Characters that its text form has.
        expected: usize,
        /// Characters that were found.
        found: usize,
    },
    /// The text has a character outside `0-9a-v`, or bits behind the last byte.
    #[error("{what} is lower-case base32hex (0-9, a-v) without padding; this text is not")]
    Alphabet {
        /// The name of the id's kind.
        what: &'static str,
    },
}

/// Bytes as lower-case base32hex without padding (RFC 4648 §7).
pub fn to_text(bytes: &[u8]) -> String {
    BASE32_DNSSEC.encode(bytes)
}

/// Reads exactly `N` bytes of lower-case base32hex without padding; `what` names them in the error.
pub fn from_text<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], IdError> {
    let expected = BASE32_DNSSEC.encode_len(N);
    if text.len() != expected {
        return Err(IdError::Length { what, expected, found: text.len() });
    }
    bytes_from_text(what, text)?.try_into().map_err(|_| IdError::Alphabet { what })
}

/// Reads lower-case base32hex without padding, of a length that the caller has bounded.
///
/// # Errors
/// [`IdError::Alphabet`].
pub fn bytes_from_text(what: &'static str, text: &str) -> Result<Vec<u8>, IdError> {
    let upper = text.bytes().any(|c| c.is_ascii_uppercase());
    BASE32_DNSSEC.decode(text.as_bytes()).ok().filter(|_| !upper).ok_or(IdError::Alphabet { what })
}

/// The first bytes of an id.
fn head(id: &[u8]) -> u128 {
    u128::from_be_bytes(*id.first_chunk().expect("every id is longer"))
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        // All bytes are hashed: peers name ids that need not exist, and could make those collide in whatever was left out.
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; $bytes]);

        impl Ord for $name {
            /// As its bytes are; those that nearly always decide as one number, for maps compare ids more than anything else.
            fn cmp(&self, other: &Self) -> Ordering {
                head(&self.0).cmp(&head(&other.0)).then_with(|| self.0.cmp(&other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $bytes;

            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            /// The id's bytes, as they stand on the wire.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&to_text(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                from_text($what, text).map(Self)
            }
        }
    };
}

id!(
    /// Names a network: the digest of what never changes in its network file.
    NetworkId, 32, "a network id"
);
id!(
    /// Names a device: the digest of its ML-DSA-44 public key.
    DeviceId, 32, "a device id"
);
id!(
    /// Names a transaction: its timestamp, then the header's digest keyed with the network's id.
    TxId, 40, "a transaction id"
);

impl DeviceId {
    /// The id of the device that holds `key`.
    pub fn of(key: &PublicKey) -> Self {
        Self(blake2s(&[key.as_bytes()]))
    }
}

impl TxId {
    /// The id of the transaction with this header on `network`. The key makes replay on another network impossible.
    pub fn of(network: &NetworkId, timestamp: Timestamp, header: &[u8; HEADER_BYTES]) -> Self {
        Self::from_parts(timestamp, &blake2s_keyed(network.as_bytes(), &[header]))
    }

    /// The id that stands for the beginning of `network`, created at `created`.
    pub fn genesis(network: &NetworkId, created: Timestamp) -> Self {
        Self::from_parts(created, network.as_bytes())
    }

    /// The timestamp that the id begins with.
    pub fn timestamp(&self) -> Timestamp {
        let (time, _) = self.0.split_first_chunk().expect("an id is longer than its timestamp");
        Timestamp::from_millis(u64::from_be_bytes(*time))
    }

    /// The smallest id that a transaction of this time could have; bounds of a range of time.
    pub fn first_at(timestamp: Timestamp) -> Self {
        Self::from_parts(timestamp, &[0; 32])
    }

    /// The id of these parts: the timestamp and what stands behind it.
    pub(crate) fn from_parts(timestamp: Timestamp, digest: &[u8; 32]) -> Self {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&timestamp.as_millis().to_be_bytes());
        bytes[8..].copy_from_slice(digest);
        Self(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    #[test]
    fn texts_have_their_lengths_and_are_strict() {
        let id = TxId::first_at(Timestamp::from_millis(1));
        assert_eq!(id.to_string().len(), 64);
        assert_eq!(DeviceId([7; 32]).to_string().len(), 52);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(matches!("abc".parse::<TxId>(), Err(IdError::Length { expected: 64, found: 3, .. })));
        assert!(matches!("w".repeat(64).parse::<TxId>(), Err(IdError::Alphabet { .. })));
        assert!(matches!(
            DeviceId([255; 32]).to_string().to_uppercase().parse::<DeviceId>(),
            Err(IdError::Alphabet { .. })
        ));
        // 52 characters carry four bits more than 32 bytes; they must be zero or one id would have sixteen texts.
        assert!(matches!("v".repeat(52).parse::<DeviceId>(), Err(IdError::Alphabet { .. })));
    }

    proptest! {
        #[test]
        fn text_and_bytes_sort_alike(a: [u8; 32], b: [u8; 32]) {
            prop_assert_eq!(a.cmp(&b), to_text(&a).cmp(&to_text(&b)));
        }

        #[test]
        fn ids_sort_as_their_bytes(a: [u8; 32], other: [u8; 32], common in 0_usize..=32) {
            let mut b = other;
            b[..common].copy_from_slice(&a[..common]);
            prop_assert_eq!(DeviceId(a).cmp(&DeviceId(b)), a.cmp(&b));
            prop_assert_eq!(DeviceId(a).partial_cmp(&DeviceId(b)), Some(a.cmp(&b)));
        }

        #[test]
        fn every_byte_of_an_id_is_hashed(a: [u8; 40], at in 0_usize..40) {
            let mut b = a;
            b[at] ^= 1;
            let hashed = |id: [u8; 40]| BuildHasherDefault::<DefaultHasher>::new().hash_one(TxId(id));
            prop_assert_ne!(hashed(a), hashed(b));
        }

        #[test]
        fn any_text_is_refused_or_comes_back(text in "[0-9a-v]{52}") {
            if let Ok(id) = text.parse::<DeviceId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
