//! One device of a load: sends its transactions on its own connection and counts what becomes of them.
//!
//! Always true: at most one request is on its way, and a transaction is counted once, whatever its repetitions.

use super::LoadError;
use super::connection::{Answer, Connection};
use super::ids::Ids;
use super::maker::Maker;
use super::patience::Patience;
use super::report::Tally;
use crate::sensor::Stop;
use crate::sensor::client::{Accepted, BatchAnswer, BatchResult, Problem};
use crate::sensor::device::Made;
use std::path::Path;
use std::time::{Duration, Instant};
use weft_tangle::TxId;

/// When a device's requests are to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// From one request of a device to its next, and from the start to its first; `None`: each when the one before it
    /// is answered.
    pub(super) times: Option<(Duration, Duration)>,
}

impl Schedule {
    /// The requests of all devices are spread evenly: `rate` transactions a second, `batch` in a request.
    pub(super) fn new(rate: Option<f64>, batch: usize, devices: usize, device: usize) -> Self {
        let times = rate.map(|rate| {
            let apart = batch as f64 / rate;
            // A rate of less than one a century is one that never comes.
            let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            (seconds(apart * devices as f64), seconds(apart * device as f64))
        });
        Self { times }
    }

    /// From the start to a device's request number `number`.
    fn offset(self, number: u32) -> Option<Duration> {
        self.times.map(|(apart, first)| apart.saturating_mul(number).saturating_add(first))
    }
}

/// What a node says of one transaction.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Accepted { is_new: bool },
    Refused(String),
    Busy,
}

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
}

impl Worker<'_> {
    /// Sends until there is no more to send, it is stopped, or the node is gone.
    pub(super) fn run(&mut self, start: Instant) {
        for number in 0.. {
            match self.step(start, number) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    if !error.is_stop() {
                        self.tally.fail(error);
                    }
                    return;
                }
            }
        }
    }

    /// Sends the next request. False when it was the last.
    fn step(&mut self, start: Instant, number: u32) -> Result<bool, LoadError> {
        if self.stop.is_raised() {
            return Ok(false);
        }
        let made = self.maker.next(self.batch, &mut self.connection, &self.stop)?;
        if made.is_empty() {
            return Ok(false);
        }
        let mut begun = Instant::now();
        if let Some(offset) = self.schedule.offset(number) {
            if !self.stop.sleep(offset.saturating_sub(start.elapsed())) {
                return Ok(false);
            }
            begun = start.checked_add(offset).unwrap_or(begun);
        }
        self.deliver(made, begun)
    }

    /// Hands transactions in until each has a verdict. False when nothing more is to be sent.
    fn deliver(&mut self, mut left: Vec<Made>, begun: Instant) -> Result<bool, LoadError> {
        let mut patience = Patience::default();
        let mut refused = false;
        loop {
            self.tally.requests += 1;
            let answer = send(&mut self.connection, &left, self.batch > 1);
            let (verdicts, retry_after) = match answer {
                Ok(answer) => answer,
                Err(_) if self.stop.is_raised() => return Ok(false),
                Err(error) => {
                    self.tally.fail(error);
                    if patience.after_failure(&self.stop) {
                        continue;
                    }
                    return Ok(false);
                }
            };
            let latency = begun.elapsed();
            let (mut accepted, mut put_off) = (Vec::new(), Vec::new());
            for (made, verdict) in left.into_iter().zip(verdicts) {
                match verdict {
                    Verdict::Accepted { is_new } => {
                        self.tally.accept(latency, is_new);
                        accepted.push(made.id);
                    }
                    Verdict::Refused(reason) => {
                        self.tally.refuse(&reason);
                        refused = true;
                    }
                    Verdict::Busy => put_off.push(made),
                }
            }
            self.note(&accepted)?;
            left = put_off;
            if left.is_empty() {
                break;
            }
            self.tally.busy += left.len() as u64;
            if !patience.after_busy(retry_after, &self.stop) {
                return Ok(false);
            }
        }
        if refused {
            self.maker.refresh();
        }
        Ok(!(refused && self.chained))
    }

    fn note(&self, accepted: &[TxId]) -> Result<(), LoadError> {
        match self.ids {
            Some((ids, path)) if !accepted.is_empty() => {
                ids.append(accepted).map_err(|source| LoadError::disk("write", path, source))
            }
            _ => Ok(()),
        }
    }
}

