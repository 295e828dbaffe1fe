//! The owner's thread, from one life of the replica to the next.
//!
//! ```text
//! serve (owner, and a writer of its own) -> storage fails -> refuse whoever asks, try to open the store -> serve
//!                                        -> what finality stood still for is healed -> serve
//! ```
//!
//! Always true: a replica is never older than the store that it was recovered from, and whoever waited for one that
//! ended is told that nothing was stored. What reached the disk nevertheless is known to the next one, which says so
//! when it is sent again.

use super::bus::Bus;
use super::directory::Directory;
use super::finality::FinalityView;
use super::health::Health;
use super::intake::Fault;
use super::job::{Checked, Item, Request};
use super::owner::{Ended, Owner, Queues, Surroundings, TicketRequest};
use super::peering::{Exchange, PeerEvent};
use super::peers::Peers;
use super::progress::Progress;
use super::recover;
use super::room::RoomGiver;
use super::signer::{Own, Signed, Signer};
use super::start::{Alarm, watched};
use super::writer::Writer;
use crate::bell::{Bell, Receiver, Sender, bounded, bounded_with, never};
use crate::limits::{RECOVERY_STEADY, RECOVERY_WAIT, RECOVERY_WAIT_MOST};
use crate::metrics::Metrics;
use crate::store::{Store, StoreError};
use crossbeam_channel::TryRecvError;
use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_tangle::finality::Proposal;
use weft_tangle::{HistoryError, Network, Replica};

/// A replica as the store has it.
pub(super) struct Recovered {
    pub(super) replica: Replica,
    /// How many damaged transactions had been healed before.
    healed: u64,
    /// Whether own witnesses may be missing in the store.
    has_forgotten: bool,
}

impl Recovered {
    /// Recovers the window, the next position and finality, for a node with this key.
    pub(super) fn from(network: &Arc<Network>, store: &Store, own: &Own) -> Result<Self, StoreError> {
        let healed = store.healed();
        let mut replica = recover::replica(network, store)?;
        let (reader, device) = (store.shared_reader()?, own.device());
        replica.set_pace(own.pace);
        replica.set_device(device, &reader.cursor(&device)?);
        let has_forgotten = reader.has_forgotten()?;
        if has_forgotten {
            replica.forgot();
        }
        Ok(Self { replica, healed, has_forgotten })
    }
}

/// Where witnesses are signed, if they are, and where they come back from.
type SignerQueues = (Option<Sender<Box<Proposal>>>, Receiver<Signed>);

/// What the owner's thread holds as long as the node lives.
pub(super) struct Supervisor {
    pub(super) network: Arc<Network>,
    pub(super) own: Own,
    pub(super) store: Arc<Store>,
    pub(super) finality: Arc<FinalityView>,
    pub(super) bus: Arc<Bus>,
    pub(super) directory: Arc<Directory>,
    pub(super) peers: Arc<Peers>,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Arc<Metrics>,
    /// What the owner listens to rings it.
    pub(super) bell: Bell,
    pub(super) requests: Receiver<Checked>,
    pub(super) tickets: Receiver<TicketRequest>,
    /// What peers say, and the way to them, in a node that has any.
    pub(super) peer_events: Receiver<PeerEvent>,
    pub(super) exchange: Option<Exchange>,
    pub(super) progress: Arc<Progress>,
    pub(super) room: RoomGiver,
}

