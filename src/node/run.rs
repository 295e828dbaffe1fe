//! The whole node: home, store, ledger and API, from start to a clean stop.

use super::admin::Admin;
use super::credential::Credential;
use super::home::{Home, HomeError};
use super::intake::Intake;
use super::peering::{Peering, follow_book};
use super::scrub::Scrub;
use super::signer::Own;
use super::start::{Ledger, StartError, Threads};
use crate::config::Config;
use crate::gossip::{Identity, Shell, ShellError, ShellOptions};
use crate::http::ConnectionId;
use crate::http::routes::{Api, filter};
use crate::http::server::{BindError, Server, ServerLimits};
use crate::limits::LAST_COMMIT;
use crate::metrics::{Metrics, Stages};
use crate::runtime::{spawn, timeout, unblock, use_half_of_the_cores};
use crate::store::{Store, StoreError, StoreOptions};
use bytes::Bytes;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;
use weft_tangle::{DeviceId, Network};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// No network or key.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// No store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The API cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The ledger cannot start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Gossip cannot begin.
    #[error(transparent)]
    Gossip(#[from] ShellError),
    /// The figures cannot be registered.
    #[error("cannot set up the metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The file of stages cannot be made.
    #[error("cannot record stages in {path}: {source}; [log] stages must name a file that is not there yet")]
    Stages {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A node that is about to serve.
#[derive(Debug)]
pub struct Node {
    home: Home,
    server: Server,
    api: Arc<Api>,
    threads: Threads,
    scrub: Scrub,
    admin: Option<Admin>,
}

impl Node {
    /// Opens everything that `config` speaks of. The API's address is bound; requests wait for [`Node::run`].
    ///
    /// # Errors
    /// [`NodeError`], whose text says what to do.
    pub fn start(config: &Config) -> Result<Self, NodeError> {
        raise_file_limit();
        use_half_of_the_cores();
        // First, so that a node that cannot listen leaves nothing behind that the next start takes for an old network.
        let server = Server::bind(config.api_listen)?;
        let home = Home::open(config)?;
        let network = Arc::new(home.network.clone());
        let store = Store::open(&config.data, &network, &StoreOptions { cache_bytes: config.cache_bytes })?;
        let store = Arc::new(store);
        let metrics = Metrics::new(&network.id().to_string())?;
        if let Some(path) = &config.stages {
            let stages = Stages::create(path);
            metrics.record_stages(stages.map_err(|source| NodeError::Stages { path: path.clone(), source })?);
        }
        let peering = peering(config, &home, &network, &store)?;
        let own = Own { key: Arc::clone(&home.key), pace: home.pace };
        let (ledger, threads) = Ledger::start(network, store, metrics, own, peering)?;
        ledger.peers.name_committee(home.committee.clone());
        let scrub = Scrub::start(Arc::clone(&ledger.store), Arc::clone(&ledger.metrics), config.scrub_bytes)
            .map_err(StartError::Thread)?;
        // A file system without sockets keeps nobody from taking readings.
        let admin = Admin::start(&config.data, &ledger);
        let admin = admin.map_err(|error| {
            tracing::warn!(%error, "no socket in the data directory: stop the node to back it up");
        });
        let api = Api::new(ledger, home.node);
        Ok(Self { home, server, api, threads, scrub, admin: admin.ok() })
    }

    /// What the node is.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Where the API listens, with the port that was chosen.
    pub fn api_address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Where gossip listens, with the port that was chosen, if it does.
    pub fn gossip_address(&self) -> Option<SocketAddr> {
        self.api.ledger.link.as_ref().map(|link| link.shell.local_addr())
    }

    /// Tells the node where another one listens.
    pub fn learn(&self, device: DeviceId, address: &str) {
        if let Some(link) = &self.api.ledger.link {
            link.shell.learn(device, address);
        }
    }

    /// What the node keeps.
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.api.ledger.store)
    }

    /// Serves until `stop` is done; then finishes what is in flight, within five seconds whatever clients do.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { home, server, api, threads, scrub, admin } = self;
        if let Some(credential) = &home.credential {
            // Beside serving, for nobody is to wait when the disk is slow.
            spawn(introduce(credential.clone(), api.ledger.intake.clone()));
        }
        let ledger = &api.ledger;
        let link = ledger.link.clone();
        let book = link
            .clone()
            .map(|link| spawn(follow_book(link, Arc::clone(&ledger.peers), Arc::clone(&ledger.store))));
        let (health, metrics) = (Arc::clone(&ledger.health), Arc::clone(&ledger.metrics));
        let bus = Arc::clone(&ledger.bus);
        let stop = async {
            stop.await;
            health.begin_to_stop();
            // Whoever listens would else be cut off.
            bus.close();
        };
        let stats = Arc::clone(&api.server);
        server.run(filter(api), ServerLimits::default(), stop, stats).await;
        if let (Some(book), Some(link)) = (book, link) {
            book.cancel().await;
            link.shell.clone().stop().await;
        }
        // They may be in the middle of reading from a disk that hangs.
        let (begun, beside) = (Instant::now(), spawn(unblock(move || drop((scrub, admin)))));
        let in_time = threads.join_within(LAST_COMMIT).await
            && timeout(LAST_COMMIT.saturating_sub(begun.elapsed()), beside).await.is_ok();
        if !in_time {
            tracing::warn!("the ledger's threads did not end in time; what was answered is on disk");
        }
        metrics.flush_stages();
    }
}

