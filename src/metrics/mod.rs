//! The node's figures for Prometheus: base units, a help text each, no device ids in labels, few series.
//!
//! Counters and histograms are written where things happen; what is a state is read when somebody scrapes.

mod alone;
mod finality;
mod gather;
mod gossip;
mod occupancy;
mod register;
mod stages;

pub use gather::MEDIA_TYPE;
pub(crate) use stages::Stage;
pub use stages::Stages;

use crate::gossip::Shell;
use crate::http::problem::Kind as ProblemKind;
use alone::Scrapes;
use finality::FinalityMetrics;
use gossip::GossipMetrics;
use prometheus::{
    Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
};
use register::{
    SECONDS, counter, counters, gauge, histogram, histograms, int_gauge, int_gauge_vec, register_process,
};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use weft_tangle::TxId;
use weft_tangle::finality::Delivered;

/// All figures of one node.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    scrapes: Scrapes,
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
    stored_witnesses: IntGauge,
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
    event_streams: IntGauge,
    events: IntCounterVec,
    gossip: GossipMetrics,
    finality: FinalityMetrics,
    wanted: IntGauge,
    withheld: IntGauge,
    stages: OnceLock<Stages>,
}

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
            stored_witnesses: int_gauge(
                r,
                "weft_stored_witnesses",
                "Witnesses among the durable transactions.",
            )?,
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
            event_streams: int_gauge(r, "weft_http_event_streams", "Streams of events open now.")?,
            events: counters(r, "weft_http_events_total", "Events written to streams, by name.", &["event"])?,
            gossip: GossipMetrics::new(r)?,
            finality: FinalityMetrics::new(r)?,
            wanted: int_gauge(
                r,
                "weft_wanted_transactions",
                "Transactions that peers have and this node knows of and has not.",
            )?,
            withheld: int_gauge(
                r,
                "weft_withheld_transactions",
                "Those of them whose bodies are gone where they were asked for.",
            )?,
            stages: OnceLock::new(),
            scrapes: Scrapes::default(),
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

    /// Takes over what the shell has counted.
    pub fn set_gossip(&self, shell: &Shell) {
        self.gossip.set_shell(shell, &mut self.scrapes.begin());
    }

    /// Counts a durable commit of the ledger and what it delivers.
    pub(crate) fn count_commit(&self, delivered: &Delivered) {
        self.finality.count_commit(delivered);
    }

    /// Counts a witness of this node's own, and its bytes.
    pub(crate) fn count_own_witness(&self, bytes: usize) {
        self.finality.count_own_witness(bytes);
    }

    /// A transaction that was taken here has become final after so many seconds.
    pub(crate) fn observe_final(&self, seconds: f64) {
        self.finality.seconds.observe(seconds);
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

#[cfg(test)]
mod tests;
