//! The one thread that owns the replica.
//!
//! It takes new transactions only while the replica has room, so it never waits for the writer, and hands the writer all
//! that it has when the commit before is on disk, so the writer never waits long for it. Tickets need no room, nor do its
//! own witnesses, which another thread signs.

mod awaited;
mod handing;
mod outgoing;
mod parts;

pub(super) use outgoing::Batch;
pub(super) use parts::{Ended, Queues, Surroundings, TicketRequest, Written};

use super::clock::now;
use super::company::Company;
use super::peering::Post;
use super::waiting::Waiting;
use crate::limits::{COMMIT_AWAITS, OWNER_LISTENS, OWNER_PASS, OWNER_REST, OWNER_TICK};
use crate::store::Reader;
use awaited::Awaited;
use crossbeam_channel::{never, select};
use outgoing::Outgoing;
use parts::Waits;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_tangle::finality::Handed;
use weft_tangle::replica::Event;
use weft_tangle::{HistoryError, Replica, TxId};

/// The replica with its surroundings.
pub(super) struct Owner {
    replica: Replica,
    around: Surroundings,
    pub(super) waiting: Waiting,
    /// One job at most.
    backlog: VecDeque<Waits>,
    outgoing: Outgoing,
    /// The ledger's commits that are with the writer, while something is.
    writing: Option<Vec<Arc<Handed>>>,
    /// What the next commit waits for, once there is something to commit and nobody commits.
    mark: Option<u64>,
    /// Whether that commit waits for company before.
    company: Company,
    awaited: Awaited,
    /// Whether what finality stands still for is whole again, so that another replica is to go on.
    is_healed: bool,
    /// The damage that the replica was told of last.
    damage: (usize, u64),
}

fn ended(what: &str) -> HistoryError {
    HistoryError::Unread(format!("the {what} has ended"))
}

impl Owner {
    pub(super) fn new(replica: Replica, around: Surroundings) -> Self {
        Self {
            replica,
            around,
            waiting: Waiting::default(),
            backlog: VecDeque::new(),
            outgoing: Outgoing::default(),
            writing: None,
            mark: None,
            company: Company::default(),
            awaited: Awaited::default(),
            is_healed: false,
            damage: (0, 0),
        }
    }

    /// Serves until nobody can ask any more, or finality can go on with another replica, and everything attached is durable.
    /// What is asked and said meanwhile waits for that one.
    ///
    /// # Errors
    /// Storage has failed. Who waits then is not answered yet.
    pub(super) fn run(
        &mut self,
        queues: &Queues<'_>,
        reader: &mut Arc<Reader>,
    ) -> Result<Ended, HistoryError> {
        let (no_requests, no_tickets, no_peers) = (never(), never(), never());
        let Queues { mut requests, mut tickets, mut peers, written, signed } = *queues;
        let ticks = crossbeam_channel::tick(OWNER_TICK);
        let mut asked = true;
        while asked || self.replica.occupancy().in_flight > 0 {
            if self.is_healed {
                (asked, requests, tickets, peers) = (false, &no_requests, &no_tickets, &no_peers);
            }
            let open = if self.takes() { requests } else { &no_requests };
            select! {
                recv(written) -> written => self.storage_said(written.map_err(|_| ended("writer"))?, reader)?,
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
                recv(signed) -> signed => self.witness(signed.map_err(|_| ended("signer"))?, reader)?,
                recv(ticks) -> _ => self.tick(reader)?,
                default(self.rest()) => self.handle(Event::Tick, reader)?,
            }
            self.take_what_waits(&Queues { requests, tickets, peers, written, signed }, reader)?;
            if let Some(post) = &mut self.around.post {
                post.flush();
            }
            self.tell_what_post_said(reader)?;
            self.write_if_due(asked);
            self.around.metrics.set_occupancy(self.replica.occupancy());
        }
        self.write_the_last(queues, reader)?;
        Ok(if self.is_healed { Ended::Healed } else { Ended::Served })
    }

    /// Takes leave of the peers, so that the next life goes on in their logs where this one was. All that is attached is
    /// durable by now. The replica is told of nothing any more, or it would go on making commits.
    fn write_the_last(&mut self, queues: &Queues<'_>, reader: &Reader) -> Result<(), HistoryError> {
        let sources = self.around.post.as_mut().map(Post::take_leave).unwrap_or_default();
        sources.into_iter().try_for_each(|source| self.handle(Event::Left { source }, reader))?;
        self.write_if_due(false);
        while self.writing.is_some() {
            self.settle(&queues.written.recv().map_err(|_| ended("writer"))?)?;
            self.write_if_due(false);
        }
        Ok(())
    }

