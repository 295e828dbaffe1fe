//! The checks of what peers send, with what this node has stored.
//!
//! Always true: they are those of [`weft_tangle::check_peer`], and nothing else decides what the replica is told.

use super::checker::{Checker, storage, unharmed};
use super::intake::Fault;
use super::job::{PeerJob, PeerRequest, Work};
use super::opened::{OpenedPeerJob, OpenedWork};
use crate::store::StoreError;
use std::sync::Arc;
use weft_tangle::check_peer::{Knowledge, Sent, Way, check_issuer, check_sent};
use weft_tangle::{Issuer, Recall, Transaction, TxId};

impl Checker {
    /// Reads the transactions of a peer's job. What cannot be read, for the reader panics, is left out.
    pub(super) fn open_peers(&self, PeerJob { source, tree, work, share }: PeerJob) -> OpenedPeerJob {
        let way = Way { source, tree };
        let work = match work {
            Work::Wires(wires) => {
                let read = |wire: &bytes::Bytes| checked(|| Ok(Sent::read(&self.network, wire, way)));
                OpenedWork::Sent(wires.iter().filter_map(read).collect())
            }
            Work::Again(screened) => OpenedWork::Again(screened),
        };
        OpenedPeerJob { way, work, share }
    }

    /// Checks a peer's job. What cannot be checked, for storage fails, is left out: the peer is then sent away.
    pub(super) fn check_peers(&self, OpenedPeerJob { way, work, share }: OpenedPeerJob) -> PeerRequest {
        let events = match work {
            OpenedWork::Sent(all) => {
                let check = |sent| Ok(self.without_damaged(check_sent(&self.network, sent, way, self)?));
                all.into_iter().filter_map(|sent| checked(|| check(sent))).collect()
            }
            OpenedWork::Again(screened) => {
                checked(|| check_issuer(&self.network, *screened, way, self)).into_iter().collect()
            }
        };
        PeerRequest { source: way.source, events, share }
    }
}

impl Knowledge for Checker {
    type Fault = Fault;

    fn contains(&self, id: &TxId) -> Result<bool, Fault> {
        self.holds(id).map_err(storage)
    }

    /// The directory holds the newest enrolments alone, and any one suffices, so where they do not all are asked.
    fn issuer(&self, transaction: &Transaction) -> Result<Option<Arc<Issuer>>, Fault> {
        let device = &transaction.header().issuer;
        let permits = |issuer: &Arc<Issuer>| issuer.permits(transaction).is_ok();
        let found = match self.directory.find(device, &self.store) {
            Ok(None) => return Ok(None),
            Ok(Some(issuer)) => Some(issuer).filter(permits),
            // A damaged enrolment is as one that has not come yet.
            Err(StoreError::Damaged { .. }) => None,
            Err(error) => return Err(storage(error)),
        };
        if found.is_some() {
            return Ok(found);
        }
        let all = self.directory.find_all(device, &self.store).map_err(storage)?;
        Ok(all.map(Arc::new).filter(permits))
    }

    fn verdicts(&self) -> &dyn Recall {
        &*self.verdicts
    }
}

/// What comes of a check, or of reading what is to be checked; nothing when it could not be made.
fn checked<T>(check: impl FnOnce() -> Result<T, Fault>) -> Option<T> {
    unharmed(check)
        .inspect_err(|fault| tracing::warn!(%fault, "a peer's transaction could not be checked"))
        .ok()
}

#[cfg(test)]
mod tests;
