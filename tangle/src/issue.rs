//! Making a transaction, on the issuer's side. Salt, time and counter come from outside.

use crate::limits::BODY_MAX_BYTES;
use crate::signing::{Purpose, Signature, SigningKey, message};
use crate::transaction::body_digest;
use crate::{DeviceId, HEADER_BYTES, Header, Kind, Malformed, NetworkId, Timestamp, TxId};
use weft_pow::{Nonce, Seed};

/// What an issuer wants to say.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// What the transaction is.
    pub kind: Kind,
    /// CoAP Content-Format of the content.
    pub content_format: u16,
    /// The next counter of this issuer in this epoch; used once, whatever happens.
    pub counter: u32,
    /// Now; later than both parents.
    pub timestamp: Timestamp,
    /// Two parents from a ticket.
    pub parents: [TxId; 2],
    /// Fresh random bytes, which keep the digest from being guessed after the body is gone.
    pub salt: [u8; 16],
    /// The content.
    pub content: &'a [u8],
}

/// A signed transaction that still needs its work.
#[derive(Clone, Debug)]
pub struct Signed {
    id: TxId,
    header: [u8; HEADER_BYTES],
    signature: Signature,
    body: Vec<u8>,
}

/// Who signs: a key, or what stands for one in the simulator, where a real signature would cost more than all else.
pub(crate) trait Signs {
    /// The signer's id.
    fn device(&self) -> DeviceId;

    /// Its signature of a message.
    fn sign(&self, message: &[u8]) -> Signature;
}

impl Signs for SigningKey {
    fn device(&self) -> DeviceId {
        DeviceId::of(self.public_key())
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.sign(message)
    }
}

impl Draft<'_> {
    /// Signs the draft with the issuer's key.
    ///
    /// # Errors
    /// The content does not fit into a body, or is too short for a witness's.
    pub fn sign(&self, network: &NetworkId, key: &SigningKey) -> Result<Signed, Malformed> {
        self.sign_by(network, key)
    }

    /// The same, by whoever signs.
    pub(crate) fn sign_by(&self, network: &NetworkId, key: &impl Signs) -> Result<Signed, Malformed> {
        let body = [&self.salt[..], self.content].concat();
        if body.len() > BODY_MAX_BYTES {
            return Err(Malformed::Field {
                field: "content",
                problem: "must have at most 16368 bytes; send several",
            });
        }
        let body_digest =
            body_digest(self.kind, &body).ok_or(Malformed::Truncated { what: "the witness" })?;
        let header = Header {
            kind: self.kind,
            content_format: self.content_format,
            counter: self.counter,
            timestamp: self.timestamp,
            issuer: key.device(),
            parents: self.parents,
            body_digest,
        };
        let header = header.encode();
        let id = TxId::of(network, self.timestamp, &header);
        let signature = key.sign(&message(Purpose::Transaction, network.as_bytes(), &[id.as_bytes()]));
        Ok(Signed { id, header, signature, body })
    }
}

impl Signed {
    /// The transaction's id, which neither signature nor nonce changes.
    pub fn id(&self) -> TxId {
        self.id
    }

    /// What the proof of work starts from.
    pub fn seed(&self) -> Seed {
        Seed::of(self.id.as_bytes(), self.signature.as_bytes())
    }

    /// The transaction in wire form.
    pub fn with_nonce(&self, nonce: Nonce) -> Vec<u8> {
        [&self.header[..], self.signature.as_bytes(), &nonce.to_bytes(), &self.body].concat()
    }
}
