//! `weft sensor load`: a load on a node, and what came of it.

use super::api::{Api, stop_on_signals};
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
        let members = described(&report, self.output.json);
        let members: Vec<_> = members.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        self.output.object(&members)?;
        let Report { planned, accepted, last_error, .. } = report;
        match accepted {
            _ if accepted == planned => Ok(()),
            _ if stop.is_raised() => Err(Failure::Stopped),
            _ => Err(Failure::NotAll { accepted, planned, last_error }),
        }
    }
}

/// The report, most wanted first. For programs refusals and latencies are objects; for people each is a line.
fn described(report: &Report, for_programs: bool) -> Vec<(String, Value)> {
    let seconds = |time: Duration| json!((time.as_secs_f64() * 1e6).round() / 1e6);
    let latency = &report.latency;
    let figures = [
        ("accepted", json!(report.accepted)),
        ("refused", json!(report.refused_in_all())),
        ("errors", json!(report.errors)),
        ("unsent", json!(report.unsent)),
        ("known", json!(report.known)),
        ("busy", json!(report.busy)),
        ("requests", json!(report.requests)),
        ("devices", json!(report.devices)),
        ("seconds", seconds(report.sending)),
        ("accepted_per_second", json!(report.accepted_per_second().round())),
        ("enrol_seconds", seconds(report.enrolling)),
        ("sign_seconds", seconds(report.signing)),
        ("client_cpu_seconds", report.processor.map_or(Value::Null, seconds)),
        ("last_error", json!(report.last_error)),
    ];
    let mut members: Vec<(String, Value)> =
        figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let percentiles = [
        ("p50", latency.p50),
        ("p90", latency.p90),
        ("p99", latency.p99),
        ("p99_9", latency.p99_9),
        ("max", latency.max),
    ];
    if for_programs {
        members.push(("refusals".into(), json!(report.refused)));
        let latencies = percentiles.map(|(name, milliseconds)| (name.to_owned(), json!(milliseconds)));
        members.push(("latency_ms".into(), Value::Object(latencies.into_iter().collect())));
    } else {
        members.extend(
            report.refused.iter().map(|(reason, count)| (format!("refused: {reason}"), json!(count))),
        );
        let line = |(name, milliseconds)| (format!("latency {name} ms"), json!(milliseconds));
        members.extend(percentiles.map(line));
    }
    members
}
