//! `weft sensor`: sending readings as a sensor does.

use super::api::{Api, read_key, say, stop_on_signals, with_session};
use super::{Failure, Output, load, replay};
use crate::sensor::finality;
use crate::sensor::send::{self, Measurement};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Send one reading: hr=61 temperature=36.8 glucose=5.4:mmol/l
    Send(Send),
    /// Send a recording (CSV: a time column and one column a signal) as if it were measured now
    Replay(replay::Replay),
    /// Put a node under load: many devices that enrol and send, and what came of it
    Load(load::Load),
}

#[derive(Args, Debug)]
pub(super) struct Send {
    /// What was measured; the unit is known by the name, or stands behind a colon
    #[arg(required = true, value_name = "NAME=VALUE[:UNIT]")]
    measurements: Vec<Measurement>,
    /// The device's key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Wait until it is final, at most so many seconds
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "30")]
    wait_final: Option<u32>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Send(arguments) => arguments.run(),
            Self::Replay(arguments) => arguments.run(),
            Self::Load(arguments) => arguments.run(),
        }
    }
}

impl Send {
    fn run(self) -> Result<(), Failure> {
        let key = read_key(&self.key)?;
        let content = send::content(&key.device(), &self.measurements)?;
        let stop = stop_on_signals()?;
        let client = self.api.client(stop.clone())?;
        let sent =
            with_session(client, &key, stop.clone(), say, |session| Ok(send::send(session, &content)?))?;
        let (id, counter) = (sent.id, json!(sent.counter));
        let Some(seconds) = self.wait_final else {
            let status = json!(sent.status);
            return self.output.object(&[
                ("id", json!(id.to_string())),
                ("status", status),
                ("counter", counter),
            ]);
        };
        let became =
            finality::wait(&self.api.client(stop.clone())?, &id, Duration::from_secs(seconds.into()), &stop)?;
        self.output.object(&[
            ("id", json!(id.to_string())),
            ("status", json!(became.status)),
            ("counter", counter),
            ("commit", json!(became.commit)),
        ])?;
        if became.commit.is_none() { Err(Failure::NotFinal { id, seconds }) } else { Ok(()) }
    }
}
