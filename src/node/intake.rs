//! The way in: hands work to the checkers and requests to the owner, and waits for their answers.
//!
//! Nothing here waits for room: a full queue is told at once, so that load turns into answers, not into memory.

use super::directory::Directory;
use super::fair::{self, Origin, PushError, line_of, weight_of};
use super::health::Health;
use super::job::{Checked, DoorJob, Job};
use super::owner::TicketRequest;
use super::progress::Progress;
use crate::bell::Sender;
use crate::http::ConnectionId;
use bytes::Bytes;
use crossbeam_channel::TrySendError;
use futures_channel::oneshot;
use std::sync::Arc;
use weft_tangle::replica::{Taken, Ticket};
use weft_tangle::{DeviceId, Refusal};

/// Why a transaction was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A rule of the ledger refuses it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A reading's content is of no format that the door knows.
    #[error("{0}")]
    UnsupportedContent(String),
    /// A reading's content is not what its format says.
    #[error("{0}")]
    Content(String),
    /// A queue is full.
    #[error("this node has more transactions to check than it can; try again shortly")]
    Overloaded,
    /// The check failed by a fault of the node.
    #[error("this node could not check the transaction, and its log says why")]
    Internal,
    /// What is stored of the issuer is not what was written.
    #[error("this node cannot tell who the issuer is, for what it stored is damaged: {0}")]
    Damaged(String),
    /// Nothing is written at present.
    #[error("this node cannot write at present: {0}")]
    Storage(String),
    /// The node ends.
    #[error("this node is stopping; try again when it is back, or at another node")]
    Stopping,
}

/// What becomes of a transaction.
pub(super) type Answer = Result<Taken, Fault>;

/// The way into the ledger, shared by all requests.
#[derive(Debug, Clone)]
pub struct Intake {
    jobs: fair::Sender<Job>,
    directory: Arc<Directory>,
    tickets: Sender<TicketRequest>,
    /// Looked at only: it is the checkers that send.
    requests: Sender<Checked>,
    progress: Arc<Progress>,
    health: Arc<Health>,
}

impl Intake {
    pub(super) fn new(
        jobs: fair::Sender<Job>,
        directory: Arc<Directory>,
        tickets: Sender<TicketRequest>,
        requests: Sender<Checked>,
        progress: Arc<Progress>,
        health: Arc<Health>,
    ) -> Self {
        Self { jobs, directory, tickets, requests, progress, health }
    }

    /// Has transactions in wire form checked and attached, in their order, for a later one may approve an earlier.
    /// All are answered when the last of them is durable or refused. They wait for their turn beside what else comes
    /// from their issuer, or on this connection.
    pub async fn submit(
        &self,
        connection: ConnectionId,
        transactions: Vec<Bytes>,
    ) -> Vec<Result<Taken, Fault>> {
        let count = transactions.len();
        let origin = Origin { issuer: line_of(&self.directory, &transactions), connection };
        let weight = weight_of(&transactions);
        let (answers, receiver) = oneshot::channel();
        let job = Job::Door(DoorJob { items: transactions, answers });
        if let Err(fault) = self.may_write().and_then(|()| self.enqueue(origin, weight, job)) {
            return vec![Err(fault); count];
        }
        receiver.await.unwrap_or_else(|_| vec![Err(self.lost()); count])
    }

    /// Asks for parents for `device`.
    ///
    /// # Errors
    /// [`Fault::Overloaded`], [`Fault::Storage`], [`Fault::Stopping`].
    pub async fn ticket(&self, device: DeviceId, count: usize) -> Result<Ticket, Fault> {
        // A sensor would sign and search for what is not taken.
        self.may_write()?;
        let (answer, receiver) = oneshot::channel();
        self.tickets.try_send(TicketRequest { device, count, answer }).map_err(|error| self.full(&error))?;
        receiver.await.map_err(|_| self.lost())?
    }

    /// How much waits in each queue: jobs for a checker, checked transactions and tickets for the owner.
    pub fn queued(&self) -> [(&'static str, usize); 3] {
        [("check", self.jobs.len()), ("owner", self.requests.len()), ("ticket", self.tickets.len())]
    }

    fn enqueue(&self, origin: Origin, weight: usize, job: Job) -> Result<(), Fault> {
        let transactions = job.len();
        self.progress.submit(transactions);
        self.jobs.push(origin, weight, job).map_err(|error| {
            self.progress.finish(transactions);
            match error {
                PushError::Full => Fault::Overloaded,
                PushError::Disconnected => self.lost(),
            }
        })
    }

    fn may_write(&self) -> Result<(), Fault> {
        match self.health.read_only() {
            Some(cause) => Err(Fault::Storage(cause)),
            None if self.health.is_stopping() => Err(Fault::Stopping),
            None => Ok(()),
        }
    }

    fn full<T>(&self, error: &TrySendError<T>) -> Fault {
        match error {
            TrySendError::Full(_) => Fault::Overloaded,
            TrySendError::Disconnected(_) => self.lost(),
        }
    }

    /// Whoever should have answered is gone: storage failed, or the node stops.
    fn lost(&self) -> Fault {
        match self.health.read_only() {
            Some(cause) => Fault::Storage(cause),
            None => Fault::Stopping,
        }
    }
}
