//! Transactions that are handed in together: what is sent, what answers come to, and what is to be done then.
//!
//! Always true: a transaction is counted once, whatever its repetitions.

use super::answer::Answer;
use super::patience::Patience;
use super::target::Target;
use crate::sensor::client::{Accepted, BatchAnswer, BatchResult, Problem, shown};
use crate::sensor::device::Made;
use std::io;
use std::time::{Duration, Instant};
use weft_tangle::TxId;

/// Transactions that are yet to have a verdict, all of one device.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) left: Vec<Made>,
    /// When it was to be sent first.
    pub(super) begun: Instant,
    pub(super) patience: Patience,
    /// Whether a transaction of it was refused.
    pub(super) has_refused: bool,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// Send the next.
    Next,
    /// Send what is left of this once more, after a while.
    Again(Duration),
    /// Send nothing more.
    End,
}

/// What a node says of one transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted {
        is_new: bool,
    },
    Refused(String),
    /// It is to be sent again, after so many seconds if the node says so.
    Busy(Option<u64>),
}

/// What a node says of all that is left, and the seconds that it asks to wait.
pub(super) type Verdicts = (Vec<Verdict>, Option<u64>);

impl Delivery {
    pub(super) fn new(left: Vec<Made>, begun: Instant) -> Self {
        Self { left, begun, patience: Patience::default(), has_refused: false }
    }

    /// Appends the request for what is left.
    pub(super) fn write(&self, as_batch: bool, target: &Target, out: &mut Vec<u8>) -> io::Result<()> {
        let wires = self.left.iter().map(|made| &made.wire);
        if as_batch {
            let length = wires.clone().map(|wire| 4 + wire.len()).sum();
            target.post("/api/v1/transactions/batch", length, out)?;
            for wire in wires {
                // A transaction has at most 18,972 bytes.
                out.extend_from_slice(&(wire.len() as u32).to_be_bytes());
                out.extend_from_slice(wire);
            }
        } else {
            target.post("/api/v1/transactions", wires.clone().map(Vec::len).sum(), out)?;
            wires.for_each(|wire| out.extend_from_slice(wire));
        }
        Ok(())
    }

    /// What an answer says of what is left.
    pub(super) fn read(&self, as_batch: bool, answer: &Answer<'_>) -> Result<Verdicts, String> {
        let ids: Vec<TxId> = self.left.iter().map(|made| made.id).collect();
        let verdicts = if as_batch { of_batch(answer, &ids) } else { of_one(answer, &ids) }?;
        let asked = |verdict: &Verdict| if let Verdict::Busy(seconds) = verdict { *seconds } else { None };
        // A batch's results have no header of their own.
        let seconds = verdicts.iter().filter_map(asked).chain(answer.retry_after).max();
        Ok((verdicts, seconds))
    }
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
        // Of a request that did not arrive in time nothing was judged.
        _ if matches!(status, 408 | 429 | 503) => {
            Verdict::Busy(problem.and_then(|problem| problem.retry_after))
        }
        Some(slug) => Verdict::Refused(shown(slug)),
        None => Verdict::Refused(format!("http-{status}")),
    }
}

fn unclear(answer: &Answer<'_>, error: &serde_json::Error) -> String {
    format!("HTTP {}, not understood: {error}", answer.status)
}

#[cfg(test)]
mod tests;
