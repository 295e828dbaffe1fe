//! What is final: the chain of commits, what each has delivered with which verdict, and where finality goes on.
//!
//! With n commits stored, their indexes are { 1, ..., n } and each names the digest of the one before. Always true: what
//! a commit has delivered is stored; a transaction is delivered once; a ruling names a stored commit that lists its position;
//! and the commits of a batch stand behind all of its transactions, so a store may have lost its newest commits but
//! never what they deliver.

mod layout;
mod read;
mod restore;
mod settle;
mod write;

#[cfg(test)]
pub(super) use layout::encode_list;
pub(super) use layout::{
    COMMITS, DELIVERED, Noted, PART_PLACES, Parts, RESUME_BYTES, ROW_POSITIONS, RULINGS, Rulings, WITNESSES,
    decode_resume, decode_witness, encode_resume, noted_in, witness_key,
};
pub(super) use read::newest_index;
pub(super) use settle::{Settled, Settlement};
pub(super) use write::{check, put, put_resume, put_witness, settled_before};

use weft_tangle::finality::{Commit, FinalVerdict};
use weft_tangle::{Digest, TxId};

/// A commit as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StoredCommit {
    /// The commit.
    pub commit: Commit,
    /// Its digest.
    pub digest: Digest,
}

/// What has become of a delivered transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ruling {
    /// The index of the commit that has delivered it.
    pub commit: u64,
    /// The verdict in its leaf.
    pub verdict: FinalVerdict,
    /// A later commit has delivered another one with its counter, so it is to be shown as disputed. Its leaf stays what it
    /// is.
    pub is_disputed: bool,
}

/// A delivered transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ruled {
    /// Its id.
    pub id: TxId,
    /// What has become of it.
    pub ruling: Ruling,
}

/// Which way a list runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// From the lowest index up.
    Ascending,
    /// From the highest index down.
    Descending,
}
