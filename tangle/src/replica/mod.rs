//! One replica of the ledger: [`Replica::handle`] is the only way in.
//!
//! What always holds:
//! - a transaction is attached only when all that it references is attached or is the genesis, so the order of
//!   positions is a topological order of the tangle, without gaps;
//! - nobody is told that a transaction is taken, and no ticket names it, before storage said that it is durable;
//! - the same events in the same order, with the same history, give the same effects.

mod attach;
pub(crate) mod counters;
mod event;
mod finalise;
mod firsts;
mod flight;
mod graph;
mod handed;
mod here;
mod history;
mod issuers;
mod ledger;
mod pending;
mod recover;
mod references;
mod steady;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod ticket;
mod tips;
mod twins;

pub use counters::CounterSet;
pub use event::{Effect, Event, Position, Source, Taken, Ticket, Token};
pub use graph::Graph;
pub use history::{History, HistoryError};
pub use recover::Arrival;
pub use tips::Tips;

use crate::finality::{Finality, Pace};
use crate::gossip::{Fault, Gossip, PeerView, Tree};
use crate::limits::{IN_FLIGHT, RETRIES, TICKET_PAIRS, WINDOW};
use crate::planted::{self, Planted};
use crate::{DeviceId, Kind, Network, Timestamp, Transaction, TxId, Verified};
use counters::Counters;
use finalise::Finalising;
use firsts::FirstUses;
use flight::Flight;
use pending::Pending;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeSet;
use std::sync::Arc;
use steady::Steady;

/// A transaction with its place in this node's order of arrival; all that it references comes before it.
#[derive(Debug)]
pub struct Attached {
    position: Position,
    verified: Verified,
    twin: Option<TxId>,
    is_made_here: bool,
}

impl Attached {
    /// Where it stands.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Its id.
    pub fn id(&self) -> TxId {
        self.verified.id()
    }

    /// The transaction.
    pub fn transaction(&self) -> &Transaction {
        self.verified.transaction()
    }

    /// The transaction with what its checks have found.
    pub fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Another transaction of the same issuer, epoch and counter: together they prove an equivocation.
    pub fn twin(&self) -> Option<TxId> {
        self.twin
    }

    /// Whether it is a witness that this node has made in this life. With it on disk no round is left of which the node
    /// does not know whether it has signed it: see [`Replica::forgot`].
    pub fn is_made_here(&self) -> bool {
        self.is_made_here
    }
}

/// Where a transaction came from, and along which tree if it was pushed.
#[derive(Clone, Copy, Debug)]
struct Origin {
    source: Source,
    tree: Option<Tree>,
}

/// How much the replica holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Occupancy {
    /// Tips in the pool.
    pub tips: usize,
    /// Tips that the pool's bound has cost since the start.
    pub tips_dropped: u64,
    /// Transactions that wait for something.
    pub pending: usize,
    /// Transactions whose graph is in memory.
    pub window: usize,
    /// Transactions that are not yet durable.
    pub in_flight: usize,
    /// Commits that are not yet durable.
    pub commits_in_flight: usize,
    /// Transactions that peers have and this node knows of and has not.
    pub wanted: usize,
    /// Those of them whose bodies somebody who was asked has not: erased there, or damaged.
    pub withheld: usize,
    /// Witnesses in memory to decide by.
    pub witnesses: usize,
    /// Of how many rounds those are.
    pub rounds: usize,
    /// Of them, those of leaders that are looked at.
    pub candidates: usize,
}

/// One replica of the ledger.
#[derive(Debug)]
pub struct Replica {
    network: Arc<Network>,
    graph: Graph,
    tips: Tips,
    pending: Pending,
    counters: Counters,
    firsts: FirstUses,
    flight: Flight,
    gossip: Gossip,
    finality: Finality,
    finalising: Finalising,
    device: Option<DeviceId>,
    pace: Pace,
    /// What of connected peers is being checked again because its issuer may be enrolled by now.
    rechecked: BTreeSet<(Source, TxId)>,
    steady: Steady,
    next: Position,
}

