//! `weft sensor`: sending readings as a sensor does.

use super::api::{Api, read_key, say, stop_on_signals, with_session};
use super::{Failure, Output, load, replay};
use crate::sensor::send::{self, Measurement};
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

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
        let sent = with_session(client, &key, stop, say, |session| Ok(send::send(session, &content)?))?;
        self.output.object(&[
            ("id", json!(sent.id.to_string())),
            ("status", json!(sent.status)),
            ("counter", json!(sent.counter)),
        ])
    }
}
