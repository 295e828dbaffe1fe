//! `weft db check`: whether a database is what it must be.

use super::DbError;
use super::place::{Place, lock, network, store_file};
use crate::cli::api::stop_on_signals;
use crate::cli::progress::Progress;
use crate::cli::{Failure, Output, message};
use crate::store::View;
use crate::store::check::{Checkpoint, Fault, Report, Watch, check, check_pages, is_of};
use clap::Args;
use serde_json::{Value, json};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

const INSTEAD: &str = "stop it first, or check a backup: weft db backup FILE, then weft db check --file FILE";

/// `weft db check`.
#[derive(Args, Debug)]
#[command(
    after_help = "Exit status: 0 nothing is wrong, 1 faults were found, 2 it could not be checked to the end."
)]
pub(in crate::cli) struct Check {
    /// A backup, or another database file, in place of the data directory's
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Go on where a check that was stopped has ended
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        self.try_run().map_err(|failure| match failure {
            Failure::Db(DbError::Faults { .. } | DbError::CheckStopped { .. }) => failure,
            other => DbError::NotChecked(Box::new(other)).into(),
        })
    }

    fn try_run(self) -> Result<(), Failure> {
        let config = self.place.load()?;
        let (path, _lock) = match &self.file {
            Some(file) => (file.clone(), None),
            None => (store_file(&config.data)?, Some(lock(&config.data, INSTEAD)?)),
        };
        let network = network(&config)?;
        // Before anything is read of it. It takes two readings of the file, and can be stopped by ending the process.
        let pages = check_pages(&path, &network).map_err(DbError::from)?;
        let view = View::open(&path, &network).map_err(DbError::from)?;
        let notes = notes_of(&path);
        let begin = if self.resume { resumed(&view, &notes)? } else { Checkpoint::default() };
        let already = begin.report.transactions;
        let stop = stop_on_signals()?;
        let bar = Progress::of_transactions(0);
        let started = Instant::now();
        let done = check(
            &view,
            threads(),
            begin,
            &Watch {
                stop: &|| stop.is_raised(),
                progress: &|done, total| bar.set_to(done, total),
                // A note that cannot be written costs work when the check is stopped, and nothing else.
                note: &|checkpoint| drop(write_notes(&notes, checkpoint)),
            },
        );
        bar.clear();
        let mut done = done.map_err(DbError::from)?;
        if done.report.is_complete {
            // Not in the notes, for a check that goes on looks again.
            pages.into_iter().for_each(|fault| done.report.find(fault));
        }
        let report = &done.report;
        if !report.is_complete {
            write_notes(&notes, &done).map_err(DbError::file(&notes))?;
            let faults = report.faults_in_all();
            return Err(DbError::CheckStopped { position: done.position, faults, command: again() }.into());
        }
        remove(&notes)?;
        self.tell(report, report.transactions - already, started.elapsed().as_secs_f64())?;
        match report.faults_in_all() {
            0 => Ok(()),
            faults => Err(DbError::Faults { path, faults }.into()),
        }
    }

    fn tell(&self, report: &Report, checked: u64, seconds: f64) -> Result<(), Failure> {
        let rate = (checked as f64 / seconds.max(1e-9)).round();
        let figures = [
            ("transactions", json!(report.transactions)),
            ("bytes", json!(report.bytes)),
            ("erased", json!(report.erased)),
            ("commits", json!(report.commits)),
            ("delivered", json!(report.delivered)),
            ("faults", json!(report.faults_in_all())),
            ("seconds", json!((seconds * 1e3).round() / 1e3)),
            ("transactions_per_second", json!(rate)),
        ];
        if self.output.json {
            let mut members = figures.to_vec();
            members[5] = ("faults", json!(report.faults));
            members.push(("more_faults", json!(report.more_faults)));
            return self.output.object(&members);
        }
        let lines: String = report.faults.iter().map(line).collect();
        self.output.text(&lines)?;
        if report.more_faults > 0 {
            self.output.text(&format!("and {} more\n", report.more_faults))?;
        }
        self.output.object(&figures)
    }
}

fn line(fault: &Fault) -> String {
    let position = fault.position.map(|position| format!(" position {position}")).unwrap_or_default();
    let id = fault.id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
    format!("{}{position}{id}: {}; {}\n", fault.table, fault.problem, fault.remedy)
}

/// Checks every fault of a file, without a trace beside it; for a file that is about to be trusted. `pages` is what
/// [`check_pages`] has found.
pub(super) fn check_whole(view: &View, pages: Option<Fault>) -> Result<Report, Failure> {
    let stop = stop_on_signals()?;
    let bar = Progress::of_transactions(0);
    let watch =
        Watch { stop: &|| stop.is_raised(), progress: &|done, total| bar.set_to(done, total), note: &|_| () };
    let done = check(view, threads(), Checkpoint::default(), &watch);
    bar.clear();
    let mut report = done.map_err(DbError::from)?.report;
    pages.into_iter().for_each(|fault| report.find(fault));
    if report.is_complete { Ok(report) } else { Err(Failure::Stopped) }
}

fn threads() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The command that the user typed, which goes on with the check.
fn again() -> String {
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let words: Vec<String> = words.filter(|word| word != "--resume").collect();
    format!("weft {} --resume", words.join(" "))
}

/// How far the check is, beside the file that it checks.
fn notes_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".check");
    name.into()
}

fn resumed(view: &View, notes: &Path) -> Result<Checkpoint, Failure> {
    let anew = |why: &str| {
        message(&format!("weft: {}: {why}; the check begins at the beginning", notes.display()));
        Ok(Checkpoint::default())
    };
    let text = match std::fs::read(notes) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return anew("no check was stopped here");
        }
        Err(error) => return Err(DbError::file(notes)(error).into()),
    };
    let Ok(checkpoint) = serde_json::from_slice::<Checkpoint>(&text) else {
        return anew("it cannot be read as the notes of a check");
    };
    if !is_of(view, &checkpoint).map_err(DbError::from)? {
        return anew("these are the notes of another database");
    }
    Ok(checkpoint)
}

/// Replaces the notes whole; they hold nothing but ids, positions and what was found.
fn write_notes(path: &Path, checkpoint: &Checkpoint) -> std::io::Result<()> {
    let text = serde_json::to_value(checkpoint).map(|value: Value| value.to_string())?;
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(new, path)
}

fn remove(notes: &Path) -> Result<(), DbError> {
    match std::fs::remove_file(notes) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DbError::file(notes)(error)),
        _ => Ok(()),
    }
}
