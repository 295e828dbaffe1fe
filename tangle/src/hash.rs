//! BLAKE2s-256, the only hash of Weft's own formats (`spec/02-hashing-and-signing.md`).

use blake2::digest::{KeyInit, Mac};
use blake2::{Blake2s256, Blake2sMac256, Digest as _};

/// A BLAKE2s-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::to_text(&self.0))
    }
}

/// BLAKE2s-256 of the concatenation of `parts`.
pub fn blake2s(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Blake2s256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}

/// BLAKE2s-256 keyed with `key` (RFC 7693 §2.9) of the concatenation of `parts`.
pub fn blake2s_keyed(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Blake2sMac256::new(key.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_hash_is_that_of_rfc_7693_appendix_b() {
        assert_eq!(
            data_encoding::HEXLOWER.encode(&blake2s(&[b"a", b"bc"])),
            "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982"
        );
    }

    #[test]
    fn keyed_hash_is_that_of_the_reference_implementation() {
        // First entry of blake2s-kat: key 00..1f, empty input.
        let key: [u8; 32] = std::array::from_fn(|i| i as u8);
        assert_eq!(
            data_encoding::HEXLOWER.encode(&blake2s_keyed(&key, &[])),
            "48a8997da407876b3d79c0d92325ad3b89cbb754d86ab71aee047ad345fd2c49"
        );
    }
}
