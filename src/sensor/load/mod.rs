//! A load on a node: many devices that enrol and then send as fast as they are answered, or at a rate.
//!
//! ```text
//! keys, enrolment (all cores) -> signing beforehand (all cores) -> sending (a connection each, all in one thread)
//!                             -> signing, or waiting for the time, and sending (a connection and a thread each)
//! ```
//!
//! Always true: every device is an honest one, with counters that are its own, work as the rules ask for it (so those
//! who send more than their quota pay more), and content that the door takes. With a rate, a request's latency is
//! counted from when it was to be sent, so that a node that stalls cannot hide it by slowing the load down.

mod answer;
mod connection;
mod delivery;
mod error;
mod fleet;
mod ids;
mod line;
mod maker;
mod patience;
mod reading;
mod report;
mod schedule;
mod target;
mod together;
mod worker;

pub use error::LoadError;
pub use report::{Latency, Report};

use super::client::Client;
use super::device::{Device, Terms};
use super::limits::{BATCH_TRANSACTIONS, LOAD_DEVICES, LOAD_PRESIGNED, LOAD_TRANSACTIONS};
use super::{KeyFile, Patience, State, Stop};
use connection::Connection;
use fleet::{Home, enrolled, in_parallel};
use ids::Ids;
use maker::Maker;
use report::{Tally, processor_time};
use schedule::Schedule;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};
use target::Target;
use worker::Worker;

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The node's address.
    pub url: String,
    /// Devices, a connection each.
    pub devices: usize,
    /// Transactions in all.
    pub count: u64,
    /// Transactions a second over all devices; `None`: as fast as they are answered.
    pub rate: Option<f64>,
    /// Transactions in a request.
    pub batch: usize,
    /// Whether all are signed before the first is sent. Each device's then approve one another, and when one is
    /// refused those after it are not sent.
    pub presign: bool,
    /// A file to which each acknowledged id is appended at once, a line each.
    pub ids: Option<PathBuf>,
    /// Where keys and states lie, to be used again; `None`: keys of this load alone, gone when it is over.
    pub data: Option<PathBuf>,
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Stage {
    /// All devices are enrolled.
    #[error("{devices} devices enrolled in {:.1} s", time.as_secs_f64())]
    Enrolled {
        /// How many.
        devices: usize,
        /// How long it took.
        time: Duration,
    },
    /// Devices send more than their quota.
    #[error(
        "each device sends {each}, more than its quota of {quota} in an epoch: the work of those beyond it grows"
    )]
    OverQuota {
        /// Transactions of one device.
        each: u64,
        /// The network's quota.
        quota: u32,
    },
    /// All is signed.
    #[error("{count} transactions signed in {:.1} s", time.as_secs_f64())]
    Signed {
        /// How many.
        count: u64,
        /// How long it took.
        time: Duration,
    },
}

impl Plan {
    fn check(&self) -> Result<(), LoadError> {
        let within = |name, found: u64, least, most, advice| match found {
            found if (least..=most).contains(&found) => Ok(()),
            found => Err(LoadError::Plan { name, found, least, most, advice }),
        };
        within("the number of devices", self.devices as u64, 1, LOAD_DEVICES as u64, "")?;
        within("the number of transactions", self.count, 1, LOAD_TRANSACTIONS, "")?;
        within(
            "the number of transactions in a request",
            self.batch as u64,
            1,
            BATCH_TRANSACTIONS as u64,
            "",
        )?;
        if self.presign {
            let advice = " with --presign, for they are held in memory, and send several loads";
            within("the number of transactions", self.count, 1, LOAD_PRESIGNED, advice)?;
        }
        match self.rate {
            Some(rate) if !(rate.is_finite() && rate > 0.0) => Err(LoadError::Rate(rate)),
            _ => Ok(()),
        }
    }

    fn schedule(&self, device: usize) -> Schedule {
        // The last devices may have one transaction less; all of them keep to one beat.
        Schedule::new(self.rate, self.share(0).min(self.batch as u64), self.devices, device)
    }

    /// How many of the transactions a device sends.
    fn share(&self, device: usize) -> u64 {
        let devices = self.devices as u64;
        self.count / devices + u64::from((device as u64) < self.count % devices)
    }
}

