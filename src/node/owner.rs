//! The one thread that owns the replica.
//!
//! It takes what has become durable before anything else, and takes new transactions only while the replica has
//! room, so it never waits for the writer and the writer never waits long for it.

use super::clock::now;
use super::health::Health;
use super::intake::{Answer, Fault};
use crate::limits::OWNER_TICK;
use crate::metrics::Metrics;
use crate::store::{Reader, Store};
use crossbeam_channel::{Receiver, Sender, never, select_biased};
use futures_channel::oneshot;
use std::collections::HashMap;
use std::sync::Arc;
use weft_tangle::replica::{Attached, Effect, Event, Source, Ticket, Token};
use weft_tangle::{DeviceId, HistoryError, Position, Replica, Verified};

/// Something asked of the replica.
#[derive(Debug)]
pub(super) enum Request {
    /// Attach this and say when it is durable.
    Attach { transaction: Box<Verified>, answer: oneshot::Sender<Answer> },
    /// Parents for a device.
    Ticket { device: DeviceId, count: usize, answer: oneshot::Sender<Result<Ticket, Fault>> },
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
}

/// Who waits for which token.
#[derive(Default)]
struct Waiting {
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
        mut self,
        requests: &Receiver<Request>,
        written: &Receiver<Written>,
        mut reader: Reader,
    ) {
        let mut waiting = Waiting::default();
        let nothing = never();
        let ticks = crossbeam_channel::tick(OWNER_TICK);
        let mut asked = true;
        while asked || self.replica.occupancy().in_flight > 0 {
            let open = if asked && self.replica.has_room() { requests } else { &nothing };
            let step = select_biased! {
                recv(written) -> written => match written {
                    Ok(Written::UpTo(position)) => self.became_durable(position, &mut reader, &mut waiting),
                    Ok(Written::Failed) | Err(_) => break,
                },
                recv(open) -> request => match request {
                    Ok(request) => self.serve(request, &reader, &mut waiting),
                    Err(_) => { asked = false; Ok(()) }
                },
                recv(ticks) -> _ => self.handle(Event::Tick, &reader, &mut waiting),
            };
            if let Err(error) = step {
                self.health.turn_read_only(error.to_string());
                break;
            }
            self.metrics.set_occupancy(self.replica.occupancy());
        }
    }

    fn became_durable(
        &mut self,
        position: Position,
        reader: &mut Reader,
        waiting: &mut Waiting,
    ) -> Result<(), HistoryError> {
        *reader = self.store.reader().map_err(|error| HistoryError(error.to_string()))?;
        self.handle(Event::Durable { position }, reader, waiting)
    }

    fn serve(
        &mut self,
        request: Request,
        reader: &Reader,
        waiting: &mut Waiting,
    ) -> Result<(), HistoryError> {
        let token = waiting.token();
        let event = match request {
            Request::Attach { transaction, answer } => {
                waiting.answers.insert(token, answer);
                Event::Received { transaction: *transaction, source: Source::Door, token: Some(token) }
            }
            Request::Ticket { device, count, answer } => {
                let mut entropy = [0; 32];
                if let Err(error) = getrandom::fill(&mut entropy) {
                    let _left =
                        answer.send(Err(Fault::Storage(format!("the system gives no entropy: {error}"))));
                    return Ok(());
                }
                waiting.tickets.insert(token, answer);
                Event::Ticket { device, count, entropy, token }
            }
        };
        self.handle(event, reader, waiting)
    }

    fn handle(&mut self, event: Event, reader: &Reader, waiting: &mut Waiting) -> Result<(), HistoryError> {
        for effect in self.replica.handle(event, now(), reader)? {
            match effect {
                Effect::Persist(attached) => {
                    // The channel holds all that can be in flight. It is closed only after a failure that the
                    // writer has told, and then nobody is answered.
                    let _failed = self.writer.send(attached);
                }
                // Clients that have left meanwhile do not want to know.
                Effect::Answer(token, answer) => {
                    let sender = waiting.answers.remove(&token);
                    let _left = sender.map(|sender| sender.send(answer.map_err(Fault::Refused)));
                }
                Effect::Ticket(token, ticket) => {
                    let sender = waiting.tickets.remove(&token);
                    let _left = sender.map(|sender| sender.send(Ok(ticket)));
                }
                Effect::Verify(..) => {
                    unreachable!("only what peers sent waits for an enrolment, and there are none")
                }
            }
        }
        Ok(())
    }
}
