//! What the gossip shell counts, read at the moment of a scrape.

use super::Metrics;
use crate::gossip::{Shell, Traffic};
use crate::node::{Link, Totals};
use prometheus::IntCounter;
use std::collections::BTreeMap;
#[cfg(test)]
use weft_tangle::gossip::Fault;
use weft_tangle::gossip::{LinkState, PeerView};

/// The states of a peer; each has its series from the first scrape on.
const STATES: [&str; 3] = ["connected", "connecting", "waiting"];

/// What becomes of transactions between nodes.
const TRANSACTIONS: [&str; 4] = ["pushed", "served", "delivered", "duplicate"];

/// What is done to trees.
const TREE_CHANGES: [&str; 3] = ["graft", "prune-sent", "prune"];

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

    /// Takes over what the replica says of its peers.
    pub fn set_links(&self, link: &Link) {
        let views = link.views();
        for state in LinkState::ALL {
            let links = views.iter().filter(|view| view.state == state).count();
            self.gossip_links.with_label_values(&[state.name()]).set(links as i64);
        }
        let most = |of: fn(&PeerView) -> u64| views.iter().map(of).max().unwrap_or(0) as i64;
        self.gossip_lag.set(most(|view| view.lag));
        self.gossip_behind.set(most(|view| view.behind));
        self.gossip_points.set(most(|view| view.points.into()));
        let Totals { counts, served } = link.totals();
        let transactions = [counts.pushes_sent, served, counts.bodies, counts.duplicates];
        for (what, count) in TRANSACTIONS.into_iter().zip(transactions) {
            catch_up(&self.gossip_transactions.with_label_values(&[what]), count);
        }
        for (what, count) in TREE_CHANGES.into_iter().zip([counts.grafts, counts.prunes_sent, counts.prunes])
        {
            catch_up(&self.gossip_trees.with_label_values(&[what]), count);
        }
        for (fault, count) in link.faults() {
            catch_up(&self.gossip_faults.with_label_values(&[fault]), count);
        }
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
        LinkState::ALL.iter().for_each(|state| self.gossip_links.with_label_values(&[state.name()]).set(1));
        TRANSACTIONS.iter().for_each(|what| self.gossip_transactions.with_label_values(&[*what]).inc());
        TREE_CHANGES.iter().for_each(|what| self.gossip_trees.with_label_values(&[*what]).inc());
        Fault::ALL.iter().for_each(|fault| self.gossip_faults.with_label_values(&[fault.name()]).inc());
        STATES.iter().for_each(|state| self.peers.with_label_values(&[*state]).set(1));
        self.set_traffic(&Traffic::default());
    }
}

fn catch_up(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}
