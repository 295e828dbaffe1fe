//! One device's line: its connections get equal shares of it.
//!
//! Always true: a connection is here only while it has a job waiting.

use super::shares::Shares;
use crate::http::ConnectionId;
use std::collections::{HashMap, VecDeque};

/// The jobs that claim one device.
#[derive(Debug)]
pub(super) struct Line<T> {
    jobs: usize,
    weight: usize,
    connections: HashMap<ConnectionId, Connection<T>>,
    shares: Shares<ConnectionId>,
}

#[derive(Debug)]
struct Connection<T> {
    weight: usize,
    jobs: VecDeque<(usize, T)>,
}

impl<T> Connection<T> {
    fn next_weight(&self) -> Option<usize> {
        self.jobs.front().map(|(weight, _)| *weight)
    }
}

impl<T> Line<T> {
    pub(super) fn new() -> Self {
        Self { jobs: 0, weight: 0, connections: HashMap::new(), shares: Shares::new() }
    }

    pub(super) fn push(&mut self, from: ConnectionId, weight: usize, job: T) {
        let connection =
            self.connections.entry(from).or_insert_with(|| Connection { weight: 0, jobs: VecDeque::new() });
        connection.jobs.push_back((weight, job));
        connection.weight += weight;
        if connection.jobs.len() == 1 {
            self.shares.offer(from, weight);
        }
        self.jobs += 1;
        self.weight += weight;
    }

    /// What the next job weighs.
    pub(super) fn next_weight(&self) -> Option<usize> {
        self.connections.get(&self.shares.first()?)?.next_weight()
    }

    /// The next job and its weight.
    pub(super) fn pop(&mut self) -> Option<(usize, T)> {
        let from = self.shares.first()?;
        let connection = self.connections.get_mut(&from)?;
        let (weight, job) = connection.jobs.pop_front()?;
        connection.weight -= weight;
        let next = connection.next_weight();
        if next.is_none() {
            self.connections.remove(&from);
        }
        self.shares.served(weight, next);
        self.jobs -= 1;
        self.weight -= weight;
        Some((weight, job))
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Jobs of a connection, and what they weigh.
    pub(super) fn of_connection(&self, connection: ConnectionId) -> (usize, usize) {
        self.connections
            .get(&connection)
            .map_or((0, 0), |connection| (connection.jobs.len(), connection.weight))
    }
}
