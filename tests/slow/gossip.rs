//! Three nodes under load, also while one after the other is killed, and a node that joins a busy network: afterwards all
//! hold the same, and all of what was acknowledged.
//!
//! `WEFT_GOSSIP_SECONDS` says how long the load lasts, `WEFT_GOSSIP_STORED` how many transactions the newcomer finds,
//! `WEFT_GOSSIP_SEED` which node is killed when.

use crate::cluster::{Cluster, PATIENCE, count, figure, has, peers, wait_for_count, wait_until};
use crate::crash::dice::Dice;
use crate::crash::load::Load;
use crate::support::{Device, Node};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use weft_tangle::{Role, TxId};

const NODES: usize = 3;

/// Transactions a second over all nodes.
const RATE: usize = 1_000;

/// What a variable says, or what holds without it.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_else(|_| otherwise.to_string());
    text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}"))
}

/// A node with its load, whose devices go on from their states when it is started anew.
struct Busy {
    node: Node,
    load: Load,
}

struct Ward {
    cluster: Cluster,
    acknowledged: BTreeSet<TxId>,
    rounds: u64,
}

impl Ward {
    fn new(nodes: usize) -> Self {
        Self { cluster: Cluster::new(nodes), acknowledged: BTreeSet::new(), rounds: 0 }
    }

    fn devices(&self, node: usize) -> PathBuf {
        let directory = self.cluster.data(node).join("devices-of-the-test");
        std::fs::create_dir_all(&directory).unwrap();
        directory
    }

    fn load(&mut self, node: &Node, number: usize, arguments: &[&str]) -> Load {
        self.rounds += 1;
        Load::start_with(&node.url, &self.devices(number), self.rounds, arguments)
    }

    fn start(&mut self, number: usize) -> Busy {
        let node = self.cluster.start(number);
        let load = self.load(&node, number, &["--devices", "16", "--rate", &(RATE / NODES).to_string()]);
        Busy { node, load }
    }

    fn take(&mut self, load: Load) -> usize {
        let ids = load.stop();
        let taken = ids.len();
        self.acknowledged.extend(ids);
        taken
    }

    /// All nodes come to hold the same number, and, stopped, the same set, all that was acknowledged in it.
    fn settle(self, nodes: Vec<Node>) {
        let begun = Instant::now();
        wait_until("all nodes hold the same", || {
            let counts: Vec<u64> = nodes.iter().map(count).collect();
            counts[0] >= self.acknowledged.len() as u64 && counts.iter().all(|count| *count == counts[0])
        });
        println!("{} transactions, the same on all after {:.1?}", count(&nodes[0]), begun.elapsed());
        let all = 0..nodes.len();
        assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
        let stored: Vec<BTreeSet<TxId>> = all.map(|node| self.cluster.stored(node)).collect();
        assert!(stored.iter().all(|ids| *ids == stored[0]));
        let lost: Vec<&TxId> = self.acknowledged.difference(&stored[0]).collect();
        assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), self.acknowledged.len());
    }
}

#[test]
fn whoever_is_killed_all_that_was_acknowledged_comes_to_all() {
    let seconds = number("WEFT_GOSSIP_SECONDS", 12);
    let mut dice = Dice::new(number("WEFT_GOSSIP_SEED", 1));
    let mut ward = Ward::new(NODES);
    let mut busy: Vec<Option<Busy>> = (0..NODES).map(|node| Some(ward.start(node))).collect();
    for busy in busy.iter_mut().flatten() {
        busy.load.wait_for_first();
    }
    let begun = Instant::now();
    let mut kills = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(1_000 + dice.below(2_000)));
        let victim = dice.below(NODES as u64) as usize;
        let Busy { node, load } = busy[victim].take().unwrap();
        node.kill();
        ward.take(load);
        std::thread::sleep(Duration::from_millis(dice.below(1_000)));
        busy[victim] = Some(ward.start(victim));
        kills += 1;
    }
    let mut nodes = Vec::new();
    for Busy { node, load } in busy.into_iter().flatten() {
        ward.take(load);
        nodes.push(node);
    }
    println!("{kills} kills in {:.1?}, {} acknowledged", begun.elapsed(), ward.acknowledged.len());
    assert!(ward.acknowledged.len() as u64 > seconds * RATE as u64 / 10, "the load was real");
    ward.settle(nodes);
}

