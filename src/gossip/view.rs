//! The peers as the API shows them.

use super::event::PeerNumber;
use super::intro::Side;
use super::link::Link;
use super::reason::Departure;
use super::shared::Shared;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use weft_tangle::DeviceId;

/// How this node stands with a peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PeerState {
    /// Connected.
    Connected {
        /// The connection.
        number: PeerNumber,
        /// This node's side: the client dialled.
        side: Side,
        /// Where the peer is.
        address: SocketAddr,
        /// For how long.
        lasting: Duration,
        /// The round trip, as QUIC estimates it.
        round_trip: Duration,
        /// Bytes on the streams, sent.
        sent: u64,
        /// The same, received.
        received: u64,
        /// Bytes that wait to be sent.
        queued: usize,
        /// Bytes received that the owner has not done with.
        held: usize,
    },
    /// An attempt to connect is being made.
    Connecting,
    /// The next attempt is waited for.
    Waiting {
        /// How long still.
        remaining: Duration,
    },
}

impl PeerState {
    /// The name in the API and as a metric's label value.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connected { .. } => "connected",
            Self::Connecting => "connecting",
            Self::Waiting { .. } => "waiting",
        }
    }
}

/// One peer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PeerView {
    /// Who it is.
    pub device: DeviceId,
    /// Whether the network file names it a member of the committee.
    pub is_committee: bool,
    /// Where it says, or the network file says, that it listens; nothing where a peer is known only by its call.
    pub addresses: Vec<String>,
    /// How this node stands with it.
    pub state: PeerState,
    /// Attempts in a row that came to nothing.
    pub failures: u32,
    /// How the last connection or attempt ended.
    pub last: Option<Departure>,
}

/// All peers that are known or connected, by id.
pub(super) fn peers(shared: &Shared, now: Instant) -> Vec<PeerView> {
    let mut links: BTreeMap<DeviceId, _> =
        shared.roster.links().into_iter().map(|link| (link.member.device, link)).collect();
    let mut views: Vec<PeerView> = Vec::new();
    for (device, entry) in shared.book().entries() {
        let state = match (links.remove(device), entry.dialling) {
            (Some(link), _) => connected(&link, now),
            (None, true) => PeerState::Connecting,
            (None, false) => PeerState::Waiting { remaining: entry.retry_in(now).unwrap_or_default() },
        };
        views.push(PeerView {
            device: *device,
            is_committee: entry.is_committee,
            addresses: entry.addresses.clone(),
            state,
            failures: entry.failures,
            last: entry.last.clone(),
        });
    }
    views.extend(links.into_values().map(|link| PeerView {
        device: link.member.device,
        is_committee: link.member.is_committee,
        addresses: Vec::new(),
        state: connected(&link, now),
        failures: 0,
        last: None,
    }));
    views.sort_by_key(|view| view.device);
    views
}

fn connected(link: &Link, now: Instant) -> PeerState {
    PeerState::Connected {
        number: link.number,
        side: link.path.side,
        address: link.address,
        lasting: now.saturating_duration_since(link.since),
        round_trip: link.connection.rtt(),
        sent: link.traffic.sent_bytes(),
        received: link.traffic.received_bytes(),
        queued: link.outbox.queued(),
        held: link.meters.iter().map(|(_, meter)| meter.held().1).sum(),
    }
}