    /// Whoever reads may find that the store has failed; here the owner hears of it also when there is nothing to write.
    /// So it does when another thread has failed, behind which nothing is written until a restart.
    fn tick(&mut self, reader: &Reader) -> Result<(), HistoryError> {
        // Nothing waits for a checker for longer than this.
        self.mark = self.mark.map(|_| 0);
        let (store, health) = (&self.around.store, &self.around.health);
        let for_good = || health.read_only().filter(|_| health.is_read_only_for_good());
        match store.read_only().or_else(for_good) {
            Some(cause) => Err(HistoryError::Unread(cause)),
            None => self.handle(Event::Tick, reader),
        }?;
        self.tell_of_damage(reader)?;
        if let Some(post) = &self.around.post {
            post.publish(self.replica.peers());
        }
        let status = self.replica.finality();
        if let Some(divergence) = &status.divergence {
            // It does not pass with this process, nor may what others said be here again after the next start.
            if self.around.health.diverged().is_none() {
                let noted = self.around.store.note_divergence(divergence);
                noted.map_err(|error| HistoryError::Unread(error.to_string()))?;
            }
            self.around.health.stop_finalising(divergence);
        }
        self.around.health.set_illegible(status.illegible);
        self.is_healed = self.is_healed || status.illegible.is_some_and(|id| self.is_whole_again(&id));
        self.around.health.set_awaited(self.replica.awaits_body());
        self.around.finality.publish(status);
        Ok(())
    }

    /// Whether a transaction that could not be read is whole again. It is read when something was healed, and not before.
    fn is_whole_again(&mut self, id: &TxId) -> bool {
        let store = &self.around.store;
        let healed = store.healed();
        if std::mem::replace(&mut self.around.healed, healed) == healed {
            return false;
        }
        // From what is stored now: the snapshot that this life reads from may be older.
        store.shared_reader().and_then(|reader| reader.transaction(id)).is_ok_and(|found| found.is_some())
    }

    /// How long to wait when nothing happens: until the replica has something to do, at least a millisecond, or until
    /// what waits for company in a commit has waited.
    fn rest(&self) -> Duration {
        let wake = self.replica.wake().map(|due| Duration::from_millis(due.since(now()).max(1)));
        // Once its time is over the checkers are waited for, who say when they are done.
        let may_linger = self.writing.is_none() && self.mark.is_none();
        let commit = may_linger.then(|| self.company.left(Instant::now())).flatten();
        wake.into_iter().chain(commit).fold(OWNER_REST, Duration::min)
    }

    /// Takes all that waits, what is written before anything else, for waiting anew each time costs more than most of
    /// the work. Each queue gets its turn, or a flood of one would shut out the others.
    fn take_what_waits(
        &mut self,
        &Queues { requests, tickets, peers, written, signed }: &Queues<'_>,
        reader: &mut Arc<Reader>,
    ) -> Result<(), HistoryError> {
        if let Ok(written) = written.try_recv() {
            self.storage_said(written, reader)?;
        }
        if let Ok(signed) = signed.try_recv() {
            self.witness(signed, reader)?;
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
        let began = Instant::now();
        for event in peers.try_iter().take(OWNER_PASS) {
            self.peer_said(event, reader)?;
            if began.elapsed() >= OWNER_LISTENS {
                break;
            }
        }
        Ok(())
    }

    fn takes(&self) -> bool {
        self.backlog.is_empty() && self.replica.has_room()
    }

    /// Hands what is attached to the writer when that has nothing to do. What is with the checkers at that moment
    /// joins the same commit, for a commit costs the same for one transaction and for ten.
    fn write_if_due(&mut self, asked: bool) {
        let has_cursors = self.around.post.as_ref().is_some_and(Post::has_cursors);
        if self.writing.is_some() || (self.outgoing.is_empty() && !has_cursors) {
            return;
        }
        let is_full = self.outgoing.is_full() || !self.takes() || !asked;
        if self.company.lingers(Instant::now(), self.outgoing.is_of_witnesses()) && !is_full {
            return;
        }
        let mark = *self.mark.get_or_insert_with(|| self.around.progress.mark(COMMIT_AWAITS));
        if !self.around.progress.is_past(mark) && !is_full {
            return;
        }
        let cursors = self.around.post.as_mut().map(Post::take_cursors).unwrap_or_default();
        let batch = self.outgoing.take(cursors);
        (self.writing, self.mark) = (Some(batch.commits.clone()), None);
        self.company.went(!self.outgoing.is_empty());
        // The channel has room when nothing is being written. It is closed only after a failure that the writer has
        // told, and then nobody is answered.
        let _failed = self.around.writer.send(batch);
    }

    fn storage_said(&mut self, written: Written, reader: &mut Arc<Reader>) -> Result<(), HistoryError> {
        let commits = self.settle(&written)?;
        *reader =
            self.around.store.shared_reader().map_err(|error| HistoryError::Unread(error.to_string()))?;
        if let Written::UpTo(position, commit) = written
            && (position.is_some() || commit.is_some())
        {
            self.handle(Event::Durable { position, commit }, reader)?;
        }
        // Behind the answers, of which the time is counted.
        let (now, metrics) = (Instant::now(), &self.around.metrics);
        for handed in commits {
            let judged = &handed.delivered.transactions;
            self.awaited.became_final(judged, now, |seconds| metrics.observe_final(seconds));
        }
        Ok(())
    }

    /// The writer has nothing to do any more; the commits that it had.
    fn settle(&mut self, written: &Written) -> Result<Vec<Arc<Handed>>, HistoryError> {
        match written {
            Written::UpTo(..) => Ok(self.writing.take().unwrap_or_default()),
            Written::Failed => Err(HistoryError::Unread("a commit failed".into())),
        }
    }
}
