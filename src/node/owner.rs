//! The one thread that owns the replica.
//!
//! It takes new transactions only while the replica has room, so it never waits for the writer, and hands the writer all
//! that it has when the commit before is on disk, so the writer never waits long for it. Tickets need no room.

use super::clock::now;
use super::company::Company;
use super::intake::Fault;
use super::job::{Checked, PeerRequest};
use super::peering::{PeerEvent, Post, Share};
use super::progress::Progress;
use super::room::Room;
use super::waiting::Waiting;
use crate::limits::{COMMIT_AWAITS, COMMIT_TRANSACTIONS, OWNER_PASS, OWNER_REST, OWNER_TICK};
use crate::metrics::{Metrics, Stage};
use crate::store::{Cursors, Reader, Store};
use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, never, select};
use futures_channel::oneshot;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_tangle::replica::{Attached, Effect, Event, Source, Ticket, Token};
use weft_tangle::{DeviceId, HistoryError, Position, Replica, Verified};

/// Parents for a device.
#[derive(Debug)]
pub(super) struct TicketRequest {
    pub(super) device: DeviceId,
    pub(super) count: usize,
    pub(super) answer: oneshot::Sender<Result<Ticket, Fault>>,
}

/// What the writer puts into one commit.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) transactions: Vec<Arc<Attached>>,
    /// How far the logs of peers are settled; what they stand for was in earlier commits.
    pub(super) cursors: Cursors,
}

/// What the writer says.
#[derive(Debug)]
pub(super) enum Written {
    /// The batch is on disk; its last position, if it had one.
    UpTo(Option<Position>),
    /// Nothing more will be.
    Failed,
}

fn no_writer() -> HistoryError {
    HistoryError("the writer has ended".into())
}

/// What the owner works with.
pub(super) struct Surroundings {
    pub(super) store: Arc<Store>,
    pub(super) writer: Sender<Batch>,
    pub(super) progress: Arc<Progress>,
    pub(super) room: Arc<Room>,
    pub(super) metrics: Arc<Metrics>,
    /// The way to the peers, in a node that has any.
    pub(super) post: Option<Post>,
}

/// What the owner listens to.
pub(super) struct Queues<'a> {
    pub(super) requests: &'a Receiver<Checked>,
    pub(super) tickets: &'a Receiver<TicketRequest>,
    pub(super) peers: &'a Receiver<PeerEvent>,
    pub(super) written: &'a Receiver<Written>,
}

/// Something that was taken from the queue and found no room in the replica yet.
enum Waits {
    /// A client's, with the bytes as they came.
    Door(Token, Box<Verified>, Bytes),
    /// What the checks have made of a peer's.
    Peer(Source, Box<Event>, Share),
}

/// The replica with its surroundings.
pub(super) struct Owner {
    replica: Replica,
    store: Arc<Store>,
    writer: Sender<Batch>,
    progress: Arc<Progress>,
    room: Arc<Room>,
    metrics: Arc<Metrics>,
    post: Option<Post>,
    pub(super) waiting: Waiting,
    /// One job at most.
    backlog: VecDeque<Waits>,
    /// What is attached and the writer does not have; the replica bounds it.
    outgoing: Vec<Arc<Attached>>,
    is_writing: bool,
    /// What the next commit waits for, once there is something to commit and nobody commits.
    mark: Option<u64>,
    /// Whether that commit waits for company before.
    company: Company,
}

impl Owner {
    pub(super) fn new(replica: Replica, around: Surroundings) -> Self {
        let Surroundings { store, writer, progress, room, metrics, post } = around;
        let waiting = Waiting::default();
        let (backlog, outgoing) = (VecDeque::new(), Vec::new());
        Self {
            replica,
            store,
            writer,
            progress,
            room,
            metrics,
            post,
            waiting,
            backlog,
            outgoing,
            is_writing: false,
            mark: None,
            company: Company::default(),
        }
    }

