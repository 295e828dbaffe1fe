//! `weft commits`: what a node has made final together, the newest first.

use super::api::{Api, stop_on_signals};
use super::{Failure, Output, output};
use crate::network_file::time_text;
use clap::Args;
use serde_json::{Map, Value};
use weft_tangle::Timestamp;

/// The columns for people.
const COLUMNS: [(&str, &str); 5] = [
    ("INDEX", "index"),
    ("TIME", "time"),
    ("COUNT", "count"),
    ("CERTIFIED", "certified"),
    ("DIGEST", "digest"),
];

/// `weft commits`.
#[derive(Args, Debug)]
pub(super) struct Commits {
    /// How many, 1 to 1000
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Commits {
    pub(super) fn run(self) -> Result<(), Failure> {
        let commits = self.api.client(stop_on_signals()?)?.commits(self.limit.into())?;
        if self.output.json {
            let lines: String =
                commits.into_iter().map(|commit| format!("{}\n", Value::from(commit))).collect();
            return self.output.text(&lines);
        }
        if commits.is_empty() {
            return self.output.text("this node has made no commit yet\n");
        }
        let heading = COLUMNS.map(|(heading, _)| heading.to_owned()).to_vec();
        let rows = commits.iter().map(|commit| COLUMNS.map(|(_, name)| cell(commit, name)).to_vec());
        self.output.text(&output::table(std::iter::once(heading).chain(rows).collect()))
    }
}

fn cell(commit: &Map<String, Value>, name: &str) -> String {
    let value = commit.get(name).unwrap_or(&Value::Null);
    match value.as_u64() {
        Some(time) if name == "time" => time_text(Timestamp::from_millis(time)),
        _ => output::plain(value),
    }
}
