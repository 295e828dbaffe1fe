//! The queue before the checkers, fair between devices: one that floods delays only itself.
//!
//! A job waits in the line of the device that it claims to come from. The lines that have something waiting get equal
//! shares of the checkers, by weight, and so do within a line the connections that its jobs came on: who claims
//! another's id gets at most as much of that line as the other's own connection (`spec/decisions/0010-fair-queue.md`).
//!
//! Always true: what one connection of one line hands in is served in its order, and everything is served after a time
//! that does not depend on who comes later. No order depends on a hash seed: the maps are only looked up. Pushing and
//! popping take O(log n) for n lines.

mod channel;
mod claim;
mod line;
#[cfg(test)]
mod model;
mod shares;
#[cfg(test)]
mod tests;

pub(super) use channel::{PushError, Receiver, Sender, queue};
pub(super) use claim::{line_of, weight_of};

use crate::http::ConnectionId;
use crate::limits;
use line::Line;
use shares::Shares;
use std::collections::HashMap;
use weft_tangle::DeviceId;

/// Whom a job is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The device that issued it, as the job claims; nobody has checked that yet.
    pub(super) issuer: DeviceId,
    /// The connection that it came on, which the node itself has numbered.
    pub(super) connection: ConnectionId,
}

/// The bounds of one queue as values, so that tests can take smaller ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Jobs in all.
    pub(super) jobs: usize,
    /// Weight of all jobs.
    pub(super) weight: usize,
    /// Jobs of one connection in one line.
    pub(super) connection_jobs: usize,
    /// Weight of the jobs of one connection in one line.
    pub(super) connection_weight: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            jobs: limits::CHECK_JOBS,
            weight: limits::CHECK_WEIGHT,
            connection_jobs: limits::CHECK_CONNECTION_JOBS,
            connection_weight: limits::CHECK_CONNECTION_WEIGHT,
        }
    }
}

/// Jobs that wait, by line and connection.
#[derive(Debug)]
pub(super) struct Fair<T> {
    bounds: Bounds,
    /// The lines that have a job.
    lines: HashMap<DeviceId, Line<T>>,
    shares: Shares<DeviceId>,
    jobs: usize,
    weight: usize,
}

impl<T> Fair<T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, lines: HashMap::new(), shares: Shares::new(), jobs: 0, weight: 0 }
    }

    /// Lets a job wait.
    ///
    /// # Errors
    /// The job itself, when there is no room for it. A line gets as much room as is still free, so that it fills at
    /// most half of the whole alone, and there is room left for a line with little waiting however many flood.
    pub(super) fn push(&mut self, origin: Origin, weight: usize, job: T) -> Result<(), T> {
        if !self.has_room(&origin, weight) {
            return Err(job);
        }
        let line = self.lines.entry(origin.issuer).or_insert_with(Line::new);
        line.push(origin.connection, weight, job);
        if let Some(next) = line.next_weight() {
            self.shares.offer(origin.issuer, next);
        }
        self.jobs += 1;
        self.weight += weight;
        Ok(())
    }

    /// The job whose turn it is.
    pub(super) fn pop(&mut self) -> Option<T> {
        let issuer = self.shares.first()?;
        let line = self.lines.get_mut(&issuer)?;
        let (weight, job) = line.pop()?;
        let next = line.next_weight();
        if next.is_none() {
            self.lines.remove(&issuer);
        }
        self.shares.served(weight, next);
        self.jobs -= 1;
        self.weight -= weight;
        Some(job)
    }

    /// Jobs that wait.
    pub(super) fn len(&self) -> usize {
        self.jobs
    }

    fn has_room(&self, origin: &Origin, weight: usize) -> bool {
        let bounds = &self.bounds;
        let line = self.lines.get(&origin.issuer);
        let (line_jobs, line_weight) = line.map_or((0, 0), |line| (line.jobs(), line.weight()));
        let (jobs, taken) = line.map_or((0, 0), |line| line.of_connection(origin.connection));
        line_jobs < bounds.jobs - self.jobs
            && line_weight + weight <= bounds.weight - self.weight
            && jobs < bounds.connection_jobs
            && taken + weight <= bounds.connection_weight
    }
}
