//! One device of a load: what it sends next, and what it counts.
//!
//! Always true: at most one request is on its way.

use super::LoadError;
use super::connection::Connection;
use super::delivery::{After, Delivery, Verdict, Verdicts};
use super::ids::Ids;
use super::maker::Maker;
use super::report::Tally;
use super::schedule::Schedule;
use crate::sensor::Stop;
use std::path::Path;
use std::time::Instant;

/// A device that sends.
pub(super) struct Worker<'a> {
    pub(super) maker: Maker<'a>,
    pub(super) connection: Connection,
    pub(super) tally: Tally,
    pub(super) schedule: Schedule,
    pub(super) batch: usize,
    /// Whether its transactions approve each other, so that none after a refused one can be taken.
    pub(super) chained: bool,
    /// Where acknowledged ids go.
    pub(super) ids: Option<(&'a Ids, &'a Path)>,
    pub(super) stop: Stop,
    /// Requests that it has begun.
    pub(super) requests_begun: u32,
}

impl Worker<'_> {
    /// Sends until there is no more to send, it is stopped, or the node is gone.
    pub(super) fn run(&mut self, start: Instant) {
        while let Some(delivery) = self.next(start) {
            let wait = delivery.begun.saturating_duration_since(Instant::now());
            if !self.stop.sleep(wait) || !self.deliver(delivery) {
                return;
            }
        }
    }

    /// What is to be sent next, and when. `None` when there is nothing more; why, if that is no good end, is counted.
    pub(super) fn next(&mut self, start: Instant) -> Option<Delivery> {
        if self.stop.is_raised() {
            return None;
        }
        let made = self.maker.next(self.batch, &mut self.connection, &self.stop);
        let made = made.map_err(|error| self.fail(&error)).ok()?;
        let due = self.schedule.due(start, self.requests_begun);
        self.requests_begun = self.requests_begun.saturating_add(1);
        (!made.is_empty()).then(|| Delivery::new(made, due.unwrap_or_else(Instant::now)))
    }

    /// Hands transactions in until each has a verdict. False when nothing more is to be sent.
    fn deliver(&mut self, mut delivery: Delivery) -> bool {
        loop {
            self.tally.requests += 1;
            let as_batch = self.batch > 1;
            let answer = self.connection.exchange(|target, out| delivery.write(as_batch, target, out));
            let verdicts = answer.map_err(|error| format!("no answer: {error}"));
            let verdicts = verdicts.and_then(|answer| delivery.read(as_batch, &answer));
            match self.judge(&mut delivery, verdicts) {
                After::Next => return true,
                After::Again(wait) if self.stop.sleep(wait) => {}
                After::Again(_) | After::End => return false,
            }
        }
    }

    /// Counts what the node says of a delivery; an error is why there is no answer that could be used.
    pub(super) fn judge(&mut self, delivery: &mut Delivery, verdicts: Result<Verdicts, String>) -> After {
        let (verdicts, retry_after) = match verdicts {
            Ok(verdicts) => verdicts,
            Err(_) if self.stop.is_raised() => return After::End,
            Err(error) => {
                self.tally.fail(error);
                return delivery.patience.after_failure().map_or(After::End, After::Again);
            }
        };
        let latency = delivery.begun.elapsed();
        let (mut accepted, mut put_off) = (Vec::new(), Vec::new());
        for (made, verdict) in std::mem::take(&mut delivery.left).into_iter().zip(verdicts) {
            match verdict {
                Verdict::Accepted { is_new } => {
                    self.tally.accept(latency, is_new);
                    accepted.push(made.id);
                }
                Verdict::Refused(reason) => {
                    self.tally.refuse(&reason);
                    delivery.has_refused = true;
                }
                Verdict::Busy(_) => put_off.push(made),
            }
        }
        if let Some((ids, path)) = self.ids.filter(|_| !accepted.is_empty())
            && let Err(source) = ids.append(&accepted)
        {
            self.fail(&LoadError::disk("write", path, source));
            return After::End;
        }
        delivery.left = put_off;
        if !delivery.left.is_empty() {
            self.tally.busy += delivery.left.len() as u64;
            return delivery.patience.after_busy(retry_after).map_or(After::End, After::Again);
        }
        if delivery.has_refused {
            self.maker.refresh();
        }
        if delivery.has_refused && self.chained { After::End } else { After::Next }
    }

    fn fail(&mut self, error: &LoadError) {
        if !error.is_stop() {
            self.tally.fail(error);
        }
    }
}
