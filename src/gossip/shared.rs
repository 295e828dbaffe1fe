//! What all tasks of one shell share.

use super::book::{Book, Waits};
use super::credential::Ledger;
use super::event::{Left, ShellEvent};
use super::gate::Gate;
use super::handshake::Proved;
use super::intro::{INSTANCE_BYTES, Intro, Side};
use super::link::{Link, Parts};
use super::notice::Notices;
use super::options::ShellOptions;
use super::reason::{Departure, Reason};
use super::roster::{Path, Roster};
use super::signal::Signal;
use super::stats::ShellStats;
use crate::bell::Sender;
use quinn::{Connection, Endpoint};
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use weft_tangle::signing::SigningKey;
use weft_tangle::{DeviceId, Network};

/// What all tasks of one shell share.
pub(super) struct Shared {
    pub(super) options: ShellOptions,
    pub(super) network: Arc<Network>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) key: Arc<SigningKey>,
    pub(super) device: DeviceId,
    pub(super) instance: [u8; INSTANCE_BYTES],
    pub(super) credential: Mutex<Vec<u8>>,
    pub(super) endpoint: Endpoint,
    pub(super) client: quinn::ClientConfig,
    pub(super) roster: Arc<Roster>,
    pub(super) gate: Arc<Gate>,
    pub(super) stats: ShellStats,
    pub(super) notices: Notices,
    pub(super) dialler: Signal,
    /// Whether the endpoint has ended by itself, which happens when its socket fails; nothing brings it back.
    pub(super) has_failed: AtomicBool,
    book: Mutex<Book>,
    events: Sender<ShellEvent>,
}

/// What a shell is made of beside its options.
pub(super) struct Making {
    pub(super) network: Arc<Network>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) key: Arc<SigningKey>,
    pub(super) instance: [u8; INSTANCE_BYTES],
    pub(super) credential: Vec<u8>,
    pub(super) endpoint: Endpoint,
    pub(super) client: quinn::ClientConfig,
    pub(super) events: Sender<ShellEvent>,
}

impl Shared {
    pub(super) fn new(options: ShellOptions, making: Making, now: Instant) -> Self {
        let Making { network, ledger, key, instance, credential, endpoint, client, events } = making;
        let device = DeviceId::of(key.public_key());
        let committee = network.committee().filter(|(member, _)| **member != device).count();
        let is_member = committee < network.committee().count();
        let limits = &options.limits;
        let waits = Waits {
            first: limits.backoff,
            near: limits.backoff_near,
            most: limits.backoff_most,
            stable: limits.stable,
        };
        Self {
            roster: Roster::new(device, options.peers, committee, is_member),
            gate: Gate::new(limits, now),
            book: Mutex::new(Book::new(device, waits)),
            stats: ShellStats::default(),
            notices: Notices::default(),
            dialler: Signal::default(),
            has_failed: AtomicBool::new(false),
            credential: Mutex::new(credential),
            options,
            network,
            ledger,
            key,
            device,
            instance,
            endpoint,
            client,
            events,
        }
    }

    /// What this node says of itself.
    pub(super) fn intro(&self) -> Intro {
        let credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let public_key = self.key.public_key().clone();
        Intro { network: *self.network.id(), instance: self.instance, public_key, credential }
    }

    /// The address in force. A socket that has lost it is bound to none.
    pub(super) fn local_addr(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap_or(self.options.listen)
    }

    pub(super) fn is_committee(&self, device: &DeviceId) -> bool {
        self.network.committee().any(|(member, _)| member == device)
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a peer that has proved who it is its place and tells the rest; the connection that it replaces is closed.
    pub(super) fn enter(
        &self,
        connection: &Connection,
        proved: &Proved,
        side: Side,
    ) -> Result<Arc<Link>, Reason> {
        let now = Instant::now();
        let member = proved.member.clone();
        let (device, is_committee) = (member.device, member.is_committee);
        let path = Path { side, instance: proved.instance };
        let (connection, bandwidth) = (connection.clone(), self.options.bandwidth);
        let (link, old) = self.roster.enter(device, is_committee, path, now, |number, slot| {
            Link::new(Parts { number, member, path, connection, bandwidth, slot }, now)
        })?;
        if let Some(old) = old {
            old.close(Reason::Duplicate);
        }
        self.book().connected(&device, now);
        self.gate.learn(device, is_committee, link.address.ip());
        tracing::info!(peer = %device, address = %link.address, number = link.number.0, "a peer has connected");
        Ok(link)
    }

    /// A connection has ended and all its tasks with it.
    pub(super) fn left(&self, link: &Link, departure: Departure) {
        self.roster.leave(link);
        let device = link.member.device;
        if !self.roster.has(&device) {
            self.book().left(&device, departure.clone(), Instant::now(), draw());
            self.dialler.set();
        }
        tracing::info!(peer = %device, number = link.number.0, why = %departure, "a peer has left");
        if let Some(slot) = link.take_slot() {
            let left = Left { peer: link.number, device, departure, _slot: slot };
            self.tell(ShellEvent::Left(left));
        }
    }

    /// Tells the owner. The queue has room for all that can be told; when nobody listens any more the node is stopping.
    pub(super) fn tell(&self, event: ShellEvent) {
        if let Err(crossbeam_channel::TrySendError::Full(event)) = self.events.try_send(event) {
            tracing::error!(?event, "the queue of events is shorter than what can stand in it");
        }
    }
}

/// A number for a wait. Without entropy the waits are not drawn apart, which harms nobody.
pub(super) fn draw() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
