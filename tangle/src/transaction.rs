//! A transaction that is well formed by itself (`spec/03-transaction.md`).
//!
//! Holding a [`Transaction`] means: its length, version and kind are allowed, it is younger than both parents, the
//! parents differ unless both are the genesis, and the body is the one that the header speaks of: by its digest, or for
//! a witness by a digest in the part that the header's digest covers; or the body was erased, of a kind of which it may be
//! ([`Transaction::is_whole`]). Whether work, issuer and signature are right is not known yet.

use crate::body::Witness;
use crate::limits::{
    BODY_MAX_BYTES, BODY_MIN_BYTES, BODY_OFFSET, NONCE_BYTES, SALT_BYTES, TRANSACTION_MIN_BYTES,
};
use crate::planted::{self, Planted};
use crate::signing::{Purpose, SIGNATURE_BYTES, message};
use crate::{
    Digest, HEADER_BYTES, Header, Kind, Malformed, Network, NetworkId, ParentsFault, Refusal, TxId, blake2s,
};
use std::sync::{Arc, OnceLock};
use weft_pow::{Difficulty, Nonce, Seed};

/// Numbers of the CoAP Content-Formats registry that Weft knows.
pub mod content_format {
    /// `application/cose; cose-type="cose-encrypt0"`: a sealed body.
    pub const COSE_ENCRYPT0: u16 = 16;
    /// `application/senml+json`.
    pub const SENML_JSON: u16 = 110;
    /// `application/senml+cbor`.
    pub const SENML_CBOR: u16 = 112;
    /// Weft's own encodings (`spec/04-bodies.md`).
    pub const WEFT: u16 = 0xFFFF;
}

/// A transaction that is well formed by itself. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug)]
pub struct Transaction {
    id: TxId,
    header: Header,
    wire: Arc<[u8]>,
    /// Made when it is first asked for: it costs as much as all other hashes of a small transaction together.
    seed: OnceLock<Seed>,
}

impl PartialEq for Transaction {
    /// Equal when all bytes are, in the same network; what was already computed of them plays no part.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.wire == other.wire
    }
}

impl Eq for Transaction {}

impl Transaction {
    /// Reads a transaction of `network` from its wire form.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], [`Refusal::Parents`] (equal, or not older than their child) or
    /// [`Refusal::BodyDigest`], checked in this order.
    pub fn decode(network: &Network, wire: &[u8]) -> Result<Self, Refusal> {
        let length = Malformed::Length { found: wire.len() };
        let body_bytes = wire.len().checked_sub(BODY_OFFSET).ok_or(length.clone())?;
        if !(BODY_MIN_BYTES..=BODY_MAX_BYTES).contains(&body_bytes) {
            return Err(length.into());
        }
        let encoded: &[u8; HEADER_BYTES] = wire.first_chunk().ok_or(length)?;
        let header = Header::decode(encoded)?;
        check_parents(&header, network.genesis())?;
        if !is_body_of(&header, &wire[BODY_OFFSET..]) {
            return Err(Refusal::BodyDigest);
        }
        let id = TxId::of(network.id(), header.timestamp, encoded);
        Ok(Self { id, header, wire: wire.into(), seed: OnceLock::new() })
    }

    /// What is left of one whose body was erased, as it goes the way of any other. No bytes decode to this.
    pub(crate) fn without_body(id: TxId, header: Header, wire: Arc<[u8]>) -> Self {
        Self { id, header, wire, seed: OnceLock::new() }
    }

    /// Whether its body is here. It is not when it was erased where the transaction came from
    /// ([`Remains`](crate::Remains)): then body and content are empty.
    pub fn is_whole(&self) -> bool {
        self.wire.len() > BODY_OFFSET
    }

    /// The transaction's id.
    pub fn id(&self) -> TxId {
        self.id
    }

    /// The decoded header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The transaction as it stands on the wire.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The issuer's signature, not checked.
    pub fn signature(&self) -> &[u8; SIGNATURE_BYTES] {
        self.wire[HEADER_BYTES..].first_chunk().expect("decode has checked the length")
    }

    /// Salt and content.
    pub fn body(&self) -> &[u8] {
        &self.wire[BODY_OFFSET..]
    }

    /// The body behind its salt.
    pub fn content(&self) -> &[u8] {
        self.body().get(SALT_BYTES..).unwrap_or_default()
    }

    /// The bytes that the issuer signs.
    pub fn signed_message(&self, network: &NetworkId) -> Vec<u8> {
        message(Purpose::Transaction, network.as_bytes(), &[self.id.as_bytes()])
    }

    /// The work that the network asks for.
    ///
    /// # Errors
    /// [`Refusal::Work`] when the nonce shows less.
    pub fn check_work(&self, network: &Network) -> Result<Difficulty, Refusal> {
        check_work(network, &self.header, &self.seed(), self.nonce())
    }

    /// What the work began from: BLAKE2s-256(TxId || signature).
    pub fn seed(&self) -> Seed {
        *self.seed.get_or_init(|| Seed::of(self.id.as_bytes(), self.signature()))
    }

    pub(crate) fn has_seed(&self) -> bool {
        self.seed.get().is_some()
    }

    /// Keeps what [`Transaction::seed`] would have made.
    pub(crate) fn keep_seed(&self, seed: Seed) {
        // One that another thread has made meanwhile is the same.
        let _same = self.seed.set(seed);
    }

    /// The nonce.
    pub fn nonce(&self) -> Nonce {
        let bytes: &[u8; NONCE_BYTES] =
            self.wire[BODY_OFFSET - NONCE_BYTES..].first_chunk().expect("decode has checked the length");
        Nonce::from_bytes(*bytes)
    }
}

const _: () = assert!(TRANSACTION_MIN_BYTES > HEADER_BYTES + SIGNATURE_BYTES + NONCE_BYTES);

/// Compares the work that a nonce shows with what the network asks of this header.
pub(crate) fn check_work(
    network: &Network,
    header: &Header,
    seed: &Seed,
    nonce: Nonce,
) -> Result<Difficulty, Refusal> {
    let needed = network.rules().difficulty(header.kind, header.counter, network.is_open());
    let found = weft_pow::leading_zero_bits(seed, nonce);
    let needed_bits = u32::from(needed.bits());
    if found < needed_bits {
        return Err(Refusal::Work { found, needed: needed_bits });
    }
    Ok(needed)
}

/// The digest that the header of a transaction with this body holds: that of the whole body, or for a witness of the
/// part before its list of references. None where a witness's body has no such part.
pub(crate) fn body_digest(kind: Kind, body: &[u8]) -> Option<Digest> {
    let covered = if kind == Kind::Witness { Witness::covered(body)? } else { body };
    Some(Digest(blake2s(&[covered])))
}

/// Whether the body is the one that the header speaks of, to its last byte.
fn is_body_of(header: &Header, body: &[u8]) -> bool {
    let is_whole = header.kind != Kind::Witness || Witness::has_its_list(body);
    is_whole && body_digest(header.kind, body) == Some(header.body_digest)
}

pub(crate) fn check_parents(header: &Header, genesis: TxId) -> Result<(), ParentsFault> {
    let [first, second] = header.parents;
    if first == second && first != genesis {
        return Err(ParentsFault::Equal(first));
    }
    let is_not_older = |parent: &&TxId| parent.timestamp() >= header.timestamp;
    match header.parents.iter().find(is_not_older).filter(|_| !planted::is(Planted::OlderThanParents)) {
        Some(parent) => Err(ParentsFault::NotOlder { parent: *parent, child: header.timestamp }),
        None => Ok(()),
    }
}
