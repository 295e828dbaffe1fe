//! A whole ledger in one process on a disk that fails on command: it stops writing, says so, and goes on by itself.

use super::*;
use crate::http::ConnectionId;
use crate::limits::{STORE_RESERVE_BYTES, STORE_RESUME_BYTES};
use crate::metrics::Metrics;
use crate::runtime::block_on;
use crate::store::{Fragile, StoreError};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use weft_pow::Nonce;
use weft_tangle::body::Enrolment;
use weft_tangle::finality::Pace;
use weft_tangle::replica::Taken;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{
    DeviceId, Draft, History, Kind, Network, NetworkParts, Role, Rules, Timestamp, TxId, content_format,
};

/// How long a node may take to notice: its waits are a few hundred milliseconds, the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

mod finality;

struct World {
    disk: Fragile,
    ledger: Ledger,
    threads: Threads,
    acknowledged: Vec<TxId>,
}

struct Device {
    key: SigningKey,
    counter: u32,
}

fn network() -> Arc<Network> {
    let committee = SigningKey::from_seed(&Seed::from_bytes([0xC0; 32])).unwrap();
    let parts = NetworkParts {
        name: "fragile".into(),
        created: Timestamp::from_millis(1_600_000_000_000),
        open_enrolment: true,
        // Epochs of a day, so that counters meet however long recoveries take.
        rules: Rules::new(86_400_000, 600, 0, 0).unwrap(),
        registrars: Vec::new(),
        committee: vec![committee.public_key().clone()],
    };
    Arc::new(Network::new(parts).unwrap())
}

/// A node that is no member of the committee.
fn stranger() -> Own {
    let key = SigningKey::from_seed(&Seed::from_bytes([0xC1; 32])).unwrap();
    Own { key: Arc::new(key), pace: Pace::default() }
}

impl Device {
    fn new(number: u8) -> Self {
        Self { key: SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap(), counter: 0 }
    }

    fn id(&self) -> DeviceId {
        DeviceId::of(self.key.public_key())
    }

    /// A transaction with a counter of one's choice.
    fn sign(&self, world: &World, kind: Kind, counter: u32, content: &[u8]) -> Bytes {
        let network = &world.ledger.network;
        let draft = Draft {
            kind,
            content_format: content_format::WEFT,
            counter,
            timestamp: now(),
            parents: [network.genesis(); 2],
            salt: [7; 16],
            content,
        };
        draft.sign(network.id(), &self.key).unwrap().with_nonce(Nonce::from_bytes([3; 8])).into()
    }

    fn enrolment(&mut self, world: &World) -> Bytes {
        let enrolment = Enrolment {
            role: Role::Sensor,
            valid_from: Timestamp::from_millis(1_600_000_000_000),
            valid_until: Timestamp::from_millis(2_600_000_000_000),
            owner: [0; 32],
            public_key: self.key.public_key().clone(),
            kem_public_key: None,
            address: None,
            admission: None,
        };
        self.counter += 1;
        self.sign(world, Kind::Enrol, self.counter, &enrolment.encode())
    }

    /// Something of an application's own.
    fn next(&mut self, world: &World) -> Bytes {
        self.counter += 1;
        self.sign(world, Kind::from_byte(200).unwrap(), self.counter, b"anything")
    }
}

impl World {
    fn new() -> Self {
        Self::on(&network(), |_| ())
    }

    fn on(network: &Arc<Network>, prepare: impl FnOnce(&Fragile)) -> Self {
        Self::of(network, stranger(), prepare)
    }

    fn of(network: &Arc<Network>, own: Own, prepare: impl FnOnce(&Fragile)) -> Self {
        let disk = Fragile::new(network);
        prepare(&disk);
        Self::start(disk, network, own)
    }

    /// A node on a disk that another one has left.
    fn start(disk: Fragile, network: &Arc<Network>, own: Own) -> Self {
        let metrics = Metrics::new("network").unwrap();
        let (ledger, threads) =
            Ledger::start(Arc::clone(network), Arc::clone(&disk.store), metrics, own, None).unwrap();
        Self { disk, ledger, threads, acknowledged: Vec::new() }
    }

    fn submit(&mut self, wire: &Bytes) -> Result<Taken, Fault> {
        let answer = block_on(self.ledger.intake.submit(ConnectionId(1), vec![wire.clone()])).pop().unwrap();
        if let Ok(taken) = &answer
            && taken.is_new
        {
            self.acknowledged.push(taken.id);
        }
        answer
    }

    fn enrol(&mut self, device: &mut Device) -> Bytes {
        let wire = device.enrolment(self);
        assert!(self.submit(&wire).unwrap().is_new);
        wire
    }

