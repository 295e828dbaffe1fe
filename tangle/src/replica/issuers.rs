//! What waits for the enrolment of its issuer, and is checked again when that may be here.
//!
//! Always true: what is being checked again is remembered until it comes back or its peer leaves, and of no more than may
//! wait at all.

use super::history::{History, HistoryError};
use super::pending::{Missing, Waiting};
use super::{Effect, Replica, Source};
use crate::limits::{AHEAD_MS, PENDING};
use crate::{DeviceId, Screened, Standing, Timestamp};

impl Replica {
    /// Whoever looked for the issuer did so before this event was handled. An enrolment that has become durable in
    /// between wakes nothing up any more, so the history is asked again.
    pub(super) fn await_issuer(
        &mut self,
        transaction: Screened,
        source: Source,
        now: Timestamp,
        history: &dyn History,
        effects: &mut Vec<Effect>,
    ) -> Result<(), HistoryError> {
        let waits = matches!(source, Source::Peer(_));
        let id = transaction.transaction().id();
        self.rechecked.remove(&(source, id));
        if !waits || self.is_attached(&id, history)? {
            return Ok(());
        }
        let header = transaction.transaction().header();
        let due = header.timestamp.minus(AHEAD_MS);
        let missing = if due > now { Missing::Time(due) } else { Missing::Issuer(header.issuer) };
        if due <= now && Standing::permit(&history.standings(&header.issuer)?, transaction.transaction()) {
            self.recheck(transaction, source, effects);
            return Ok(());
        }
        // A peer whose share is full is not told: what its log names is asked for again.
        match self.pending.insert(Waiting::Screened(transaction), source, missing) {
            // Nobody can say yet whether it was pushed or asked for, and need not.
            Ok(()) => self.gossip.waits(&id, source, self.steady.now()),
            Err(refusal) => self.gossip.refused(Some(id), source, &refusal, self.steady.now(), effects),
        }
        Ok(())
    }

    /// Lets a transaction be checked again. It then comes in without having been asked for.
    pub(super) fn recheck(&mut self, screened: Screened, source: Source, effects: &mut Vec<Effect>) {
        if self.rechecked.len() < PENDING {
            self.rechecked.insert((source, screened.transaction().id()));
        }
        effects.push(Effect::Verify(screened, source));
    }

    /// Drops what a peer that is gone has sent. What of it is being checked again does not come back.
    pub(super) fn forget(&mut self, source: Source) {
        self.pending.forget(source);
        self.rechecked.retain(|(of, _)| *of != source);
    }

    pub(super) fn retry_issuer(&mut self, issuer: DeviceId, effects: &mut Vec<Effect>) {
        for released in self.pending.release(Missing::Issuer(issuer)) {
            if let Waiting::Screened(screened) = released.waiting {
                self.recheck(screened, released.source, effects);
            }
        }
    }
}
