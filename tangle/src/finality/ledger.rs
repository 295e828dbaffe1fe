//! What finality reads of the ledger, through one trait, and what it keeps of each transaction.

use super::{FinalVerdict, Round};
use crate::body::{Revocation, Witness};
use crate::{DeviceId, Digest, Header, HistoryError, Kind, Remains, Timestamp, Transaction, TxId};
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
    /// The round of a witness.
    pub round: Option<Round>,
}

impl Entry {
    /// The entry of a transaction whose body is here. A body that Weft's own encoding does not allow adds nothing.
    pub fn of(transaction: &Transaction, genesis: TxId) -> Self {
        let header = transaction.header();
        let witness =
            (header.kind == Kind::Witness).then(|| Witness::decode(transaction.content()).ok()).flatten();
        let is_revocation = header.kind == Kind::RevokeDevice;
        let revocation = is_revocation.then(|| Revocation::decode(transaction.content()).ok()).flatten();
        let listed = witness.iter().flat_map(Witness::references);
        Self {
            revokes: revocation.map(|revocation| revocation.device),
            round: witness.as_ref().map(|witness| witness.head().round),
            ..Self::of_header(header, listed, genesis)
        }
    }

    /// Whether the entry of a transaction of this kind takes more than its header: a witness's list and round, and whom
    /// a device's revocation revokes, stand in the body.
    pub const fn needs_body(kind: Kind) -> bool {
        matches!(kind, Kind::Witness | Kind::RevokeDevice)
    }

    /// The entry of a transaction whose body is not here. Nothing is lost: what remains is of a kind of which only the header
    /// counts ([`Entry::needs_body`]).
    pub fn of_remains(remains: &Remains, genesis: TxId) -> Self {
        Self::of_header(remains.header(), std::iter::empty(), genesis)
    }

    fn of_header<'a>(header: &Header, listed: impl Iterator<Item = &'a TxId>, genesis: TxId) -> Self {
        let mut references = header.parents.to_vec();
        references.extend(listed);
        references.retain(|reference| *reference != genesis);
        references.sort_unstable();
        references.dedup();
        let (kind, issuer, counter) = (header.kind, header.issuer, header.counter);
        Self { kind, issuer, counter, references, revokes: None, round: None }
    }
}

/// A delivered transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// Its id.
    pub id: TxId,
    /// What it is.
    pub kind: Kind,
    /// Who issued it.
    pub issuer: DeviceId,
    /// Its counter.
    pub counter: u32,
    /// Its verdict.
    pub verdict: FinalVerdict,
}

/// What has become of a transaction that a commit has delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The commit's index.
    pub commit: u64,
    /// The verdict in its leaf.
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

    /// Where an attached transaction stands in this node's order of arrival, behind all that it references.
    ///
    /// # Errors
    /// It cannot be read, or is not here.
    fn position(&self, id: &TxId) -> Result<u64, HistoryError>;

    /// The attached transaction that stands there.
    ///
    /// # Errors
    /// It cannot be read, or nothing stands there.
    fn at(&self, position: u64) -> Result<TxId, HistoryError>;

    /// Calls `visit` with id and counter of every delivered transaction of `issuer` in a range of time whose verdict is
    /// not [`FinalVerdict::Revoked`], in id order.
    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError>;

    /// Two at most of what [`Ledger::delivered`] shows of `issuer` with this counter and a time in an epoch, with their
    /// kinds.
    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
    ) -> Result<Vec<(TxId, Kind)>, HistoryError> {
        let mut same = Vec::new();
        self.delivered(issuer, epoch, &mut |id, other| same.extend((other == counter).then_some(id)))?;
        same.into_iter().take(2).map(|id| Ok((id, self.entry(&id)?.kind))).collect()
    }

    /// Whether a delivered revocation of the device counts.
    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError>;

    /// The digest of an earlier commit.
    fn digest(&self, index: u64) -> Result<Option<Digest>, HistoryError>;
}