impl Supervisor {
    /// Serves until nobody can ask any more, or the node can write no more until it is restarted.
    pub(super) fn run(&self, first: Option<Recovered>) {
        let mut backoff = Backoff::default();
        let mut recovered = first;
        if let Err(error) = self.store.check_room() {
            self.health.turn_read_only(error.to_string());
            recovered = self.recover(&mut backoff);
        }
        while let Some(next) = recovered {
            let begun = Instant::now();
            let ended = self.serve(next);
            backoff.after(begun.elapsed());
            let gone_on = match ended {
                Ok(Ended::Served) => return,
                Ok(Ended::Healed) => self.go_on().map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            recovered = match gone_on {
                Ok(next) => Some(next),
                Err(reason) => {
                    // The first reason stays, and the writer has told its own before it said that it failed.
                    self.health.turn_read_only(reason);
                    self.recover(&mut backoff)
                }
            };
        }
    }

    /// One life of a replica: until all have been served, or storage fails.
    fn serve(&self, recovered: Recovered) -> Result<Ended, HistoryError> {
        let Recovered { replica, healed, has_forgotten } = recovered;
        // The owner hands over a batch when the one before is written.
        let (writes, write_queue) = bounded(1);
        let (written, written_queue) = bounded_with(1, &self.bell);
        let writer = Writer {
            store: Arc::clone(&self.store),
            directory: Arc::clone(&self.directory),
            peers: Arc::clone(&self.peers),
            health: Arc::clone(&self.health),
            metrics: Arc::clone(&self.metrics),
            finality: Arc::clone(&self.finality),
            bus: Arc::clone(&self.bus),
            written,
            has_forgotten: Cell::new(has_forgotten),
        };
        let writer = watched("weft-writer", &self.health, move || writer.run(&write_queue));
        let writer = writer.map_err(|error| {
            HistoryError::Unread(format!("the system gives the writer no thread: {error}"))
        })?;
        let (signer, signed_queue) = self.start_signer()?;
        let mut owner = Owner::new(
            replica,
            Surroundings {
                store: Arc::clone(&self.store),
                healed,
                writer: writes,
                signer,
                progress: Arc::clone(&self.progress),
                room: Arc::clone(&self.room.0),
                metrics: Arc::clone(&self.metrics),
                health: Arc::clone(&self.health),
                finality: Arc::clone(&self.finality),
                post: self.exchange.as_ref().map(Exchange::post),
            },
        );
        // Dropped before the owner, so that whoever waits for an answer of one that panicked finds the reason.
        let alarm = Alarm::new("weft-owner", &self.health);
        let queues = Queues {
            bell: &self.bell,
            requests: &self.requests,
            tickets: &self.tickets,
            peers: &self.peer_events,
            written: &written_queue,
            signed: &signed_queue,
        };
        let ended = owner.run(&queues);
        drop(alarm);
        if let Err(error) = &ended {
            if self.store.read_only().is_none() && self.health.read_only().is_none() {
                self.store.distrust(error.to_string());
            }
            self.health.turn_read_only(error.to_string());
            owner.waiting.refuse(&self.refusal());
        }
        if ended != Ok(Ended::Served) {
            // What they were told and asked is forgotten with the replica. They come again to the next one.
            self.exchange.iter().for_each(|exchange| exchange.link.send_away());
        }
        // The writer ends once nobody can send it anything, and the store is opened again once nobody reads it.
        drop((owner, written_queue));
        if writer.join().is_err() {
            tracing::error!("the writer has panicked");
        }
        ended
    }

    /// The way to a thread that signs this life's witnesses, and back; it ends with the owner. Who is no member has none.
    fn start_signer(&self) -> Result<SignerQueues, HistoryError> {
        let Some(signer) = Signer::of(&self.network, &self.own) else { return Ok((None, never())) };
        let (proposals, proposed) = bounded(1);
        let (signed, signed_queue) = bounded_with(1, &self.bell);
        let thread = watched("weft-signer", &self.health, move || signer.run(&proposed, &signed));
        thread.map_err(|error| {
            HistoryError::Unread(format!("the system gives the signer no thread: {error}"))
        })?;
        Ok((Some(proposals), signed_queue))
    }

    /// Another replica, for which finality need not stand still any more. The store is what it was, and whoever asks waits.
    fn go_on(&self) -> Result<Recovered, StoreError> {
        let recovered = Recovered::from(&self.network, &self.store, &self.own)?;
        let status = recovered.replica.finality();
        if status.illegible.is_none() {
            tracing::warn!("what finality stood still for is whole again, and it goes on");
        }
        self.finality.begin_again(status, self.store.next_position()?);
        self.metrics.set_occupancy(recovered.replica.occupancy());
        Ok(recovered)
    }

    /// Refuses whoever asks until the store can be written again. Nothing when nobody can ask any more, or only a
    /// restart helps.
    fn recover(&self, backoff: &mut Backoff) -> Option<Recovered> {
        loop {
            if self.health.is_read_only_for_good() || !self.refuse_for(backoff.next()) {
                return None;
            }
            let reopened = self.store.try_reopen();
            let recovered = || {
                let recovered = Recovered::from(&self.network, &self.store, &self.own)?;
                Ok((recovered, self.store.next_position()?))
            };
            match reopened.and_then(|()| recovered()) {
                Ok((recovered, stored)) => {
                    // A batch of which writing failed may be on disk nevertheless, and nobody was told of it.
                    self.bus.interrupt();
                    self.finality.begin_again(recovered.replica.finality(), stored);
                    self.directory.forget_all();
                    self.metrics.count_recovery();
                    self.metrics.set_occupancy(recovered.replica.occupancy());
                    return self.health.turn_writable().then_some(recovered);
                }
                Err(error) => self.health.stay_read_only(error.to_string()),
            }
        }
    }

    /// Answers all that is asked within `time` with a refusal; false when nobody can ask any more.
    fn refuse_for(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            // Those who have left do not want to know.
            let can_request = take_all(&self.requests, |checked| self.refuse(checked));
            let can_ask = take_all(&self.tickets, |request: TicketRequest| {
                let _left = request.answer.send(Err(self.refusal()));
            });
            take_all(&self.peer_events, |event| self.refuse_peer(&event));
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !(can_request || can_ask) {
                return can_request || can_ask;
            }
            self.bell.wait(left);
        }
    }

