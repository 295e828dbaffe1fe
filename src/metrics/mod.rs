//! The node's figures for Prometheus: base units, a help text each, no device ids in labels, few series.
//!
//! Counters and histograms are written where things happen; what is a state is read when somebody scrapes.

mod gather;
mod gossip;
mod stages;

pub use gather::MEDIA_TYPE;
pub(crate) use stages::Stage;
pub use stages::Stages;

use crate::http::problem::Kind as ProblemKind;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use weft_tangle::TxId;
use weft_tangle::replica::Occupancy;

/// All figures of one node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Signatures whose verdict was remembered.
    pub signatures_recalled: IntCounter,
    /// Seconds of one durable commit.
    pub commit_seconds: Histogram,
    /// Transactions in one commit.
    pub commit_transactions: Histogram,
    signatures: IntCounterVec,
    verify_seconds: Histogram,
    transactions: IntCounterVec,
    refusals: IntCounterVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    queue: IntGaugeVec,
    tips: IntGauge,
    tips_dropped: IntCounter,
    pending: IntGauge,
    window: IntGauge,
    in_flight: IntGauge,
    store_bytes: IntGauge,
    stored: IntGauge,
    read_only: IntGauge,
    recoveries: IntCounter,
    /// Tips that earlier replicas of this process have dropped.
    tips_dropped_before: AtomicU64,
    damaged: IntGauge,
    damage_found: IntCounter,
    /// How much of the store the scrub has read in this pass, 0 to 1.
    pub scrub_progress: Gauge,
    /// When the scrub last came to the end of the store, in seconds since 1970; 0 before that.
    pub scrub_finished: IntGauge,
    open_connections: IntGauge,
    connections: IntCounterVec,
    peers: IntGaugeVec,
    gossip_failures: IntCounterVec,
    gossip_bytes: IntCounterVec,
    gossip_frames: IntCounterVec,
    gossip_links: IntGaugeVec,
    gossip_lag: IntGauge,
    gossip_behind: IntGauge,
    gossip_points: IntGauge,
    gossip_transactions: IntCounterVec,
    gossip_trees: IntCounterVec,
    gossip_faults: IntCounterVec,
    wanted: IntGauge,
    stages: OnceLock<Stages>,
}

