//! What is left of a transaction whose body was erased, or is damaged: header, signature and nonce
//! (`spec/03-transaction.md`).
//!
//! Holding [`Remains`] means what holding a [`Transaction`](crate::Transaction) means, but for the body: nobody can say
//! any more that it was the one that the header speaks of. Identity, work and signature stay verifiable, for none of
//! them covers the body itself.

use crate::finality::Entry;
use crate::limits::{BODY_OFFSET, NONCE_BYTES};
use crate::signing::{Purpose, SIGNATURE_BYTES, message};
use crate::transaction::{check_parents, check_work};
use crate::{HEADER_BYTES, Header, Issuer, Kind, Malformed, Network, NetworkId, Refusal, Transaction, TxId};
use std::sync::Arc;
use weft_pow::{Difficulty, Nonce, Seed};

/// A transaction without its body. Cheap to clone: the bytes are shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remains {
    id: TxId,
    header: Header,
    wire: Arc<[u8]>,
}

impl Remains {
    /// Reads the form with n = 0: exactly the bytes before the body.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], also for a kind whose body may not be erased, and [`Refusal::Parents`].
    pub fn decode(network: &Network, wire: &[u8]) -> Result<Self, Refusal> {
        Self::decode_of(network, wire, Self::may_be_of)
    }

    /// Reads what is before a body that is damaged, for finality, of a kind of which that needs the header alone
    /// ([`Entry::needs_body`]). If the id is the one that was asked for, the header is the one that was signed, for the id
    /// is its hash; signature and nonce are not proven by that.
    ///
    /// # Errors
    /// [`Refusal::Malformed`], also for a kind whose body says what finality needs, and [`Refusal::Parents`].
    pub fn before_damage(network: &Network, wire: &[u8]) -> Result<Self, Refusal> {
        Self::decode_of(network, wire, |kind| !Entry::needs_body(kind))
    }

    fn decode_of(network: &Network, wire: &[u8], may_be_of: fn(Kind) -> bool) -> Result<Self, Refusal> {
        let length = Malformed::Length { found: wire.len() };
        if wire.len() != BODY_OFFSET {
            return Err(length.into());
        }
        let encoded: &[u8; HEADER_BYTES] = wire.first_chunk().ok_or(length)?;
        let header = Header::decode(encoded)?;
        if !may_be_of(header.kind) {
            let problem = "is missing, and one of this kind cannot be without it";
            return Err(Malformed::Field { field: "body", problem }.into());
        }
        check_parents(&header, network.genesis())?;
        let id = TxId::of(network.id(), header.timestamp, encoded);
        Ok(Self { id, header, wire: wire.into() })
    }

    /// The same as a transaction without its body ([`Transaction::is_whole`]): so it is checked, attached and stored as any
    /// other. Of a kind whose body may not be erased there is none.
    pub fn into_transaction(self) -> Option<Transaction> {
        let Self { id, header, wire } = self;
        Self::may_be_of(header.kind).then(|| Transaction::without_body(id, header, wire))
    }

    /// The kind in the header of a transaction in wire form, which is not looked at further.
    ///
    /// # Errors
    /// [`Refusal::Malformed`].
    pub fn kind_of(wire: &[u8]) -> Result<Kind, Refusal> {
        let encoded: &[u8; HEADER_BYTES] =
            wire.first_chunk().ok_or(Malformed::Length { found: wire.len() })?;
        Ok(Header::decode(encoded)?.kind)
    }

    /// Whether a body of this kind may be erased. Control kinds, witnesses and audit entries may not: what others are
    /// judged by stands in them.
    pub const fn may_be_of(kind: Kind) -> bool {
        matches!(kind, Kind::Reading | Kind::Anchor | Kind::Application(_))
    }

    /// The transaction's id.
    pub fn id(&self) -> TxId {
        self.id
    }

    /// The decoded header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Header, signature and nonce.
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The issuer's signature, not checked.
    pub fn signature(&self) -> &[u8; SIGNATURE_BYTES] {
        self.wire[HEADER_BYTES..].first_chunk().expect("decode has checked the length")
    }

    /// Checks all that can still be checked: work, the issuer's standing at the time, and its signature.
    ///
    /// # Errors
    /// [`Refusal::Work`], [`Refusal::NotEnrolled`], what [`Issuer::permits_header`] refuses, [`Refusal::Signature`].
    pub fn check(&self, network: &Network, issuer: &Issuer) -> Result<(), Refusal> {
        self.check_work(network)?;
        if issuer.id() != self.header.issuer {
            return Err(Refusal::NotEnrolled(self.header.issuer));
        }
        issuer.permits_header(&self.header)?;
        let message = self.signed_message(network.id());
        issuer.key().verify(&message, self.signature()).map_err(|_| Refusal::Signature)
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
        Seed::of(self.id.as_bytes(), self.signature())
    }

    /// The nonce.
    pub fn nonce(&self) -> Nonce {
        let nonce = self.wire[BODY_OFFSET - NONCE_BYTES..].first_chunk();
        Nonce::from_bytes(*nonce.expect("decode has checked the length"))
    }

    fn signed_message(&self, network: &NetworkId) -> Vec<u8> {
        message(Purpose::Transaction, network.as_bytes(), &[self.id.as_bytes()])
    }
}