/// Sends one request; what the node says of each transaction, and the seconds that it asks to wait.
fn send(
    connection: &mut Connection,
    made: &[Made],
    as_batch: bool,
) -> Result<(Vec<Verdict>, Option<u64>), String> {
    let answer = if as_batch {
        let length = made.iter().map(|made| 4 + made.wire.len()).sum();
        connection.post("/api/v1/transactions/batch", length, |out| {
            for made in made {
                // A transaction has at most 18,972 bytes.
                out.extend_from_slice(&(made.wire.len() as u32).to_be_bytes());
                out.extend_from_slice(&made.wire);
            }
        })
    } else {
        let length = made.iter().map(|made| made.wire.len()).sum();
        let write = |out: &mut Vec<u8>| made.iter().for_each(|made| out.extend_from_slice(&made.wire));
        connection.post("/api/v1/transactions", length, write)
    };
    let answer = answer.map_err(|error| format!("no answer: {error}"))?;
    let ids: Vec<TxId> = made.iter().map(|made| made.id).collect();
    let retry_after = answer.retry_after;
    let verdicts = if as_batch { of_batch(&answer, &ids) } else { of_one(&answer, &ids) };
    Ok((verdicts?, retry_after))
}

fn of_one(answer: &Answer<'_>, ids: &[TxId]) -> Result<Vec<Verdict>, String> {
    if !matches!(answer.status, 200 | 201) {
        return Ok(of_all(answer, ids.len()));
    }
    let accepted: Accepted = serde_json::from_slice(answer.body).map_err(|error| unclear(answer, &error))?;
    verdict_of(&accepted, ids.first(), answer.status == 201).map(|verdict| vec![verdict])
}

fn of_batch(answer: &Answer<'_>, ids: &[TxId]) -> Result<Vec<Verdict>, String> {
    if answer.status != 200 {
        return Ok(of_all(answer, ids.len()));
    }
    let batch: BatchAnswer = serde_json::from_slice(answer.body).map_err(|error| unclear(answer, &error))?;
    if batch.results.len() != ids.len() {
        return Err(format!("{} results for {} transactions", batch.results.len(), ids.len()));
    }
    let one = |(result, id): (BatchResult, &TxId)| match result {
        BatchResult::Accepted(accepted) => verdict_of(&accepted, Some(id), true),
        BatchResult::Refused { problem } => Ok(of_problem(problem.status, Some(&problem))),
    };
    batch.results.into_iter().zip(ids).map(one).collect()
}

fn verdict_of(accepted: &Accepted, sent: Option<&TxId>, is_new: bool) -> Result<Verdict, String> {
    if sent == Some(&accepted.id) {
        return Ok(Verdict::Accepted { is_new });
    }
    Err(format!("the node answers for {}, which was not sent", accepted.id))
}

/// A request that was refused whole.
fn of_all(answer: &Answer<'_>, count: usize) -> Vec<Verdict> {
    let problem: Option<Problem> = serde_json::from_slice(answer.body).ok();
    (0..count).map(|_| of_problem(answer.status, problem.as_ref())).collect()
}

fn of_problem(status: u16, problem: Option<&Problem>) -> Verdict {
    match problem.map(Problem::slug).filter(|slug| !slug.is_empty()) {
        _ if matches!(status, 429 | 503) => Verdict::Busy,
        Some(slug) => Verdict::Refused(crate::sensor::client::shown(slug)),
        None => Verdict::Refused(format!("http-{status}")),
    }
}

fn unclear(answer: &Answer<'_>, error: &serde_json::Error) -> String {
    format!("HTTP {}, not understood: {error}", answer.status)
}

#[cfg(test)]
mod tests;
