//! The ledger as finality reads it: what is durable, overlaid with what is on its way there.
//!
//! Always true: it shows every attached transaction and every commit that was handed out, from that moment on; whether
//! storage has them yet is not to be seen.

use super::flight::Flight;
use super::handed::HandedOut;
use super::{History, HistoryError};
use crate::finality::{Entry, Ledger};
use crate::{DeviceId, Digest, Timestamp, TxId};
use std::collections::BTreeMap;
use std::ops::Range;

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
        let missing = || HistoryError(format!("{id} is attached and is not stored"));
        self.history.entry(id)?.ok_or_else(missing)
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
