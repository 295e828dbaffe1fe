//! Where a load's transactions come from: made when they are needed, or signed beforehand.
//!
//! Always true: what is made is an honest device's: a counter from its state, the work that the rules ask for at that
//! counter, and a time that the node's door takes at once.

use super::LoadError;
use super::connection::Connection;
use super::patience::Patience;
use super::reading::content;
use crate::sensor::client::Ticket;
use crate::sensor::device::{Content, Device, DeviceError, Made};
use crate::sensor::key::fresh_random;
use crate::sensor::limits::PAIRS_KEPT;
use crate::sensor::{Stop, system_now};
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;
use weft_tangle::limits::AHEAD_MS;
use weft_tangle::{Kind, Timestamp, TxId, content_format};

/// One device's transactions.
pub(super) struct Maker<'a> {
    device: Device<'a>,
    /// Made already, to be sent in this order.
    ready: VecDeque<Made>,
    /// Still to be made when they are asked for.
    to_make: u64,
    number: u64,
    last: Option<Timestamp>,
}

impl<'a> Maker<'a> {
    /// The device is to send `count` transactions.
    pub(super) fn new(device: Device<'a>, count: u64) -> Self {
        Self { device, ready: VecDeque::new(), to_make: count, number: 0, last: None }
    }

    /// Makes all of them now. Each approves the one before it and a tip of one ticket.
    pub(super) fn make_all(&mut self, connection: &mut Connection, stop: &Stop) -> Result<(), LoadError> {
        if self.to_make == 0 {
            return Ok(());
        }
        let mut pair = self.take_ticket(connection, PAIRS_KEPT, stop)?;
        while self.to_make > 0 {
            self.device.put_pair(pair)?;
            let made = self.make(stop)?;
            self.to_make -= 1;
            pair = [made.id, pair[1]];
            self.ready.push_back(made);
        }
        Ok(())
    }

    /// The next transactions, at most `most`; none when there are no more.
    pub(super) fn next(
        &mut self,
        most: usize,
        connection: &mut Connection,
        stop: &Stop,
    ) -> Result<Vec<Made>, LoadError> {
        if !self.ready.is_empty() {
            return Ok(self.ready.drain(..most.min(self.ready.len())).collect());
        }
        let mut batch = Vec::new();
        while batch.len() < most && self.to_make > 0 {
            if self.device.needs_ticket(system_now()) {
                let wanted = usize::try_from(self.to_make).unwrap_or(PAIRS_KEPT).min(PAIRS_KEPT);
                self.take_ticket(connection, wanted, stop)?;
            }
            batch.push(self.make(stop)?);
            self.to_make -= 1;
        }
        Ok(batch)
    }

    /// The node found a transaction stale: what is left of the ticket is, too.
    pub(super) fn refresh(&mut self) {
        self.device.drop_ticket();
    }

    /// Gives back the counters that were not used.
    pub(super) fn close(self) -> Result<(), LoadError> {
        Ok(self.device.into_state().close()?)
    }

    /// Asks for a ticket, again while the node is busy or away; returns its first pair.
    fn take_ticket(
        &mut self,
        connection: &mut Connection,
        pairs: usize,
        stop: &Stop,
    ) -> Result<[TxId; 2], LoadError> {
        let path = format!("/api/v1/ticket?device={}&count={pairs}", self.device.id());
        let refused = |problem: String| LoadError::Ticket { problem };
        let mut patience = Patience::default();
        let again = |wait: Option<Duration>| wait.is_some_and(|wait| stop.sleep(wait));
        loop {
            let answer = match connection.get(&path) {
                Ok(answer) => answer,
                Err(_) if again(patience.after_failure()) => continue,
                Err(_) if stop.is_raised() => return Err(DeviceError::Stopped.into()),
                Err(error) => return Err(refused(error.to_string())),
            };
            if answer.status == 503 && again(patience.after_busy(answer.retry_after)) {
                continue;
            }
            if answer.status != 200 {
                return Err(refused(format!("HTTP {}", answer.status)));
            }
            let ticket = serde_json::from_slice::<Ticket>(answer.body);
            let ticket = ticket.map_err(|error| refused(error.to_string()))?;
            self.device.take_ticket(&ticket, system_now())?;
            return ticket.parents.first().copied().ok_or_else(|| refused("it has no parents".into()));
        }
    }

    fn make(&mut self, stop: &Stop) -> Result<Made, LoadError> {
        self.pace(stop)?;
        let bytes = content(&self.device.id(), self.number)?;
        let content = Content {
            kind: Kind::Reading,
            format: content_format::SENML_JSON,
            bytes: &bytes,
            salt: fresh_random()?,
        };
        let made = self.device.make(content, system_now(), NonZeroUsize::MIN, stop)?;
        self.number += 1;
        self.last = Some(made.id.timestamp());
        Ok(made)
    }

    /// Transactions of a device are a millisecond apart at least. One that makes them faster runs ahead of the clock,
    /// and waits before the door would call it early.
    fn pace(&self, stop: &Stop) -> Result<(), DeviceError> {
        let ahead = self.last.map_or(0, |last| last.since(self.device.time(system_now())));
        let over = ahead.saturating_sub(AHEAD_MS / 2);
        if over > 0 && !stop.sleep(Duration::from_millis(over)) {
            return Err(DeviceError::Stopped);
        }
        Ok(())
    }
}
