//! Nodes that gossip: what one accepts all hold, whoever was away catches up, and nobody waits for anybody to start.

use crate::cluster::{Cluster, count, has, peers, wait_until};
use crate::support::{Device, Node, WEFT, read};
use std::process::{Command, Stdio};
use weft_tangle::{DeviceId, Role, TxId};

#[test]
fn what_one_accepts_all_hold_and_whoever_was_away_catches_up() {
    let cluster = Cluster::new(3);
    let mut nodes: Vec<Node> = (0..3).map(|node| cluster.start(node)).collect();
    let mut devices: Vec<Device> = (1..4).map(|seed| Device::new(seed, *cluster.network().id())).collect();
    let mut sent = Vec::new();
    for (node, device) in nodes.iter().zip(&mut devices) {
        sent.push(device.enrol(node, Role::Sensor));
        sent.push(read(node, device));
    }
    for node in &nodes {
        for id in &sent {
            wait_until("every node has what each has accepted", || has(node, id));
        }
    }
    // A device roams: the node that it comes to knows it and its counters.
    sent.push(read(&nodes[1], &mut devices[0]));

    nodes.pop().unwrap().kill();
    for node in &nodes {
        sent.extend((0..20).map(|_| read(node, &mut devices[1])));
    }
    nodes.push(cluster.start(2));
    wait_until("who was away has all", || count(&nodes[2]) == sent.len() as u64);
    sent.push(read(&nodes[2], &mut devices[2]));
    for node in &nodes {
        wait_until("all have all", || count(node) == sent.len() as u64);
    }
    assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
    let expected = sent.into_iter().collect();
    (0..3).for_each(|node| assert_eq!(cluster.stored(node), expected));
}

#[test]
fn a_node_alone_works_and_what_it_took_comes_out_when_others_are_there() {
    let cluster = Cluster::new(2);
    let alone = cluster.start(0);
    let mut device = Device::new(1, *cluster.network().id());
    device.enrol(&alone, Role::Sensor);
    let ids: Vec<TxId> = (0..30).map(|_| read(&alone, &mut device)).collect();
    let other = cluster.start(1);
    wait_until("the other has all", || count(&other) == 31);
    assert!(ids.iter().all(|id| has(&other, id)));
    let known = other.get(&format!("/api/v1/devices/{}", DeviceId::of(device.key.public_key()))).1;
    assert_eq!(known["enrolments"][0]["role"], "sensor", "{known}");
}

#[test]
fn a_node_that_was_stopped_is_not_told_again_what_it_had_settled() {
    let cluster = Cluster::without_quorum(2);
    let (first, second, mut device) = two_with_readings(&cluster);
    // It is stopped within the seconds after which it would have written that down.
    wait_until("it was told all and has settled it", || gossip_of(&second) == Some((31, 0)));
    assert_eq!(second.stop(), Some(0));
    let second = cluster.start(1);
    read(&first, &mut device);
    wait_until("it has what is new", || count(&second) == 32);
    assert_eq!(told_and_settled(&second), 1);
}

/// Nor does it tell again what its peers had of it.
#[test]
fn a_node_restored_from_a_backup_tells_and_is_told_what_is_new_alone() {
    let cluster = Cluster::without_quorum(2);
    let (first, second, mut device) = two_with_readings(&cluster);
    wait_until("each has settled what the other told", || {
        [&first, &second].into_iter().all(|node| gossip_of(node) == Some((31, 0)))
    });
    // Each writes down what it has settled when the connection ends.
    assert_eq!((second.stop(), first.stop()), (Some(0), Some(0)));
    let (data, copy) = (cluster.data(1), cluster.data(1).with_extension("backup"));
    let network = data.with_file_name("network.toml");
    for action in ["backup", "restore"] {
        let mut command = Command::new(WEFT);
        command
            .args(["db", action, "--force", "--data"])
            .arg(&data)
            .arg("--network")
            .arg(&network)
            .arg(&copy);
        assert!(command.output().unwrap().status.success(), "{action}");
    }
    let (first, second) = (cluster.start(0), cluster.start(1));
    read(&first, &mut device);
    wait_until("it has what is new", || count(&second) == 32);
    assert_eq!([&first, &second].map(told_and_settled), [1, 1]);
}

#[test]
fn a_node_says_where_it_listens_for_others_and_that_it_does_not() {
    let cluster = Cluster::new(1);
    let listens = cluster.start(0).get("/readyz").1["gossip"].clone();
    assert_eq!(listens, cluster.gossip_address(0).to_string());
    let directory = tempfile::tempdir().unwrap();
    let alone = Node::start(directory.path());
    assert!(alone.get("/readyz").1["gossip"].is_null());
    // An address that somebody has is refused, and what to do is said.
    let taken = std::net::UdpSocket::bind(cluster.gossip_address(0)).unwrap();
    let output = cluster.command(0).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{words}");
    assert!(
        words.contains(&taken.local_addr().unwrap().to_string()) && words.contains("--gossip-listen"),
        "{words}"
    );
}

/// Two nodes, and a device that has enrolled and sent 30 readings at the first.
fn two_with_readings(cluster: &Cluster) -> (Node, Node, Device) {
    let (first, second) = (cluster.start(0), cluster.start(1));
    let mut device = Device::new(1, *cluster.network().id());
    device.enrol(&first, Role::Sensor);
    for _ in 0..30 {
        read(&first, &mut device);
    }
    (first, second, device)
}

/// How many entries a node was told since it is connected, once it was told some and has settled them.
fn told_and_settled(node: &Node) -> u64 {
    let told = || gossip_of(node).filter(|(told, behind)| *told > 0 && *behind == 0);
    wait_until("it was told and has settled it", || told().is_some());
    told().unwrap().0
}

/// Entries of its log that the only connected peer has told, and how many of its log are not settled.
fn gossip_of(node: &Node) -> Option<(u64, u64)> {
    let peers = peers(node);
    let gossip = peers.iter().map(|peer| &peer["gossip"]).find(|gossip| gossip.is_object())?;
    Some((gossip["entries"].as_u64()?, gossip["behind"].as_u64()?))
}
