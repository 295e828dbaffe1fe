//! `weft sensor replay`: a recording sent as if it were measured now.

use super::api::{Api, read_key, stop_on_signals, with_session};
use super::progress::Progress;
use super::{Failure, Output, message};
use crate::recording::{Options, Recording};
use crate::sensor::limits::BATCH_ROWS;
use crate::sensor::replay::{self, Plan, Speed, Summary};
use crate::sensor::{Notice, Survey};
use clap::Args;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Args, Debug)]
pub(super) struct Replay {
    /// The recording
    file: PathBuf,
    /// The device's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How many times as fast as it was recorded; 0 or max: as fast as possible
    #[arg(long, value_name = "X", default_value = "1")]
    speed: Speed,
    /// Rows of the recording in one transaction
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=BATCH_ROWS as i64))]
    batch: u16,
    /// Keep the recording's own times instead of moving them to now
    #[arg(long)]
    keep_time: bool,
    /// A signal's unit in the SenML registry; empty for none
    #[arg(long, value_name = "NAME=UNIT", value_parser = name_and_unit)]
    unit: Vec<(String, String)>,
    /// The name of the time column, if it is not known by its name
    #[arg(long, value_name = "NAME")]
    time_column: Option<String>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Replay {
    pub(super) fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let options = Options { time_column: self.time_column.clone(), time_unit: None };
        let units: BTreeMap<String, String> = self.unit.iter().cloned().collect();
        let survey = Survey::of(open(&self.file, &options)?, &units)?;
        for note in &survey.notes {
            message(&format!("{}: {}", self.file.display(), note.replace(char::is_control, " ")));
        }
        let stop = stop_on_signals()?;
        let client = self.api.client(stop.clone())?;
        let plan = Plan { speed: self.speed, rows: self.batch.into(), keep_time: self.keep_time };
        let start = Instant::now();
        let bar = Progress::of_rows(survey.rows);
        let say = |notice: Notice| bar.say(&format!("weft: {notice}"));
        let samples = open(&self.file, &options)?;
        let done = with_session(client, &key, stop.clone(), say, |session| {
            let mut on_sent = |_: &_, summary: &Summary| bar.set(summary.rows, summary.transactions);
            let (summary, failure) = replay::run(session, plan, &survey, samples, &stop, &mut on_sent);
            bar.clear();
            // What was handed in is told also when the rest could not be.
            if failure.is_none() || summary.transactions > 0 {
                self.write(&summary, start.elapsed().as_secs_f64())?;
            }
            failure.map_or(Ok(summary), |error| Err(unwrapped(error)))
        })?;
        if done.stopped { Err(Failure::Stopped) } else { Ok(()) }
    }

    fn write(&self, summary: &Summary, seconds: f64) -> Result<(), Failure> {
        let id = |id: Option<weft_tangle::TxId>| id.map(|id| id.to_string());
        self.output.object(&[
            ("transactions", json!(summary.transactions)),
            ("rows", json!(summary.rows)),
            ("samples", json!(summary.values)),
            ("seconds", json!((seconds * 1000.0).round() / 1000.0)),
            ("first", json!(id(summary.first))),
            ("last", json!(id(summary.last))),
        ])
    }
}

/// A refusal of the session reads the same whether it came in a replay or not.
fn unwrapped(error: replay::ReplayError) -> Failure {
    match error {
        replay::ReplayError::Session(error) => error.into(),
        other => other.into(),
    }
}

fn open(path: &Path, options: &Options) -> Result<Recording<BufReader<File>>, Failure> {
    let file = File::open(path).map_err(|source| Failure::File { path: path.into(), source })?;
    Ok(Recording::open(BufReader::new(file), options)?)
}

fn name_and_unit(text: &str) -> Result<(String, String), String> {
    let (name, unit) = text.split_once('=').ok_or("write NAME=UNIT, for instance hr=beat/min")?;
    Ok((name.to_owned(), unit.to_owned()))
}
