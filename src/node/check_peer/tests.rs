//! What the replica is told of what peers send: known, waiting, refused, or to be attached.

use super::*;
use crate::limits::DIRECTORY_ENROLMENTS;
use crate::node::directory::Directory;
use crate::node::peering::Share;
use crate::store::Fragile;
use crate::testing::{CREATED, Device, Ledger, network, reading};
use weft_tangle::body::Enrolment;
use weft_tangle::gossip::Tree;
use weft_tangle::limits::BODY_OFFSET;
use weft_tangle::replica::{Event, Source};
use weft_tangle::{Kind, Malformed, Refusal, Role, content_format};

const WAY: Source = Source::Peer(7);

struct World {
    disk: Fragile,
    ledger: Ledger,
    checker: Checker,
}

fn world() -> World {
    let network = network("peers");
    let disk = Fragile::new(&network);
    let directory = Arc::new(Directory::new(Arc::clone(&network)));
    let checker = Checker::of(&network, &disk.store, &directory, crate::bell::bounded(1).0);
    World { disk, ledger: Ledger::new(&network, 1), checker }
}

impl World {
    fn check(&self, tree: Option<Tree>, wire: &[u8]) -> Event {
        let work = Work::Wires(vec![bytes::Bytes::copy_from_slice(wire)]);
        let request = self.checker.check_peers(self.checker.open_peers(PeerJob {
            source: WAY,
            tree,
            work,
            share: Share::default(),
        }));
        assert_eq!(request.source, WAY);
        let [event] = <[Event; 1]>::try_from(request.events).unwrap();
        event
    }

    fn enrol(&mut self, device: &Device, counter: u32) {
        let attached = self.ledger.enrol(device, counter);
        self.disk.store.append(&[attached]).unwrap();
        self.checker.directory.forget(&device.id());
    }
}

#[test]
fn what_passes_is_received_or_pushed_on_along_its_tree() {
    let (mut world, device) = (world(), Device::new(1));
    world.enrol(&device, 0);
    // Its clock is months off the node's, which the door would not take.
    let wire = reading(&world.ledger.network, &device, 1);
    assert!(matches!(world.check(None, &wire), Event::Received { source: WAY, token: None, .. }));
    let tree = Tree(9);
    assert!(matches!(world.check(Some(tree), &wire), Event::Pushed { tree: Tree(9), source: WAY, .. }));
    let newcomer = world.ledger.enrol(&Device::new(2), 0);
    let event = world.check(None, newcomer.transaction().wire());
    assert!(matches!(event, Event::Received { transaction, .. } if transaction.enrolment().is_some()));
}

#[test]
fn what_is_stored_is_a_duplicate_and_not_checked() {
    let (mut world, device) = (world(), Device::new(1));
    world.enrol(&device, 0);
    let mut wire = world.ledger.arrivals[0].transaction().wire().to_vec();
    wire[1_000] ^= 1;
    let known = world.ledger.arrivals[0].id();
    let event = world.check(Some(Tree(3)), &wire);
    assert!(matches!(event, Event::Duplicate { id, tree: Some(Tree(3)), .. } if id == known), "{event:?}");
    let taken = world.disk.store.taken().unwrap().transactions().unwrap();
    assert_eq!(taken, 0, "the database need not take it for that");
}

#[test]
fn what_is_damaged_is_a_duplicate_whose_bytes_go_back_if_they_are_right() {
    let (mut world, device) = (world(), Device::new(1));
    world.enrol(&device, 0);
    let read = world.ledger.read(&device, 1);
    world.disk.store.append(std::slice::from_ref(&read)).unwrap();
    let (id, wire) = (read.id(), read.transaction().wire());
    world.disk.damage(wire);
    let stored = |world: &World| world.disk.store.reader().unwrap().transaction(&id);
    assert!(stored(&world).is_err());
    let mut wrong = wire.to_vec();
    wrong[1_000] ^= 1;
    for (sent, is_right) in [(&wrong[..], false), (wire, true), (wire, true)] {
        let event = world.check(Some(Tree(3)), sent);
        assert!(matches!(event, Event::Duplicate { id: told, .. } if told == id), "{event:?}");
        assert_eq!(stored(&world).is_ok(), is_right);
    }
    assert_eq!(world.disk.store.damage(), (0, 1));
}

#[test]
fn who_is_not_known_waits_and_is_checked_again_when_it_is() {
    let (mut world, device) = (world(), Device::new(1));
    let wire = reading(&world.ledger.network, &device, 1);
    let Event::Unpermitted { transaction, source: WAY } = world.check(None, &wire) else { panic!() };
    world.enrol(&device, 0);
    let work = Work::Again(Box::new(transaction));
    let job = PeerJob { source: WAY, tree: None, work, share: Share::default() };
    let events = world.checker.check_peers(world.checker.open_peers(job)).events;
    assert!(matches!(&events[..], [Event::Received { .. }]), "{events:?}");
}