/// Whether a member of the committee has a place for all others, whom it has to hear and who have to hear it.
pub(super) fn check_places(peers: usize, network: &Network, own: &DeviceId) -> Result<(), ShellError> {
    let others = network.committee().filter(|(member, _)| *member != own).count();
    let is_member = others < network.committee().count();
    if is_member && peers < others { Err(ShellError::Committee { peers, others }) } else { Ok(()) }
}

/// The connections with other fog nodes. A private network of one on this machine has none, and costs nothing.
fn peering(
    config: &Config,
    home: &Home,
    network: &Arc<Network>,
    store: &Arc<Store>,
) -> Result<Option<Peering>, ShellError> {
    if home.private.is_some() && config.gossip_listen.ip().is_loopback() {
        return Ok(None);
    }
    let peers = config.gossip_peers;
    check_places(peers, network, &DeviceId::of(home.key.public_key()))?;
    let options =
        ShellOptions { peers, bandwidth: config.gossip_bandwidth, ..ShellOptions::new(config.gossip_listen) };
    let credential = home.credential.as_ref().map(|credential| credential.transaction().wire().to_vec());
    let identity = Identity {
        network: Arc::clone(network),
        key: Arc::clone(&home.key),
        credential: credential.unwrap_or_default(),
    };
    let (shell, events) = Shell::start(options, identity, Arc::<Store>::clone(store))?;
    Ok(Some(Peering { shell, events, peers }))
}

/// A node that was admitted elsewhere brings its enrolment along: its own ledger takes it, and gossip carries it on.
async fn introduce(credential: Credential, intake: Intake) {
    let wire = Bytes::copy_from_slice(credential.transaction().wire());
    for fault in intake.submit(ConnectionId::NODE, vec![wire]).await.into_iter().filter_map(Result::err) {
        tracing::warn!(
            "this node's own enrolment was not taken here: {fault}; `weft node join` hands it to another"
        );
    }
}

/// Connections and database need more descriptors than the usual soft limit allows; the hard limit is the
/// operator's. Where it cannot be raised, accept() backs off when descriptors run out.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = crate::limits::FILE_DESCRIPTORS;
    if limit.current.is_some_and(|current| current < wanted) {
        let current = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
        let raised = Rlimit { current: Some(current), maximum: limit.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::signing::{Seed, SigningKey};
    use weft_tangle::{NetworkParts, Rules, Timestamp};

    #[test]
    fn a_member_needs_places_for_all_others_and_nobody_else_does() {
        let keys = [1, 2, 3, 4].map(|seed| SigningKey::from_seed(&Seed::from_bytes([seed; 32])).unwrap());
        let network = Network::new(NetworkParts {
            name: "places".into(),
            created: Timestamp::from_millis(1_600_000_000_000),
            open_enrolment: true,
            rules: Rules::new(600_000, 600, 0, 0).unwrap(),
            registrars: Vec::new(),
            committee: keys.iter().map(|key| key.public_key().clone()).collect(),
        });
        let network = network.unwrap();
        let member = DeviceId::of(keys[0].public_key());
        for peers in 1..=4 {
            assert_eq!(check_places(peers, &network, &member).is_ok(), peers >= 3, "{peers}");
            assert!(check_places(peers, &network, &DeviceId::from_bytes([9; 32])).is_ok());
        }
        let words = check_places(2, &network, &member).unwrap_err().to_string();
        assert!(words.contains("[gossip] peers = 2") && words.contains("for 3"), "{words}");
    }
}
