//! The first 160 bytes of a transaction (`spec/03-transaction.md`).
//!
//! A header that decodes encodes to the same bytes: every field has exactly one encoding.

use crate::{DeviceId, Digest, Kind, Malformed, Timestamp, TxId, codec::Reader};

/// Length of a header.
pub const HEADER_BYTES: usize = 160;

/// The version of the wire format that this crate speaks.
pub const VERSION: u8 = 1;

/// What is signed, through the transaction's id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the transaction is.
    pub kind: Kind,
    /// CoAP Content-Format of the body's content; 0xFFFF is Weft's own encoding.
    pub content_format: u16,
    /// Where the transaction stands among its issuer's in this epoch, from zero.
    pub counter: u32,
    /// When it was issued.
    pub timestamp: Timestamp,
    /// Who issued it.
    pub issuer: DeviceId,
    /// The two earlier transactions that it approves.
    pub parents: [TxId; 2],
    /// BLAKE2s-256 of the body.
    pub body_digest: Digest,
}

impl Header {
    /// The header as it stands on the wire.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        put(&[VERSION, self.kind.to_byte()]);
        put(&self.content_format.to_be_bytes());
        put(&self.counter.to_be_bytes());
        put(&self.timestamp.as_millis().to_be_bytes());
        put(self.issuer.as_bytes());
        put(self.parents[0].as_bytes());
        put(self.parents[1].as_bytes());
        put(&self.body_digest.0);
        bytes
    }

    /// Reads a header; refuses other versions and reserved kinds.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Malformed> {
        let mut reader = Reader::new("the header", bytes);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(Malformed::Version(version));
        }
        let header = Self {
            kind: Kind::from_byte(reader.u8()?)?,
            content_format: reader.u16()?,
            counter: u32::from_be_bytes(*reader.array()?),
            timestamp: Timestamp::from_millis(reader.u64()?),
            issuer: DeviceId::from_bytes(*reader.array()?),
            parents: [TxId::from_bytes(*reader.array()?), TxId::from_bytes(*reader.array()?)],
            body_digest: Digest(*reader.array()?),
        };
        reader.end()?;
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_refused_or_come_back(version in 0u8..3, kind: u8, rest: [u8; 158]) {
            let mut bytes = [0; HEADER_BYTES];
            bytes[0] = version;
            bytes[1] = kind;
            bytes[2..].copy_from_slice(&rest);
            match Header::decode(&bytes) {
                Ok(header) => prop_assert_eq!(header.encode(), bytes),
                Err(Malformed::Version(v)) => prop_assert!(v == version && v != VERSION),
                Err(error) => prop_assert_eq!(error, Malformed::ReservedKind(kind)),
            }
        }
    }
}
