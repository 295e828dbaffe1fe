//! `weft show` and `weft tips`: looking into a node's tangle.

use super::api::{Api, stop_on_signals};
use super::{Failure, Output, output};
use crate::content;
use crate::network_file::time_text;
use crate::senml::{self, Record};
use crate::sensor::ClientError;
use clap::Args;
use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use std::io::IsTerminal;
use weft_tangle::limits::SALT_BYTES;
use weft_tangle::{DeviceId, Timestamp, TxId};

/// A transaction's members as a person reads them: what it is, what it says, what became of it, where it stands.
const ORDER: [&str; 9] =
    ["id", "kind", "issuer", "timestamp", "content_format", "content", "status", "commit", "counter"];

/// `weft show`.
#[derive(Args, Debug)]
pub(super) struct Show {
    /// The transaction's id
    id: TxId,
    /// Write the transaction in wire form, binary
    #[arg(long, conflicts_with = "json")]
    wire: bool,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.wire && std::io::stdout().is_terminal() {
            return Err(Failure::Terminal);
        }
        let client = self.api.client(stop_on_signals()?)?;
        if self.wire {
            return output::bytes(&client.transaction_wire(&self.id)?);
        }
        let mut transaction = client.transaction(&self.id)?;
        if !self.output.json
            && let Some(content) = readable(&transaction)
        {
            transaction.remove("body");
            transaction.insert("content".into(), content.into());
        }
        if !self.output.json
            && let Some(commit) = transaction.get_mut("commit")
            && let Some((index, digest)) = commit.get("index").zip(commit.get("digest"))
        {
            *commit = json!([index, digest]);
        }
        let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
        let mut members: Vec<(&str, Value)> =
            transaction.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        members.sort_by_key(|(name, _)| place(name));
        self.output.object(&members)
    }
}

/// `weft tips`.
#[derive(Args, Debug)]
pub(super) struct Tips {
    /// How many pairs of parents, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    count: u8,
    /// The device that asks [default: the node itself]
    #[arg(long, value_name = "ID")]
    device: Option<DeviceId>,
    #[command(flatten)]
    api: Api,
    #[command(flatten)]
    output: Output,
}

impl Tips {
    pub(super) fn run(self) -> Result<(), Failure> {
        let client = self.api.client(stop_on_signals()?)?;
        let device = match self.device {
            Some(device) => device,
            None => client.network()?.node.parse().map_err(|error| ClientError::Garbage {
                url: client.url().into(),
                problem: format!("the node's id: {error}"),
            })?,
        };
        let ticket = client.ticket(&device, self.count.into())?;
        let pairs = ticket.parents.iter().map(|pair| pair.map(|id| id.to_string()));
        if self.output.json {
            return self.output.object(&[("parents", json!(pairs.collect::<Vec<_>>()))]);
        }
        let lines: String = pairs.map(|[first, second]| format!("{first} {second}\n")).collect();
        self.output.text(&lines)
    }
}

/// What a reading says, for people in place of its body: each record, with its time where that is not the transaction's.
fn readable(transaction: &Map<String, Value>) -> Option<String> {
    let format = u16::try_from(transaction.get("content_format")?.as_u64()?).ok()?;
    let timestamp = transaction.get("timestamp")?.as_u64()?;
    let issuer = transaction.get("issuer")?.as_str()?;
    let body = BASE64.decode(transaction.get("body")?.as_str()?.as_bytes()).ok()?;
    let records = content::records(format, body.get(SALT_BYTES..)?, timestamp).ok()?;
    let own = format!("urn:dev:weft:{issuer}:");
    let words = records.iter().map(|record| in_words(record, &own, timestamp));
    Some(words.collect::<Vec<_>>().join("; "))
}

fn in_words(record: &Record, own: &str, timestamp: u64) -> String {
    let name = record.name().strip_prefix(own).unwrap_or(record.name());
    let value = match record.value() {
        Some(senml::Value::Number(number)) => number.to_string(),
        Some(senml::Value::Bool(value)) => value.to_string(),
        Some(senml::Value::Text(text)) => text.clone(),
        Some(senml::Value::Data(data)) => format!("{} bytes", data.len()),
        None => format!("sum {}", record.sum().unwrap_or_default()),
    };
    let unit = record.unit().map(|unit| format!(" {unit}")).unwrap_or_default();
    let at = record.time().milliseconds();
    let at = match u64::try_from(at) {
        Ok(at) if at != timestamp => format!(" at {}", time_text(Timestamp::from_millis(at))),
        _ => String::new(),
    };
    format!("{name}={value}{unit}{at}")
}
