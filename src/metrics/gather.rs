//! What is read at the moment of a scrape, and the text that Prometheus reads.

use super::Metrics;
use super::alone::Alone;
use crate::http::stats::{Cut, ServerStats};
use crate::node::Ledger;
use prometheus::TextEncoder;

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
        // Behind what may wait for a disk.
        let mut alone = self.scrapes.begin();
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
        alone.catch_up(&self.damage_found, found);
        self.set_connections(server, &mut alone);
        if let Some(link) = &ledger.link {
            self.gossip.set_shell(&link.shell, &mut alone);
            self.gossip.set_links(link, &mut alone);
        }
        self.finality.set(&ledger.finality, ledger.health.diverged().is_some(), &mut alone);
        self.finality.set_listeners(&ledger.bus, &mut alone);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }

    /// The server counts by itself; here its counters are caught up with.
    fn set_connections(&self, server: &ServerStats, alone: &mut Alone<'_>) {
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
            alone.catch_up(&self.connections.with_label_values(&[event]), count);
        }
        let streams = server.streams();
        self.event_streams.set(streams.opened() as i64);
        for (event, count) in streams.written().filter(|(_, count)| *count > 0) {
            alone.catch_up(&self.events.with_label_values(&[event]), count);
        }
    }
}
