//! `weft sensor load`: a load on a node, and what came of it.

use super::api::{Api, stop_on_signals};
use super::key::object;
use super::{Failure, Output, message};
use crate::sensor::load::{self, LoadError, Plan, Report};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Args, Debug)]
pub(super) struct Load {
    /// Devices that enrol and send, each on a connection of its own
    #[arg(long, value_name = "D")]
    devices: usize,
    /// Transactions in all
    #[arg(long, value_name = "N")]
    count: u64,
    /// Transactions a second over all devices; latency then counts from when each was to be sent [default: as fast as
    /// they are answered]
    #[arg(long, value_name = "R")]
    rate: Option<f64>,
    /// Transactions in one request
    #[arg(long, value_name = "B", default_value_t = 1)]
    batch: usize,
    /// Sign all of them before the first is sent
    #[arg(long)]
    presign: bool,
    /// Append each acknowledged id to this file at once, one a line
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Where the devices' keys and states lie, to be used again [default: fresh keys, removed at the end]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Load {
    pub(super) fn run(self) -> Result<(), Failure> {
        let stop = stop_on_signals()?;
        let plan = Plan {
            url: self.api.url(),
            devices: self.devices,
            count: self.count,
            rate: self.rate,
            batch: self.batch,
            presign: self.presign,
            ids: self.ids,
            data: self.data,
        };
        let told = |stage| message(&format!("weft: {stage}"));
        let report = load::run(&plan, &stop, &told).map_err(|error| match error {
            stopped if stopped.is_stop() => Failure::Stopped,
            // A refusal reads the same whether it came in a load or not.
            LoadError::Session(error) => error.into(),
            other => other.into(),
        })?;
        self.output.object(&object(described(&report, self.output.json)))?;
        let Report { planned, accepted, last_error, .. } = report;
        match accepted {
            _ if accepted == planned => Ok(()),
            _ if stop.is_raised() => Err(Failure::Stopped),
            _ => Err(Failure::NotAll { accepted, planned, last_error }),
        }
    }
}

/// The report as JSON; for people, what is nested there stands in lines of its own.
fn described(report: &Report, for_programs: bool) -> Value {
    let seconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e6;
    let latency = &report.latency;
    let mut object = json!({
        "accepted": report.accepted,
        "refused": report.refused_in_all(),
        "errors": report.errors,
        "unsent": report.unsent,
        "known": report.known,
        "busy": report.busy,
        "requests": report.requests,
        "devices": report.devices,
        "seconds": seconds(report.sending),
        "accepted_per_second": report.accepted_per_second().round(),
        "enrol_seconds": seconds(report.enrolling),
        "sign_seconds": seconds(report.signing),
        "client_cpu_seconds": report.processor.map(seconds),
        "last_error": report.last_error,
    });
    if for_programs {
        object["refusals"] = json!(report.refused);
        object["latency_ms"] = json!({
            "p50": latency.p50, "p90": latency.p90, "p99": latency.p99, "p99_9": latency.p99_9, "max": latency.max,
        });
    } else {
        for (reason, count) in &report.refused {
            object[format!("refused: {reason}")] = json!(count);
        }
        let percentiles = [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p99_9),
            ("max", latency.max),
        ];
        for (name, milliseconds) in percentiles {
            object[format!("latency {name} ms")] = json!(milliseconds);
        }
    }
    object
}
