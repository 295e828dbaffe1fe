//! `weft simulate --report DIR`: one simulation, measured, its figures and charts in a directory.

use super::{Failure, PROGRESS, Simulate, message};
use crate::simulation::{Report, ScenarioFile, Seen};
use std::path::Path;
use std::time::{Duration, Instant};
use weft_tangle::sim::measure;

impl Simulate {
    /// Measures a scenario and writes what was found to `directory`, which is made where it is missing.
    pub(super) fn measured(&self, file: &ScenarioFile, seed: u64, directory: &Path) -> Result<(), Failure> {
        // A directory that cannot be written is told before the work, not after it.
        make(directory)?;
        let resident_before = resident();
        let begun = Instant::now();
        let worked = processor_time();
        let took = || processor_time().zip(worked).map_or(begun.elapsed(), |(now, before)| now - before);
        let mut told = begun;
        let mut seen = Vec::new();
        let measured = measure(&file.scenario, seed, &mut |look| {
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                message(&format!("weft: {:.1} s are simulated", look.at as f64 / 1e6));
            }
            seen.push(Seen { at: look.at, took: took(), resident: resident() });
        });
        if measured.outcome.violation.is_some() {
            return self.tell(measured.outcome);
        }
        let report = Report { measured, seen, resident_before };
        let files = report.charts().into_iter().chain([("report.txt", report.text())]);
        for (name, text) in files {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|source| Failure::Write { path, source })?;
        }
        if self.output.json {
            self.output.object(&report.figures())
        } else {
            self.output.text(&report.text())
        }
    }
}

fn make(directory: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(directory).map_err(|source| Failure::Write { path: directory.to_owned(), source })
}

/// Processor time of this thread, which simulates, where the system says so. The clock on the wall would count what
/// else the machine does.
fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

/// Bytes of memory that this process has, where the system says so.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}
