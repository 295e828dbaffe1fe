//! For tests: a store with some transactions, a shell over it, and a peer's shell that is connected with it.

use super::link::Link;
use super::post::Post;
use crate::bell::{Receiver, bounded};
use crate::gossip::{
    Class, Departure, Identity, PeerNumber, PeerState, Shell, ShellEvent, ShellLimits, ShellOptions,
};
use crate::store::{Fragile, Store};
use crate::testing::{Device, Ledger};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Kind, Network, NetworkParts, Rules, Timestamp, content_format};

const PATIENCE: Duration = Duration::from_secs(60);

/// Readings that are stored behind the enrolments of the two devices.
pub(in crate::node) const READINGS: u32 = 126;

pub(in crate::node) struct Pair {
    pub(in crate::node) network: Arc<Network>,
    pub(in crate::node) ledger: Ledger,
    pub(in crate::node) devices: [Device; 2],
    pub(in crate::node) disk: Fragile,
    pub(in crate::node) link: Arc<Link>,
    pub(in crate::node) events: Receiver<ShellEvent>,
    /// The peer, as it is known here.
    pub(in crate::node) number: PeerNumber,
    pub(in crate::node) device: DeviceId,
    peer: Shell,
    heard: Receiver<ShellEvent>,
    /// This node, as the peer knows it.
    here: PeerNumber,
}

fn key(number: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap())
}

fn shell(network: &Arc<Network>, number: u8, store: &Arc<Store>) -> (Shell, Receiver<ShellEvent>) {
    let limits = ShellLimits { backoff: PATIENCE, ..ShellLimits::default() };
    let options = ShellOptions { limits, ..ShellOptions::new(SocketAddr::from(([127, 0, 0, 1], 0))) };
    let identity = Identity { network: Arc::clone(network), key: key(number), credential: Vec::new() };
    Shell::start(options, identity, Arc::<Store>::clone(store)).unwrap()
}

impl Pair {
    pub(in crate::node) fn new() -> Self {
        let parts = NetworkParts {
            name: "peering".into(),
            created: Timestamp::from_millis(1_600_000_000_000),
            open_enrolment: true,
            rules: Rules::new(600_000, 600, 0, 0).unwrap(),
            registrars: Vec::new(),
            committee: [1, 2].map(|number| key(number).public_key().clone()).into(),
        };
        let network = Arc::new(Network::new(parts).unwrap());
        let mut ledger = Ledger::new(&network, 7);
        let devices = [Device::new(8), Device::new(9)];
        devices.iter().for_each(|device| drop(ledger.enrol(device, 0)));
        for counter in 1..=READINGS {
            let device = &devices[counter as usize % 2];
            ledger.issue(device, Kind::Reading, counter, content_format::SENML_CBOR, &[7; 8_000]);
        }
        let disk = Fragile::new(&network);
        disk.store.append(&ledger.arrivals).unwrap();
        let ((here, events), (peer, heard)) =
            (shell(&network, 1, &disk.store), shell(&network, 2, &disk.store));
        let device = DeviceId::of(key(2).public_key());
        here.learn(device, &peer.local_addr().to_string());
        let [number, other] = [&events, &heard].map(|events| match events.recv_timeout(PATIENCE).unwrap() {
            ShellEvent::Connected(connected) => connected.peer,
            other => panic!("{other:?}"),
        });
        let link = Arc::new(Link::new(here));
        Self { network, ledger, devices, disk, link, events, number, device, peer, heard, here: other }
    }

    /// The owner's side of the connection, of which nobody answers requests.
    pub(in crate::node) fn post(&self) -> Post {
        Post::new(Arc::clone(&self.link), bounded(1).0, bounded(1).0)
    }

    /// The transactions that are stored, in wire form.
    pub(in crate::node) fn wires(&self) -> Vec<Vec<u8>> {
        self.ledger.arrivals.iter().map(|attached| attached.transaction().wire().to_vec()).collect()
    }

    /// The next thing that the shell here says.
    pub(in crate::node) fn event(&self) -> ShellEvent {
        self.events.recv_timeout(PATIENCE).unwrap()
    }

    /// Has the peer send a frame; what the shell here says of it.
    pub(in crate::node) fn sends(&self, class: Class, bytes: Vec<u8>) -> ShellEvent {
        self.peer.send(self.here, class, bytes.into()).unwrap();
        self.event()
    }

    /// The next frame that comes to the peer.
    pub(in crate::node) fn frame(&self) -> (Class, Vec<u8>) {
        match self.heard.recv_timeout(PATIENCE).unwrap() {
            ShellEvent::Frame(frame) => (frame.class, frame.bytes.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    /// Whether nothing has come to the peer.
    pub(in crate::node) fn is_quiet(&self) -> bool {
        self.heard.is_empty()
    }

    /// How the peer's connection ends; what came before that is dropped.
    pub(in crate::node) fn departure(&self) -> Departure {
        loop {
            if let ShellEvent::Left(left) = self.heard.recv_timeout(PATIENCE).unwrap() {
                return left.departure;
            }
        }
    }

    /// Lets the peer read until the shell here says something.
    pub(in crate::node) fn read_until_it_says(&self) -> ShellEvent {
        let begun = Instant::now();
        loop {
            self.heard.try_iter().for_each(drop);
            if let Ok(event) = self.events.recv_timeout(Duration::from_millis(5)) {
                return event;
            }
            assert!(begun.elapsed() < PATIENCE, "it says nothing");
        }
    }

    /// Bytes of the peer's frames that are not dealt with here.
    pub(in crate::node) fn held(&self) -> usize {
        let of_peer = |peer: crate::gossip::PeerView| match peer.state {
            PeerState::Connected { held, .. } => Some(held),
            _ => None,
        };
        self.link.shell.peers().into_iter().find_map(of_peer).unwrap()
    }
}
