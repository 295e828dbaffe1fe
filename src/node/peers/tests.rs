//! Whose address is kept, until when, and what is forgotten.

use super::*;
use crate::store::StoreOptions;
use crate::testing::{CREATED, Device, Ledger};
use std::sync::Arc;
use weft_tangle::body::Address;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{Attached, Network, NetworkParts, Rules, content_format};

fn key(number: u8) -> SigningKey {
    SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap()
}

/// An open network whose registrar is key 200 and whose committee is key 201.
fn network() -> Arc<Network> {
    let parts = NetworkParts {
        name: "peers".into(),
        created: CREATED,
        open_enrolment: true,
        rules: Rules::new(600_000, 600, 0, 0).unwrap(),
        registrars: vec![key(200).public_key().clone()],
        committee: vec![key(201).public_key().clone()],
    };
    Arc::new(Network::new(parts).unwrap())
}

struct World {
    _directory: tempfile::TempDir,
    store: Store,
    ledger: Ledger,
    counter: u32,
}

fn world() -> World {
    let network = network();
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    World { _directory: directory, store, ledger: Ledger::new(&network, 1), counter: 0 }
}

fn at(days: u64) -> Timestamp {
    CREATED.plus(days * 86_400_000)
}

fn id(number: u8) -> DeviceId {
    Device::new(number).id()
}

impl World {
    /// Makes an enrolment of device `number` durable, valid on these days.
    fn enrol(&mut self, number: u8, role: Role, days: Range<u64>, address: &str) -> Arc<Attached> {
        let enrolment = Enrolment {
            role,
            valid_from: at(days.start),
            valid_until: at(days.end),
            owner: [0; 32],
            public_key: key(number).public_key().clone(),
            kem_public_key: None,
            address: (!address.is_empty()).then(|| Address::new(address.as_bytes()).unwrap()),
            admission: None,
        };
        let content = enrolment.admitted_by(self.ledger.network.id(), &key(200)).encode();
        self.counter += 1;
        let device = Device::new(number);
        let attached = self.ledger.issue(&device, Kind::Enrol, self.counter, content_format::WEFT, &content);
        self.store.append(&[Arc::clone(&attached)]).unwrap();
        attached
    }

    fn revoke(&mut self, number: u8) -> Arc<Attached> {
        self.counter += 1;
        let attached = self.ledger.revoke_itself(&Device::new(number), self.counter);
        self.store.append(&[Arc::clone(&attached)]).unwrap();
        attached
    }

    fn tell(&self, peers: &Peers, attached: &Attached) {
        peers.learn(attached.transaction(), &self.store, at(0)).unwrap();
    }

    fn scanned(&self) -> Peers {
        let peers = Peers::default();
        peers.scan(&self.store, at(0)).unwrap();
        peers
    }
}

fn addresses(peers: &Peers, days: u64) -> Vec<(DeviceId, String)> {
    let mut found: Vec<_> = peers.at(at(days)).into_iter().map(|peer| (peer.device, peer.address)).collect();
    found.sort_by(|a, b| a.1.cmp(&b.1));
    found
}

fn peer(number: u8, address: &str) -> (DeviceId, String) {
    (id(number), address.to_owned())
}

#[test]
fn the_newest_enrolment_that_holds_says_where_a_node_is() {
    let mut world = world();
    let told = Peers::default();
    for (number, role, days, address) in [
        (1, Role::Fog, 0..9, "a:1"),
        (1, Role::Fog, 3..9, "b:1"),
        (2, Role::Fog, 0..5, "c:1"),
        (2, Role::Fog, 0..2, ""),
        (3, Role::Sensor, 0..9, ""),
    ] {
        let attached = world.enrol(number, role, days, address);
        let before = told.generation();
        world.tell(&told, &attached);
        assert_eq!(told.generation() > before, role == Role::Fog);
        world.tell(&told, &attached);
        assert_eq!(told.generation() - before, u64::from(role == Role::Fog), "told twice is known once");
    }
    for peers in [told, world.scanned()] {
        assert_eq!(addresses(&peers, 0), [peer(1, "a:1")], "2 says that it listens nowhere");
        assert_eq!(addresses(&peers, 2), [peer(1, "a:1"), peer(2, "c:1")]);
        assert_eq!(addresses(&peers, 4), [peer(1, "b:1"), peer(2, "c:1")]);
        assert_eq!(addresses(&peers, 5), [peer(1, "b:1")]);
        assert_eq!(addresses(&peers, 9), []);
    }
}