    /// Waits until the node is read-only, or not; why it is.
    fn wait_until(&self, read_only: bool) -> String {
        let begun = std::time::Instant::now();
        while self.ledger.health.read_only().is_some() != read_only {
            assert!(begun.elapsed() < PATIENCE, "{:?}", self.ledger.health);
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ledger.health.reasons().pop().unwrap_or_default()
    }

    /// All that was acknowledged is stored, each once, and nothing else except `more`.
    fn check(&self, more: u64) {
        let reader = self.ledger.store.reader().unwrap();
        assert!(self.acknowledged.iter().all(|id| reader.transaction(id).unwrap().is_some()));
        assert_eq!(reader.transactions().unwrap(), self.acknowledged.len() as u64 + more);
    }

    fn recoveries(&self) -> String {
        self.figure("weft_store_recoveries_total")
    }

    /// What a metric without labels says.
    fn figure(&self, name: &str) -> String {
        let text =
            self.ledger.metrics.text(&self.ledger, &crate::http::stats::ServerStats::default()).unwrap();
        let line = text.lines().find(|line| line.starts_with(name));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    }

    fn stop(self) {
        self.leave();
    }

    /// Stops the node; its disk.
    fn leave(self) -> Fragile {
        let Self { disk, ledger, threads, .. } = self;
        drop(ledger);
        assert!(block_on(threads.join_within(PATIENCE)), "the threads end");
        disk
    }
}

#[test]
fn a_node_goes_on_by_itself_after_a_failed_commit() {
    for allowed in [0, 2, 5, 9, 14, 16, 17, 18, 20, 30] {
        let (mut world, mut device) = (World::new(), Device::new(1));
        world.enrol(&mut device);
        let first = device.next(&world);
        world.submit(&first).unwrap();
        world.disk.fail_after(allowed);
        let refused = loop {
            let wire = device.next(&world);
            match world.submit(&wire) {
                Ok(_) => {}
                Err(Fault::Storage(cause)) => {
                    assert!(cause.contains("no space left"), "{cause}");
                    break wire;
                }
                Err(other) => panic!("{other}"),
            }
        };
        let reason = world.wait_until(true);
        assert!(reason.contains("the node is read-only"), "{reason}");
        let ticket = block_on(world.ledger.intake.ticket(device.id(), 1));
        assert!(matches!(ticket, Err(Fault::Storage(_))), "{ticket:?}");
        assert_eq!(world.recoveries(), "0");
        world.disk.mend();
        world.wait_until(false);
        assert_eq!(world.recoveries(), "1");
        let more = world.ledger.store.next_position().unwrap().0 - world.acknowledged.len() as u64;
        assert!(more <= 1, "the refused one may be there, no other");
        world.check(more);
        // Sent again it is taken, or known where it reached the disk; after that it is known in any case.
        assert_eq!(u64::from(!world.submit(&refused).unwrap().is_new), more);
        assert!(!world.submit(&refused).unwrap().is_new);
        world.check(more);
        block_on(world.ledger.intake.ticket(device.id(), 1)).unwrap();
        let twin =
            device.sign(&world, Kind::from_byte(200).unwrap(), 2, b"another with the counter of the first");
        let twin = world.submit(&twin).unwrap();
        assert!(twin.is_new && twin.disputed, "the counters are those of the store");
        let next = device.next(&world);
        assert!(world.submit(&next).unwrap().is_new);
        world.check(more);
        world.stop();
    }
}

#[test]
fn room_is_made_in_the_log_behind_what_was_answered() {
    let (mut world, mut device) = (World::new(), Device::new(1));
    world.enrol(&mut device);
    for _ in 0..64 {
        let wire = device.next(&world);
        world.submit(&wire).unwrap();
    }
    let [commits, batches] = ["weft_commit_seconds_count", "weft_commit_transactions_count"]
        .map(|name| world.figure(name).parse::<u64>().unwrap());
    assert!(commits > batches + 1, "{commits} commits of {batches} batches");
    world.check(0);
    world.stop();
}

#[test]
fn a_node_without_room_stops_before_a_write_fails_and_goes_on_when_there_is_room() {
    let (mut world, mut device) = (World::new(), Device::new(1));
    world.enrol(&mut device);
    world.disk.leave_room(STORE_RESERVE_BYTES);
    let wire = device.next(&world);
    let refused = world.submit(&wire);
    assert!(matches!(&refused, Err(Fault::Storage(cause)) if cause.contains("make room")), "{refused:?}");
    assert_eq!(world.disk.store.read_only(), None, "the database is whole");
    world.wait_until(true);
    world.disk.leave_room(STORE_RESUME_BYTES);
    world.wait_until(false);
    world.check(0);
    assert!(world.submit(&wire).unwrap().is_new);
    world.check(0);
    world.stop();
}

#[test]
fn a_node_that_starts_without_room_waits_for_it() {
    let mut world = World::on(&network(), |disk| disk.leave_room(0));
    let mut device = Device::new(1);
    world.wait_until(true);
    let wire = device.enrolment(&world);
    assert!(matches!(world.submit(&wire), Err(Fault::Storage(_))));
    world.disk.leave_room(STORE_RESUME_BYTES);
    world.wait_until(false);
    assert!(world.submit(&wire).unwrap().is_new);
    world.stop();
}

#[test]
fn a_node_goes_on_by_itself_after_a_failed_read() {
    let (mut world, mut device) = (World::new(), Device::new(1));
    world.enrol(&mut device);
    world.disk.fail_reads();
    let wire = device.next(&world);
    assert!(matches!(world.submit(&wire), Err(Fault::Storage(_))));
    world.wait_until(true);
    world.disk.mend();
    world.wait_until(false);
    assert!(world.submit(&wire).unwrap().is_new);
    world.check(0);
    world.stop();
}

#[test]
fn a_damaged_enrolment_concerns_its_own_device_alone() {
    let (mut world, mut device, mut other) = (World::new(), Device::new(1), Device::new(2));
    let enrolment = world.enrol(&mut device);
    world.enrol(&mut other);
    world.disk.damage(&enrolment);
    let wire = device.next(&world);
    let refused = world.submit(&wire).unwrap_err();
    assert!(matches!(&refused, Fault::Damaged(_)), "{refused:?}");
    let words = refused.to_string();
    assert!(words.contains("damaged") && !words.contains("write"), "{words}");
    let wire = other.next(&world);
    assert!(world.submit(&wire).unwrap().is_new);
    let reader = world.ledger.store.reader().unwrap();
    assert_eq!(reader.standings(&device.id()), Ok(Vec::new()));
    assert_eq!(reader.standings(&other.id()).unwrap().len(), 1);
    drop(reader);
    assert_eq!(world.ledger.health.reasons(), [""; 0]);
    world.stop();
}

#[test]
fn what_is_damaged_is_whole_again_once_the_same_bytes_are_sent() {
    let (mut world, mut device) = (World::new(), Device::new(1));
    let enrolment = world.enrol(&mut device);
    let wire = device.next(&world);
    assert!(world.submit(&wire).unwrap().is_new);
    [&enrolment, &wire].into_iter().for_each(|bytes| world.disk.damage(bytes));
    let read = |world: &World, wire: &Bytes| {
        let id = weft_tangle::Transaction::decode(&world.ledger.network, wire).unwrap().id();
        world.ledger.store.reader().unwrap().transaction(&id)
    };
    let is_damaged = |world: &World, wire| matches!(read(world, wire), Err(StoreError::Damaged { .. }));
    assert!(is_damaged(&world, &enrolment) && is_damaged(&world, &wire));
    let mut wrong = wire.to_vec();
    wrong[1_000] ^= 1;
    assert!(world.submit(&wrong.into()).is_err(), "nobody has signed this");
    assert!(is_damaged(&world, &wire));
    for sent in [&enrolment, &wire, &wire] {
        let taken = world.submit(sent).unwrap();
        assert!(!taken.is_new);
        assert!(read(&world, sent).unwrap().unwrap().transaction.wire() == &sent[..]);
    }
    assert_eq!(world.ledger.store.damage(), (0, 2));
    let next = device.next(&world);
    assert!(world.submit(&next).unwrap().is_new);
    world.stop();
}

#[test]
fn a_node_of_which_a_thread_has_failed_gives_no_tickets_and_writes_nothing_more() {
    let mut world = World::of(&network(), finality::member(), |_| ());
    let mut device = Device::new(1);
    world.enrol(&mut device);
    world.ledger.health.turn_read_only_for_good("the thread weft-checker panicked".into());
    let ticket = block_on(world.ledger.intake.ticket(device.id(), 1));
    assert!(matches!(&ticket, Err(Fault::Storage(cause)) if cause.contains("weft-checker")), "{ticket:?}");
    // What a member has under way it may write; then its threads end, and it says nothing more.
    let World { disk, ledger, threads, .. } = world;
    let (owner, rest) = threads.divide("weft-owner");
    assert!(block_on(owner.join_within(PATIENCE)), "the owner ends though it is still asked");
    let stored = disk.store.next_position().unwrap();
    assert!(matches!(block_on(ledger.intake.ticket(device.id(), 1)), Err(Fault::Storage(_))));
    assert_eq!(disk.store.next_position().unwrap(), stored);
    drop(ledger);
    assert!(block_on(rest.join_within(PATIENCE)), "the threads end");
}

#[test]
fn a_node_that_stops_gives_no_tickets() {
    let world = World::new();
    world.ledger.health.begin_to_stop();
    let ticket = block_on(world.ledger.intake.ticket(Device::new(1).id(), 1));
    assert!(matches!(ticket, Err(Fault::Stopping)), "{ticket:?}");
    world.stop();
}

#[test]
fn a_node_that_is_read_only_stops_when_it_is_told_to() {
    let (mut world, mut device) = (World::new(), Device::new(1));
    world.enrol(&mut device);
    world.disk.fail_after(0);
    let wire = device.next(&world);
    assert!(world.submit(&wire).is_err());
    world.wait_until(true);
    world.stop();
}
