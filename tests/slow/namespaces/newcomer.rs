//! A node that begins with nothing, or with an old copy of its data, beside one that holds much and takes more.

use super::mesh::Mesh;
use super::{LOAD, stop_equal, wait_for_count, wait_until_equal};
use crate::cluster::{count, has, peers, wait_until};
use crate::gossip::number;
use crate::support::Node;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;
use weft_tangle::TxId;

/// How often the newcomer is killed.
const KILLS: u64 = 10;

/// Entries of a log that a node is told again when it comes back, at most: those that were told and not settled, and those
/// settled since a cursor was written down (`spec/14-gossip.md`); and half as many that settled since the look.
const TOLD_AGAIN: u64 = (4_096 + 1_024) * 3 / 2;

/// As much as a node takes, of so many devices that none has to work much.
const MUCH: [&str; 4] = ["--devices", "64", "--batch", "10"];

/// Little enough that it is stopped in time.
const LITTLE: [&str; 4] = ["--devices", "4", "--rate", "200"];

/// Adds to what a node holds until it is so many; what was acknowledged.
fn fill(mesh: &mut Mesh, site: usize, node: &Node, load: [&str; 4], least: u64) -> Vec<TxId> {
    // The devices of each call are new ones.
    let mut load = mesh.load(site, node, &format!("devices-{site}-{least}"), &load);
    load.wait_for_first();
    wait_for_count(mesh, site, node, least);
    load.stop()
}

/// Entries that its only peer has told a node of its log since they are connected.
fn told(node: &Node) -> u64 {
    peers(node)[0]["gossip"]["entries"].as_u64().unwrap_or(0)
}

/// Transactions that came to a node from its peers for the first time since it was started.
fn delivered(node: &Node) -> u64 {
    let text = String::from_utf8(node.get_as("/metrics", "*/*").1).unwrap();
    let name = r#"weft_gossip_transactions_total{what="delivered"} "#;
    text.lines().find_map(|line| line.strip_prefix(name)).map_or(0, |figure| figure.parse().unwrap())
}

#[test]
fn a_newcomer_goes_on_where_it_was_however_often_it_is_killed() {
    let stored = number("WEFT_JOIN_STORED", 20_000);
    let Some(mut mesh) = Mesh::lay(2, &[(0, 1)]) else { return };
    let old = mesh.start(0);
    let mut acknowledged: BTreeSet<TxId> = fill(&mut mesh, 0, &old, MUCH, stored).into_iter().collect();
    let mut live = mesh.load(0, &old, "live", &LOAD);
    live.wait_for_first();
    let (begun, mut held, mut bodies) = (Instant::now(), 0, 0);
    for part in 1..=KILLS {
        let newcomer = mesh.start(1);
        let found = mesh.at(1, || count(&newcomer));
        assert!(found >= held, "{found} are there of {held} that it had");
        wait_until("the newcomer gets on", || mesh.at(1, || count(&newcomer)) >= stored * part / (KILLS + 1));
        let entries = mesh.at(1, || told(&newcomer));
        bodies += mesh.at(1, || delivered(&newcomer));
        held = mesh.at(1, || count(&newcomer));
        newcomer.kill();
        let most = held - found + TOLD_AGAIN;
        assert!(entries <= most, "one that went from {found} to {held} was told {entries} entries");
    }
    let newcomer = mesh.start(1);
    wait_for_count(&mesh, 1, &newcomer, stored);
    println!("{stored} transactions joined in {:.1?}, {KILLS} times interrupted", begun.elapsed());
    acknowledged.extend(live.stop());
    let nodes = vec![old, newcomer];
    let (all, time) = wait_until_equal(&mesh, &nodes, acknowledged.len());
    bodies += mesh.at(1, || delivered(&nodes[1]));
    println!("{all} transactions on both, equal {time:.1?} after the last; {bodies} bodies were fetched");
    assert!(bodies >= all / 2 && bodies <= all + all / 2, "{bodies} bodies of {all} transactions");
    stop_equal(&mesh, nodes, &acknowledged);
}

/// Copies the files of a directory into a new one.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn a_node_that_is_restored_from_an_old_copy_is_tailed_from_where_it_differs() {
    let Some(mut mesh) = Mesh::lay(2, &[(0, 1)]) else { return };
    let (other, node) = (mesh.start(0), mesh.start(1));
    let mut acknowledged: BTreeSet<TxId> = fill(&mut mesh, 1, &node, MUCH, 1_500).into_iter().collect();
    wait_for_count(&mesh, 0, &other, acknowledged.len() as u64);
    assert_eq!(node.stop(), Some(0));
    let (data, old) = (mesh.data(1), mesh.data(1).with_extension("old"));
    copy(&data, &old);

    let node = mesh.start(1);
    let least = acknowledged.len() as u64 + 4_000;
    acknowledged.extend(fill(&mut mesh, 1, &node, MUCH, least));
    let mut nodes = vec![other, node];
    // The log of the restored one is shorter than where the other had come in the former one; then it is longer, with
    // something else at that place.
    for is_longer in [false, true] {
        let (before, _) = wait_until_equal(&mesh, &nodes, acknowledged.len());
        assert_eq!(nodes.pop().unwrap().stop(), Some(0));
        mesh.sever(&[1]);
        std::fs::remove_dir_all(&data).unwrap();
        copy(&old, &data);
        let node = mesh.start(1);
        let restored = mesh.at(1, || count(&node));
        let (load, least) = if is_longer { (MUCH, before + 500) } else { (LITTLE, restored + 500) };
        let alone = fill(&mut mesh, 1, &node, load, least);
        let now = mesh.at(1, || count(&node));
        assert_eq!(now > before, is_longer, "restored with {restored} of {before}, then {now}");
        assert!(!mesh.at(0, || has(&nodes[0], alone.last().unwrap())));
        acknowledged.extend(alone);
        mesh.heal();
        nodes.push(node);
        let (all, time) = wait_until_equal(&mesh, &nodes, acknowledged.len());
        println!(
            "{all} transactions on both {time:.1?} after one that was restored with {restored} had {now}"
        );
    }
    stop_equal(&mesh, nodes, &acknowledged);
}
