//! A blocking client of a node's HTTP API (`spec/09-http.md`): plain HTTP, bounded in time, size and retries.

mod error;
mod events;
mod exchange;
mod json;

#[cfg(test)]
pub(super) mod scripted;
#[cfg(test)]
mod tests;

pub use error::ClientError;
pub use events::{Event, Events};
pub use exchange::Patience;
pub use json::{Accepted, FinalityInfo, NetworkInfo, Problem, RulesInfo, Ticket};
pub(super) use json::{BatchAnswer, BatchResult, CommitsAnswer, PeersAnswer};

use super::Stop;
use super::limits::{BATCH_TRANSACTIONS, PAIRS_KEPT};
pub(super) use exchange::shown;
use exchange::{Answer, Exchange, Request};
use serde::de::DeserializeOwned;
use weft_tangle::limits::TRANSACTION_MAX_BYTES;
use weft_tangle::{DeviceId, TxId};

const JSON: &str = "application/json";
const WIRE: &str = "application/octet-stream";

/// A client of one node.
pub struct Client {
    exchange: Exchange,
}

impl Client {
    /// A client of the node at `url`, such as `http://127.0.0.1:8470`. Nothing is sent yet. Waits end when `stop` is raised.
    ///
    /// # Errors
    /// [`ClientError::Url`], or [`ClientError::Tls`] for an https address.
    pub fn new(url: &str, patience: Patience, stop: Stop) -> Result<Self, ClientError> {
        Ok(Self { exchange: Exchange::new(url, patience, stop)? })
    }

    /// The node's address.
    pub fn url(&self) -> &str {
        self.exchange.base()
    }

    /// Changes how long the client goes on trying.
    pub fn set_patience(&mut self, patience: Patience) {
        self.exchange.patience = patience;
    }

    /// What network the node serves, and its rules.
    ///
    /// # Errors
    /// All but [`ClientError::Request`], as for every call.
    pub fn network(&self) -> Result<NetworkInfo, ClientError> {
        read(&self.get("/api/v1/network", JSON)?)
    }

    /// The fog nodes that the node knows of, as it shows them.
    pub fn peers(&self) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, ClientError> {
        Ok(read::<PeersAnswer>(&self.get("/api/v1/network", JSON)?)?.peers)
    }

    /// Asks for what `device` needs to make up to `count` transactions, 1 to 64.
    pub fn ticket(&self, device: &DeviceId, count: usize) -> Result<Ticket, ClientError> {
        let count = count.clamp(1, PAIRS_KEPT);
        let answer = self.get(&format!("/api/v1/ticket?device={device}&count={count}"), JSON)?;
        let ticket: Ticket = read(&answer)?;
        if !(1..=PAIRS_KEPT).contains(&ticket.parents.len()) {
            let problem = format!("{} pairs of parents", ticket.parents.len());
            return Err(ClientError::Garbage { url: answer.url, problem });
        }
        Ok(ticket)
    }

    /// Hands in one transaction in wire form. Handing it in again is safe.
    pub fn submit(&self, wire: &[u8]) -> Result<Accepted, ClientError> {
        read(&self.post("/api/v1/transactions", wire)?)
    }

    /// Hands in 1 to 256 transactions; the results stand in their order.
    ///
    /// # Errors
    /// As for every call, and [`ClientError::Request`] for none or too many.
    pub fn submit_batch(&self, wires: &[Vec<u8>]) -> Result<Vec<Result<Accepted, Problem>>, ClientError> {
        if !(1..=BATCH_TRANSACTIONS).contains(&wires.len()) {
            return Err(ClientError::Request("a batch has 1 to 256 transactions; send several"));
        }
        let mut body = Vec::with_capacity(wires.iter().map(|wire| wire.len() + 4).sum());
        for wire in wires {
            let too_long = ClientError::Request("a transaction has at most 18972 bytes");
            let length = u32::try_from(wire.len()).ok().filter(|_| wire.len() <= TRANSACTION_MAX_BYTES);
            body.extend_from_slice(&length.ok_or(too_long)?.to_be_bytes());
            body.extend_from_slice(wire);
        }
        let answer = self.post("/api/v1/transactions/batch", &body)?;
        let results = read::<BatchAnswer>(&answer)?.results;
        if results.len() != wires.len() {
            let problem = format!("{} results for {} transactions", results.len(), wires.len());
            return Err(ClientError::Garbage { url: answer.url, problem });
        }
        let one = |result| match result {
            BatchResult::Accepted(accepted) => Ok(accepted),
            BatchResult::Refused { problem } => {
                Err(Problem { detail: shown(&problem.detail), kind: shown(&problem.kind), ..problem })
            }
        };
        Ok(results.into_iter().map(one).collect())
    }

    /// A transaction as the node shows it.
    pub fn transaction(&self, id: &TxId) -> Result<serde_json::Map<String, serde_json::Value>, ClientError> {
        read(&self.get(&format!("/api/v1/transactions/{id}"), JSON)?)
    }

    /// A transaction in wire form.
    pub fn transaction_wire(&self, id: &TxId) -> Result<Vec<u8>, ClientError> {
        let answer = self.get(&format!("/api/v1/transactions/{id}"), WIRE)?;
        if answer.bytes.len() > TRANSACTION_MAX_BYTES {
            let problem = format!("{} bytes, more than a transaction has", answer.bytes.len());
            return Err(ClientError::Garbage { url: answer.url, problem });
        }
        Ok(answer.bytes)
    }

    /// What the node knows of a device.
    pub fn device(&self, id: &DeviceId) -> Result<serde_json::Map<String, serde_json::Value>, ClientError> {
        read(&self.get(&format!("/api/v1/devices/{id}"), JSON)?)
    }

    /// How far the node has come with making transactions final.
    pub fn finality(&self) -> Result<FinalityInfo, ClientError> {
        read(&self.get("/api/v1/network", JSON)?)
    }

    /// The newest commits, the newest first, as the node shows them; at most 1,000.
    pub fn commits(
        &self,
        limit: usize,
    ) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, ClientError> {
        Ok(read::<CommitsAnswer>(&self.get(&format!("/api/v1/commits?limit={limit}"), JSON)?)?.commits)
    }

    /// What happens at the node from now on, or behind the event with the id `last`. `query` chooses, as in
    /// `kind=final&of=reading`.
    ///
    /// # Errors
    /// As for every call; what is read from the stream has its own.
    pub fn events(&self, query: &str, last: Option<&str>) -> Result<Events, ClientError> {
        let path = format!("/api/v1/events?{query}");
        Ok(Events::new(self.exchange.stream(&path, last)?))
    }

    fn get(&self, path: &str, accept: &str) -> Result<Answer, ClientError> {
        self.exchange.run(&Request { path, accept, body: None })
    }

    fn post(&self, path: &str, body: &[u8]) -> Result<Answer, ClientError> {
        self.exchange.run(&Request { path, accept: JSON, body: Some(body) })
    }
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ClientError> {
    serde_json::from_slice(&answer.bytes).map_err(|error| ClientError::Garbage {
        url: answer.url.clone(),
        problem: format!("HTTP {}, {}", answer.status, shown(&error.to_string())),
    })
}

const _: () = assert!(TRANSACTION_MAX_BYTES == 18_972, "the number in the message above");
