//! Two whole ledgers in one process, connected by QUIC, one of them on a disk that fails on command.

use super::delivery::Delivery;
use super::*;
use crate::bell::bounded;
use crate::gossip::{Identity, Shell, ShellLimits, ShellOptions};
use crate::http::ConnectionId;
use crate::metrics::Metrics;
use crate::node::{Fault, Ledger, Own, Threads, now};
use crate::runtime::block_on;
use crate::store::{Fragile, Store};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_pow::Nonce;
use weft_tangle::body::Vote;
use weft_tangle::finality::Pace;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{Draft, History, Kind, Network, NetworkParts, Role, Rules, Timestamp, content_format};

const PATIENCE: Duration = Duration::from_secs(60);

fn key(number: u8) -> Arc<SigningKey> {
    Arc::new(SigningKey::from_seed(&Seed::from_bytes([number; 32])).unwrap())
}

fn network() -> Arc<Network> {
    let parts = NetworkParts {
        name: "pair".into(),
        created: Timestamp::from_millis(1_600_000_000_000),
        open_enrolment: true,
        rules: Rules::new(600_000, 600, 0, 0).unwrap(),
        registrars: Vec::new(),
        committee: [1, 2].map(|number| key(number).public_key().clone()).into(),
    };
    Arc::new(Network::new(parts).unwrap())
}

struct World {
    disk: Fragile,
    ledger: Ledger,
    threads: Threads,
    shell: Shell,
}

impl World {
    fn new(network: &Arc<Network>, number: u8) -> Self {
        let disk = Fragile::new(network);
        let key = key(number);
        let own = Own { key: Arc::clone(&key), pace: Pace::default() };
        let identity = Identity { network: Arc::clone(network), key, credential: Vec::new() };
        // Who is sent away comes again soon.
        let most = Duration::from_millis(500);
        let limits = ShellLimits { backoff_near: most, backoff_most: most, ..ShellLimits::default() };
        let options = ShellOptions { limits, ..ShellOptions::new(SocketAddr::from(([127, 0, 0, 1], 0))) };
        let (shell, events) = Shell::start(options, identity, Arc::<Store>::clone(&disk.store)).unwrap();
        let peering = Peering { shell: shell.clone(), events, peers: 4 };
        let (store, metrics) = (Arc::clone(&disk.store), Metrics::new("network").unwrap());
        let (ledger, threads) =
            Ledger::start(Arc::clone(network), store, metrics, own, Some(peering)).unwrap();
        Self { disk, ledger, threads, shell }
    }

    fn call(&self, other: &Self) {
        let device = DeviceId::of(key(2).public_key());
        self.shell.learn(device, &other.shell.local_addr().to_string());
    }

    fn submit(&self, wire: &Bytes) -> Result<bool, Fault> {
        let answers = block_on(self.ledger.intake.submit(ConnectionId(1), vec![wire.clone()]));
        answers.into_iter().next().unwrap().map(|taken| taken.is_new)
    }

    /// Transactions that are stored, witnesses left out.
    fn stored(&self) -> u64 {
        // While the store is opened again nobody reads.
        let counts = self
            .ledger
            .store
            .reader()
            .and_then(|reader| Ok((reader.transactions()?, reader.witness_count()?)));
        counts.map_or(0, |(all, witnesses)| all - witnesses)
    }

    /// The newest commit on disk, once all that is stored is final.
    fn last(&self) -> Option<Vote> {
        let status = self.ledger.finality.status();
        let is_all = status.open == 0 && status.members.iter().all(|member| member.twins == 0);
        is_all.then_some(status.last)
    }

    #[track_caller]
    fn wait_for(&self, transactions: u64) {
        wait_until("it has all", || self.stored() == transactions);
    }

    fn stop(self) {
        let Self { ledger, threads, shell, disk } = self;
        drop(ledger);
        block_on(shell.stop());
        assert!(block_on(threads.join_within(PATIENCE)), "the threads end");
        drop(disk);
    }
}

#[track_caller]
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A device whose transactions stand on the genesis.
struct Device {
    key: Arc<SigningKey>,
    counter: u32,
}

