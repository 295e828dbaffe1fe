//! What is known to be damaged here gets its bytes back from whoever sends them: a client, or a peer.
//!
//! Always true: they pass every check of a peer's transaction first; what is written is bounded by what is damaged, for of
//! what is sound nothing is written; and the replica learns no more than that the transaction is here, as it was before.

use super::checker::{Checker, storage};
use super::intake::Fault;
use crate::store::StoreError;
use weft_tangle::check_peer::{Way, check_transaction};
use weft_tangle::replica::{Event, Source};
use weft_tangle::{Kind, Refusal, Transaction, TxId, Verified};

impl Checker {
    /// Gives a damaged transaction its bytes back that a client has sent. It came before, so the door's own rules do not ask
    /// how old it is, or what it contains.
    ///
    /// # Errors
    /// Why the bytes cannot be taken; they may be right, and the enrolment of the issuer damaged too.
    pub(super) fn heal(&self, transaction: Transaction) -> Result<(), Fault> {
        let issuer = transaction.header().issuer;
        let way = Way { source: Source::Door, tree: None };
        match check_transaction(&self.network, transaction, way, self)? {
            Event::Received { transaction, .. } => self.give_back(&transaction),
            Event::Refused { refusal, .. } => Err(refusal.into()),
            Event::Unpermitted { .. } => Err(match self.directory.find(&issuer, &self.store) {
                Err(error) => storage(error),
                Ok(_) => Refusal::NotEnrolled(issuer).into(),
            }),
            // Somebody else was quicker.
            _ => Ok(()),
        }
    }

    /// What the replica is told of a peer's transaction. One that is damaged here has been taken already: if its bytes are
    /// sound they go back to where they stood, and it is a duplicate like any other.
    pub(super) fn without_damaged(&self, event: Event) -> Event {
        let (id, source, tree) = match &event {
            Event::Received { transaction, source, .. } => (transaction.id(), *source, None),
            Event::Pushed { transaction, source, tree } => (transaction.id(), *source, Some(*tree)),
            Event::Unpermitted { transaction, source } => (transaction.transaction().id(), *source, None),
            Event::Remains { id, source, .. } | Event::Refused { id: Some(id), source, .. } => {
                (*id, *source, None)
            }
            _ => return event,
        };
        if !self.store.is_damaged(&id) {
            return event;
        }
        if let Event::Received { transaction, .. } | Event::Pushed { transaction, .. } = &event
            && let Err(fault) = self.give_back(transaction)
        {
            tracing::warn!(%id, %fault, "a damaged transaction could not be given its bytes back");
        }
        Event::Duplicate { id, source, tree }
    }

    /// Whether a transaction is stored here, and not known to be damaged.
    pub(super) fn holds(&self, id: &TxId) -> Result<bool, StoreError> {
        Ok(self.store.contains(id)? && !self.store.is_damaged(id))
    }

    fn give_back(&self, transaction: &Verified) -> Result<(), Fault> {
        match self.store.heal(transaction) {
            Ok(()) => tracing::info!(id = %transaction.id(), "a damaged transaction has its bytes back"),
            // Its body is not to come back; the rest is there.
            Err(StoreError::Erased(_)) => {}
            Err(error) => return Err(storage(error)),
        }
        let header = transaction.transaction().header();
        if header.kind == Kind::Enrol {
            self.directory.forget(&header.issuer);
        }
        Ok(())
    }
}
