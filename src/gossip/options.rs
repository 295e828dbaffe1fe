//! What a shell is started with.

use super::limits;
use std::net::SocketAddr;
use std::time::Duration;

/// How a shell listens and what it allows.
#[derive(Clone, Debug)]
pub struct ShellOptions {
    /// Where to listen, and where dials come from; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Peers at once.
    pub peers: usize,
    /// Bytes a second sent to one peer, where that is capped.
    pub bandwidth: Option<u64>,
    /// The deadlines and bounds in force.
    pub limits: ShellLimits,
}

impl ShellOptions {
    /// The usual options for an address.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, peers: limits::PEERS_DEFAULT, bandwidth: None, limits: ShellLimits::default() }
    }
}

/// Deadlines and bounds, each explained where its default stands, in [`limits`].
#[derive(Clone, Debug)]
pub struct ShellLimits {
    /// [`limits::HANDSHAKES`]
    pub handshakes: usize,
    /// [`limits::HANDSHAKES_PER_ADDRESS`]
    pub handshakes_per_address: usize,
    /// [`limits::HANDSHAKES_UNVALIDATED`]
    pub handshakes_unvalidated: usize,
    /// [`limits::HANDSHAKE_TIMEOUT`]
    pub handshake_timeout: Duration,
    /// [`limits::HANDSHAKE_STEP_TIMEOUT`]
    pub step_timeout: Duration,
    /// [`limits::STALL_TIMEOUT`]
    pub stall_timeout: Duration,
    /// [`limits::IDLE_TIMEOUT`]
    pub idle_timeout: Duration,
    /// [`limits::KEEP_ALIVE`]
    pub keep_alive: Duration,
    /// [`limits::DIAL_BACKOFF`]
    pub backoff: Duration,
    /// [`limits::DIAL_BACKOFF_NEAR`]
    pub backoff_near: Duration,
    /// [`limits::DIAL_BACKOFF_MOST`]
    pub backoff_most: Duration,
    /// [`limits::DIAL_STABLE`]
    pub stable: Duration,
    /// [`limits::RECHECK`]
    pub recheck: Duration,
}

impl Default for ShellLimits {
    fn default() -> Self {
        Self {
            handshakes: limits::HANDSHAKES,
            handshakes_per_address: limits::HANDSHAKES_PER_ADDRESS,
            handshakes_unvalidated: limits::HANDSHAKES_UNVALIDATED,
            handshake_timeout: limits::HANDSHAKE_TIMEOUT,
            step_timeout: limits::HANDSHAKE_STEP_TIMEOUT,
            stall_timeout: limits::STALL_TIMEOUT,
            idle_timeout: limits::IDLE_TIMEOUT,
            keep_alive: limits::KEEP_ALIVE,
            backoff: limits::DIAL_BACKOFF,
            backoff_near: limits::DIAL_BACKOFF_NEAR,
            backoff_most: limits::DIAL_BACKOFF_MOST,
            stable: limits::DIAL_STABLE,
            recheck: limits::RECHECK,
        }
    }
}
