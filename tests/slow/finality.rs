//! Four nodes under load make everything final, whoever is killed; two of them alone make nothing final and lose nothing;
//! and what a node took while it was cut off becomes final when it is back.
//!
//! `WEFT_FINALITY_SECONDS` says how long nodes are killed one after another (600 for the long version),
//! `WEFT_FINALITY_ALONE` how many seconds a node is cut off, `WEFT_FINALITY_SEED` who is killed when.

use crate::chain::{common_chain, newest, wait_until_final};
use crate::cluster::{Cluster, PATIENCE, count, figure, has, wait_until};
use crate::crash::dice::Dice;
use crate::crash::load::Load;
use crate::gossip::number;
use crate::support::{Device, Node, read};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use weft_tangle::{Role, TxId};

const NODES: usize = 4;

/// Transactions a second over all nodes.
const RATE: usize = 500;

/// How long no new commit may come while three of four nodes run, however busy the machine is: a node that has just been
/// started is needed for a quorum, and reads the others' logs before it makes a witness.
const STILL: Duration = Duration::from_secs(20);

/// One test at a time: each has four nodes under load, and one of them looks at how long nothing becomes final.
static ALONE: Mutex<()> = Mutex::new(());

struct Ward {
    _alone: MutexGuard<'static, ()>,
    cluster: Cluster,
    acknowledged: BTreeSet<TxId>,
    loads: u64,
}

impl Ward {
    fn new() -> Self {
        // One that has failed has left nothing that another would mind.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self { _alone: alone, cluster: Cluster::new(NODES), acknowledged: BTreeSet::new(), loads: 0 }
    }

    fn load(&mut self, number: usize, node: &Node) -> Load {
        self.loads += 1;
        let directory = self.cluster.data(number).join("devices-of-the-test");
        std::fs::create_dir_all(&directory).unwrap();
        let rate = (RATE / NODES).to_string();
        Load::start_with(&node.url, &directory, self.loads, &["--devices", "16", "--rate", &rate])
    }

    /// Everything that was acknowledged is final, and the same is on all nodes.
    fn settle(self, nodes: Vec<Node>) {
        let begun = Instant::now();
        let all: Vec<&Node> = nodes.iter().collect();
        wait_until("all nodes hold the same", || {
            let counts: BTreeSet<u64> = all.iter().map(|node| count(node)).collect();
            counts.len() == 1 && counts.first() >= Some(&(self.acknowledged.len() as u64))
        });
        let commits = wait_until_final(&all);
        println!(
            "{} acknowledged, all final in {commits} commits after {:.1?}",
            self.acknowledged.len(),
            begun.elapsed()
        );
        assert!(all.iter().all(|node| figure(node, "weft_finality_diverged") == 0));
        assert!(
            all.iter().all(|node| figure(node, "weft_finality_equivocations_total") == 0),
            "nobody signs twice"
        );
        assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
        common_chain(&self.cluster, 0..NODES).assert_final(&self.acknowledged);
    }
}

/// Looks at where the nodes are that run now, and notes the longest time without a new commit.
struct Watch {
    urls: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    longest: JoinHandle<Duration>,
}

impl Watch {
    fn start(urls: Vec<String>) -> Self {
        let (urls, stop) = (Arc::new(Mutex::new(urls)), Arc::new(AtomicBool::new(false)));
        let (watched, told) = (Arc::clone(&urls), Arc::clone(&stop));
        let longest = std::thread::spawn(move || {
            let (mut highest, mut since, mut longest) = (0, Instant::now(), Duration::ZERO);
            while !told.load(Ordering::Relaxed) {
                let urls = watched.lock().unwrap().clone();
                let now = urls.iter().filter_map(|url| commit_at(url)).max().unwrap_or(0);
                if now > highest {
                    (highest, since) = (now, Instant::now());
                }
                longest = longest.max(since.elapsed());
                std::thread::sleep(Duration::from_millis(50));
            }
            longest
        });
        Self { urls, stop, longest }
    }

    fn set(&self, urls: Vec<String>) {
        *self.urls.lock().unwrap() = urls;
    }

    fn end(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.longest.join().unwrap()
    }
}

/// The newest commit of a node that may have been killed meanwhile.
fn commit_at(url: &str) -> Option<u64> {
    let text = ureq::get(format!("{url}/metrics")).call().ok()?.body_mut().read_to_string().ok()?;
    text.lines().find_map(|line| line.strip_prefix("weft_finality_commit "))?.parse().ok()
}

