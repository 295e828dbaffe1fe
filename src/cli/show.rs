//! `weft show` and `weft tips`: looking into a node's tangle.

use super::api::{Api, stop_on_signals};
use super::key::object;
use super::{Failure, Output, output};
use crate::sensor::ClientError;
use clap::Args;
use serde_json::json;
use std::io::IsTerminal;
use weft_tangle::{DeviceId, TxId};

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
        self.output.object(&client.transaction(&self.id)?)
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
            return self.output.object(&object(json!({ "parents": pairs.collect::<Vec<_>>() })));
        }
        let lines: String = pairs.map(|[first, second]| format!("{first} {second}\n")).collect();
        self.output.text(&lines)
    }
}
