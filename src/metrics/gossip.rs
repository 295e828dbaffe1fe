//! What the gossip shell counts, read at the moment of a scrape.

use super::Metrics;
use crate::gossip::{Shell, Traffic};
use prometheus::IntCounter;
use std::collections::BTreeMap;

/// The states of a peer; each has its series from the first scrape on.
const STATES: [&str; 3] = ["connected", "connecting", "waiting"];

impl Metrics {
    /// Takes over what the shell has counted.
    pub fn set_gossip(&self, shell: &Shell) {
        let mut states: BTreeMap<_, i64> = STATES.map(|state| (state, 0)).into();
        for peer in shell.peers() {
            *states.entry(peer.state.name()).or_default() += 1;
        }
        for (state, peers) in states {
            self.peers.with_label_values(&[state]).set(peers);
        }
        let stats = shell.stats();
        for (reason, by, count) in stats.failures() {
            catch_up(&self.gossip_failures.with_label_values(&[reason, by.name()]), count);
        }
        self.set_traffic(&stats.traffic);
    }

    fn set_traffic(&self, traffic: &Traffic) {
        for (direction, flows) in [("sent", &traffic.sent), ("received", &traffic.received)] {
            for (class, flow) in flows.iter() {
                let labels = [class.name(), direction];
                catch_up(&self.gossip_bytes.with_label_values(&labels), flow.bytes());
                catch_up(&self.gossip_frames.with_label_values(&labels), flow.frames());
            }
        }
    }

    /// Counts everything that the shell can count, for the test that bounds the series.
    #[cfg(test)]
    pub(super) fn gossip_at_its_fullest(&self) {
        use crate::gossip::{By, Departure, Reason};
        let texts = ["tls", "address", "broken"];
        let nobodys = texts.iter().copied().chain([Departure::Silent.slug()]);
        for slug in nobodys {
            self.gossip_failures.with_label_values(&[slug, By::Nobody.name()]).inc();
        }
        let of_peers = Reason::ALL.iter().map(|reason| reason.slug());
        for slug in of_peers.chain([Departure::Crowded.slug(), "unknown"]) {
            for by in [By::Own, By::Peer] {
                self.gossip_failures.with_label_values(&[slug, by.name()]).inc();
            }
        }
        STATES.iter().for_each(|state| self.peers.with_label_values(&[*state]).set(1));
        self.set_traffic(&Traffic::default());
    }
}

fn catch_up(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}
