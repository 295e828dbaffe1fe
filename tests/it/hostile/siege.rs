//! Two honest nodes of which one is lied to, and a sensor whose readings it must go on taking and passing on.
//!
//! Always true when a siege is over: every reading was taken when it was sent and is on both nodes, which hold the same;
//! the node's memory has grown by no more than [`GROWTH_MIB`].

use super::liar::Liar;
use crate::cluster::{Cluster, count, peers, wait_until};
use crate::support::{Device, Node};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use weft_tangle::signing::{PublicKey, SigningKey};
use weft_tangle::{DeviceId, NetworkId, Role, Rules};

/// Members of the committee: the two honest nodes, and keys for liars, for who was found out is kept out.
const MEMBERS: usize = 12;

/// Zero bits that every transaction's work must have.
pub(crate) const WORK: u8 = 8;

/// What the process may grow by while it is lied to: the frames and transactions that it may hold of one peer (3 MiB a
/// peer, `src/gossip/limits.rs`, and 1,024 transactions that wait, 3 MiB), the store's cache, which fills as the sensor's
/// readings come in, and what the allocator keeps.
const GROWTH_MIB: u64 = 96;

/// From one reading of the sensor to the next.
const PERIOD: Duration = Duration::from_millis(20);

/// Readings at least, however soon the lies are told: what they have left behind must do no harm either.
const READINGS: usize = 25;

/// The seed of the honest sensor; others may have any else.
const SENSOR: u8 = 1;

/// What liars see of it.
pub(crate) struct Siege {
    pub(crate) cluster: Cluster,
    pub(crate) target: Node,
    friend: Node,
    log: PathBuf,
    liars: AtomicUsize,
}

impl Siege {
    /// Lets `lies` be told while the sensor sends its readings, and looks at what has come of it.
    pub(crate) fn hold(lies: impl FnOnce(&Self)) {
        let rules = Rules::new(86_400_000, 10_000_000, WORK, WORK).unwrap();
        let cluster = Cluster::with_rules(MEMBERS, rules);
        let log = cluster.data(0).join("standard-error");
        let mut command = cluster.command(0);
        command.stderr(std::fs::File::create(&log).unwrap());
        let (target, friend) = (Node::of(command), cluster.start(1));
        let siege = Self { cluster, target, friend, log, liars: AtomicUsize::new(2) };
        siege.sustain(lies);
        let Self { cluster, target, friend, .. } = siege;
        assert!([target.stop(), friend.stop()] == [Some(0), Some(0)]);
        assert!(cluster.stored(0) == cluster.stored(1), "both hold the same");
    }

    fn sustain(&self, lies: impl FnOnce(&Self)) {
        let mut sensor = Device::new(SENSOR, self.network());
        sensor.enrol(&self.target, Role::Sensor);
        for _ in 0..50 {
            self.read(&mut sensor);
        }
        wait_until("the honest nodes are connected", || {
            peers(&self.target).iter().any(|peer| peer["gossip"]["link"] == "eager")
        });
        let before = self.target.resident_mib();
        let is_over = AtomicBool::new(false);
        let readings = std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut readings = 0;
                while !is_over.load(Ordering::Relaxed) || readings < READINGS {
                    self.read(&mut sensor);
                    readings += 1;
                    std::thread::sleep(PERIOD);
                }
                readings
            });
            // The sensor ends also when a lie had another effect than it should.
            let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lies(self)));
            is_over.store(true, Ordering::Relaxed);
            let readings = reading.join().unwrap();
            told.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            readings
        });
        wait_until("the other honest node has all", || count(&self.target) == count(&self.friend));
        let friend = DeviceId::of(self.cluster.key(1).public_key()).to_string();
        let honest = || peers(&self.target).into_iter().find(|peer| peer["device"] == *friend).unwrap();
        // A connection is listed a moment before the replica has heard of it.
        wait_until("the honest link is up", || honest()["gossip"].is_object());
        let honest = honest();
        assert_eq!(honest["gossip"]["points"], 0, "{honest}");
        let after = self.target.resident_mib();
        println!("{readings} readings meanwhile; {before:?} MiB became {after:?}");
        if let (Some(before), Some(after)) = (before, after) {
            assert!(after < before + GROWTH_MIB, "{before} MiB became {after}");
        }
    }

    fn read(&self, sensor: &mut Device) {
        let wish = sensor.reading(self.target.parents(&sensor.id()));
        assert_eq!(self.target.submit(&sensor.wire(&wish)), (201, "attached".into()), "an honest reading");
    }

    pub(crate) fn network(&self) -> NetworkId {
        *self.cluster.network().id()
    }

    /// Where the node that is lied to gossips.
    pub(crate) fn address(&self) -> SocketAddr {
        self.cluster.gossip_address(0)
    }

    /// The key of the node that is lied to.
    pub(crate) fn public_key(&self) -> PublicKey {
        self.cluster.key(0).public_key().clone()
    }

    /// A member of the committee that has lied in no test before: its number and its key.
    pub(crate) fn new_member(&self) -> (usize, SigningKey) {
        let number = self.liars.fetch_add(1, Ordering::Relaxed);
        assert!(number < MEMBERS, "more liars than keys");
        (number, self.cluster.key(number))
    }

    /// A connection with the node by such a member, which has joined with a log of `length` entries.
    pub(crate) fn joined(&self, key: &SigningKey, length: u64) -> Liar {
        let mut liar = Liar::member(self.network(), key, &self.public_key(), self.address());
        liar.join(length);
        liar
    }

    /// A device that the node that is lied to has enrolled, whose transactions liars pass on.
    pub(crate) fn device(&self, seed: u8) -> Device {
        let mut device = Device::new(seed, self.network());
        device.enrol(&self.target, Role::Sensor);
        device
    }

    /// The sum of a metric's values, of those with all of these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> u64 {
        let text = String::from_utf8(self.target.get_as("/metrics", "*/*").1).unwrap();
        let is_asked =
            |line: &&str| line.starts_with(name) && labels.iter().all(|label| line.contains(label));
        let lines = text.lines().filter(is_asked);
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
    }

    /// Lines of the node's log that have all of these words.
    pub(crate) fn logged(&self, words: &[&str]) -> usize {
        let text = std::fs::read_to_string(&self.log).unwrap();
        text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
    }

    /// Whoever lied so is sent away for this fault, which is counted and logged once, and is not let in again.
    #[track_caller]
    pub(crate) fn sent_away(&self, liar: &Liar, code: u64, key: &SigningKey, fault: &str) {
        assert_eq!(liar.code(), code, "{fault}");
        let device = DeviceId::of(key.public_key()).to_string();
        wait_until("it is logged", || self.logged(&[&device, "sent away"]) > 0);
        let label = format!("fault=\"{fault}\"");
        assert!(self.metric("weft_gossip_faults_total", &[&label]) > 0, "{fault}");
        for _ in 0..2 {
            let mut again = Liar::dial(self.address());
            again.write(&super::liar::intro(self.network(), key).encode());
            assert_eq!(again.code(), BANNED);
        }
        assert_eq!(self.logged(&[&device, "sent away"]), 1, "{fault} is logged once");
        assert_eq!(self.logged(&[&device, "sent away", fault]), 1, "{fault} is named");
    }
}

/// Close codes (`spec/15-transport.md`).
pub(crate) const BANNED: u64 = 9;
/// See [`BANNED`].
pub(crate) const FAULT: u64 = 17;
