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
use crate::bell::Receiver;
use crate::limits::{COMMIT_AWAITS, OWNER_LISTENS, OWNER_PASS, OWNER_TICK};
use awaited::Awaited;
use crossbeam_channel::TryRecvError;
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

/// What waits in the queue of a thread that must not end before the owner.
fn next<T>(queue: &Receiver<T>, whose: &str) -> Result<Option<T>, HistoryError> {
    match queue.try_recv() {
        Ok(next) => Ok(Some(next)),
        Err(TryRecvError::Empty) => Ok(None),
        Err(TryRecvError::Disconnected) => Err(ended(whose)),
    }
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
    pub(super) fn run(&mut self, queues: &Queues<'_>) -> Result<Ended, HistoryError> {
        let mut tick = Instant::now() + OWNER_TICK;
        let (mut asked, mut is_busy) = (true, false);
        while asked || self.replica.occupancy().in_flight > 0 {
            let is_called = is_busy || queues.bell.wait(self.rest(tick));
            let is_tick = Instant::now() >= tick;
            if is_tick {
                tick = Instant::now() + OWNER_TICK;
                self.tick()?;
            } else if !is_called {
                self.handle(Event::Tick)?;
            }
            is_busy = self.take_what_waits(queues, &mut asked)?;
            if is_called && !is_busy && !is_tick && asked {
                // What it was called for it has taken before.
                continue;
            }
            if let Some(post) = &mut self.around.post {
                post.flush();
            }
            self.tell_what_post_said()?;
            self.write_if_due(asked);
            self.around.metrics.set_occupancy(self.replica.occupancy());
        }
        self.write_the_last(queues)?;
        Ok(if self.is_healed { Ended::Healed } else { Ended::Served })
    }

    /// Takes leave of the peers, so that the next life goes on in their logs where this one was. All that is attached is
    /// durable by now. The replica is told of nothing any more, or it would go on making commits.
    fn write_the_last(&mut self, queues: &Queues<'_>) -> Result<(), HistoryError> {
        let sources = self.around.post.as_mut().map(Post::take_leave).unwrap_or_default();
        sources.into_iter().try_for_each(|source| self.handle(Event::Left { source }))?;
        self.write_if_due(false);
        while self.writing.is_some() {
            self.settle(&queues.written.recv().map_err(|_| ended("writer"))?)?;
            self.write_if_due(false);
        }
        Ok(())
    }

    /// Whoever reads may find that the store has failed; here the owner hears of it also when there is nothing to write.
    /// So it does when another thread has failed, behind which nothing is written until a restart.
    fn tick(&mut self) -> Result<(), HistoryError> {
        // Nothing waits for a checker for longer than this.
        self.mark = self.mark.map(|_| 0);
        let (store, health) = (&self.around.store, &self.around.health);
        let for_good = || health.read_only().filter(|_| health.is_read_only_for_good());
        match store.read_only().or_else(for_good) {
            Some(cause) => Err(HistoryError::Unread(cause)),
            None => self.handle(Event::Tick),
        }?;
        self.tell_of_damage()?;
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
        store.shared_reader().and_then(|reader| reader.transaction(id)).is_ok_and(|found| found.is_some())
    }

    /// How long to wait when nothing happens: until the next tick, until the replica has something to do, at least a
    /// millisecond, or until what waits for company in a commit has waited.
    fn rest(&self, tick: Instant) -> Duration {
        let wake = self.replica.wake().map(|due| Duration::from_millis(due.since(now()).max(1)));
        // Once its time is over the checkers are waited for, who say when they are done.
        let may_linger = self.writing.is_none() && self.mark.is_none();
        let commit = may_linger.then(|| self.company.left(Instant::now())).flatten();
        let tick = tick.saturating_duration_since(Instant::now());
        wake.into_iter().chain(commit).fold(tick, Duration::min)
    }

    /// Takes all that waits, what is written before anything else; whether there was anything. Each queue gets its turn, or a
    /// flood of one would shut out the others.
    fn take_what_waits(&mut self, queues: &Queues<'_>, asked: &mut bool) -> Result<bool, HistoryError> {
        let mut is_busy = false;
        if let Some(written) = next(queues.written, "writer")? {
            self.storage_said(written)?;
            is_busy = true;
        }
        if let Some(signed) = next(queues.signed, "signer")? {
            self.witness(signed)?;
            is_busy = true;
        }
        self.attach_backlog()?;
        if self.is_healed {
            *asked = false;
            return Ok(is_busy);
        }
        for _ in 0..OWNER_PASS {
            if !self.takes() {
                break;
            }
            match queues.requests.try_recv() {
                Ok(request) => {
                    // That its peer has come was told before, in the other queue.
                    if !self.knows_whose(&request) {
                        self.hear_peers(queues)?;
                    }
                    self.take_in(request)?;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    *asked = false;
                    break;
                }
            }
            is_busy = true;
        }
        for request in queues.tickets.try_iter().take(OWNER_PASS) {
            self.ticket(request)?;
            is_busy = true;
        }
        is_busy |= self.listen(queues)?;
        Ok(is_busy)
    }

    /// Listens to peers for a while; whether they said anything.
    fn listen(&mut self, queues: &Queues<'_>) -> Result<bool, HistoryError> {
        let (began, mut is_busy) = (Instant::now(), false);
        for event in queues.peers.try_iter().take(OWNER_PASS) {
            self.peer_said(event)?;
            is_busy = true;
            if began.elapsed() >= OWNER_LISTENS {
                break;
            }
        }
        Ok(is_busy)
    }

    /// Hears all that peers have said by now.
    fn hear_peers(&mut self, queues: &Queues<'_>) -> Result<(), HistoryError> {
        queues.peers.try_iter().take(queues.peers.len()).try_for_each(|event| self.peer_said(event))
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

    fn storage_said(&mut self, written: Written) -> Result<(), HistoryError> {
        let commits = self.settle(&written)?;
        if let Written::UpTo(position, commit) = written
            && (position.is_some() || commit.is_some())
        {
            self.handle(Event::Durable { position, commit })?;
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

#[cfg(test)]
mod tests;
