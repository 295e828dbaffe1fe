//! What has left the replica's memory, read through one trait: a database in the node, a map in the simulator.

use crate::finality::{Entry, Outcome, Round};
use crate::{DeviceId, Digest, Kind, Standing, Timestamp, TxId};
use std::ops::{ControlFlow, Range};

/// Why the history did not say what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// It could not be read. The replica has not changed; the node stops taking transactions.
    #[error("the stored history cannot be read: {0}")]
    Unread(String),
    /// What is stored of one transaction is not what was written, and what is whole of it does not say what was asked.
    /// All else can be read: it is the matter of whatever needs that one.
    #[error("the stored transaction {id} is damaged: {cause}")]
    Damaged {
        /// The transaction.
        id: TxId,
        /// What does not fit.
        cause: String,
    },
}

/// What is durable. A transaction or commit appears here no later than the replica is told [`super::Event::Durable`] of
/// it; what is on its way there the replica remembers itself.
pub trait History {
    /// Whether the transaction is stored.
    fn contains(&self, id: &TxId) -> Result<bool, HistoryError>;

    /// Calls `visit` with id and counter of every stored transaction of `issuer` in a range of time, in id order.
    fn issued(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError>;

    /// Calls `visit` with the ids of the stored transactions of `issuer` with this counter and a time in an epoch, in id
    /// order, until it says to stop. Where there is only one it may be left out. Whoever repeats a counter has this asked
    /// for each time, so what it costs must not grow with what the device has issued.
    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
        visit: &mut dyn FnMut(TxId) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        let mut same = Vec::new();
        self.issued(issuer, epoch, &mut |id, other| same.extend((other == counter).then_some(id)))?;
        let _stopped = same.into_iter().try_for_each(visit);
        Ok(())
    }

    /// The kind of a stored transaction of `issuer`; none when it is not stored.
    fn kind(&self, _issuer: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        Ok(self.entry(id)?.map(|entry| entry.kind))
    }

    /// The standings that stored enrolments of `device` give it ([`crate::body::Enrolment::standing`]), in any order.
    fn standings(&self, device: &DeviceId) -> Result<Vec<Standing>, HistoryError>;

    /// Calls `visit` with the ids of the stored transactions at a range of positions, in their order. What lies behind
    /// the last one that is stored is left out.
    fn log(&self, positions: Range<u64>, visit: &mut dyn FnMut(TxId)) -> Result<(), HistoryError>;

    /// Whether the transaction is a witness; none when it is not stored.
    fn is_witness(&self, id: &TxId) -> Result<Option<bool>, HistoryError>;

    /// What finality needs of the transaction, its body erased or not; none when it is not stored. Where the body is damaged
    /// the header suffices, unless [`Entry::needs_body`].
    ///
    /// # Errors
    /// [`HistoryError::Damaged`] when that is not what was written.
    fn entry(&self, id: &TxId) -> Result<Option<Entry>, HistoryError>;

    /// Calls `visit` with the ids of the stored witnesses that `author` has made of this round, however old it is: two
    /// suffice.
    fn witnesses(
        &self,
        author: &DeviceId,
        round: Round,
        visit: &mut dyn FnMut(TxId),
    ) -> Result<(), HistoryError>;

    /// What has become of a transaction that a stored commit has delivered; none when none has.
    fn outcome(&self, id: &TxId) -> Result<Option<Outcome>, HistoryError>;

    /// Calls `visit` with id and counter of every transaction of `issuer` in a range of time that stored commits have
    /// delivered with another verdict than `revoked`, in id order.
    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError>;

    /// Whether a stored commit has delivered a revocation of the device that counts.
    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError>;

    /// The digest of a stored commit.
    fn commit_digest(&self, index: u64) -> Result<Option<Digest>, HistoryError>;
}

/// Of a [`History`] that has no commits and no witnesses, all that it says of these, for tests that are about other things.
#[cfg(feature = "sim")]
#[macro_export]
macro_rules! no_commits_stored {
    () => {
        fn witnesses(
            &self,
            _: &$crate::DeviceId,
            _: $crate::finality::Round,
            _: &mut dyn FnMut($crate::TxId),
        ) -> Result<(), $crate::HistoryError> {
            Ok(())
        }

        fn delivered(
            &self,
            _: &$crate::DeviceId,
            _: std::ops::Range<$crate::Timestamp>,
            _: &mut dyn FnMut($crate::TxId, u32),
        ) -> Result<(), $crate::HistoryError> {
            Ok(())
        }

        fn is_revoked(&self, _: &$crate::DeviceId) -> Result<bool, $crate::HistoryError> {
            Ok(false)
        }

        fn commit_digest(&self, _: u64) -> Result<Option<$crate::Digest>, $crate::HistoryError> {
            Ok(None)
        }
    };
}
