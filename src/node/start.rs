//! Starting and stopping the threads of the ledger.

use super::checker::Checker;
use super::directory::Directory;
use super::health::Health;
use super::intake::Intake;
use super::owner::Owner;
use super::writer::Writer;
use crate::limits::{CHECK_QUEUE, OWNER_QUEUE, WRITE_QUEUE};
use crate::metrics::Metrics;
use crate::runtime::{timeout, unblock};
use crate::store::{Store, StoreError};
use crossbeam_channel::bounded;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;
use weft_tangle::{Network, Replica, limits::WINDOW};

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
    /// The way in.
    pub intake: Intake,
    /// The node's state.
    pub health: Arc<Health>,
    /// The node's figures.
    pub metrics: Arc<Metrics>,
}

/// The threads of a ledger, to be waited for.
#[derive(Debug)]
pub struct Threads(Vec<JoinHandle<()>>);

impl Threads {
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
    /// Recovers the window from `store` and starts the threads: one checker a core, the owner, the writer.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        network: Arc<Network>,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Threads), StartError> {
        let mut replica = Replica::new(Arc::clone(&network), store.next_position()?);
        store.recover(WINDOW, &mut |id, parents| replica.recover(id, parents))?;
        metrics.set_occupancy(replica.occupancy());
        let reader = store.reader()?;
        let directory = Arc::new(Directory::new(Arc::clone(&network)));
        let health = Arc::new(Health::default());
        let (jobs, job_queue) = bounded(CHECK_QUEUE);
        let (requests, request_queue) = bounded(OWNER_QUEUE);
        let (writes, write_queue) = bounded(WRITE_QUEUE);
        let (written, written_queue) = bounded(1);

        let mut threads = Vec::new();
        let mut spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            Builder::new().name(name.into()).spawn(work).map(|thread| threads.push(thread))
        };
        let writer = Writer {
            store: Arc::clone(&store),
            directory: Arc::clone(&directory),
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
            written,
        };
        spawn("weft-writer", Box::new(move || writer.run(&write_queue)))?;
        let owner = Owner {
            replica,
            store: Arc::clone(&store),
            writer: writes,
            health: Arc::clone(&health),
            metrics: Arc::clone(&metrics),
        };
        spawn("weft-owner", Box::new(move || owner.run(&request_queue, &written_queue, reader)))?;
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for number in 0..cores {
            let checker = Checker {
                network: Arc::clone(&network),
                store: Arc::clone(&store),
                directory: Arc::clone(&directory),
                metrics: Arc::clone(&metrics),
                owner: requests.clone(),
            };
            let queue = job_queue.clone();
            spawn(&format!("weft-check-{number}"), Box::new(move || checker.run(&queue)))?;
        }
        let intake = Intake::new(jobs, requests, Arc::clone(&health));
        Ok((Self { network, store, directory, intake, health, metrics }, Threads(threads)))
    }
}
