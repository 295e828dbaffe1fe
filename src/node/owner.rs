//! The one thread that owns the replica.
//!
//! It takes what has become durable before anything else, and takes new transactions only while the replica has
//! room, so it never waits for the writer and the writer never waits long for it. Tickets need no room.

use super::clock::now;
use super::health::Health;
use super::intake::{Answer, Fault};
use crate::limits::OWNER_TICK;
use crate::metrics::Metrics;
use crate::store::{Reader, Store};
use crossbeam_channel::{Receiver, Sender, TryRecvError, never, select};
use futures_channel::oneshot;
use std::collections::HashMap;
use std::sync::Arc;
use weft_tangle::replica::{Attached, Effect, Event, Source, Ticket, Token};
use weft_tangle::{DeviceId, HistoryError, Position, Replica, Verified};

/// Attach this and say when it is durable.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) transaction: Box<Verified>,
    pub(super) answer: oneshot::Sender<Answer>,
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

/// The replica with its surroundings.
pub(super) struct Owner {
    pub(super) replica: Replica,
    pub(super) store: Arc<Store>,
    pub(super) writer: Sender<Arc<Attached>>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) waiting: Waiting,
}

/// Who waits for which token.
#[derive(Default)]
pub(super) struct Waiting {
    next: u64,
    answers: HashMap<Token, oneshot::Sender<Answer>>,
    tickets: HashMap<Token, oneshot::Sender<Result<Ticket, Fault>>>,
}

impl Waiting {
    fn token(&mut self) -> Token {
        self.next += 1;
        Token(self.next)
    }
}

impl Owner {
    /// Serves until nobody can ask any more and everything attached is durable, or storage fails.
    pub(super) fn run(
        &mut self,
        requests: &Receiver<Request>,
        tickets: &Receiver<TicketRequest>,
        written: &Receiver<Written>,
        reader: &mut Reader,
    ) {
        let (no_requests, no_tickets) = (never(), never());
        let mut tickets = tickets;
        let ticks = crossbeam_channel::tick(OWNER_TICK);
        let mut asked = true;
        while asked || self.replica.occupancy().in_flight > 0 {
            let open = if asked && self.replica.has_room() { requests } else { &no_requests };
            // What is written comes first. Among the others nobody does, or a flood of one would shut out the rest.
            let step = match written.try_recv() {
                Ok(written) => self.storage_said(written, reader),
                Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => select! {
                    recv(written) -> written => match written {
                        Ok(written) => self.storage_said(written, reader),
                        Err(_) => break,
                    },
                    recv(open) -> request => match request {
                        Ok(request) => self.attach(request, reader),
                        Err(_) => { asked = false; Ok(()) }
                    },
                    recv(tickets) -> request => match request {
                        Ok(request) => self.ticket(request, reader),
                        Err(_) => { tickets = &no_tickets; Ok(()) }
                    },
                    recv(ticks) -> _ => self.handle(Event::Tick, reader),
                },
            };
            if let Err(error) = step {
                // The first reason stays, and the writer has told its own before it said that it failed.
                self.health.turn_read_only(error.to_string());
                break;
            }
            self.metrics.set_occupancy(self.replica.occupancy());
        }
    }

    fn storage_said(&mut self, written: Written, reader: &mut Reader) -> Result<(), HistoryError> {
        match written {
            Written::UpTo(position) => self.became_durable(position, reader),
            Written::Failed => Err(HistoryError("a commit failed".into())),
        }
    }

    fn became_durable(&mut self, position: Position, reader: &mut Reader) -> Result<(), HistoryError> {
        *reader = self.store.reader().map_err(|error| HistoryError(error.to_string()))?;
        self.handle(Event::Durable { position }, reader)
    }

    fn attach(
        &mut self,
        Request { transaction, answer }: Request,
        reader: &Reader,
    ) -> Result<(), HistoryError> {
        let token = self.waiting.token();
        self.waiting.answers.insert(token, answer);
        let event = Event::Received { transaction: *transaction, source: Source::Door, token: Some(token) };
        self.handle(event, reader)
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
                Effect::Persist(attached) => {
                    // The channel holds all that can be in flight. It is closed only after a failure that the
                    // writer has told, and then nobody is answered.
                    let _failed = self.writer.send(attached);
                }
                // Clients that have left meanwhile do not want to know.
                Effect::Answer(token, answer) => {
                    let sender = self.waiting.answers.remove(&token);
                    let _left = sender.map(|sender| sender.send(answer.map_err(Fault::Refused)));
                }
                Effect::Ticket(token, ticket) => {
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