    /// Serves until nobody can ask any more and everything attached is durable.
    ///
    /// # Errors
    /// Storage has failed. Who waits then is not answered yet.
    pub(super) fn run(&mut self, queues: &Queues<'_>, reader: &mut Arc<Reader>) -> Result<(), HistoryError> {
        let (no_requests, no_tickets, no_peers) = (never(), never(), never());
        let Queues { mut requests, mut tickets, mut peers, written } = *queues;
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
                recv(peers) -> event => match event {
                    Ok(event) => self.peer_said(event, reader)?,
                    Err(_) => peers = &no_peers,
                },
                recv(ticks) -> _ => self.tick(reader)?,
                default(self.rest()) => self.handle(Event::Tick, reader)?,
            }
            self.take_what_waits(&Queues { requests, tickets, peers, written }, reader)?;
            if let Some(post) = &mut self.post {
                post.flush();
            }
            self.tell_what_post_said(reader)?;
            self.write_if_due(asked);
            self.metrics.set_occupancy(self.replica.occupancy());
        }
        self.write_last_cursors(written, reader)
    }

    /// Takes leave of the peers, so that the next life goes on in their logs where this one was. All that is attached is
    /// durable by now.
    fn write_last_cursors(
        &mut self,
        written: &Receiver<Written>,
        reader: &mut Arc<Reader>,
    ) -> Result<(), HistoryError> {
        let sources = self.post.as_mut().map(Post::take_leave).unwrap_or_default();
        sources.into_iter().try_for_each(|source| self.handle(Event::Left { source }, reader))?;
        self.write_if_due(false);
        while self.is_writing {
            let written = written.recv().map_err(|_| no_writer())?;
            self.storage_said(written, reader)?;
            self.write_if_due(false);
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
        }?;
        if let Some(post) = &self.post {
            post.publish(self.replica.peers());
        }
        Ok(())
    }

    /// How long to wait when nothing happens: until gossip has something to do, at least a millisecond, or until what
    /// waits for company in a commit has waited.
    fn rest(&self) -> Duration {
        let wake = self.replica.wake().map(|due| Duration::from_millis(due.since(now()).max(1)));
        // Once its time is over the checkers are waited for, who say when they are done.
        let may_linger = !self.is_writing && self.mark.is_none();
        let commit = may_linger.then(|| self.company.left(Instant::now())).flatten();
        wake.into_iter().chain(commit).fold(OWNER_REST, Duration::min)
    }

    /// Takes all that waits, what is written before anything else, for waiting anew each time costs more than most of
    /// the work. Each queue gets its turn, or a flood of one would shut out the others.
    fn take_what_waits(
        &mut self,
        &Queues { requests, tickets, peers, written }: &Queues<'_>,
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
        for event in peers.try_iter().take(OWNER_PASS) {
            self.peer_said(event, reader)?;
        }
        Ok(())
    }

    fn takes(&self) -> bool {
        self.backlog.is_empty() && self.replica.has_room()
    }

    /// Hands what is attached to the writer when that has nothing to do. What is with the checkers at that moment
    /// joins the same commit, for a commit costs the same for one transaction and for ten.
    fn write_if_due(&mut self, asked: bool) {
        let has_cursors = self.post.as_ref().is_some_and(Post::has_cursors);
        if self.is_writing || (self.outgoing.is_empty() && !has_cursors) {
            return;
        }
        let is_full = self.outgoing.len() >= COMMIT_TRANSACTIONS || !self.takes() || !asked;
        if self.company.lingers(Instant::now()) && !is_full {
            return;
        }
        let mark = *self.mark.get_or_insert_with(|| self.progress.mark(COMMIT_AWAITS));
        if !self.progress.is_past(mark) && !is_full {
            return;
        }
        let length = self.outgoing.len().min(COMMIT_TRANSACTIONS);
        let transactions = self.outgoing.drain(..length).collect();
        let cursors = self.post.as_mut().map(Post::take_cursors).unwrap_or_default();
        (self.is_writing, self.mark) = (true, None);
        self.company.went(!self.outgoing.is_empty());
        // The channel has room when nothing is being written. It is closed only after a failure that the writer has
        // told, and then nobody is answered.
        let _failed = self.writer.send(Batch { transactions, cursors });
    }

    fn storage_said(&mut self, written: Written, reader: &mut Arc<Reader>) -> Result<(), HistoryError> {
        match written {
            Written::UpTo(position) => self.became_durable(position, reader),
            Written::Failed => Err(HistoryError("a commit failed".into())),
        }
    }

    fn became_durable(
        &mut self,
        position: Option<Position>,
        reader: &mut Arc<Reader>,
    ) -> Result<(), HistoryError> {
        self.is_writing = false;
        *reader = self.store.shared_reader().map_err(|error| HistoryError(error.to_string()))?;
        position.map_or(Ok(()), |position| {
            self.handle(Event::Durable { position: Some(position), commit: None }, reader)
        })
    }

    fn take_in(&mut self, checked: Checked, reader: &Reader) -> Result<(), HistoryError> {
        self.room.give(checked.len());
        match checked {
            Checked::Door(request) => {
                let waits = self.waiting.take_in(request).into_iter();
                self.backlog.extend(waits.map(|(token, verified, wire)| Waits::Door(token, verified, wire)));
            }
            Checked::Peer(PeerRequest { source, events, share }) => {
                let waits =
                    events.into_iter().map(|event| Waits::Peer(source, Box::new(event), share.clone()));
                self.backlog.extend(waits);
            }
        }
        self.attach_backlog(reader)
    }

    fn attach_backlog(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        while self.replica.has_room()
            && let Some(next) = self.backlog.pop_front()
        {
            match next {
                Waits::Door(token, transaction, _wire) => {
                    let (transaction, token) = (*transaction, Some(token));
                    self.handle(Event::Received { transaction, source: Source::Door, token }, reader)?;
                    self.company.is_awaited();
                }
                Waits::Peer(source, event, _share) => {
                    if self.post.as_ref().is_some_and(|post| post.hears(source)) {
                        self.handle(*event, reader)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn peer_said(&mut self, event: PeerEvent, reader: &Reader) -> Result<(), HistoryError> {
        let event = self.post.as_mut().and_then(|post| post.event(event));
        event.map_or(Ok(()), |event| self.handle(event, reader))
    }

    fn tell_what_post_said(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        let said = self.post.as_mut().map(Post::take_said).unwrap_or_default();
        said.into_iter().try_for_each(|event| self.handle(event, reader))
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
                    self.metrics.note(Stage::Attached, std::iter::once(attached.id()));
                    self.outgoing.push(attached);
                }
                Effect::Answer(token, answer) => self.waiting.answer(token, answer.map_err(Fault::Refused)),
                Effect::Ticket(token, ticket) => {
                    // Clients that have left meanwhile do not want to know.
                    let sender = self.waiting.tickets.remove(&token);
                    let _left = sender.map(|sender| sender.send(Ok(ticket)));
                }
                // Without a way to the peers none is ever connected.
                effect => {
                    if let Some(post) = &mut self.post {
                        post.act(effect);
                    }
                }
            }
        }
        Ok(())
    }
}