/// Makes a load on a node and says what came of it, also when it is stopped while it sends. `told` hears how far it is.
///
/// # Errors
/// [`LoadError`] when the load cannot begin, or is stopped before it does. What happens later is in the report.
pub fn run(plan: &Plan, stop: &Stop, told: &dyn Fn(Stage)) -> Result<Report, LoadError> {
    plan.check()?;
    let ids = match &plan.ids {
        Some(path) => Some((Ids::open(path).map_err(|source| LoadError::disk("open", path, source))?, path)),
        None => None,
    };
    let client = Client::new(&plan.url, Patience::INTERACTIVE, stop.clone())?;
    let info = client.network()?;
    let terms = Terms {
        network: info.network,
        rules: info.rules.checked().map_err(super::SessionError::from)?,
        open_enrolment: info.rules.open_enrolment,
    };
    let begin = Instant::now();
    let home = Home::open(plan.data.as_deref())?;
    let keys = enrolled(plan, &home, stop)?;
    let enrolling = begin.elapsed();
    told(Stage::Enrolled { devices: keys.len(), time: enrolling });
    if plan.share(0) > u64::from(info.rules.quota) {
        told(Stage::OverQuota { each: plan.share(0), quota: info.rules.quota });
    }

    let begin = Instant::now();
    let ids = ids.as_ref().map(|(ids, path)| (ids, path.as_path()));
    let numbered = keys.iter().enumerate().collect();
    let target = Target::new(client.url())
        .ok_or_else(|| LoadError::Ticket { problem: format!("{} names no host", client.url()) })?;
    let workers = in_parallel(numbered, |(number, key): (usize, &KeyFile)| {
        let device = Device::new(key.key(), State::open(key)?, terms);
        let connection = Connection::new(target.clone(), stop.clone());
        let mut worker = Worker {
            maker: Maker::new(device, plan.share(number)),
            connection,
            tally: Tally::new(),
            schedule: plan.schedule(number),
            batch: plan.batch,
            chained: plan.presign,
            ids,
            stop: stop.clone(),
            requests_begun: 0,
        };
        if plan.presign {
            worker.maker.make_all(&mut worker.connection, stop)?;
        }
        Ok(worker)
    })?;
    let signing = if plan.presign { begin.elapsed() } else { Duration::ZERO };
    if plan.presign {
        told(Stage::Signed { count: plan.count, time: signing });
    }
    let (tallies, sending, processor) = send(workers, plan.presign && plan.rate.is_none(), stop);
    Ok(Report { enrolling, signing, sending, processor, ..Report::of(plan.count, &tallies) })
}

/// Lets all workers send at once; what they counted, how long it took, and the processor time that it cost.
fn send(
    mut workers: Vec<Worker<'_>>,
    together: bool,
    stop: &Stop,
) -> (Vec<Tally>, Duration, Option<Duration>) {
    for worker in &mut workers {
        worker.connection.renew();
    }
    let before = processor_time();
    let start = Instant::now();
    if together {
        together::run(&mut workers, stop, start);
    } else {
        apart(&mut workers, start);
    }
    let sending = start.elapsed();
    let processor = processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    let closed = |worker: Worker<'_>| {
        let mut tally = worker.tally;
        // A gap in the counters is all that remains if this fails.
        if let Err(error) = worker.maker.close() {
            tally.last_error = Some(error.to_string());
        }
        tally
    };
    (workers.into_iter().map(closed).collect(), sending, processor)
}

/// Has each worker send in a thread of its own: where it signs it keeps a core busy, and what is sent at a time is not to wait
/// for others.
fn apart(workers: &mut [Worker<'_>], start: Instant) {
    let failures: Vec<_> = thread::scope(|scope| {
        let begin = |worker| thread::Builder::new().spawn_scoped(scope, move || Worker::run(worker, start));
        workers.iter_mut().map(|worker| begin(worker).err()).collect()
    });
    for (worker, failure) in workers.iter_mut().zip(failures) {
        if let Some(error) = failure {
            worker.tally.fail(format!("cannot start a thread: {error}"));
        }
    }
}

#[cfg(test)]
mod tests;