impl Replica {
    /// A replica of `network` whose order of arrival begins at `next`, the number of transactions that are stored.
    /// Before the first event say, in this order: [`Replica::set_device`] and [`Replica::set_pace`],
    /// [`Replica::forgot`] if so, [`Replica::resume`], then, in the order of positions, [`Replica::restore`] for what finality needs and
    /// [`Replica::recover`] for the newest; of what is both, restore first.
    pub fn new(network: Arc<Network>, next: Position) -> Self {
        Self {
            graph: Graph::new(WINDOW),
            tips: Tips::new(network.genesis()),
            pending: Pending::new(),
            counters: Counters::new(),
            firsts: FirstUses::new(),
            flight: Flight::default(),
            gossip: Gossip::new(next.0),
            finality: Finality::new(&network),
            finalising: Finalising::default(),
            device: None,
            pace: Pace::default(),
            rechecked: BTreeSet::new(),
            steady: Steady::default(),
            next,
            network,
        }
    }

    /// The connected peers, as of the last event.
    pub fn peers(&self) -> Vec<PeerView> {
        self.gossip.views(self.steady.now())
    }

    /// When [`Event::Tick`] is to be said at the latest; none while nothing is under way. What could not be done for want
    /// of storage is tried in any tick.
    pub fn wake(&self) -> Option<Timestamp> {
        let finality = self.finalising.due(self.steady.now(), self.finality.is_delivering());
        let due = self.gossip.wake().into_iter().chain(finality).min().map(|due| self.steady.shown_at(due));
        due.into_iter().chain(self.pending.due()).min()
    }

    /// Whether the replica can take another transaction before storage has caught up.
    pub fn has_room(&self) -> bool {
        self.flight.len() < IN_FLIGHT || planted::is(Planted::BoundlessFlight)
    }

