//! A device at a node: tickets when they are needed, transactions made and handed in, waits said aloud.

use super::client::{Accepted, Client, ClientError};
use super::device::{Content, Device, DeviceError, Terms};
use super::key::{KeyError, fresh_random};
use super::limits::{PAIRS_KEPT, REMAKES};
use super::state::{State, StateError};
use super::{KeyFile, Stop, system_now};
use std::num::NonZeroUsize;
use std::time::Duration;
use weft_tangle::limits::AHEAD_MS;
use weft_tangle::{DeviceId, Kind, RulesError, Timestamp, TxId};

/// One device, one node, until [`Session::close`].
pub struct Session<'a> {
    client: Client,
    device: Device<'a>,
    stop: Stop,
    notify: Box<dyn FnMut(Notice) + 'a>,
    threads: NonZeroUsize,
    /// Pairs to ask for with the next ticket.
    pairs: usize,
}

/// What a person should know while it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// The clock is off.
    #[error("this machine's clock is off by {} s; the node's time is used, set the clock", by_ms.unsigned_abs() / 1000)]
    ClockCorrected {
        /// Milliseconds that it was set forward.
        by_ms: i64,
    },
    /// The state file was lost.
    #[error(
        "the state file was lost, so the counters used in this epoch are not known; waiting {} s for the next one",
        wait_ms.div_ceil(1000)
    )]
    Waiting {
        /// How long.
        wait_ms: u64,
    },
    /// What was made on an old ticket is made anew.
    #[error("the node finds the ticket stale; trying again with a fresh one")]
    Remade,
}

/// A transaction that the node took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its id.
    pub id: TxId,
    /// `attached`, `final`, `disputed`, `conflict` or `revoked`.
    pub status: String,
    /// Its counter.
    pub counter: u32,
}

/// Why a session could not go on.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// Randomness.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The node's rules are none.
    #[error("the node's rules are wrong: {0}; use another node")]
    Rules(#[from] RulesError),
    /// The device would wait for days.
    #[error(
        "this key has used counters of times up to {} s ahead of the clock; set the clock, or make a new key", wait_ms / 1000
    )]
    FarAhead {
        /// How long it would wait.
        wait_ms: u64,
    },
    /// The node names another transaction than it was sent.
    #[error("the node answers for transaction {found}, but {sent} was sent; use another node")]
    OtherTransaction {
        /// What was sent.
        sent: TxId,
        /// What the answer names.
        found: TxId,
    },
}

impl SessionError {
    /// Whether a person stopped it.
    pub fn is_stop(&self) -> bool {
        matches!(self, Self::Client(ClientError::Stopped) | Self::Device(DeviceError::Stopped))
    }
}

impl<'a> Session<'a> {
    /// Takes hold of the key's state and asks the node for its network.
    ///
    /// # Errors
    /// [`SessionError::State`], [`SessionError::Client`], [`SessionError::Rules`].
    pub fn open(
        client: Client,
        key: &'a KeyFile,
        stop: Stop,
        notify: impl FnMut(Notice) + 'a,
    ) -> Result<Self, SessionError> {
        let state = State::open(key)?;
        let info = client.network()?;
        let terms = Terms {
            network: info.network,
            rules: info.rules.checked()?,
            open_enrolment: info.rules.open_enrolment,
        };
        let device = Device::new(key.key(), state, terms);
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self { client, device, stop, notify: Box::new(notify), threads, pairs: 1 })
    }

    /// Asks for this many pairs with each ticket, at most 64; for who is going to send many.
    pub fn expect_many(&mut self, transactions: usize) {
        self.pairs = transactions.clamp(1, PAIRS_KEPT);
    }

    /// The device's id.
    pub fn device(&self) -> DeviceId {
        self.device.id()
    }

    /// The network and its rules.
    pub fn terms(&self) -> &Terms {
        self.device.terms()
    }

    /// The client.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The time by the clock that the node's ticket corrected.
    ///
    /// # Errors
    /// As for a ticket, which is asked for when there is none.
    pub fn time(&mut self) -> Result<Timestamp, SessionError> {
        self.ready()?;
        Ok(self.device.time(system_now()))
    }

    /// Makes a transaction and hands it in; returns when the node has it on disk.
    ///
    /// # Errors
    /// The node's refusal, or why none could be made.
    pub fn send(&mut self, kind: Kind, format: u16, bytes: &[u8]) -> Result<Sent, SessionError> {
        let mut remakes = 0;
        loop {
            self.ready()?;
            let content = Content { kind, format, bytes, salt: fresh_random()? };
            let made = match self.device.make(content, system_now(), self.threads, &self.stop) {
                Err(DeviceError::Wait { milliseconds, .. }) => {
                    self.wait(milliseconds)?;
                    continue;
                }
                made => made?,
            };
            match self.client.submit(&made.wire) {
                Ok(Accepted { id, .. }) if id != made.id => {
                    return Err(SessionError::OtherTransaction { sent: made.id, found: id });
                }
                Ok(Accepted { id, status }) => return Ok(Sent { id, status, counter: made.counter }),
                Err(error) if is_stale(&error) && remakes < REMAKES => {
                    remakes += 1;
                    self.device.drop_ticket();
                    (self.notify)(Notice::Remade);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Gives back the counters that were reserved and not used.
    ///
    /// # Errors
    /// [`SessionError::State`] when they could not be written; a gap remains.
    pub fn close(self) -> Result<(), SessionError> {
        Ok(self.device.into_state().close()?)
    }

    fn ready(&mut self) -> Result<(), SessionError> {
        if self.device.needs_ticket(system_now()) {
            let ticket = self.client.ticket(&self.device.id(), self.pairs)?;
            if let Some(by_ms) = self.device.take_ticket(&ticket, system_now())? {
                (self.notify)(Notice::ClockCorrected { by_ms });
            }
        }
        Ok(())
    }

    /// Waits for the next epoch. A longer wait than that is no lost state but a clock that was wrong.
    fn wait(&mut self, wait_ms: u64) -> Result<(), SessionError> {
        if wait_ms > self.device.terms().rules.epoch_ms() + AHEAD_MS {
            return Err(SessionError::FarAhead { wait_ms });
        }
        (self.notify)(Notice::Waiting { wait_ms });
        if self.stop.sleep(Duration::from_millis(wait_ms)) {
            Ok(())
        } else {
            Err(ClientError::Stopped.into())
        }
    }
}

/// Whether a fresh ticket cures it: it brings the time, parents that the node knows, its difficulty, and the counter.
fn is_stale(error: &ClientError) -> bool {
    error
        .problem()
        .is_some_and(|problem| matches!(problem.slug(), "timestamp" | "parents" | "pow" | "equivocation"))
}

#[cfg(test)]
mod tests;