    /// A peer that comes now would wait for a replica; what those sent away had said before is void.
    fn refuse_peer(&self, event: &PeerEvent) {
        if let (PeerEvent::Connected { peer, .. }, Some(exchange)) = (event, &self.exchange) {
            exchange.link.refuse(*peer);
        }
    }

    fn refuse(&self, checked: Checked) {
        self.room.0.give(checked.len());
        let Checked::Door(Request { items, answers }) = checked else { return };
        let answered = items.into_iter().map(|item| match item {
            Item::Answered(answer) => answer,
            Item::Attach(..) => Err(self.refusal()),
        });
        let _left = answers.send(answered.collect());
    }

    fn refusal(&self) -> Fault {
        Fault::Storage(self.health.read_only().unwrap_or_default())
    }
}

/// Takes what waits, and says whether more can come. What comes meanwhile rings the bell.
fn take_all<T>(queue: &Receiver<T>, mut take: impl FnMut(T)) -> bool {
    for _ in 0..=queue.len() {
        match queue.try_recv() {
            Ok(item) => take(item),
            Err(error) => return error == TryRecvError::Empty,
        }
    }
    true
}

/// How long to wait before the next attempt.
#[derive(Debug)]
struct Backoff {
    wait: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { wait: RECOVERY_WAIT }
    }
}

impl Backoff {
    /// The next wait: half of it is chance, so that nodes on one full disk do not all come at once.
    fn next(&mut self) -> Duration {
        let wait = self.wait;
        self.wait = (2 * wait).min(RECOVERY_WAIT_MOST);
        // Without chance the waits are merely alike.
        let chance = getrandom::u32().unwrap_or_default();
        wait / 2 + (wait / 2).mul_f64(f64::from(chance) / f64::from(u32::MAX))
    }

    /// The node has written for so long.
    fn after(&mut self, served: Duration) {
        if served >= RECOVERY_STEADY {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound_and_begin_anew_after_a_steady_time() {
        let mut backoff = Backoff::default();
        let mut most = RECOVERY_WAIT;
        for _ in 0..12 {
            backoff.after(RECOVERY_STEADY / 2);
            let wait = backoff.next();
            assert!(most / 2 <= wait && wait <= most, "{wait:?} of {most:?}");
            most = (2 * most).min(RECOVERY_WAIT_MOST);
        }
        assert_eq!(most, RECOVERY_WAIT_MOST);
        backoff.after(RECOVERY_STEADY);
        assert!(backoff.next() <= RECOVERY_WAIT);
    }
}
