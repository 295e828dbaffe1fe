//! What finality reads of the ledger, through one trait, and what it keeps of each transaction.

use super::FinalVerdict;
use crate::body::{Revocation, Witness};
use crate::{DeviceId, Digest, HistoryError, Kind, Timestamp, Transaction, TxId};
use std::ops::Range;

/// Of an attached transaction, what its delivery needs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Who issued it.
    pub issuer: DeviceId,
    /// Its counter.
    pub counter: u32,
    /// All that it references but the genesis, each once: both parents, and of a witness its list.
    pub references: Vec<TxId>,
    /// The device that it revokes.
    pub revokes: Option<DeviceId>,
}

impl Entry {
    /// The entry of a transaction whose body is here. A body that Weft's own encoding does not allow adds nothing.
    pub fn of(transaction: &Transaction, genesis: TxId) -> Self {
        let header = transaction.header();
        let witness =
            (header.kind == Kind::Witness).then(|| Witness::decode(transaction.content()).ok()).flatten();
        let mut references = header.parents.to_vec();
        references.extend(witness.iter().flat_map(Witness::references));
        references.retain(|reference| *reference != genesis);
        references.sort_unstable();
        references.dedup();
        let is_revocation = header.kind == Kind::RevokeDevice;
        let revocation = is_revocation.then(|| Revocation::decode(transaction.content()).ok()).flatten();
        Self {
            kind: header.kind,
            issuer: header.issuer,
            counter: header.counter,
            references,
            revokes: revocation.map(|revocation| revocation.device),
        }
    }
}

/// A delivered transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Its id.
    pub id: TxId,
    /// Its verdict.
    pub verdict: FinalVerdict,
}

/// Attached transactions and the commits handed out so far, whether they are on disk or on their way there.
pub trait Ledger {
    /// The entry of an attached transaction.
    ///
    /// # Errors
    /// It cannot be read, or is not here.
    fn entry(&self, id: &TxId) -> Result<Entry, HistoryError>;

    /// Whether a commit has delivered the attached transaction.
    fn is_delivered(&self, id: &TxId) -> Result<bool, HistoryError>;

    /// Calls `visit` with id and counter of every delivered transaction of `issuer` in a range of time whose verdict is
    /// not [`FinalVerdict::Revoked`], in id order.
    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError>;

    /// Whether a delivered revocation of the device counts.
    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError>;

    /// The digest of an earlier commit.
    fn digest(&self, index: u64) -> Result<Option<Digest>, HistoryError>;
}
