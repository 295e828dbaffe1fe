//! The checks of what peers send: everything that the door asks but its own rules, for a day's worth of an ambulance's
//! transactions is as valid as any. What comes out is what the replica is to be told.
//!
//! Always true: a transaction that no enrolment known here permits is not refused, it waits.

use super::checker::{Checker, storage, unharmed};
use super::intake::Fault;
use super::job::{PeerJob, PeerRequest, Work};
use crate::store::StoreError;
use std::sync::Arc;
use weft_tangle::check::check_enrolment_cheaply;
use weft_tangle::gossip::Tree;
use weft_tangle::replica::{Event, Source};
use weft_tangle::{
    HEADER_BYTES, History, Issuer, Kind, Network, Screened, Timestamp, Transaction, TxId, Verified,
};

/// Where a peer's transaction came from, and along which tree.
#[derive(Clone, Copy)]
struct Way {
    source: Source,
    tree: Option<Tree>,
}

impl Checker {
    /// Checks a peer's job. What cannot be checked, for storage fails, is left out: the peer is then sent away.
    pub(super) fn check_peers(&self, PeerJob { source, tree, work, share }: PeerJob) -> PeerRequest {
        let way = Way { source, tree };
        let events = match work {
            Work::Wires(wires) => {
                let event = |wire: &bytes::Bytes| checked(|| self.check_peers_wire(wire, way));
                wires.iter().filter_map(event).collect()
            }
            Work::Again(screened) => checked(|| self.check_issuer(*screened, way)).into_iter().collect(),
        };
        PeerRequest { source, events, share }
    }

    fn check_peers_wire(&self, wire: &[u8], way: Way) -> Result<Event, Fault> {
        let source = way.source;
        let transaction = match Transaction::decode(&self.network, wire) {
            Ok(transaction) => transaction,
            Err(refusal) => {
                return Ok(Event::Refused { id: claimed_id(&self.network, wire), source, refusal });
            }
        };
        let id = transaction.id();
        let refused = |refusal| Ok(Event::Refused { id: Some(id), source, refusal });
        let reader = self.store.shared_reader().map_err(storage)?;
        if reader.contains(&id).map_err(|error| Fault::Storage(error.to_string()))? {
            return Ok(Event::Duplicate { id, source, tree: way.tree });
        }
        if transaction.header().kind == Kind::Enrol
            && let Err(refusal) = check_enrolment_cheaply(&self.network, &transaction)
        {
            return refused(refusal);
        }
        match Screened::check(&self.network, transaction) {
            Ok(screened) => self.check_issuer(screened, way),
            Err(refusal) => refused(refusal),
        }
    }

    fn check_issuer(&self, screened: Screened, way: Way) -> Result<Event, Fault> {
        let source = way.source;
        let (id, kind) = (screened.transaction().id(), screened.transaction().header().kind);
        let verified = if kind == Kind::Enrol {
            Verified::check_enrolment_once(&self.network, screened, &*self.verdicts)
        } else {
            match self.issuer(screened.transaction())? {
                Some(issuer) => Verified::check_once(&self.network, screened, &issuer, &*self.verdicts),
                None => return Ok(Event::Unpermitted { transaction: screened, source }),
            }
        };
        Ok(match (verified, way.tree) {
            (Ok(transaction), Some(tree)) => Event::Pushed { transaction, source, tree },
            (Ok(transaction), None) => Event::Received { transaction, source, token: None },
            (Err(refusal), _) => Event::Refused { id: Some(id), source, refusal },
        })
    }

    /// The issuer, if what is known here permits it this transaction. The directory holds the newest enrolments alone,
    /// and any one suffices, so where they do not all are asked.
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
}

/// What comes of a check; nothing when it could not be made.
fn checked(check: impl FnOnce() -> Result<Event, Fault>) -> Option<Event> {
    unharmed(check)
        .inspect_err(|fault| tracing::warn!(%fault, "a peer's transaction could not be checked"))
        .ok()
}

/// The id that a transaction claims which is none: it follows from its first bytes, whatever they say.
fn claimed_id(network: &Network, wire: &[u8]) -> Option<TxId> {
    let header: &[u8; HEADER_BYTES] = wire.first_chunk()?;
    let timestamp = header.get(8..16)?.try_into().ok()?;
    Some(TxId::of(network.id(), Timestamp::from_millis(u64::from_be_bytes(timestamp)), header))
}

#[cfg(test)]
mod tests;
