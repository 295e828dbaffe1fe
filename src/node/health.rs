//! Whether the node can take transactions, and if not, why: read by `/readyz`, the door and the metrics.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

/// The node's own view of its state. Reasons only ever appear; a restart clears them.
#[derive(Debug, Default)]
pub struct Health {
    read_only: OnceLock<String>,
    stopping: AtomicBool,
}

impl Health {
    /// From now on nothing is written, for this reason. The first reason stays.
    pub fn turn_read_only(&self, reason: String) {
        let text = reason.clone();
        if self.read_only.set(reason).is_ok() {
            tracing::error!(reason = text, "the node is read-only until it is restarted");
        }
    }

    /// From now on new requests are sent away.
    pub fn begin_to_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Why nothing is written, if so.
    pub fn read_only(&self) -> Option<&str> {
        self.read_only.get().map(String::as_str)
    }

    /// Whether the node is about to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// What keeps the node from taking transactions, in words; empty when it is ready.
    pub fn reasons(&self) -> Vec<String> {
        let stopping = self.is_stopping().then(|| "the node is stopping".to_owned());
        let read_only = self.read_only().map(|cause| format!("the node is read-only: {cause}"));
        stopping.into_iter().chain(read_only).collect()
    }
}
