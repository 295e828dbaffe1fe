//! Shells on real sockets of this machine, with honest peers and with hostile ones made of plain quinn.
//!
//! Nothing here depends on how fast the machine is: what is waited for has a deadline that only a fault reaches.

mod flow;
mod hostile;
mod lies;
mod peers;
mod raw;
mod sockets;
mod strangers;
mod vectors;

use super::{
    Class, Departure, Identity, Ledger, Member, PeerNumber, PeerState, Reason, Shell, ShellEvent,
    ShellLimits, ShellOptions,
};
use crate::bell::Receiver;
use crate::runtime::quic_runtime;
use crate::store::StoreError;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weft_pow::Nonce;
use weft_tangle::body::{Address, Enrolment};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Draft, Kind, Network, NetworkParts, Role, Rules, Timestamp, content_format};

/// A fault only: everything waited for comes in milliseconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn key(number: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap())
}

fn device(number: u8) -> DeviceId {
    DeviceId::of(key(number).public_key())
}

/// The registrar of every network here.
const REGISTRAR: u8 = 200;

/// A closed network whose committee are the keys 1 to `committee`.
fn network(name: &str, committee: u8) -> Arc<Network> {
    let public = |number| key(number).public_key().clone();
    Arc::new(
        Network::new(NetworkParts {
            name: name.into(),
            created: Timestamp::from_millis(1_000),
            open_enrolment: false,
            rules: Rules::new(600_000, 600, 0, 0).unwrap(),
            registrars: vec![public(REGISTRAR)],
            committee: (1..=committee).map(public).collect(),
        })
        .unwrap(),
    )
}

/// An enrolment in wire form, admitted by `registrar`.
fn credential(network: &Network, of: u8, role: Role, until: Timestamp, registrar: u8) -> Vec<u8> {
    let key = key(of);
    let enrolment = Enrolment {
        role,
        valid_from: network.created(),
        valid_until: until,
        owner: [0; 32],
        public_key: key.public_key().clone(),
        kem_public_key: None,
        address: (role == Role::Fog).then(|| Address::new(b"10.0.0.1:8471").unwrap()),
        admission: None,
    };
    let content = enrolment.admitted_by(network.id(), &self::key(registrar)).encode();
    let draft = Draft {
        kind: Kind::Enrol,
        content_format: content_format::WEFT,
        counter: 0,
        timestamp: network.created().plus(1),
        parents: [network.genesis(); 2],
        salt: [1; 16],
        content: &content,
    };
    draft.sign(network.id(), &key).unwrap().with_nonce(Nonce::from_bytes([0; 8])).to_vec()
}

fn in_a_year() -> Timestamp {
    crate::node::now().plus(365 * 86_400_000)
}

/// What is revoked, for a ledger that holds nothing else.
#[derive(Default, Clone)]
struct Revoked(Arc<Mutex<BTreeSet<DeviceId>>>);

impl Ledger for Revoked {
    fn is_revoked(&self, device: &DeviceId) -> Result<bool, StoreError> {
        Ok(self.0.lock().unwrap().contains(device))
    }
}

/// A shell and what it tells.
struct Node {
    shell: Shell,
    events: Receiver<ShellEvent>,
    device: DeviceId,
    revoked: Revoked,
}

/// Short waits between attempts; deadlines as they are.
fn options() -> ShellOptions {
    let mut options = ShellOptions::new(SocketAddr::from(([127, 0, 0, 1], 0)));
    options.limits = ShellLimits {
        backoff: Duration::from_millis(20),
        backoff_near: Duration::from_millis(200),
        backoff_most: Duration::from_millis(200),
        ..ShellLimits::default()
    };
    options
}

impl Node {
    fn start(network: &Arc<Network>, number: u8) -> Self {
        Self::with(network, number, options(), Vec::new())
    }

    fn with(network: &Arc<Network>, number: u8, options: ShellOptions, credential: Vec<u8>) -> Self {
        Self::on(network, number, options, credential, quic_runtime())
    }

    /// On sockets of a runtime.
    fn on(
        network: &Arc<Network>,
        number: u8,
        options: ShellOptions,
        credential: Vec<u8>,
        runtime: Arc<dyn quinn::Runtime>,
    ) -> Self {
        let identity = Identity { network: Arc::clone(network), key: key(number), credential };
        let revoked = Revoked::default();
        let (shell, events) = Shell::start_on(options, identity, Arc::new(revoked.clone()), runtime).unwrap();
        Self { shell, events, device: device(number), revoked }
    }

    fn address(&self) -> SocketAddr {
        self.shell.local_addr()
    }

    fn learn(&self, other: &Self) {
        self.shell.learn(other.device, &other.address().to_string());
    }

    fn next(&self) -> ShellEvent {
        self.events.recv_timeout(PATIENCE).unwrap()
    }

    /// The next peer that connects; whatever else happens until then is dropped.
    fn connected(&self) -> (PeerNumber, DeviceId) {
        loop {
            if let ShellEvent::Connected(connected) = self.next() {
                return (connected.peer, connected.device);
            }
        }
    }

    /// Why the next peer that leaves does so.
    fn left(&self) -> Departure {
        loop {
            if let ShellEvent::Left(left) = self.next() {
                return left.departure;
            }
        }
    }

    /// The next frame.
    fn frame(&self) -> (PeerNumber, Class, Vec<u8>) {
        loop {
            if let ShellEvent::Frame(frame) = self.next() {
                return (frame.peer, frame.class, frame.bytes.to_vec());
            }
        }
    }

    fn send(&self, peer: PeerNumber, class: Class, bytes: &[u8]) {
        self.shell.send(peer, class, bytes.to_vec().into()).unwrap();
    }

    fn connections(&self) -> Vec<(PeerNumber, DeviceId)> {
        let connected = |view: super::PeerView| match view.state {
            PeerState::Connected { number, .. } => Some((number, view.device)),
            _ => None,
        };
        self.shell.peers().into_iter().filter_map(connected).collect()
    }

    fn failures(&self, slug: &str) -> u64 {
        self.shell.stats().failures().iter().filter(|row| row.0 == slug).map(|row| row.2).sum()
    }
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < by, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Two members of one committee, connected; the first has dialled.
fn pair(name: &str) -> (Node, PeerNumber, Node, PeerNumber) {
    let network = network(name, 2);
    let (a, b) = (Node::start(&network, 1), Node::start(&network, 2));
    a.learn(&b);
    let (at_a, at_b) = (a.connected(), b.connected());
    assert_eq!((at_a.1, at_b.1), (b.device, a.device));
    (a, at_a.0, b, at_b.0)
}

fn closed(reason: Reason) -> Departure {
    Departure::Closed(reason)
}
