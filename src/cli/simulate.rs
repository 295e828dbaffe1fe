//! `weft simulate`: networks that fail in virtual time, and what must hold all the same.

mod report;

use super::{Failure, Output, message};
use crate::simulation::{Campaign, Finding, ScenarioFile, Summary};
use clap::Args;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use weft_tangle::sim::{Outcome, shrink};

/// The seed where neither the command line nor the scenario names one.
const SEED: u64 = 1;

/// Between two lines that tell how far it is.
const PROGRESS: Duration = Duration::from_secs(10);

/// How a found fault is shown again, and where it stays.
const KEEP: &str = "keep the scenario above in tests/scenarios/ until it holds and ever after";

#[derive(Args, Debug)]
pub(super) struct Simulate {
    /// The scenario, as spec/16-simulation.md describes it
    scenario: PathBuf,
    /// The seed that all follows from [default: the scenario's, or 1]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// So many seeds, this one and those behind it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Simulations at a time [default: one a core]
    #[arg(long, value_name = "T")]
    threads: Option<NonZeroUsize>,
    /// Where to write the shortest scenario that fails as well, if one fails
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Measure one seed and write its figures and charts to this directory
    #[arg(long, value_name = "DIR", conflicts_with = "seeds")]
    report: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

impl Simulate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = ScenarioFile::read(&self.scenario)?;
        let first = self.seed.or(file.seed).unwrap_or(SEED);
        if let Some(directory) = &self.report {
            return self.measured(&file, first, directory);
        }
        let scenario = file.scenario;
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let threads = self.threads.unwrap_or_else(cores);
        let seeds = first..first.saturating_add(self.seeds);
        let begun = Instant::now();
        let told = std::sync::Mutex::new(begun);
        let progress = |done: u64| {
            let mut told = told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if told.elapsed() >= PROGRESS {
                *told = Instant::now();
                message(&format!("weft: {done} of {} simulations", self.seeds));
            }
        };
        let summary = Campaign { scenario: &scenario, seeds, threads }.run(&progress);
        match summary.finding.clone() {
            None => self.output.object(&figures(&summary, begun.elapsed())),
            Some(Finding::Unlike { seed, traces }) => Err(Failure::Unlike { seed, traces }),
            Some(Finding::Violation(outcome)) => self.tell(*outcome),
        }
    }

    /// Tells what was found, as short as it can be.
    fn tell(&self, found: Outcome) -> Result<(), Failure> {
        message(&format!("weft: seed {} fails; looking for a shorter way to it", found.seed));
        let seed = found.seed;
        let short = shrink(found);
        let file = ScenarioFile { scenario: short.scenario.clone(), seed: Some(seed) };
        let text = file.to_toml();
        if let Some(path) = &self.save {
            std::fs::write(path, &text).map_err(|source| Failure::Write { path: path.clone(), source })?;
        }
        let violation = short.violation.as_ref().map(ToString::to_string).unwrap_or_default();
        if self.output.json {
            let invariant = short.violation.as_ref().map(|violation| violation.invariant.name());
            let found = [
                ("seed", json!(seed)),
                ("invariant", json!(invariant)),
                ("violation", json!(violation)),
                ("scenario", json!(text)),
                ("notes", json!(short.notes)),
            ];
            self.output.object(&found)?;
        } else {
            self.output.text(&in_words(&short, &text))?;
        }
        Err(Failure::Violation { seed, violation })
    }
}

/// The scenario, and the last happenings of each node.
fn in_words(found: &Outcome, scenario: &str) -> String {
    let mut text = format!("{scenario}\n");
    for (node, notes) in found.notes.iter().enumerate() {
        let kind = if node as u64 >= found.scenario.nodes.low { "a liar" } else { "honest" };
        text.push_str(&format!("node {node}, {kind}\n"));
        notes.iter().for_each(|note| text.push_str(&format!("  {note}\n")));
    }
    text.push_str(&format!("\n{KEEP}\n"));
    text
}

fn figures(summary: &Summary, took: Duration) -> Vec<(&'static str, Value)> {
    let seconds = |micros: u64| json!(micros as f64 / 1e6);
    vec![
        ("simulations", json!(summary.runs)),
        ("run_twice", json!(summary.twice)),
        ("faults", json!(summary.faults)),
        ("transactions", json!(summary.transactions)),
        ("acknowledged", json!(summary.acknowledged)),
        ("events", json!(summary.events)),
        ("simulated_s", seconds(summary.simulated)),
        ("settled_most_s", seconds(summary.settled_most)),
        ("traces", json!(format!("{:016x}", summary.traces))),
        ("seconds", json!((took.as_secs_f64() * 1e3).round() / 1e3)),
    ]
}