#[test]
fn the_revoked_are_left_out_whenever_that_is_learned() {
    let mut world = world();
    let peers = Peers::default();
    let first = world.enrol(1, Role::Fog, 0..9, "a:1");
    let second = world.enrol(2, Role::Fog, 0..9, "b:1");
    world.tell(&peers, &first);
    world.tell(&peers, &second);
    let before = peers.generation();
    let revocation = world.revoke(1);
    world.tell(&peers, &revocation);
    assert_eq!((addresses(&peers, 1), peers.generation()), (vec![peer(2, "b:1")], before + 1));
    // Neither an old enrolment that is told late nor a new one brings it back.
    world.tell(&peers, &first);
    let again = world.enrol(1, Role::Fog, 0..9, "d:1");
    world.tell(&peers, &again);
    assert_eq!(addresses(&peers, 1), [peer(2, "b:1")]);
    assert_eq!(addresses(&world.scanned(), 1), [peer(2, "b:1")]);
}

#[test]
fn the_committee_stands_first_and_once() {
    let mut world = world();
    let peers = Peers::default();
    let member = |address: &str| Peer { device: id(201), address: address.into() };
    peers.name_committee(vec![member("m:1")]);
    assert_eq!(peers.at(at(0)), [member("m:1")]);
    let same = world.enrol(201, Role::Fog, 0..9, "m:1");
    world.tell(&peers, &same);
    assert_eq!(peers.at(at(0)), [member("m:1")]);
    let moved = world.enrol(201, Role::Fog, 0..9, "n:1");
    world.tell(&peers, &moved);
    assert_eq!(peers.at(at(0)), [member("m:1"), member("n:1")]);
    let revocation = world.revoke(201);
    world.tell(&peers, &revocation);
    assert_eq!(peers.at(at(0)), [member("m:1")], "who is of the committee is for the network file to say");
}

#[test]
fn all_pages_of_a_scan_are_read() {
    let mut world = world();
    let numbers = 1..=20;
    for number in numbers.clone() {
        for days in [0..9, 1..9] {
            world.enrol(number, Role::Fog, days, &format!("host-{number}:1"));
        }
    }
    let reader = world.store.reader().unwrap();
    let (mut after, mut read) = (None, Vec::new());
    loop {
        let page = reader.all_enrolments(after, 7).unwrap();
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some((last.header().issuer, last.id()));
        read.extend(page.into_iter().map(|transaction| transaction.id()));
    }
    let mut expected: Vec<TxId> = world.ledger.arrivals.iter().map(|attached| attached.id()).collect();
    read.sort();
    expected.sort();
    assert_eq!(read, expected);
    assert_eq!(addresses(&world.scanned(), 1).len(), numbers.count());
}

#[test]
fn memory_is_bounded_and_what_has_ended_makes_room() {
    let mut known = Known::default();
    let announced = |serial: u64, until: u64| Announced {
        id: TxId::first_at(Timestamp::from_millis(serial)),
        valid: at(0)..at(until),
        address: None,
    };
    let device =
        |number: usize| DeviceId::from_bytes(std::array::from_fn(|at| (number >> (8 * (at % 4))) as u8));
    for number in 0..PEER_DEVICES {
        let until = if number == 0 { 1 } else { 9 };
        assert!(known.insert(device(number), announced(1, until), at(0)));
    }
    assert!(!known.insert(device(PEER_DEVICES), announced(1, 9), at(0)));
    assert!(known.insert(device(PEER_DEVICES), announced(1, 9), at(1)), "the first has ended");
    assert_eq!(known.admitted.len(), PEER_DEVICES);
    for serial in 2..20 {
        known.insert(device(1), announced(serial, 9), at(0));
    }
    let kept: Vec<_> = known.admitted[&device(1)].iter().map(|one| one.id.timestamp().as_millis()).collect();
    assert_eq!(kept, [16, 17, 18, 19]);
}