impl Device {
    fn sign(&mut self, network: &Network, kind: Kind, content: &[u8]) -> Bytes {
        self.counter += 1;
        let draft = Draft {
            kind,
            content_format: content_format::WEFT,
            counter: self.counter,
            timestamp: now(),
            parents: [network.genesis(); 2],
            salt: [7; 16],
            content,
        };
        draft.sign(network.id(), &self.key).unwrap().with_nonce(Nonce::from_bytes([3; 8])).into()
    }

    fn enrolment(&mut self, network: &Network) -> Bytes {
        let enrolment = weft_tangle::body::Enrolment {
            role: Role::Sensor,
            valid_from: Timestamp::from_millis(1_600_000_000_000),
            valid_until: Timestamp::from_millis(2_600_000_000_000),
            owner: [0; 32],
            public_key: self.key.public_key().clone(),
            kem_public_key: None,
            address: None,
            admission: None,
        };
        self.sign(network, Kind::Enrol, &enrolment.encode())
    }

    fn next(&mut self, network: &Network) -> Bytes {
        self.sign(network, Kind::from_byte(200).unwrap(), b"anything")
    }
}

#[test]
fn a_node_whose_disk_failed_comes_back_to_its_peers_and_gets_what_it_missed() {
    let network = network();
    let [steady, fragile] = [1, 2].map(|number| World::new(&network, number));
    let mut device = Device { key: key(9), counter: 0 };
    assert_eq!(steady.submit(&device.enrolment(&network)), Ok(true));
    steady.call(&fragile);
    fragile.wait_for(1);
    fragile.disk.fail_after(0);
    let mut sent = 1;
    wait_until("it notices", || {
        assert_eq!(steady.submit(&device.next(&network)), Ok(true));
        sent += 1;
        fragile.ledger.health.read_only().is_some()
    });
    // While it writes nothing it takes no peers either, and holds nothing of what they say.
    for _ in 0..20 {
        assert_eq!(steady.submit(&device.next(&network)), Ok(true));
        sent += 1;
    }
    assert!(fragile.stored() < sent);
    fragile.disk.mend();
    fragile.wait_for(sent);
    assert_eq!(fragile.ledger.health.read_only(), None);
    // The other way as well: it is a peer like before.
    assert_eq!(fragile.submit(&device.next(&network)), Ok(true));
    steady.wait_for(sent + 1);
    // Both are needed for a quorum, so the one that came back makes witnesses again, and none for a round that it had one of.
    let all_of = |one: &World| {
        let reader = one.ledger.store.reader().unwrap();
        let mut ids = Vec::new();
        reader.log(0..u64::MAX, &mut |id| ids.push(id)).unwrap();
        ids.retain(|id| reader.is_witness(id) == Ok(Some(false)) && reader.outcome(id).unwrap().is_some());
        (ids.len() as u64, one.last())
    };
    wait_until("all is final and the same", || {
        let [(one, last), (other, also)] = [all_of(&steady), all_of(&fragile)];
        one == sent + 1 && other == sent + 1 && last == also && last.is_some()
    });
    let link = fragile.ledger.link.as_ref().unwrap();
    wait_until("the counts are shown", || link.totals().counts.bodies > 0);
    steady.stop();
    fragile.stop();
}

#[test]
fn the_word_that_it_was_all_comes_behind_the_last_of_it() {
    let (owner, heard) = bounded(4);
    let delivery = Delivery::new(owner);
    let [first, second] = [Arc::clone(&delivery), Arc::clone(&delivery)];
    delivery.end_with(PeerEvent::Garbled { peer: PeerNumber(3) });
    drop(delivery);
    drop(second);
    assert!(heard.try_recv().is_err(), "something is still being checked");
    drop(first);
    assert!(matches!(heard.try_recv(), Ok(PeerEvent::Garbled { peer: PeerNumber(3) })));
    drop(Delivery::new(heard_by_nobody()));
}

fn heard_by_nobody() -> crate::bell::Sender<PeerEvent> {
    bounded(1).0
}