/// How long after it was taken a reading is durable on two other nodes as well.
fn time_to_all(sensor: &mut Device, at: &Node, others: [&Node; 2]) -> Duration {
    let wish = sensor.reading(at.parents(&sensor.id()));
    assert_eq!(at.submit(&sensor.wire(&wish)), (201, "attached".into()));
    let (begun, id) = (Instant::now(), sensor.sign(&wish).id());
    for other in others {
        while !has(other, &id) {
            assert!(begun.elapsed() < PATIENCE, "{id} does not come to all");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    begun.elapsed()
}

/// How soon is printed, for it depends on the machine; that all comes to all is asserted.
#[test]
fn what_one_of_three_busy_nodes_takes_comes_to_all() {
    let seconds = number("WEFT_GOSSIP_SECONDS", 12);
    let mut ward = Ward::new(NODES);
    let mut busy: Vec<Busy> = (0..NODES).map(|node| ward.start(node)).collect();
    busy.iter_mut().for_each(|busy| busy.load.wait_for_first());
    let mut sensor = Device::new(200, *ward.cluster.network().id());
    let enrolment = sensor.enrol(&busy[0].node, Role::Sensor);
    wait_until("all nodes know the sensor", || busy.iter().all(|busy| has(&busy.node, &enrolment)));
    let begun = Instant::now();
    let mut times = Vec::new();
    while begun.elapsed() < Duration::from_secs(seconds) {
        let at = times.len() % NODES;
        let others = [1, 2].map(|step| &busy[(at + step) % NODES].node);
        times.push(time_to_all(&mut sensor, &busy[at].node, others));
        std::thread::sleep(Duration::from_millis(20));
    }
    let lasted = begun.elapsed();
    let mut nodes = Vec::new();
    for Busy { node, load } in busy {
        ward.take(load);
        nodes.push(node);
    }
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "{:.0} a second on {NODES} nodes for {lasted:.1?}; durable on all {:.1?} (median), {:.1?} (99 %), {:.1?} (last of {}) \
         after it was taken",
        ward.acknowledged.len() as f64 / lasted.as_secs_f64(),
        at(0.5),
        at(0.99),
        at(1.0),
        times.len()
    );
    ward.settle(nodes);
}

#[test]
fn a_newcomer_that_is_interrupted_goes_on_where_it_was() {
    let stored = number("WEFT_GOSSIP_STORED", 20_000);
    let mut ward = Ward::new(NODES);
    let first = ward.cluster.start(0);
    let filling = ward.load(&first, 0, &["--devices", "8", "--batch", "100"]);
    wait_for_count(stored, || count(&first));
    ward.take(filling);
    let before = count(&first);
    let second = ward.start(1);
    let mut newcomer = ward.cluster.start(2);
    let mut held = 0;
    let begun = Instant::now();
    for part in 1..=4 {
        wait_until("the newcomer gets on", || count(&newcomer) >= before * part / 5);
        newcomer.kill();
        newcomer = ward.cluster.start(2);
        let kept = count(&newcomer);
        assert!(kept >= before * part / 5 && kept >= held, "what it had it has");
        held = kept;
    }
    wait_for_count(before, || count(&newcomer));
    println!("{before} transactions joined in {:.1?}, four times interrupted", begun.elapsed());
    // Of a log that it has read most of it is told the rest alone, not all of it again.
    let (told, now) = (told_by(&newcomer, &first), figure(&newcomer, "weft_stored_transactions"));
    assert!(told + before / 2 <= now, "{told} entries were told to one that had {held} of {now}");
    let Busy { node: second, load } = second;
    ward.take(load);
    ward.settle(vec![first, second, newcomer]);
}

/// Entries of its log that a node has told another since they are connected.
fn told_by(reader: &Node, teller: &Node) -> u64 {
    let device = teller.get("/api/v1/network").1["node"].clone();
    let peers = peers(reader);
    let peer = peers.iter().find(|peer| peer["device"] == device).unwrap();
    peer["gossip"]["entries"].as_u64().unwrap_or_else(|| panic!("{peer}"))
}
