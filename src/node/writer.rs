//! The one thread that writes: what the owner hands over at once is one commit, and nobody is told in between. Behind the
//! word it makes room for the next.

use super::bus::Bus;
use super::directory::Directory;
use super::finality::FinalityView;
use super::health::Health;
use super::owner::{Batch, Written};
use super::peers::Peers;
use super::teller;
use crate::bell::{Receiver, Sender};
use crate::metrics::{Metrics, Stage};
use crate::store::{self, Store, StoreError};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

/// The store with its surroundings.
pub(super) struct Writer {
    pub(super) store: Arc<Store>,
    pub(super) directory: Arc<Directory>,
    pub(super) peers: Arc<Peers>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) finality: Arc<FinalityView>,
    pub(super) bus: Arc<Bus>,
    pub(super) written: Sender<Written>,
    /// Whether the store may lack own witnesses, until one that was made since is on disk.
    pub(super) has_forgotten: Cell<bool>,
}

impl Writer {
    /// Writes until there can be nothing more to write, or a commit fails.
    pub(super) fn run(&self, queue: &Receiver<Batch>) {
        for batch in queue.iter() {
            let message = self.commit(&batch);
            let failed = matches!(message, Written::Failed);
            let is_heard = self.written.send(message).is_ok();
            if failed {
                return;
            }
            // Behind the word to the owner, for whoever waits for an answer comes before whoever listens. An owner that
            // has ended makes what is on disk no less so.
            teller::tell(&self.bus, &self.store, &batch);
            if !is_heard {
                return;
            }
            if let Err(error) = self.make_room() {
                self.health.turn_read_only(error.to_string());
                let _owner_has_ended = self.written.send(Written::Failed);
                return;
            }
        }
    }

    /// While those who were answered send their next.
    fn make_room(&self) -> Result<(), StoreError> {
        let begin = Instant::now();
        if self.store.relieve()? {
            self.metrics.commit_seconds.observe(begin.elapsed().as_secs_f64());
        }
        Ok(())
    }

    fn commit(&self, batch: &Batch) -> Written {
        let begin = Instant::now();
        let Batch { transactions, cursors, commits } = batch;
        if let Err(error) = self.store.append_batch(&store::Batch { transactions, cursors, commits }) {
            self.health.turn_read_only(error.to_string());
            return Written::Failed;
        }
        if self.has_forgotten.get() && transactions.iter().any(|attached| attached.is_made_here()) {
            if let Err(error) = self.store.recall() {
                self.health.turn_read_only(error.to_string());
                return Written::Failed;
            }
            self.has_forgotten.set(false);
        }
        self.metrics.note(Stage::Durable, batch.transactions.iter().map(|attached| attached.id()));
        self.metrics.commit_seconds.observe(begin.elapsed().as_secs_f64());
        self.metrics.commit_transactions.observe(batch.transactions.len() as f64);
        for attached in &batch.transactions {
            let header = attached.transaction().header();
            if header.kind == weft_tangle::Kind::Enrol {
                self.directory.forget(&header.issuer);
            }
            if let Err(error) = self.peers.learn(attached.transaction(), &self.store, super::now()) {
                tracing::warn!(%error, "cannot look up whether a fog node was revoked");
            }
            self.metrics.count_attached(header.kind, attached.twin().is_some());
        }
        for handed in &batch.commits {
            self.metrics.note(Stage::Final, handed.delivered.transactions.iter().map(|judged| judged.id));
            self.metrics.count_commit(&handed.delivered);
            self.finality.became_durable(handed);
        }
        Written::UpTo(
            batch.transactions.last().map(|attached| attached.position()),
            batch.commits.last().map(|handed| handed.delivered.commit.index),
        )
    }
}