#[test]
fn any_enrolment_suffices_however_many_came_after_it() {
    let (mut world, device) = (world(), Device::new(1));
    world.enrol(&device, 0);
    let wire = reading(&world.ledger.network, &device, 1);
    let transaction = Transaction::decode(&world.ledger.network, &wire).unwrap();
    let later = Enrolment {
        role: Role::Sensor,
        valid_from: CREATED.plus(86_400_000),
        valid_until: CREATED.plus(2 * 86_400_000),
        owner: [0; 32],
        public_key: device.issuer_key().clone(),
        kem_public_key: None,
        address: None,
        admission: None,
    };
    let later = later.encode();
    for counter in 1..=DIRECTORY_ENROLMENTS as u32 {
        let attached = world.ledger.issue(&device, Kind::Enrol, counter, content_format::WEFT, &later);
        world.disk.store.append(&[attached]).unwrap();
    }
    let newest = world.checker.directory.find(&device.id(), &world.disk.store).unwrap().unwrap();
    assert!(newest.permits(&transaction).is_err(), "the door does not look so far back");
    let issuer = world.checker.issuer(&transaction).unwrap().unwrap();
    assert!(issuer.permits(&transaction).is_ok());
    let all = world.checker.directory.find_all(&device.id(), &world.disk.store).unwrap().unwrap();
    assert_eq!(all.standings().len(), DIRECTORY_ENROLMENTS + 1);
}

#[test]
fn what_is_refused_is_told_with_the_id_that_its_header_has() {
    let (mut world, device) = (world(), Device::new(1));
    world.enrol(&device, 0);
    let wire = reading(&world.ledger.network, &device, 1);
    let id = Transaction::decode(&world.ledger.network, &wire).unwrap().id();
    let told = |wire: &[u8]| match world.check(None, wire) {
        Event::Refused { id, source: WAY, refusal } => (id, refusal),
        other => panic!("{other:?}"),
    };
    let mut changed = wire.clone();
    changed[200] ^= 1;
    assert_eq!(told(&changed), (Some(id), Refusal::Signature));
    let mut changed = wire.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(told(&changed), (Some(id), Refusal::BodyDigest));
    let mut changed = wire.clone();
    changed[1] = 12;
    let (other, refusal) = told(&changed);
    assert!(other.is_some_and(|other| other != id && other.timestamp() == id.timestamp()));
    assert_eq!(refusal, Malformed::ReservedKind(12).into());
    assert_eq!(told(b"short").0, None);
    let access = [&wire[..1], &[9], &wire[2..]].concat();
    assert_eq!(told(&access).1, Refusal::KindNotYet(Kind::Access));
}

#[test]
fn what_is_left_of_one_whose_body_was_erased_is_told_as_that_alone() {
    let (mut world, device) = (world(), Device::new(1));
    let wire = reading(&world.ledger.network, &device, 1);
    let id = Transaction::decode(&world.ledger.network, &wire).unwrap().id();
    let left = &wire[..BODY_OFFSET];
    // Nobody knows its issuer: it does not wait, or it would be attached without anybody's word.
    let event = world.check(None, left);
    assert!(matches!(event, Event::Remains { id: told, transaction: None, .. } if told == id), "{event:?}");
    world.enrol(&device, 0);
    let Event::Remains { id: told, source: WAY, transaction: Some(transaction) } = world.check(None, left)
    else {
        panic!("it is permitted now")
    };
    assert!(told == id && transaction.id() == id && !transaction.transaction().is_whole());
    assert!(transaction.transaction().body().is_empty() && transaction.transaction().content().is_empty());
    let refused = |tree, wire: &[u8]| match world.check(tree, wire) {
        Event::Refused { id, refusal, .. } => (id, refusal),
        other => panic!("{other:?}"),
    };
    let mut changed = left.to_vec();
    changed[200] ^= 1;
    assert_eq!(refused(None, &changed), (Some(id), Refusal::Signature));
    let length = Refusal::from(Malformed::Length { found: BODY_OFFSET });
    assert_eq!(refused(Some(Tree(3)), left), (Some(id), length.clone()), "nobody pushes it");
    // Whole it may be right: of the transaction that has this header nothing is settled.
    let enrols = world.ledger.arrivals[0].transaction().wire()[..BODY_OFFSET].to_vec();
    assert_eq!(refused(None, &enrols), (None, length));

    let read = world.ledger.read(&device, 1);
    world.disk.store.append(std::slice::from_ref(&read)).unwrap();
    let wire = read.transaction().wire();
    let known = |world: &World| matches!(world.check(None, &wire[..BODY_OFFSET]), Event::Duplicate { .. });
    assert!(known(&world));
    world.disk.damage(wire);
    assert!(world.disk.store.reader().unwrap().transaction(&read.id()).is_err());
    assert!(known(&world), "it is here, and its body may come back");
    assert_eq!(world.disk.store.damage(), (1, 1));
}

#[test]
fn what_cannot_be_checked_is_left_out() {
    let (mut world, device) = (world(), Device::new(1));
    world.enrol(&device, 0);
    let wire = reading(&world.ledger.network, &device, 1);
    world.disk.fail_reads();
    let work = Work::Wires(vec![wire.into()]);
    let job = PeerJob { source: WAY, tree: None, work, share: Share::default() };
    assert!(world.checker.check_peers(world.checker.open_peers(job)).events.is_empty());
}
