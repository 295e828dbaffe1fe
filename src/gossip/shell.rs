//! The shell itself: one endpoint, its tasks, and the calls that the owner makes.

use super::class::Class;
use super::credential::Ledger;
use super::dial::dial_all;
use super::event::{PeerNumber, ShellEvent};
use super::limits::{GOODBYE, PEERS_MOST, event_queue};
use super::listen::listen;
use super::options::ShellOptions;
use super::outbox::{SendError, Sent};
use super::reason::Reason;
use super::shared::{Making, Shared};
use super::stats::ShellStats;
use super::tls::{TlsError, configure};
use super::view::{PeerView, peers};
use crate::bell::{Receiver, bounded};
use crate::runtime::{quic_runtime, spawn, timeout};
use bytes::Bytes;
use quinn::{Endpoint, EndpointConfig, VarInt};
use std::fmt;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use weft_tangle::signing::SigningKey;
use weft_tangle::{DeviceId, Network};

/// Why a shell does not start.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// The socket cannot be had.
    #[error("cannot listen for gossip on {address}: {source}; choose another address with --gossip-listen")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The cap on peers is out of bounds.
    #[error("{0} peers are not possible; it must be 1 to {PEERS_MOST}")]
    Peers(usize),
    /// A member of the committee would have no place for all others.
    #[error(
        "[gossip] peers = {peers} is too few: this node is a member of the committee, and makes no witness before it has heard \
         from most of the {others} others; ask for {others} at least"
    )]
    Committee {
        /// The cap on peers.
        peers: usize,
        /// The other members.
        others: usize,
    },
    /// TLS cannot be configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system has no randomness.
    #[error("the system gives no randomness: {0}")]
    Entropy(getrandom::Error),
}

/// Who this node is to its peers.
#[derive(Clone)]
pub struct Identity {
    /// The network.
    pub network: Arc<Network>,
    /// The node's key.
    pub key: Arc<SigningKey>,
    /// Its enrolment in wire form; nothing for who stands in the network file, or is not enrolled yet.
    pub credential: Vec<u8>,
}

/// Connections with other fog nodes. Cheap to clone; all calls return at once. They end when the last clone is dropped.
#[derive(Clone)]
pub struct Shell {
    pub(super) shared: Arc<Shared>,
    _open: Arc<Open>,
}

/// Closes everything when it is dropped, for the shell's tasks live as long as the endpoint is open.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        close(&self.0);
    }
}

fn close(shared: &Shared) {
    shared.roster.stop();
    for link in shared.roster.links() {
        link.close(Reason::Stopping);
    }
    let text = Reason::Stopping.text().as_bytes();
    shared.endpoint.close(VarInt::from_u32(Reason::Stopping.code()), text);
    shared.dialler.set();
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell").field("device", &self.shared.device).finish_non_exhaustive()
    }
}

impl Shell {
    /// Listens, and begins to call whoever it [`learns`](Shell::learn) of. The receiver gets all that happens.
    ///
    /// # Errors
    /// [`ShellError`], whose text says what to do.
    pub fn start(
        options: ShellOptions,
        identity: Identity,
        ledger: Arc<dyn Ledger>,
    ) -> Result<(Self, Receiver<ShellEvent>), ShellError> {
        Self::start_on(options, identity, ledger, quic_runtime())
    }

    /// As [`Shell::start`], on sockets of `runtime`.
    ///
    /// # Errors
    /// The same.
    pub(super) fn start_on(
        options: ShellOptions,
        identity: Identity,
        ledger: Arc<dyn Ledger>,
        runtime: Arc<dyn quinn::Runtime>,
    ) -> Result<(Self, Receiver<ShellEvent>), ShellError> {
        if !(1..=PEERS_MOST).contains(&options.peers) {
            return Err(ShellError::Peers(options.peers));
        }
        let configs = configure(&options.limits)?;
        let failed = |source| ShellError::Listen { address: options.listen, source };
        let socket = UdpSocket::bind(options.listen).map_err(failed)?;
        let endpoint = Endpoint::new(EndpointConfig::default(), Some(configs.server), socket, runtime)
            .map_err(failed)?;
        let mut instance = [0; 8];
        getrandom::fill(&mut instance).map_err(ShellError::Entropy)?;
        let (events, received) = bounded(event_queue(options.peers));
        let making = Making {
            network: identity.network,
            ledger,
            key: identity.key,
            instance,
            credential: identity.credential,
            endpoint,
            client: configs.client,
            events,
        };
        let shared = Arc::new(Shared::new(options, making, Instant::now()));
        spawn(listen(Arc::clone(&shared)));
        spawn(dial_all(Arc::clone(&shared)));
        let open = Arc::new(Open(Arc::clone(&shared)));
        Ok((Self { shared, _open: open }, received))
    }

    /// The address in force, with the port that was chosen.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.shared.local_addr()
    }

    /// Whether the socket has failed. Then there are no connections any more, and none will be made before the next start.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.shared.has_failed.load(Ordering::Acquire)
    }

    /// Where a fog node listens: from the network file, or from its enrolment.
    pub fn learn(&self, device: DeviceId, address: &str) {
        let is_committee = self.shared.is_committee(&device);
        if self.shared.book().learn(device, address, is_committee) {
            self.shared.dialler.set();
        }
    }

    /// What this node shows from now on; it has been enrolled.
    pub fn set_credential(&self, credential: Vec<u8>) {
        *self.shared.credential.lock().unwrap_or_else(PoisonError::into_inner) = credential;
    }

    /// Queues a frame for a peer. After [`Sent::Congested`] or [`SendError::Full`] a `Drained` follows.
    ///
    /// # Errors
    /// [`SendError`]; the frame was not taken. A peer whose control queue is full is sent away, for what it would
    /// miss cannot be made up for.
    pub fn send(&self, peer: PeerNumber, class: Class, frame: Bytes) -> Result<Sent, SendError> {
        let link = self.shared.roster.find(peer).ok_or(SendError::Gone)?;
        let sent = link.outbox.push(class, frame);
        if class == Class::Control && matches!(sent, Err(SendError::Full(_))) {
            link.close(Reason::Stalled);
        }
        sent
    }

    /// Ends a connection.
    pub fn disconnect(&self, peer: PeerNumber, reason: Reason) {
        if let Some(link) = self.shared.roster.find(peer) {
            link.close(reason);
        }
    }

    /// Keeps a device out for a time, whether it is connected still or not: neither is it let in nor called.
    pub fn ban(&self, device: &DeviceId, time: Duration) {
        let now = Instant::now();
        self.shared.roster.ban(*device, time, now);
        self.shared.book().hold_off(device, now + time);
    }

    /// The peers that are known or connected, by id.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerView> {
        peers(&self.shared, Instant::now())
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> &ShellStats {
        &self.shared.stats
    }

    /// Incoming connections that have not proved who they are.
    #[must_use]
    pub fn strangers(&self) -> usize {
        self.shared.gate.open()
    }

    /// Says goodbye to all and ends, in less than a second.
    pub async fn stop(self) {
        close(&self.shared);
        // A peer that does not hear it notices by itself.
        let _ = timeout(GOODBYE, self.shared.endpoint.wait_idle()).await;
    }
}
