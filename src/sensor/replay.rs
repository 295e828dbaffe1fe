//! Replaying a recording through a node's API, as if its sensor were measuring now.
//!
//! Always true: rows go out in their order, each once. A replay that is stopped has handed in a beginning of the recording.

use super::client::Patience;
use super::limits::{BATCH_ROWS, CONTENT_BYTES};
use super::naming::full_name;
use super::survey::Survey;
use super::{Sent, Session, SessionError, Stop};
use crate::content::MAX_READING_RECORDS;
use crate::recording::{RecordingError, Sample};
use crate::senml::{Name, Problem, Record, Time, Value, write_compact_json};
use std::time::{Duration, Instant};
use weft_tangle::{Kind, TxId, content_format};

/// How fast a recording is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// This many times as fast as it was recorded; positive and finite.
    Times(f64),
    /// As fast as the node takes it.
    Max,
}

/// A speed that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no speed; give 1 for real time, 10 for ten times as fast, or max (or 0) for as fast as possible"
)]
pub struct SpeedError(String);

impl std::str::FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        match text.parse::<f64>() {
            _ if text == "max" => Ok(Self::Max),
            Ok(0.0) => Ok(Self::Max),
            Ok(times) if (MIN_TIMES..=MAX_TIMES).contains(&times) => Ok(Self::Times(times)),
            _ => Err(SpeedError(text.into())),
        }
    }
}

/// Slower would take a thousand days for a day.
const MIN_TIMES: f64 = 0.001;

/// Faster is not to be told from `max`.
const MAX_TIMES: f64 = 1e6;

impl Speed {
    /// How long after the start what was recorded `offset` after the first row is due.
    fn due(self, offset: Duration) -> Duration {
        match self {
            // The bounds of a speed and of a recording's times keep this far from overflow.
            Self::Times(times) => {
                Duration::try_from_secs_f64(offset.as_secs_f64() / times).unwrap_or(Duration::MAX)
            }
            Self::Max => Duration::ZERO,
        }
    }
}

/// How a recording is replayed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// How fast.
    pub speed: Speed,
    /// Rows in one transaction, at least 1. A transaction that would become too long is split.
    pub rows: usize,
    /// Whether records keep the recording's own times. Otherwise they are moved so that the last one is measured
    /// when it is sent.
    pub keep_time: bool,
}

/// What has been handed in so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Transactions.
    pub transactions: u64,
    /// Rows of the recording.
    pub rows: u64,
    /// Values in them.
    pub values: u64,
    /// The first transaction.
    pub first: Option<TxId>,
    /// The last transaction.
    pub last: Option<TxId>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The recording changed since it was surveyed.
    #[error("the recording changed while it was replayed: {0}")]
    Recording(#[from] RecordingError),
    /// SenML does not allow it.
    #[error("signal `{signal}`: {problem}")]
    Signal {
        /// The signal.
        signal: String,
        /// What is wrong.
        problem: Problem,
    },
    /// The recording has no times of its own.
    #[error("the recording says how long after its start a row was taken, not when; leave --keep-time out")]
    NoTime,
    /// Rows in a transaction.
    #[error("a transaction takes 1 to {BATCH_ROWS} rows, not {0}")]
    Rows(usize),
    /// One row has too many signals for a transaction.
    #[error(
        "one row of the recording is longer than a transaction; split its columns over several recordings"
    )]
    LongRow,
}

/// A replay that is under way.
struct Replay<'r, 's> {
    session: &'r mut Session<'s>,
    signals: Vec<(Name, Option<String>)>,
    /// Microseconds since the Unix epoch of the first row; `None` when rows keep their own times.
    origin: Option<i64>,
    summary: Summary,
    on_sent: &'r mut dyn FnMut(&Sent, &Summary),
}

/// Replays the samples of a surveyed recording; `on_sent` is told of each transaction.
///
/// Returns what was handed in, and what ended it early, if that was not a stop.
pub fn run(
    session: &mut Session<'_>,
    plan: Plan,
    survey: &Survey,
    samples: impl Iterator<Item = Result<Sample, RecordingError>>,
    stop: &Stop,
    on_sent: &mut dyn FnMut(&Sent, &Summary),
) -> (Summary, Option<ReplayError>) {
    let mut replay = match Replay::prepare(session, plan, survey, on_sent) {
        Ok(replay) => replay,
        Err(error) => return (Summary::default(), Some(error)),
    };
    let error = match replay.all(plan, samples, stop) {
        Err(ReplayError::Session(error)) if error.is_stop() => {
            replay.summary.stopped = true;
            None
        }
        other => other.err(),
    };
    (replay.summary, error)
}

