//! Results on standard output, for people or, with `--json`, for programs; messages on standard error.

use super::Failure;
use crate::network_file::time_text;
use clap::Args;
use serde_json::{Map, Value};
use std::io::{self, Write};
use weft_tangle::Timestamp;

/// Members that are times, in milliseconds since the Unix epoch; people read them as dates.
const TIMES: [&str; 2] = ["timestamp", "valid_until"];

/// How results are written.
#[derive(Args, Debug, Clone, Copy)]
pub struct Output {
    /// Write results as JSON, one object a line
    #[arg(long)]
    pub json: bool,
}

impl Output {
    /// Writes one result: as an object, or as lines of names and values in this order.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn object(self, members: &[(&str, Value)]) -> Result<(), Failure> {
        let mut text = String::new();
        if self.json {
            let object: Map<String, Value> =
                members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            text = Value::Object(object).to_string();
            text.push('\n');
        } else {
            let width = members.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in members {
                let written = match value.as_u64() {
                    Some(time) if TIMES.contains(name) => time_text(Timestamp::from_millis(time)),
                    _ => plain(value),
                };
                text.push_str(&format!("{:width$}  {written}\n", name.replace('_', " ")));
            }
        }
        self.text(&text)
    }

    /// Writes text as it is.
    ///
    /// # Errors
    /// [`Failure::Output`].
    pub fn text(self, text: &str) -> Result<(), Failure> {
        bytes(text.as_bytes())
    }
}

/// Writes bytes to standard output.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(Failure::Output)
}

/// Rows of the same length as lines, each column as wide as what stands in it.
pub(super) fn table(rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// Writes a message for a person to standard error. One that cannot be written is lost: there is nobody to tell.
pub fn message(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A value as a person reads it, without what could steer a terminal: values come from the network.
pub(super) fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(" ")
        }
        Value::Null => "-".into(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
