//! The one thread that owns the replica.
//!
//! It takes new transactions only while the replica has room, so it never waits for the writer, and hands the writer all
//! that it has when the commit before is on disk, so the writer never waits long for it. Tickets need no room.

use super::clock::now;
use super::intake::{Answer, Fault};
use super::progress::Progress;
use super::room::Room;
use super::waiting::Waiting;
use crate::limits::{COMMIT_AWAITS, COMMIT_TRANSACTIONS, OWNER_PASS, OWNER_TICK};
use crate::metrics::Metrics;
use crate::store::{Reader, Store};
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, never, select};
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::sync::Arc;
use weft_tangle::replica::{Attached, Effect, Event, Source, Ticket, Token};
use weft_tangle::{DeviceId, HistoryError, Position, Replica, Verified};

/// A job that was checked. What is to be attached is, in its order; when all of that is durable, all is answered.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) items: Vec<Item>,
    pub(super) answers: oneshot::Sender<Vec<Answer>>,
}

/// What has become of one transaction of a job.
#[derive(Debug)]
pub(super) enum Item {
    /// It is to be attached. Its bytes as they came hold their share of the memory for bodies until it is.
    Attach(Box<Verified>, Bytes),
    /// It needs nothing more.
    Answered(Answer),
}

/// Parents for a device.
#[derive(Debug)]
pub(super) struct TicketRequest {
    pub(super) device: DeviceId,
    pub(super) count: usize,
    pub(super) answer: oneshot::Sender<Result<Ticket, Fault>>,
}

/// What the writer says.
#[derive(Debug)]
pub(super) enum Written {
    /// All up to this position is on disk.
    UpTo(Position),
    /// Nothing more will be.
    Failed,
}

fn no_writer() -> HistoryError {
    HistoryError("the writer has ended".into())
}

/// The replica with its surroundings.
pub(super) struct Owner {
    replica: Replica,
    store: Arc<Store>,
    writer: Sender<Vec<Arc<Attached>>>,
    progress: Arc<Progress>,
    room: Arc<Room>,
    metrics: Arc<Metrics>,
    pub(super) waiting: Waiting,
    /// What was taken from the queue and found no room in the replica yet: one job at most.
    backlog: VecDeque<(Token, Box<Verified>, Bytes)>,
    /// What is attached and the writer does not have; the replica bounds it.
    outgoing: Vec<Arc<Attached>>,
    is_writing: bool,
    /// What the next commit waits for, once there is something to commit and nobody commits.
    mark: Option<u64>,
}

impl Owner {
    pub(super) fn new(
        replica: Replica,
        store: Arc<Store>,
        writer: Sender<Vec<Arc<Attached>>>,
        progress: Arc<Progress>,
        room: Arc<Room>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let waiting = Waiting::default();
        let (backlog, outgoing) = (VecDeque::new(), Vec::new());
        Self {
            replica,
            store,
            writer,
            progress,
            room,
            metrics,
            waiting,
            backlog,
            outgoing,
            is_writing: false,
            mark: None,
        }
    }

    /// Serves until nobody can ask any more and everything attached is durable.
    ///
    /// # Errors
    /// Storage has failed. Who waits then is not answered yet.
    pub(super) fn run(
        &mut self,
        requests: &Receiver<Request>,
        tickets: &Receiver<TicketRequest>,
        written: &Receiver<Written>,
        reader: &mut Arc<Reader>,
    ) -> Result<(), HistoryError> {
        let (no_requests, no_tickets) = (never(), never());
        let (mut requests, mut tickets) = (requests, tickets);
        let ticks = crossbeam_channel::tick(OWNER_TICK);
        let mut asked = true;
        while asked || self.replica.occupancy().in_flight > 0 {
            let open = if self.takes() { requests } else { &no_requests };
            select! {
                recv(written) -> written => match written {
                    Ok(written) => self.storage_said(written, reader)?,
                    Err(_) => return Err(no_writer()),
                },
                recv(open) -> request => match request {
                    Ok(request) => self.take_in(request, reader)?,
                    Err(_) => { asked = false; requests = &no_requests; }
                },
                recv(tickets) -> request => match request {
                    Ok(request) => self.ticket(request, reader)?,
                    Err(_) => tickets = &no_tickets,
                },
                recv(ticks) -> _ => self.tick(reader)?,
            }
            self.take_what_waits(requests, tickets, written, reader)?;
            self.write_if_due(asked);
            self.metrics.set_occupancy(self.replica.occupancy());
        }
        Ok(())
    }

