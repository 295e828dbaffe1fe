//! Which stored transactions have been found damaged: told once each, and remembered for fetching them again.
//!
//! Always true: at most [`DAMAGED_MOST`] are remembered. What is beyond is found again when it is read again.

use crate::limits::DAMAGED_MOST;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use weft_tangle::TxId;

/// The damage that is known of.
#[derive(Debug, Default)]
pub(super) struct Damage {
    known: Mutex<BTreeSet<TxId>>,
    found: AtomicU64,
    healed: AtomicU64,
}

impl Damage {
    /// Remembers a damaged transaction, and logs it when it is new.
    pub(super) fn note(&self, id: &TxId, cause: &str) {
        let mut known = self.lock();
        if known.len() >= DAMAGED_MOST || !known.insert(*id) {
            return;
        }
        self.found.fetch_add(1, Ordering::Relaxed);
        tracing::error!(%id, cause, "a stored transaction is damaged, and not served: check the disk");
    }

    /// Whether it is known to be damaged.
    pub(super) fn contains(&self, id: &TxId) -> bool {
        self.lock().contains(id)
    }

    /// It is whole again.
    pub(super) fn forget(&self, id: &TxId) {
        self.lock().remove(id);
        self.healed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have become whole again since the store was opened.
    pub(super) fn healed(&self) -> u64 {
        self.healed.load(Ordering::Relaxed)
    }

    pub(super) fn known(&self) -> Vec<TxId> {
        self.lock().iter().copied().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// How many were found since the store was opened, healed ones included.
    pub(super) fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<TxId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
