//! The one thread that writes: what the owner hands over at once is one commit, and nobody is told in between.

use super::directory::Directory;
use super::health::Health;
use super::owner::{Batch, Written};
use super::peers::Peers;
use crate::metrics::{Metrics, Stage};
use crate::store::Store;
use crossbeam_channel::{Receiver, Sender};
use std::sync::Arc;
use std::time::Instant;

/// The store with its surroundings.
pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) directory: Arc<Directory>,
    pub(super) peers: Arc<Peers>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) written: Sender<Written>,
}

impl Writer {
    /// Writes until there can be nothing more to write, or a commit fails.
    pub(super) fn run(&self, queue: &Receiver<Batch>) {
        for batch in queue {
            let message = self.commit(&batch);
            let failed = matches!(message, Written::Failed);
            if self.written.send(message).is_err() || failed {
                return;
            }
        }
    }

    fn commit(&self, Batch { transactions: batch, cursors }: &Batch) -> Written {
        let begin = Instant::now();
        if let Err(error) = self.store.append_with(batch, cursors) {
            self.health.turn_read_only(error.to_string());
            return Written::Failed;
        }
        self.metrics.note(Stage::Durable, batch.iter().map(|attached| attached.id()));
        self.metrics.commit_seconds.observe(begin.elapsed().as_secs_f64());
        self.metrics.commit_transactions.observe(batch.len() as f64);
        let mut last = None;
        for attached in batch {
            let header = attached.transaction().header();
            if header.kind == weft_tangle::Kind::Enrol {
                self.directory.forget(&header.issuer);
            }
            if let Err(error) = self.peers.learn(attached.transaction(), &self.store, super::now()) {
                tracing::warn!(%error, "cannot look up whether a fog node was revoked");
            }
            self.metrics.count_attached(header.kind, attached.twin().is_some());
            last = Some(attached.position());
        }
        Written::UpTo(last)
    }
}
