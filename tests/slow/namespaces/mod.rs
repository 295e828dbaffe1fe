//! Nodes that reach each other over links as bad as real ones: some neighbours only, lost datagrams, links that are cut
//! and joined again. The links are network namespaces, for which the test must be root, and have `ip` and `nft`.
//!
//! `WEFT_SPLIT_SECONDS` says for how long the nodes are split, `WEFT_JOIN_STORED` how many transactions a newcomer finds.

mod mesh;
mod newcomer;
mod space;

use crate::cluster::{count, has, wait_until};
use crate::crash::load::Load;
use crate::gossip::number;
use crate::support::{Node, now};
use mesh::{Fate, Mesh};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};
use weft_tangle::TxId;

/// Nodes of the network that is split.
const NODES: usize = 5;

/// A ring and a chord: most pairs hear of each other through others only.
const LINKS: [(usize, usize); 6] = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)];

/// One side of the split; the other nodes are the other one. Each side is connected in itself.
const SIDE: [usize; 2] = [0, 1];

/// Four devices beside each node, little enough that the machine is not what slows it.
const LOAD: [&str; 4] = ["--devices", "4", "--rate", "40"];

/// Waits until all nodes hold the same number, at least `least`; how many, and how long it took.
fn wait_until_equal(mesh: &Mesh, nodes: &[Node], least: usize) -> (u64, Duration) {
    let begun = Instant::now();
    let mut counts = Vec::new();
    wait_until("all nodes hold the same", || {
        counts = (0..nodes.len()).map(|site| mesh.at(site, || count(&nodes[site]))).collect();
        counts[0] >= least as u64 && counts.iter().all(|count| *count == counts[0])
    });
    (counts[0], begun.elapsed())
}

/// Waits until a node holds so many. It may take as long as it likes, but must get on.
fn wait_for_count(mesh: &Mesh, site: usize, node: &Node, least: u64) {
    crate::cluster::wait_for_count(least, || mesh.at(site, || count(node)));
}

/// Stops the nodes, which have stored the same set, and all of what was acknowledged.
fn stop_equal(mesh: &Mesh, nodes: Vec<Node>, acknowledged: &BTreeSet<TxId>) {
    let all = 0..nodes.len();
    assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
    let stored: Vec<BTreeSet<TxId>> = all.map(|site| mesh.stored(site)).collect();
    for (site, ids) in stored.iter().enumerate() {
        let (missing, extra) = (stored[0].difference(ids).count(), ids.difference(&stored[0]).count());
        assert_eq!(
            (missing, extra),
            (0, 0),
            "what node {site} has not that node 0 has, and the other way round"
        );
    }
    let lost: Vec<&TxId> = acknowledged.difference(&stored[0]).collect();
    assert!(lost.is_empty(), "{} of {} are lost: {lost:?}", lost.len(), acknowledged.len());
}

#[test]
fn two_sides_that_lost_each_other_come_to_hold_the_same() {
    let seconds = number("WEFT_SPLIT_SECONDS", 10);
    let Some(mut mesh) = Mesh::lay(NODES, &LINKS) else { return };
    let nodes: Vec<Node> = (0..NODES).map(|site| mesh.start(site)).collect();
    mesh.wait_until_joined(&nodes);
    let mut loads: Vec<Load> = Vec::new();
    for (site, node) in nodes.iter().enumerate() {
        loads.push(mesh.load(site, node, &format!("devices-{site}"), &LOAD));
    }
    loads.iter_mut().for_each(Load::wait_for_first);
    std::thread::sleep(Duration::from_secs(2));

    let (severed, cut_before) = (now(), mesh.dropped(Fate::Cut));
    mesh.sever(&SIDE);
    std::thread::sleep(Duration::from_secs(seconds));
    let sent: Vec<Vec<TxId>> = loads.into_iter().map(Load::stop).collect();
    for (site, ids) in sent.iter().enumerate() {
        let last = ids.last().unwrap();
        assert!(
            last.timestamp().as_millis() > severed + seconds * 500,
            "node {site} takes readings all the time"
        );
        let others = (0..NODES).filter(|other| SIDE.contains(other) != SIDE.contains(&site));
        for other in others {
            assert!(!mesh.at(other, || has(&nodes[other], last)), "{site} and {other} are apart");
        }
    }
    assert!(mesh.dropped(Fate::Cut) > cut_before);

    mesh.heal();
    let acknowledged: BTreeSet<TxId> = sent.into_iter().flatten().collect();
    let (held, time) = wait_until_equal(&mesh, &nodes, acknowledged.len());
    println!("{held} transactions on each of {NODES} nodes, equal {time:.1?} after a split of {seconds} s");
    let (lost, strangers) = (mesh.dropped(Fate::Lost), mesh.dropped(Fate::Stranger));
    println!("the links lost {lost} datagrams, {strangers} went to nodes that are no neighbours");
    assert!(lost > 0 && strangers > 0);
    stop_equal(&mesh, nodes, &acknowledged);
}

#[test]
fn a_test_that_panics_leaves_nothing() {
    let Some(mesh) = Mesh::lay(2, &[(0, 1)]) else { return };
    let (mut processes, names) = (Vec::new(), mesh.names());
    assert!(names.iter().all(|name| space::left().contains(name)), "{names:?}");
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut mesh = mesh;
        let node = mesh.start(0);
        // Neither is dropped as it should be.
        std::mem::forget(mesh.load(0, &node, "devices", &LOAD));
        std::mem::forget(node);
        processes = mesh.processes();
        panic!("this one is meant");
    }));
    assert!(panicked.is_err());
    assert_eq!(processes.len(), 2);
    for pid in processes {
        // Its parent, which is this process, has not asked how it ended.
        let status = || std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
        wait_until("a process ends with the namespace", || status().contains("State:\tZ"));
    }
    assert!(!names.iter().any(|name| space::left().contains(name)), "{names:?}");
}
