//! The same queue without any cleverness: one list of jobs in the order in which they came, and everything else is found
//! by looking through it.

use super::{Bounds, Origin};
use crate::http::ConnectionId;
use weft_tangle::DeviceId;

/// A job as the model holds it.
#[derive(Debug, Clone, Copy)]
struct Job {
    origin: Origin,
    weight: u64,
    name: u32,
}

/// Someone who waits, with its place on the clock.
#[derive(Debug, Clone, Copy)]
struct Member<K> {
    key: K,
    start: u64,
}

/// A virtual clock and those who share by it, in the order in which they came.
#[derive(Debug)]
struct Clock<K> {
    now: u64,
    members: Vec<Member<K>>,
}

impl<K: Copy + Eq> Clock<K> {
    fn new() -> Self {
        Self { now: 0, members: Vec::new() }
    }

    fn arrive(&mut self, key: K) {
        self.members.push(Member { key, start: self.now });
    }

    /// The one with the earliest end, given what the next job of each weighs.
    fn first(&self, weight_of: impl Fn(K) -> u64) -> Option<K> {
        let ends =
            self.members.iter().map(|member| (member.start + (weight_of(member.key) << 16), member.key));
        ends.min_by_key(|(end, _)| *end).map(|(_, key)| key)
    }

    fn serve(&mut self, key: K, weight: u64, stays: bool) {
        self.now += (weight << 16) / self.members.len() as u64;
        let at = self.members.iter().position(|member| member.key == key).unwrap();
        let member = self.members.remove(at);
        if stays {
            self.members.push(Member { start: member.start + (weight << 16), ..member });
        }
        self.now = if self.members.is_empty() { 0 } else { self.now };
    }
}

/// The queue as the model holds it.
#[derive(Debug)]
pub(super) struct Model {
    bounds: Bounds,
    jobs: Vec<Job>,
    lines: Clock<DeviceId>,
    connections: Vec<(DeviceId, Clock<ConnectionId>)>,
}

impl Model {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, jobs: Vec::new(), lines: Clock::new(), connections: Vec::new() }
    }

    pub(super) fn push(&mut self, origin: Origin, weight: usize, name: u32) -> bool {
        let total = |fits: &dyn Fn(&Job) -> bool| {
            let jobs = self.jobs.iter().filter(|job| fits(job));
            jobs.fold((0, 0), |(count, weight), job| (count + 1, weight + job.weight as usize))
        };
        let (jobs, heavy) = total(&|_| true);
        let (line_jobs, line_heavy) = total(&|job| job.origin.issuer == origin.issuer);
        let (own_jobs, own_heavy) = total(&|job| job.origin == origin);
        let bounds = self.bounds;
        if jobs + line_jobs + 1 > bounds.jobs
            || heavy + line_heavy + weight > bounds.weight
            || own_jobs + 1 > bounds.connection_jobs
            || own_heavy + weight > bounds.connection_weight
        {
            return false;
        }
        if line_jobs == 0 {
            self.lines.arrive(origin.issuer);
            self.connections.push((origin.issuer, Clock::new()));
        }
        if own_jobs == 0 {
            self.clock(origin.issuer).arrive(origin.connection);
        }
        self.jobs.push(Job { origin, weight: weight as u64, name });
        true
    }

    pub(super) fn pop(&mut self) -> Option<u32> {
        let issuer = self.lines.first(|issuer| self.next_of(issuer).weight)?;
        let job = self.next_of(issuer);
        self.jobs.retain(|other| other.name != job.name);
        let any = |jobs: &[Job], fits: &dyn Fn(&Job) -> bool| jobs.iter().any(fits);
        let connection_stays = any(&self.jobs, &|left| left.origin == job.origin);
        let line_stays = any(&self.jobs, &|left| left.origin.issuer == issuer);
        self.clock(issuer).serve(job.origin.connection, job.weight, connection_stays);
        self.lines.serve(issuer, job.weight, line_stays);
        if !line_stays {
            self.connections.retain(|(line, _)| *line != issuer);
        }
        Some(job.name)
    }

    fn clock(&mut self, issuer: DeviceId) -> &mut Clock<ConnectionId> {
        let found = self.connections.iter_mut().find(|(line, _)| *line == issuer);
        &mut found.unwrap().1
    }

    /// The job of a line that comes next.
    fn next_of(&self, issuer: DeviceId) -> Job {
        let oldest = |connection| {
            let origin = Origin { issuer, connection };
            *self.jobs.iter().find(|job| job.origin == origin).unwrap()
        };
        let (_, clock) = self.connections.iter().find(|(line, _)| *line == issuer).unwrap();
        oldest(clock.first(|connection| oldest(connection).weight).unwrap())
    }
}
