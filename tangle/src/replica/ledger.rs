//! The ledger as finality reads it: what is durable, overlaid with what is on its way there.
//!
//! Always true: it shows every attached transaction and every commit that was handed out, from that moment on; whether
//! storage has them yet is not to be seen.

use super::flight::Flight;
use super::handed::HandedOut;
use super::{History, HistoryError, Position};
use crate::finality::{Entry, FinalVerdict, Ledger};
use crate::{DeviceId, Digest, Kind, Timestamp, TxId};
use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};

/// History, and what it does not show yet.
pub(super) struct Overlay<'a> {
    pub(super) genesis: TxId,
    pub(super) flight: &'a Flight,
    pub(super) handed: &'a HandedOut,
    pub(super) history: &'a dyn History,
}

impl Ledger for Overlay<'_> {
    fn entry(&self, id: &TxId) -> Result<Entry, HistoryError> {
        if let Some(attached) = self.flight.get(id) {
            return Ok(Entry::of(attached.transaction(), self.genesis));
        }
        let missing = || HistoryError::Unread(format!("{id} is attached and is not stored"));
        self.history.entry(id)?.ok_or_else(missing)
    }

    fn position(&self, id: &TxId) -> Result<u64, HistoryError> {
        if let Some(attached) = self.flight.get(id) {
            return Ok(attached.position().0);
        }
        let missing = || HistoryError::Unread(format!("{id} is attached and is not stored"));
        self.history.position(id)?.ok_or_else(missing)
    }

    fn at(&self, position: u64) -> Result<TxId, HistoryError> {
        if let Some(attached) = self.flight.at(Position(position)) {
            return Ok(attached.id());
        }
        let mut found = None;
        self.history.log(position..position.saturating_add(1), &mut |id| found = Some(id))?;
        found.ok_or_else(|| HistoryError::Unread(format!("nothing is stored at position {position}")))
    }

    fn is_delivered(&self, id: &TxId) -> Result<bool, HistoryError> {
        Ok(self.handed.has_delivered(id) || self.history.outcome(id)?.is_some())
    }

    fn delivered(
        &self,
        issuer: &DeviceId,
        range: Range<Timestamp>,
        visit: &mut dyn FnMut(TxId, u32),
    ) -> Result<(), HistoryError> {
        let mut all: BTreeMap<TxId, u32> = self.handed.counters(issuer, &range).collect();
        if all.is_empty() {
            return self.history.delivered(issuer, range, visit);
        }
        // Storage may show a commit before it has said so.
        self.history.delivered(issuer, range, &mut |id, counter| {
            all.insert(id, counter);
        })?;
        all.into_iter().for_each(|(id, counter)| visit(id, counter));
        Ok(())
    }

    fn same_counter(
        &self,
        issuer: &DeviceId,
        epoch: Range<Timestamp>,
        counter: u32,
    ) -> Result<Vec<(TxId, Kind)>, HistoryError> {
        let mut found: Vec<(TxId, Kind)> = self.handed.twins(issuer, &epoch, counter).take(2).collect();
        let mut gone = Ok(());
        let mut look = |id: TxId| {
            if found.len() < 2 && !found.iter().any(|(other, _)| *other == id) {
                match self.standing(issuer, &id) {
                    Ok(kind) => found.extend(kind.map(|kind| (id, kind))),
                    Err(error) => gone = Err(error),
                }
            }
            if found.len() < 2 && gone.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        // The only one of a counter that is stored is named by those in flight.
        let mut in_flight: Vec<TxId> =
            self.flight.twins(issuer, &epoch, counter).filter_map(|(_, twin)| twin).collect();
        in_flight.sort_unstable();
        in_flight.dedup();
        if in_flight.into_iter().try_for_each(&mut look).is_continue() {
            self.history.same_counter(issuer, epoch, counter, &mut look)?;
        }
        gone.map(|()| found)
    }

    fn is_revoked(&self, device: &DeviceId) -> Result<bool, HistoryError> {
        Ok(self.handed.has_revoked(device) || self.history.is_revoked(device)?)
    }

    fn digest(&self, index: u64) -> Result<Option<Digest>, HistoryError> {
        match self.handed.digest(index) {
            Some(digest) => Ok(Some(digest)),
            None => self.history.commit_digest(index),
        }
    }
}

impl Overlay<'_> {
    /// The kind of what a stored commit has delivered with another verdict than `revoked`.
    fn standing(&self, issuer: &DeviceId, id: &TxId) -> Result<Option<Kind>, HistoryError> {
        match self.history.outcome(id)? {
            Some(outcome) if outcome.verdict != FinalVerdict::Revoked => self.history.kind(issuer, id),
            _ => Ok(None),
        }
    }
}