    /// How much the replica holds.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            tips: self.tips.len(),
            tips_dropped: self.tips.dropped(),
            pending: self.pending.len(),
            window: self.graph.len(),
            in_flight: self.flight.len(),
            commits_in_flight: self.finalising.handed.len(),
            wanted: self.gossip.wanted(),
            withheld: self.gossip.withheld(),
            witnesses: self.finality.held_witnesses(),
            rounds: self.finality.held_rounds(),
            candidates: self.finality.held_candidates(),
        }
    }

    /// The window on the tangle.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The tips.
    pub fn tips(&self) -> &Tips {
        &self.tips
    }

    /// Says what has happened and learns what to do. `now` is the node's clock.
    ///
    /// # Errors
    /// The history cannot be read, and nothing has come of the event: hand it in again when storage is mended. What
    /// waited here still waits.
    pub fn handle(
        &mut self,
        event: Event,
        now: Timestamp,
        history: &dyn History,
    ) -> Result<Vec<Effect>, HistoryError> {
        let mut effects = Vec::new();
        let is_tick = matches!(event, Event::Tick);
        let steady = self.steady.at(now);
        self.gossip.begin(now);
        match event {
            Event::Received { transaction, source, token } => {
                let origin = Origin { source, tree: None };
                self.receive(transaction, origin, token, now, history, &mut effects)?;
            }
            Event::Pushed { transaction, source, tree } => {
                let origin = Origin { source, tree: Some(tree) };
                self.receive(transaction, origin, None, now, history, &mut effects)?;
            }
            Event::Unpermitted { transaction, source } => {
                self.await_issuer(transaction, source, now, history, &mut effects)?;
            }
            Event::Duplicate { id, source, tree } => {
                self.gossip.duplicate(&id, source, tree, steady, &mut effects);
            }
            Event::Refused { id, source, refusal } => {
                if let Some(id) = &id {
                    self.rechecked.remove(&(source, *id));
                }
                self.gossip.refused(id, source, &refusal, steady, &mut effects);
            }
            Event::Connected { source, device, cursor } => {
                self.gossip.connected(source, device, &cursor, steady, &mut effects);
            }
            Event::Message { source, message } => {
                let (gossip, here) = self.parts(history);
                gossip.message(source, message, steady, &here, &mut effects)?;
            }
            Event::Garbled { source } => self.gossip.fault(source, Fault::Message, steady, &mut effects),
            Event::Congested { source } => self.gossip.set_congested(source, true),
            Event::Drained { source } => self.gossip.set_congested(source, false),
            Event::Served { source, request } => self.gossip.served(source, request),
            Event::Left { source } => {
                self.forget(source);
                self.gossip.left(source, steady, &mut effects);
            }
            Event::Witness { transaction } => {
                self.take_own_witness(transaction, history, &mut effects)?;
            }
            Event::Durable { position, commit } => {
                position.into_iter().for_each(|position| self.became_durable(position, &mut effects));
                commit.into_iter().for_each(|index| self.finalising.handed.became_durable(index));
            }
            Event::Ticket { device, count, entropy, token } => {
                let ticket = self.ticket(device, count, &entropy, now, history)?;
                effects.push(Effect::Ticket(token, ticket));
            }
            Event::Tick => {
                let due = self.pending.release_until(now, RETRIES);
                self.retry(due, now, history, &mut effects)?;
                let missed = self.pending.expire(steady);
                self.gossip.gave_up(&missed, steady, &mut effects);
            }
        }
        let finalised = self.finalise(now, history, &mut effects);
        let (gossip, here) = self.parts(history);
        let pumped = gossip.pump(steady, &here, &mut effects);
        for source in self.gossip.take_dropped() {
            self.forget(source);
        }
        // After other events the next tick tells: they have had their effect and must not be handed in again.
        finalised
            .and(pumped)
            .or_else(|error| if is_tick && effects.is_empty() { Err(error) } else { Ok(()) })?;
        // Not before: what an event that fails wanted done is lost.
        self.gossip.remember_life(&mut effects);
        Ok(effects)
    }

    fn became_durable(&mut self, position: Position, effects: &mut Vec<Effect>) {
        while let Some(entry) = self.flight.pop_until(position) {
            let attached = entry.attached;
            let (id, header) = (attached.id(), attached.transaction().header());
            if entry.is_held {
                self.gossip.attached(&attached, Source::Door, effects);
            }
            self.gossip.durable(id, self.steady.now());
            // What witnesses reference stays a tip for sensors.
            if header.kind != Kind::Witness {
                self.tips.insert(id, header.parents);
            }
            let disputed = attached.twin().is_some();
            let first = entry.first.map(|token| (token, true));
            let others = entry.others.into_iter().map(|token| (token, false));
            effects.extend(
                first
                    .into_iter()
                    .chain(others)
                    .map(|(token, is_new)| Effect::Answer(token, Ok(Taken { id, is_new, disputed }))),
            );
            if attached.verified().enrolment().is_some() {
                let issuer = attached.transaction().header().issuer;
                self.retry_issuer(issuer, effects);
            }
        }
    }

    fn ticket(
        &mut self,
        device: DeviceId,
        count: usize,
        entropy: &[u8; 32],
        now: Timestamp,
        history: &dyn History,
    ) -> Result<Ticket, HistoryError> {
        let rules = *self.network.rules();
        let epoch = rules.epoch(now);
        let counter = self.next_counter(device, epoch, history)?;
        let mut rng = ChaCha8Rng::from_seed(*entropy);
        let difficulty = |kind| rules.difficulty(kind, counter, self.network.is_open());
        Ok(Ticket {
            time: now,
            epoch,
            counter,
            difficulty: difficulty(Kind::Reading),
            enrolment_difficulty: difficulty(Kind::Enrol),
            parents: self.tips.lease(count.clamp(1, TICKET_PAIRS), now, &mut rng),
        })
    }
}
