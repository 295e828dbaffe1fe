//! Transactions as finality sees them: header and content. Signature and nonce are zeros, for nothing here looks at them.

use super::super::world::{CREATED, World};
use super::super::{Failure, hex};
use serde_json::{Value, json};
use weft_tangle::limits::{NONCE_BYTES, SALT_BYTES};
use weft_tangle::signing::SIGNATURE_BYTES;
use weft_tangle::{
    Digest, HEADER_BYTES, Header, Kind, Timestamp, Transaction, TxId, blake2s, content_format,
};

/// What one is to be; the salt is zeros.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) holder: &'static str,
    pub(super) kind: u8,
    pub(super) content_format: u16,
    pub(super) counter: u32,
    /// Milliseconds after the network's creation.
    pub(super) after_ms: u64,
    pub(super) parents: [TxId; 2],
    pub(super) content: Vec<u8>,
}

/// A header with its content.
#[derive(Clone)]
pub(super) struct Bare {
    pub(super) id: TxId,
    header: [u8; HEADER_BYTES],
    content: Vec<u8>,
}

impl Plan {
    /// A reading of the sensor on the genesis, to be changed by struct update.
    pub(super) fn reading(world: &World, counter: u32, after_ms: u64) -> Self {
        let parents = [world.open.genesis(); 2];
        let content = b"[]".to_vec();
        Self { holder: "sensor", kind: 2, content_format: 110, counter, after_ms, parents, content }
    }

    /// A witness with this content.
    pub(super) fn witness(
        world: &World,
        holder: &'static str,
        counter: u32,
        after_ms: u64,
        parents: [TxId; 2],
        content: Vec<u8>,
    ) -> Self {
        let content_format = content_format::WEFT;
        Self { holder, kind: 3, content_format, parents, content, ..Self::reading(world, counter, after_ms) }
    }

    pub(super) fn make(self, world: &World) -> Result<Bare, Failure> {
        let kind = Kind::from_byte(self.kind)?;
        let body = [&[0; SALT_BYTES][..], &self.content].concat();
        let covered = if kind == Kind::Witness { body.get(..96).unwrap_or(&body) } else { &body };
        let timestamp: Timestamp = CREATED.plus(self.after_ms);
        let header = Header {
            kind,
            content_format: self.content_format,
            counter: self.counter,
            timestamp,
            issuer: world.id(self.holder),
            parents: self.parents,
            body_digest: Digest(blake2s(&[covered])),
        }
        .encode();
        let id = TxId::of(world.open.id(), timestamp, &header);
        Ok(Bare { id, header, content: self.content })
    }
}

impl Bare {
    /// As a transaction, which is well formed.
    pub(super) fn transaction(&self, world: &World) -> Result<Transaction, Failure> {
        let unsigned = [0; SIGNATURE_BYTES + NONCE_BYTES + SALT_BYTES];
        Ok(Transaction::decode(&world.open, &[&self.header[..], &unsigned, &self.content].concat())?)
    }

    /// Its bytes.
    pub(super) fn json(&self) -> Value {
        json!({"header": hex(&self.header), "content": hex(&self.content)})
    }
}