#[test]
fn whoever_is_killed_finality_goes_on_and_is_the_same_everywhere() {
    let seconds = number("WEFT_FINALITY_SECONDS", 60);
    let mut dice = Dice::new(number("WEFT_FINALITY_SEED", 1));
    let mut ward = Ward::new();
    let started: Vec<Node> = (0..NODES).map(|node| ward.cluster.start(node)).collect();
    let mut loads: Vec<Option<Load>> =
        started.iter().enumerate().map(|(at, node)| Some(ward.load(at, node))).collect();
    loads.iter_mut().flatten().for_each(Load::wait_for_first);
    let mut nodes: Vec<Option<Node>> = started.into_iter().map(Some).collect();
    let urls =
        |nodes: &[Option<Node>]| nodes.iter().flatten().map(|node| node.url.clone()).collect::<Vec<_>>();
    wait_until("the first commit", || nodes.iter().flatten().all(|node| newest(node) > 0));
    let (watch, begun) = (Watch::start(urls(&nodes)), Instant::now());
    let mut kills = 0;
    while begun.elapsed() < Duration::from_secs(seconds) {
        std::thread::sleep(Duration::from_millis(500 + dice.below(1_500)));
        let victim = dice.below(NODES as u64) as usize;
        nodes[victim].take().unwrap().kill();
        watch.set(urls(&nodes));
        ward.acknowledged.extend(loads[victim].take().unwrap().stop());
        std::thread::sleep(Duration::from_millis(dice.below(1_500)));
        let node = ward.cluster.start(victim);
        loads[victim] = Some(ward.load(victim, &node));
        nodes[victim] = Some(node);
        watch.set(urls(&nodes));
        // Or the next one could be the second of two that make no witnesses.
        wait_until("it makes witnesses again", || {
            nodes[victim].as_ref().is_some_and(|node| figure(node, "weft_finality_own_witnesses_total") > 2)
        });
        kills += 1;
    }
    let longest = watch.end();
    for load in loads.into_iter().flatten() {
        ward.acknowledged.extend(load.stop());
    }
    println!("{kills} kills in {:.1?}, at most {longest:.1?} without a new commit", begun.elapsed());
    assert!(longest < STILL, "no commit for {longest:?}");
    assert!(ward.acknowledged.len() as u64 > seconds * RATE as u64 / 20, "the load was real");
    ward.settle(nodes.into_iter().flatten().collect());
}

/// The commit at which nodes stand still that are no quorum: what was under way when the others ended comes to its end.
fn standstill(nodes: &[Node]) -> u64 {
    let (mut last, mut since) = (0, Instant::now());
    while since.elapsed() < Duration::from_secs(3) {
        let now = nodes.iter().map(newest).max().unwrap_or(0);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    last
}

#[test]
fn two_of_four_make_nothing_final_and_take_readings_all_the_same() {
    let mut ward = Ward::new();
    let mut nodes: Vec<Node> = (0..NODES).map(|node| ward.cluster.start(node)).collect();
    let mut devices: Vec<Device> =
        (1..3).map(|seed| Device::new(seed, *ward.cluster.network().id())).collect();
    for (node, device) in nodes.iter().zip(&mut devices) {
        ward.acknowledged.insert(device.enrol(node, Role::Sensor));
    }
    assert!(wait_until_final(&nodes.iter().collect::<Vec<_>>()) > 0);
    nodes.drain(2..).for_each(Node::kill);
    for (node, device) in nodes.iter().zip(&mut devices) {
        ward.acknowledged.insert(read(node, device));
    }
    let stood = standstill(&nodes);
    for _ in 0..20 {
        for (node, device) in nodes.iter().zip(&mut devices) {
            ward.acknowledged.insert(read(node, device));
        }
    }
    assert_eq!(standstill(&nodes), stood, "two of four are no quorum");
    assert!(nodes.iter().all(|node| figure(node, "weft_finality_open_transactions") >= 40));
    assert!(nodes.iter().all(|node| node.get("/readyz").0 == 200));
    nodes.extend((2..NODES).map(|node| ward.cluster.start(node)));
    ward.settle(nodes);
}

#[test]
fn what_a_node_took_while_it_was_cut_off_becomes_final_when_it_is_back() {
    let seconds = number("WEFT_FINALITY_ALONE", 30);
    let mut ward = Ward::new();
    let others: Vec<Node> = (0..NODES - 1).map(|node| ward.cluster.start(node)).collect();
    let apart = NODES - 1;
    let alone = Node::of(ward.cluster.cut_off(apart));
    let mut loads: Vec<Load> = others.iter().enumerate().map(|(at, node)| ward.load(at, node)).collect();
    loads.push(ward.load(apart, &alone));
    loads.iter_mut().for_each(Load::wait_for_first);
    std::thread::sleep(Duration::from_secs(seconds));
    assert!(others.iter().all(|node| newest(node) > 0), "the others go on");
    assert_eq!(newest(&alone), 0, "it cannot make anything final by itself");
    let own: Vec<TxId> = loads.pop().unwrap().stop();
    assert!(own.len() as u64 > seconds, "its sensors are served: {}", own.len());
    assert!(!others.iter().any(|node| has(node, &own[0])), "it is cut off");
    ward.acknowledged.extend(own);
    assert_eq!(alone.stop(), Some(0));
    let back = ward.cluster.start(apart);
    let begun = Instant::now();
    wait_until("it makes witnesses with the others", || {
        figure(&back, "weft_finality_own_witnesses_total") > 0
    });
    println!("back after {:.1?}", begun.elapsed());
    assert!(begun.elapsed() < PATIENCE);
    for load in loads {
        ward.acknowledged.extend(load.stop());
    }
    ward.settle(others.into_iter().chain([back]).collect());
}