/// Seconds from microseconds to seconds, by factors of about three.
const SECONDS: [f64; 14] =
    [0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// Fewer for requests, for each of these is a series a route; all together stay under 400.
const REQUEST_SECONDS: [f64; 5] = [0.001, 0.01, 0.1, 1.0, 10.0];

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    /// A name stands twice or is not one that Prometheus allows: a fault of this file.
    pub fn new(network: &str) -> Result<Arc<Self>, prometheus::Error> {
        let registry = Registry::new();
        let r = &registry;
        let build = int_gauge_vec(
            r,
            "weft_build_info",
            "The version of this node and its network.",
            &["version", "network"],
        )?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), network]).set(1);
        register_process(r)?;
        let sizes = vec![1.0, 4.0, 16.0, 64.0, 256.0, 1024.0];
        Ok(Arc::new(Self {
            verify_seconds: histogram(
                r,
                "weft_verify_seconds",
                "Time of one signature check.",
                SECONDS[..10].to_vec(),
            )?,
            commit_seconds: histogram(
                r,
                "weft_commit_seconds",
                "Time of one durable commit.",
                SECONDS[3..12].to_vec(),
            )?,
            commit_transactions: histogram(
                r,
                "weft_commit_transactions",
                "Transactions in one durable commit.",
                sizes,
            )?,
            signatures: counters(
                r,
                "weft_signatures_checked_total",
                "Signatures checked, by verdict.",
                &["verdict"],
            )?,
            signatures_recalled: counter(
                r,
                "weft_signatures_recalled_total",
                "Signatures not checked again, for their verdict was remembered.",
            )?,
            transactions: counters(
                r,
                "weft_transactions_total",
                "Transactions made durable, by kind and verdict.",
                &["kind", "verdict"],
            )?,
            refusals: counters(r, "weft_refusals_total", "Transactions refused, by reason.", &["reason"])?,
            requests: counters(
                r,
                "weft_http_requests_total",
                "HTTP requests answered, by route and status.",
                &["route", "status"],
            )?,
            request_seconds: histograms(
                r,
                "weft_http_request_seconds",
                "Time from a request's head to the head of its answer.",
                &["route"],
            )?,
            queue: int_gauge_vec(r, "weft_queue_depth", "Entries waiting in a queue.", &["queue"])?,
            tips: int_gauge(r, "weft_tips", "Durable transactions that nothing durable approves.")?,
            tips_dropped: counter(r, "weft_tips_dropped_total", "Tips given up because the pool was full.")?,
            pending: int_gauge(
                r,
                "weft_pending_transactions",
                "Transactions waiting for a reference, an enrolment or their time.",
            )?,
            window: int_gauge(r, "weft_window_transactions", "Transactions whose graph is in memory.")?,
            in_flight: int_gauge(
                r,
                "weft_in_flight_transactions",
                "Transactions attached and not yet durable.",
            )?,
            store_bytes: int_gauge(r, "weft_store_bytes", "Size of the database file.")?,
            stored: int_gauge(r, "weft_stored_transactions", "Durable transactions.")?,
            read_only: int_gauge(
                r,
                "weft_store_read_only",
                "1 when nothing is written because storage or a thread failed.",
            )?,
            recoveries: counter(
                r,
                "weft_store_recoveries_total",
                "Times that the node has written again after it could not.",
            )?,
            tips_dropped_before: AtomicU64::new(0),
            damaged: int_gauge(
                r,
                "weft_damaged_transactions",
                "Stored transactions known to be damaged, which are not served.",
            )?,
            damage_found: counter(
                r,
                "weft_damage_found_total",
                "Damaged transactions found, by reading or by the scrub.",
            )?,
            scrub_progress: gauge(
                r,
                "weft_scrub_progress_ratio",
                "Part of the store that the scrub has read in this pass.",
            )?,
            scrub_finished: int_gauge(
                r,
                "weft_scrub_finished_timestamp_seconds",
                "When the scrub last came to the end of the store; 0 before that.",
            )?,
            open_connections: int_gauge(r, "weft_http_open_connections", "HTTP connections open now.")?,
            connections: counters(
                r,
                "weft_http_connections_total",
                "HTTP connections by what happened to them.",
                &["event"],
            )?,
            peers: int_gauge_vec(
                r,
                "weft_gossip_peers",
                "Fog nodes known or connected, by state.",
                &["state"],
            )?,
            gossip_failures: counters(
                r,
                "weft_gossip_handshake_failures_total",
                "Connections between nodes that came to nothing, by reason and by who ended them.",
                &["reason", "by"],
            )?,
            gossip_bytes: counters(
                r,
                "weft_gossip_bytes_total",
                "Bytes on streams between nodes, by class and direction.",
                &["class", "direction"],
            )?,
            gossip_frames: counters(
                r,
                "weft_gossip_frames_total",
                "Frames between nodes, by class and direction.",
                &["class", "direction"],
            )?,
            gossip_links: int_gauge_vec(
                r,
                "weft_gossip_links",
                "Connected peers, by how new transactions go to them.",
                &["link"],
            )?,
            gossip_lag: int_gauge(
                r,
                "weft_gossip_lag_transactions",
                "Entries of this node's log that the slowest connected peer has not settled.",
            )?,
            gossip_behind: int_gauge(
                r,
                "weft_gossip_behind_transactions",
                "Entries of connected peers' logs that are not settled here, of the peer with the most.",
            )?,
            gossip_points: int_gauge(
                r,
                "weft_gossip_points",
                "Points of fault of the connected peer that has the most.",
            )?,
            gossip_transactions: counters(
                r,
                "weft_gossip_transactions_total",
                "Transactions between nodes, by what became of them.",
                &["what"],
            )?,
            gossip_trees: counters(
                r,
                "weft_gossip_tree_changes_total",
                "Grafts and prunes of trees, by what was done.",
                &["what"],
            )?,
            gossip_faults: counters(
                r,
                "weft_gossip_faults_total",
                "Peers sent away, by their last fault.",
                &["fault"],
            )?,
            wanted: int_gauge(
                r,
                "weft_wanted_transactions",
                "Transactions that peers have and this node knows of and has not.",
            )?,
            stages: OnceLock::new(),
            registry,
        }))
    }

    /// Counts a signature that took `seconds` to check.
    pub fn count_signature(&self, is_valid: bool, seconds: f64) {
        self.signatures.with_label_values(&[verdict(is_valid)]).inc();
        self.verify_seconds.observe(seconds);
    }

    /// Signatures that were checked and found valid, or found not to be.
    pub fn signatures_checked(&self, is_valid: bool) -> u64 {
        self.signatures.with_label_values(&[verdict(is_valid)]).get()
    }

    /// Counts a transaction that has become durable.
    pub fn count_attached(&self, kind: weft_tangle::Kind, disputed: bool) {
        let verdict = if disputed { "disputed" } else { "attached" };
        self.transactions.with_label_values(&[kind.name(), verdict]).inc();
    }

    /// Records from now on when transactions reach their stages; only the first call has an effect.
    pub fn record_stages(&self, stages: Stages) {
        let _before = self.stages.set(stages);
    }

    /// Transactions have reached a stage, which is written down if somebody wants to know.
    pub(crate) fn note(&self, stage: Stage, ids: impl Iterator<Item = TxId>) {
        if let Some(stages) = self.stages.get() {
            stages.note(stage, ids);
        }
    }

    /// What was recorded of stages is in their file.
    pub(crate) fn flush_stages(&self) {
        self.stages.get().into_iter().for_each(Stages::flush);
    }

    /// Counts a refused transaction.
    pub fn count_refused(&self, kind: ProblemKind) {
        self.refusals.with_label_values(&[kind.slug()]).inc();
    }

    /// Counts an answered request.
    pub fn count_request(&self, route: &'static str, status: u16, seconds: f64) {
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.request_seconds.with_label_values(&[route]).observe(seconds);
    }

    /// Takes over what the replica holds.
    pub fn set_occupancy(&self, occupancy: Occupancy) {
        let set = |gauge: &IntGauge, value: usize| gauge.set(value as i64);
        set(&self.tips, occupancy.tips);
        set(&self.pending, occupancy.pending);
        set(&self.window, occupancy.window);
        set(&self.in_flight, occupancy.in_flight);
        set(&self.wanted, occupancy.wanted);
        let dropped = self.tips_dropped_before.load(Ordering::Relaxed) + occupancy.tips_dropped;
        self.tips_dropped.inc_by(dropped.saturating_sub(self.tips_dropped.get()));
    }

    /// The node writes again, with a new replica, which counts from nothing.
    pub fn count_recovery(&self) {
        self.recoveries.inc();
        self.tips_dropped_before.store(self.tips_dropped.get(), Ordering::Relaxed);
    }

    /// What is registered, in Prometheus' text format.
    #[cfg(test)]
    pub(crate) fn registered(&self) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .expect("counters and gauges can be written as text")
    }

    /// Tips in the pool, as the replica last said.
    pub fn tips(&self) -> u64 {
        self.tips.get().unsigned_abs()
    }
}

