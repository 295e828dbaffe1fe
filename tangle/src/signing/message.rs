//! What is signed: `label || 0x00 || NetworkId || parts`.
//!
//! A signature made for one purpose or network never verifies for another: no label contains a zero byte, so the
//! label ends where the first one stands, and the 32 bytes after it are the network's. The parts are joined without
//! separators; each purpose gives them fixed lengths, all but the last.

/// Length of a network's identifier in bytes.
const NETWORK_ID_BYTES: usize = 32;

/// What a signature is made for. Each purpose has a label of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// An issuer's signature of a transaction.
    Transaction,
    /// A registrar's signature that admits a device.
    Enrolment,
    /// A fog node's signature that proves its identity to a peer.
    Handshake,
    /// A client's signature of a request to a node.
    Request,
}

impl Purpose {
    /// The label that stands at the beginning of every message of this purpose: ASCII, without a zero byte.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Transaction => "weft/transaction/1",
            Self::Enrolment => "weft/enrolment/1",
            Self::Handshake => "weft/handshake/1",
            Self::Request => "weft/request/1",
        }
    }
}

/// The bytes to sign or verify: `label || 0x00 || network || parts[0] || parts[1] || ...`.
///
/// `network` is the NetworkId. Only the last of `parts` may vary in length within one purpose; otherwise two
/// different lists could join to the same bytes.
#[must_use]
pub fn message(purpose: Purpose, network: &[u8; NETWORK_ID_BYTES], parts: &[&[u8]]) -> Vec<u8> {
    let label = purpose.label().as_bytes();
    let parts_length: usize = parts.iter().map(|part| part.len()).sum();
    let mut bytes = Vec::with_capacity(label.len() + 1 + network.len() + parts_length);
    bytes.extend_from_slice(label);
    bytes.push(0);
    bytes.extend_from_slice(network);
    for part in parts {
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Purpose; 4] =
        [Purpose::Transaction, Purpose::Enrolment, Purpose::Handshake, Purpose::Request];

    #[test]
    fn layout_is_label_zero_network_parts() {
        let bytes = message(Purpose::Transaction, &[7; 32], &[b"ab", b"", b"c"]);
        let mut expected = b"weft/transaction/1\0".to_vec();
        expected.extend_from_slice(&[7; 32]);
        expected.extend_from_slice(b"abc");
        assert_eq!(bytes, expected);
        assert_eq!(bytes.len(), bytes.capacity());
    }

    #[test]
    fn no_message_of_one_purpose_begins_a_message_of_another() {
        for first in ALL {
            assert!(first.label().is_ascii() && !first.label().contains('\0'));
            for second in ALL.into_iter().filter(|second| *second != first) {
                let prefix = message(first, &[0; 32], &[]);
                let longer = message(second, &[0; 32], &[&[0; 64]]);
                assert!(!longer.starts_with(&prefix), "{first:?} and {second:?}");
            }
        }
    }
}