impl<'r, 's> Replay<'r, 's> {
    fn prepare(
        session: &'r mut Session<'s>,
        plan: Plan,
        survey: &Survey,
        on_sent: &'r mut dyn FnMut(&Sent, &Summary),
    ) -> Result<Self, ReplayError> {
        if !(1..=BATCH_ROWS).contains(&plan.rows) {
            return Err(ReplayError::Rows(plan.rows));
        }
        if plan.keep_time && survey.last.is_none() {
            return Err(ReplayError::NoTime);
        }
        let device = session.device();
        let signal = |signal: &super::survey::Signal| {
            let named = full_name(&device, &signal.name).map(|name| (name, signal.unit.clone()));
            named.map_err(|problem| ReplayError::Signal { signal: signal.name.clone(), problem })
        };
        let signals = survey.signals.iter().map(signal).collect::<Result<_, _>>()?;
        let many = survey.rows.div_ceil(plan.rows as u64);
        session.expect_many(usize::try_from(many).unwrap_or(usize::MAX));
        session.client_mut().set_patience(Patience::SENSOR);
        let now = Time::from_milliseconds(session.time()?.as_millis());
        let origin = (!plan.keep_time).then(|| origin(now, survey.duration, plan.speed));
        Ok(Self { session, signals, origin, summary: Summary::default(), on_sent })
    }

    fn all(
        &mut self,
        plan: Plan,
        samples: impl Iterator<Item = Result<Sample, RecordingError>>,
        stop: &Stop,
    ) -> Result<(), ReplayError> {
        let start = Instant::now();
        let mut rows = Vec::with_capacity(plan.rows.min(64));
        for sample in samples {
            let sample = sample?;
            let due = plan.speed.due(sample.offset);
            if !stop.sleep(due.saturating_sub(start.elapsed())) {
                self.summary.stopped = true;
                return Ok(());
            }
            rows.push(self.records(&sample)?);
            if rows.len() >= plan.rows {
                self.hand_in(&std::mem::take(&mut rows))?;
            }
        }
        if rows.is_empty() { Ok(()) } else { self.hand_in(&rows) }
    }

    /// Hands in these rows, in one transaction or, when that would be too long, in several.
    fn hand_in(&mut self, rows: &[Vec<Record>]) -> Result<(), ReplayError> {
        let records: Vec<Record> = rows.concat();
        let content = write_compact_json(&records).into_bytes();
        if content.len() > CONTENT_BYTES || records.len() > MAX_READING_RECORDS {
            if rows.len() < 2 {
                return Err(ReplayError::LongRow);
            }
            let (first, second) = rows.split_at(rows.len() / 2);
            self.hand_in(first)?;
            return self.hand_in(second);
        }
        let sent = self.session.send(Kind::Reading, content_format::SENML_JSON, &content)?;
        self.summary.transactions += 1;
        self.summary.rows += rows.len() as u64;
        self.summary.values += records.len() as u64;
        self.summary.first.get_or_insert(sent.id);
        self.summary.last = Some(sent.id);
        (self.on_sent)(&sent, &self.summary);
        Ok(())
    }

    fn records(&self, sample: &Sample) -> Result<Vec<Record>, ReplayError> {
        let time = match self.origin {
            None => sample.absolute.ok_or(ReplayError::NoTime)?,
            Some(origin) => Time::from_microseconds(origin.saturating_add(micros(sample.offset))),
        };
        let record = |(signal, value): &(usize, f64)| {
            // Samples name columns of the recording that the signals were made of.
            let (name, unit) = self.signals.get(*signal)?;
            let record = Record::new(name.clone(), Value::Number(*value), time);
            let record = match unit {
                Some(unit) => record.and_then(|record| record.with_unit(unit.as_str())),
                None => record,
            };
            Some(record.map_err(|problem| ReplayError::Signal { signal: name.as_str().into(), problem }))
        };
        sample.values.iter().filter_map(record).collect()
    }
}

/// The time of the first row, so that no record lies ahead of when it is sent and the last one lies there.
fn origin(now: Time, duration: Duration, speed: Speed) -> i64 {
    let hurried = duration.saturating_sub(speed.due(duration));
    now.microseconds().saturating_sub(micros(hurried))
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
