//! What is stored of a transaction: all of it, or what was left when its body was erased.

use super::layout::row_check;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::{Header, Network, Position, Refusal, Remains, Transaction, TxId};

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

    /// The transaction, where its body is there.
    pub(super) fn whole(&self) -> Option<&Transaction> {
        match self {
            Self::Whole(transaction) => Some(transaction),
            Self::Erased(_) => None,
        }
    }

    /// Whether the body was erased.
    pub fn is_erased(&self) -> bool {
        matches!(self, Self::Erased(_))
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

    /// The check of the slot that it stands in at this position.
    pub(super) fn check_at(&self, position: Position) -> [u8; 8] {
        let (seed, nonce) = match self {
            Self::Whole(transaction) => (transaction.seed(), transaction.nonce()),
            Self::Erased(remains) => (remains.seed(), remains.nonce()),
        };
        row_check(position, &seed, nonce)
    }

    /// The transaction, without its body where that was erased; none of a kind of which it may not be.
    pub(super) fn into_transaction(self) -> Option<Transaction> {
        match self {
            Self::Whole(transaction) => Some(transaction),
            Self::Erased(remains) => remains.into_transaction(),
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
