//! What is read at the moment of a scrape, and the text that Prometheus reads.

use super::Metrics;
use crate::http::stats::{Cut, ServerStats};
use crate::node::Ledger;
use prometheus::TextEncoder;
use std::sync::PoisonError;

/// The media type of Prometheus' text format.
pub const MEDIA_TYPE: &str = prometheus::TEXT_FORMAT;

impl Metrics {
    /// All figures in Prometheus' text format.
    ///
    /// # Errors
    /// A figure cannot be written as text: a fault of the registration.
    pub fn text(&self, ledger: &Ledger, server: &ServerStats) -> Result<String, prometheus::Error> {
        let bytes = ledger.store.file_bytes();
        let counts =
            ledger.store.reader().and_then(|reader| Ok((reader.transactions()?, reader.witness_count()?)));
        // Behind what may wait for a disk. A panic elsewhere has spoilt nothing, for no figure is half written.
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        for (queue, depth) in ledger.intake.queued() {
            self.queue.with_label_values(&[queue]).set(depth as i64);
        }
        self.store_bytes.set(bytes as i64);
        if let Ok((transactions, witnesses)) = counts {
            self.stored.set(transactions as i64);
            self.stored_witnesses.set(witnesses as i64);
        }
        self.read_only.set(ledger.health.read_only().is_some().into());
        let (damaged, found) = ledger.store.damage();
        self.damaged.set(damaged as i64);
        self.damage_found.inc_by(found.saturating_sub(self.damage_found.get()));
        self.set_connections(server);
        if let Some(link) = &ledger.link {
            self.set_gossip(&link.shell);
            self.gossip.set_links(link);
        }
        self.finality.set(&ledger.finality, ledger.health.diverged().is_some());
        self.finality.set_listeners(&ledger.bus);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// The server counts by itself; here its counters are caught up with.
    fn set_connections(&self, server: &ServerStats) {
        self.open_connections.set(server.open() as i64);
        let events = [
            ("accepted", server.accepted()),
            ("refused", server.refused()),
            ("accept-error", server.accept_errors()),
            ("malformed", server.malformed()),
            ("panic", server.panics()),
        ];
        let cuts = Cut::ALL.iter().map(|cut| (cut.event(), server.cuts(*cut)));
        for (event, count) in events.into_iter().chain(cuts) {
            let counter = self.connections.with_label_values(&[event]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        let streams = server.streams();
        self.event_streams.set(streams.opened() as i64);
        for (event, count) in streams.written().filter(|(_, count)| *count > 0) {
            let counter = self.events.with_label_values(&[event]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
    }
}
