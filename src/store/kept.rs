//! What is stored of a transaction: all of it, or what was left when its body was erased.

use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Header, Network, Refusal, Remains, Transaction, TxId};

/// A stored transaction. Cheap to clone: the bytes are shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// All of it.
    Whole(Transaction),
    /// Header, signature and nonce; the body was erased.
    Erased(Remains),
}

impl Kept {
    /// Reads either form; the length says which it is.
    pub(super) fn decode(network: &Network, wire: &[u8]) -> Result<Self, Refusal> {
        if wire.len() == BODY_OFFSET {
            return Remains::decode(network, wire).map(Self::Erased);
        }
        Transaction::decode(network, wire).map(Self::Whole)
    }

    /// The transaction's id.
    pub fn id(&self) -> TxId {
        match self {
            Self::Whole(transaction) => transaction.id(),
            Self::Erased(remains) => remains.id(),
        }
    }

    /// The header.
    pub fn header(&self) -> &Header {
        match self {
            Self::Whole(transaction) => transaction.header(),
            Self::Erased(remains) => remains.header(),
        }
    }

    /// The bytes as they are stored.
    pub fn wire(&self) -> &[u8] {
        match self {
            Self::Whole(transaction) => transaction.wire(),
            Self::Erased(remains) => remains.wire(),
        }
    }
}