const fn verdict(is_valid: bool) -> &'static str {
    if is_valid { "valid" } else { "invalid" }
}

fn register_process(registry: &Registry) -> Result<(), prometheus::Error> {
    let collector = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(collector))
}

fn int_gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
    let gauge = IntGauge::new(name, help)?;
    registry.register(Box::new(gauge.clone())).map(|()| gauge)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<Gauge, prometheus::Error> {
    let gauge = Gauge::new(name, help)?;
    registry.register(Box::new(gauge.clone())).map(|()| gauge)
}

fn int_gauge_vec(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(gauges.clone())).map(|()| gauges)
}

fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(counters.clone())).map(|()| counters)
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
    let counter = IntCounter::new(name, help)?;
    registry.register(Box::new(counter.clone())).map(|()| counter)
}

fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: Vec<f64>,
) -> Result<Histogram, prometheus::Error> {
    let histogram = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets))?;
    registry.register(Box::new(histogram.clone())).map(|()| histogram)
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<HistogramVec, prometheus::Error> {
    let options = HistogramOpts::new(name, help).buckets(REQUEST_SECONDS.to_vec());
    let histograms = HistogramVec::new(options, labels)?;
    registry.register(Box::new(histograms.clone())).map(|()| histograms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The routes with the statuses that each can answer.
    const ANSWERS: [(&str, &[u16]); 11] = [
        ("/healthz", &[200, 405]),
        ("/readyz", &[200, 405, 503]),
        ("/metrics", &[200, 405, 500]),
        ("/api/v1/network", &[200, 405, 500]),
        ("/api/v1/ticket", &[200, 400, 405, 406, 503]),
        ("/api/v1/transactions", &[200, 201, 400, 401, 403, 405, 408, 409, 413, 415, 422, 500, 503]),
        ("/api/v1/transactions/batch", &[200, 400, 405, 408, 413, 415, 500, 503]),
        ("/api/v1/transactions/{id}", &[200, 400, 404, 405, 406, 500]),
        ("/api/v1/devices/{id}", &[200, 400, 404, 405, 500]),
        ("/api/v1/devices/{id}/readings", &[200, 400, 405, 406, 500]),
        ("other", &[404]),
    ];

    #[test]
    fn a_new_replica_counts_on_from_the_one_before() {
        let metrics = Metrics::new("network").unwrap();
        let dropped = |tips_dropped| Occupancy { tips_dropped, ..Occupancy::default() };
        metrics.set_occupancy(dropped(5));
        metrics.count_recovery();
        metrics.set_occupancy(dropped(0));
        metrics.set_occupancy(dropped(2));
        assert_eq!((metrics.tips_dropped.get(), metrics.recoveries.get()), (7, 1));
    }

    #[test]
    fn whatever_happens_there_are_fewer_than_400_series() {
        let metrics = Metrics::new("network").unwrap();
        for (route, statuses) in ANSWERS {
            statuses.iter().for_each(|status| metrics.count_request(route, *status, 0.01));
        }
        ProblemKind::ALL.iter().for_each(|kind| metrics.count_refused(*kind));
        for kind in (0..=255).filter_map(|byte| weft_tangle::Kind::from_byte(byte).ok()) {
            metrics.count_attached(kind, false);
            metrics.count_attached(kind, true);
        }
        metrics.count_signature(true, 0.01);
        metrics.count_signature(false, 0.01);
        metrics.queue.with_label_values(&["check"]).set(1);
        metrics.queue.with_label_values(&["owner"]).set(1);
        for event in 0..11 {
            metrics.connections.with_label_values(&[event.to_string()]).inc();
        }
        metrics.gossip_at_its_fullest();
        let text = metrics.registered();
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        assert!((300..400).contains(&series), "{series} series");
    }
}
