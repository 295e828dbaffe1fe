//! What the gossip shell and the replica count of the links between nodes, read at the moment of a scrape.

use super::alone::Alone;
use super::register::{counters, int_gauge, int_gauge_vec};
use crate::gossip::{Shell, Traffic};
use crate::node::{Link, Totals};
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Registry};
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

/// The figures of gossip.
#[derive(Debug)]
pub(super) struct GossipMetrics {
    failed: IntGauge,
    peers: IntGaugeVec,
    failures: IntCounterVec,
    bytes: IntCounterVec,
    frames: IntCounterVec,
    links: IntGaugeVec,
    lag: IntGauge,
    behind: IntGauge,
    points: IntGauge,
    transactions: IntCounterVec,
    trees: IntCounterVec,
    faults: IntCounterVec,
}

impl GossipMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            failed: int_gauge(
                r,
                "weft_gossip_failed",
                "1 when the socket for other fog nodes has failed, which takes a restart, else 0.",
            )?,
            peers: int_gauge_vec(
                r,
                "weft_gossip_peers",
                "Fog nodes known or connected, by state.",
                &["state"],
            )?,
            failures: counters(
                r,
                "weft_gossip_handshake_failures_total",
                "Connections between nodes that came to nothing, by reason and by who ended them.",
                &["reason", "by"],
            )?,
            bytes: counters(
                r,
                "weft_gossip_bytes_total",
                "Bytes on streams between nodes, by class and direction.",
                &["class", "direction"],
            )?,
            frames: counters(
                r,
                "weft_gossip_frames_total",
                "Frames between nodes, by class and direction.",
                &["class", "direction"],
            )?,
            links: int_gauge_vec(
                r,
                "weft_gossip_links",
                "Connected peers, by how new transactions go to them.",
                &["link"],
            )?,
            lag: int_gauge(
                r,
                "weft_gossip_lag_transactions",
                "Entries of this node's log that the slowest connected peer has not settled.",
            )?,
            behind: int_gauge(
                r,
                "weft_gossip_behind_transactions",
                "Entries of connected peers' logs that are not settled here, of the peer with the most.",
            )?,
            points: int_gauge(
                r,
                "weft_gossip_points",
                "Points of fault of the connected peer that has the most.",
            )?,
            transactions: counters(
                r,
                "weft_gossip_transactions_total",
                "Transactions between nodes, by what became of them.",
                &["what"],
            )?,
            trees: counters(
                r,
                "weft_gossip_tree_changes_total",
                "Grafts and prunes of trees, by what was done.",
                &["what"],
            )?,
            faults: counters(
                r,
                "weft_gossip_faults_total",
                "Peers sent away, by their last fault.",
                &["fault"],
            )?,
        })
    }

    /// Takes over what the shell has counted.
    pub(super) fn set_shell(&self, shell: &Shell, alone: &mut Alone<'_>) {
        self.failed.set(shell.has_failed().into());
        let mut states: BTreeMap<_, i64> = STATES.map(|state| (state, 0)).into();
        for peer in shell.peers() {
            *states.entry(peer.state.name()).or_default() += 1;
        }
        for (state, peers) in states {
            self.peers.with_label_values(&[state]).set(peers);
        }
        let stats = shell.stats();
        for (reason, by, count) in stats.failures() {
            alone.catch_up(&self.failures.with_label_values(&[reason, by.name()]), count);
        }
        self.set_traffic(&stats.traffic, alone);
    }

    /// Takes over what the replica says of its peers.
    pub(super) fn set_links(&self, link: &Link, alone: &mut Alone<'_>) {
        let views = link.views();
        for state in LinkState::ALL {
            let links = views.iter().filter(|view| view.state == state).count();
            self.links.with_label_values(&[state.name()]).set(links as i64);
        }
        let most = |of: fn(&PeerView) -> u64| views.iter().map(of).max().unwrap_or(0) as i64;
        self.lag.set(most(|view| view.lag));
        self.behind.set(most(|view| view.behind));
        self.points.set(most(|view| view.points.into()));
        let Totals { counts, served } = link.totals();
        let transactions = [counts.pushes_sent, served, counts.bodies, counts.duplicates];
        for (what, count) in TRANSACTIONS.into_iter().zip(transactions) {
            alone.catch_up(&self.transactions.with_label_values(&[what]), count);
        }
        for (what, count) in TREE_CHANGES.into_iter().zip([counts.grafts, counts.prunes_sent, counts.prunes])
        {
            alone.catch_up(&self.trees.with_label_values(&[what]), count);
        }
        for (fault, count) in link.faults() {
            alone.catch_up(&self.faults.with_label_values(&[fault]), count);
        }
    }

    fn set_traffic(&self, traffic: &Traffic, alone: &mut Alone<'_>) {
        for (direction, flows) in [("sent", &traffic.sent), ("received", &traffic.received)] {
            for (class, flow) in flows.iter() {
                let labels = [class.name(), direction];
                alone.catch_up(&self.bytes.with_label_values(&labels), flow.bytes());
                alone.catch_up(&self.frames.with_label_values(&labels), flow.frames());
            }
        }
    }

    /// Counts everything that the shell can count, for the test that bounds the series.
    #[cfg(test)]
    pub(super) fn at_its_fullest(&self) {
        use crate::gossip::{By, Departure, Reason};
        let texts = ["tls", "address", "broken"];
        let nobodys = texts.iter().copied().chain([Departure::Silent.slug()]);
        for slug in nobodys {
            self.failures.with_label_values(&[slug, By::Nobody.name()]).inc();
        }
        let of_peers = Reason::ALL.iter().map(|reason| reason.slug());
        for slug in of_peers.chain([Departure::Crowded.slug(), "unknown"]) {
            for by in [By::Own, By::Peer] {
                self.failures.with_label_values(&[slug, by.name()]).inc();
            }
        }
        LinkState::ALL.iter().for_each(|state| self.links.with_label_values(&[state.name()]).set(1));
        TRANSACTIONS.iter().for_each(|what| self.transactions.with_label_values(&[*what]).inc());
        TREE_CHANGES.iter().for_each(|what| self.trees.with_label_values(&[*what]).inc());
        Fault::ALL.iter().for_each(|fault| self.faults.with_label_values(&[fault.name()]).inc());
        STATES.iter().for_each(|state| self.peers.with_label_values(&[*state]).set(1));
        self.set_traffic(&Traffic::default(), &mut super::alone::Scrapes::default().begin());
    }
}
