//! Starting and stopping the threads of the ledger.

use super::bus::Bus;
use super::checker::Checker;
use super::directory::Directory;
use super::fair::{self, Bounds};
use super::finality::FinalityView;
use super::health::Health;
use super::intake::Intake;
use super::peering::{self, Link, Peering};
use super::peers::Peers;
use super::progress::Progress;
use super::room::{Room, RoomGiver};
use super::signer::Own;
use super::supervisor::{Recovered, Supervisor};
use super::verdicts::SharedVerdicts;
use crate::bell::{Bell, Sender, bounded_with, never};
use crate::limits::{OWNER_QUEUE, OWNER_WAITING, TICKET_QUEUE};
use crate::metrics::Metrics;
use crate::runtime::{timeout, unblock};
use crate::store::{Store, StoreError};
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use weft_tangle::Network;

/// Why the ledger does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no threads.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

/// The running ledger: network, store and the way in.
#[derive(Debug)]
pub struct Ledger {
    /// The network.
    pub network: Arc<Network>,
    /// The store, for reading.
    pub store: Arc<Store>,
    /// Who is enrolled.
    pub directory: Arc<Directory>,
    /// Where the other fog nodes are.
    pub peers: Arc<Peers>,
    /// The way in.
    pub intake: Intake,
    /// The node's state.
    pub health: Arc<Health>,
    /// The node's figures.
    pub metrics: Arc<Metrics>,
    /// How finality stands.
    pub finality: Arc<FinalityView>,
    /// What happens here.
    pub bus: Arc<Bus>,
    /// The connections with other fog nodes, in a node that has any.
    pub link: Option<Arc<Link>>,
    /// Whoever takes what peers send ends when this is dropped.
    _alive: Option<Sender<()>>,
}

/// The threads of a ledger, to be waited for.
#[derive(Debug)]
pub struct Threads(Vec<JoinHandle<()>>);

impl Threads {
    /// Those of this name, and the others.
    #[cfg(test)]
    pub(super) fn divide(self, name: &str) -> (Self, Self) {
        let (named, others) = self.0.into_iter().partition(|thread| thread.thread().name() == Some(name));
        (Self(named), Self(others))
    }

    /// Waits until all that was attached is durable and the threads have ended, at most for `time`; says whether
    /// they have. Drop the [`Ledger`] first.
    pub async fn join_within(self, time: Duration) -> bool {
        let join = unblock(|| {
            for thread in self.0 {
                if thread.join().is_err() {
                    tracing::error!("a thread of the ledger has panicked");
                }
            }
        });
        timeout(time, join).await.is_ok()
    }
}