    /// Whoever reads may find that the store has failed; here the owner hears of it also when there is nothing to write.
    fn tick(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        // Nothing waits for a checker for longer than this.
        self.mark = self.mark.map(|_| 0);
        match self.store.read_only() {
            Some(cause) => Err(HistoryError(cause)),
            None => self.handle(Event::Tick, reader),
        }
    }

    /// Takes all that waits, what is written before anything else, for waiting anew each time costs more than most of
    /// the work. Each queue gets its turn, or a flood of one would shut out the others.
    fn take_what_waits(
        &mut self,
        requests: &Receiver<Request>,
        tickets: &Receiver<TicketRequest>,
        written: &Receiver<Written>,
        reader: &mut Arc<Reader>,
    ) -> Result<(), HistoryError> {
        if let Ok(written) = written.try_recv() {
            self.storage_said(written, reader)?;
        }
        self.attach_backlog(reader)?;
        for _ in 0..OWNER_PASS {
            if !self.takes() {
                break;
            }
            let Ok(request) = requests.try_recv() else { break };
            self.take_in(request, reader)?;
        }
        for request in tickets.try_iter().take(OWNER_PASS) {
            self.ticket(request, reader)?;
        }
        Ok(())
    }

    fn takes(&self) -> bool {
        self.backlog.is_empty() && self.replica.has_room()
    }

    /// Hands what is attached to the writer when that has nothing to do. What is with the checkers at that moment
    /// joins the same commit, for a commit costs the same for one transaction and for ten.
    fn write_if_due(&mut self, asked: bool) {
        if self.is_writing || self.outgoing.is_empty() {
            return;
        }
        let mark = *self.mark.get_or_insert_with(|| self.progress.mark(COMMIT_AWAITS));
        let is_full = self.outgoing.len() >= COMMIT_TRANSACTIONS || !self.takes() || !asked;
        if !self.progress.is_past(mark) && !is_full {
            return;
        }
        let length = self.outgoing.len().min(COMMIT_TRANSACTIONS);
        let batch = self.outgoing.drain(..length).collect();
        (self.is_writing, self.mark) = (true, None);
        // The channel has room when nothing is being written. It is closed only after a failure that the writer has
        // told, and then nobody is answered.
        let _failed = self.writer.send(batch);
    }

    fn storage_said(&mut self, written: Written, reader: &mut Arc<Reader>) -> Result<(), HistoryError> {
        match written {
            Written::UpTo(position) => self.became_durable(position, reader),
            Written::Failed => Err(HistoryError("a commit failed".into())),
        }
    }

    fn became_durable(&mut self, position: Position, reader: &mut Arc<Reader>) -> Result<(), HistoryError> {
        self.is_writing = false;
        *reader = self.store.shared_reader().map_err(|error| HistoryError(error.to_string()))?;
        self.handle(Event::Durable { position }, reader)
    }

    fn take_in(&mut self, request: Request, reader: &Reader) -> Result<(), HistoryError> {
        self.room.give(request.items.len());
        self.backlog.extend(self.waiting.take_in(request));
        self.attach_backlog(reader)
    }

    fn attach_backlog(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        while self.replica.has_room()
            && let Some((token, transaction, _)) = self.backlog.pop_front()
        {
            let event =
                Event::Received { transaction: *transaction, source: Source::Door, token: Some(token) };
            self.handle(event, reader)?;
        }
        Ok(())
    }

    fn ticket(
        &mut self,
        TicketRequest { device, count, answer }: TicketRequest,
        reader: &Reader,
    ) -> Result<(), HistoryError> {
        let mut entropy = [0; 32];
        if let Err(error) = getrandom::fill(&mut entropy) {
            tracing::error!(%error, "the system gives no entropy");
            let _left = answer.send(Err(Fault::Internal));
            return Ok(());
        }
        let token = self.waiting.token();
        self.waiting.tickets.insert(token, answer);
        self.handle(Event::Ticket { device, count, entropy, token }, reader)
    }

    fn handle(&mut self, event: Event, reader: &Reader) -> Result<(), HistoryError> {
        for effect in self.replica.handle(event, now(), reader)? {
            match effect {
                Effect::Persist(attached) => self.outgoing.push(attached),
                Effect::Answer(token, answer) => self.waiting.answer(token, answer.map_err(Fault::Refused)),
                Effect::Ticket(token, ticket) => {
                    // Clients that have left meanwhile do not want to know.
                    let sender = self.waiting.tickets.remove(&token);
                    let _left = sender.map(|sender| sender.send(Ok(ticket)));
                }
                Effect::Verify(..)
                | Effect::Send { .. }
                | Effect::Relay { .. }
                | Effect::Serve { .. }
                | Effect::Remember { .. }
                | Effect::Disconnect { .. } => unreachable!("no peer is ever connected here"),
            }
        }
        Ok(())
    }
}