impl Ledger {
    /// Recovers the window from `store` and starts the threads: one checker a core, and the owner, which starts the
    /// writer; where there are connections with other fog nodes, one that takes what comes on them and one that answers.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        network: Arc<Network>,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        own: Own,
        peering: Option<Peering>,
    ) -> Result<(Self, Threads), StartError> {
        let recovered = Recovered::from(&network, &store, &own)?;
        let finality = Arc::new(FinalityView::new(recovered.replica.finality(), store.next_position()?));
        let bus = Arc::new(Bus::default());
        metrics.set_occupancy(recovered.replica.occupancy());
        let directory = Arc::new(Directory::new(Arc::clone(&network)));
        let peers = Arc::new(Peers::default());
        let health = Arc::new(Health::default());
        let (jobs, job_queue) = fair::queue(Bounds::default());
        let bell = Bell::default();
        let (requests, request_queue) = bounded_with(OWNER_QUEUE, &bell);
        let (tickets, ticket_queue) = bounded_with(TICKET_QUEUE, &bell);
        let progress = Arc::new(Progress::default());
        let room = Room::new(OWNER_WAITING);

        let verdicts = Arc::new(SharedVerdicts::new(Arc::clone(&metrics)));
        let checkers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let checker = || Checker {
            network: Arc::clone(&network),
            store: Arc::clone(&store),
            directory: Arc::clone(&directory),
            verdicts: Arc::clone(&verdicts),
            owner: requests.clone(),
            progress: Arc::clone(&progress),
            room: Arc::clone(&room),
            checkers,
        };

        let mut threads = Vec::new();
        let mut spawn = |name: &str, work: Box<dyn FnMut() + Send>| {
            watched(name, &health, work).map(|thread| threads.push(thread))
        };
        let (mut link, mut alive, mut exchange, mut peer_events) = (None, None, None, never());
        if let Some(peering) = peering {
            let wires = peering::wire(peering, &bell, &store, &directory, jobs.clone(), &progress, &bus);
            let (mut feeder, mut server) = (wires.feeder, wires.server);
            feeder.checker = Some(checker());
            spawn("weft-feeder", Box::new(move || feeder.run()))?;
            spawn("weft-server", Box::new(move || server.run()))?;
            (link, alive) = (Some(Arc::clone(&wires.exchange.link)), Some(wires.alive));
            (exchange, peer_events) = (Some(wires.exchange), wires.events);
        }
        let supervisor = Supervisor {
            network: Arc::clone(&network),
            own,
            store: Arc::clone(&store),
            finality: Arc::clone(&finality),
            bus: Arc::clone(&bus),
            directory: Arc::clone(&directory),
            peers: Arc::clone(&peers),
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            bell,
            requests: request_queue,
            tickets: ticket_queue,
            peer_events,
            exchange,
            progress: Arc::clone(&progress),
            room: RoomGiver(Arc::clone(&room)),
        };
        let mut recovered = Some(recovered);
        spawn("weft-owner", Box::new(move || supervisor.run(recovered.take())))?;
        for number in 0..checkers {
            let (checker, queue) = (checker(), job_queue.clone());
            spawn(&format!("weft-check-{number}"), Box::new(move || checker.run(&queue)))?;
        }
        let intake =
            Intake::new(jobs, Arc::clone(&directory), tickets, requests, progress, Arc::clone(&health));
        let ledger = Self {
            network,
            store,
            directory,
            peers,
            intake,
            health,
            metrics,
            finality,
            bus,
            link,
            _alive: alive,
        };
        Ok((ledger, Threads(threads)))
    }
}

/// Starts a thread that makes the node read-only if it panics: without it nothing can be taken any more, which
/// whoever asks `/readyz` must learn.
pub(super) fn watched(
    name: &str,
    health: &Arc<Health>,
    mut work: impl FnMut() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let alarm = Alarm::new(name, health);
    Builder::new().name(name.into()).spawn(move || {
        // Dropped before what `work` owns, so that whoever waits for an answer finds the reason there.
        let _alarm = alarm;
        work();
    })
}

/// Makes the node read-only until it is restarted when it is dropped by a panic, for nobody knows what that has left.
pub(super) struct Alarm {
    name: String,
    health: Arc<Health>,
}

impl Alarm {
    pub(super) fn new(name: &str, health: &Arc<Health>) -> Self {
        Self { name: name.to_owned(), health: Arc::clone(health) }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.health.turn_read_only_for_good(format!(
                "the thread {} panicked, and standard error says where",
                self.name
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_makes_the_node_read_only_before_its_channels_close() {
        let health = Arc::new(Health::default());
        let (alive, ended) = crate::bell::bounded::<()>(1);
        let work = move || {
            let _held = &alive;
            panic!("as if the replica had a slip");
        };
        let thread = watched("weft-owner", &health, work).unwrap();
        assert!(ended.recv().is_err(), "the channel closes with the thread");
        assert!(health.read_only().is_some_and(|cause| cause.contains("weft-owner")), "{health:?}");
        assert!(!health.reasons().is_empty());
        assert!(thread.join().is_err());
    }

    #[test]
    fn a_thread_that_ends_changes_nothing() {
        let health = Arc::new(Health::default());
        watched("weft-check-0", &health, || ()).unwrap().join().unwrap();
        assert_eq!(health.read_only(), None);
    }
}
