//! Real nodes make readings final: one by itself, several together, and each goes on where it was after it has ended.

use crate::chain::{Chain, common_chain, newest, wait_until_final};
use crate::cluster::{Cluster, figure, has, wait_until};
use crate::support::{Device, Node, read};
use crate::world::world;
use weft::network_file::NetworkFile;
use weft_tangle::{Role, TxId};

#[test]
fn one_node_alone_makes_its_readings_final_and_rests() {
    let mut world = world();
    let mut ids: Vec<TxId> = (0..5).map(|_| read(&world.node, &mut world.sensor)).collect();
    let first = wait_until_final(&[&world.node]);
    assert!(first > 0);
    assert_eq!(figure(&world.node, "weft_final_seconds_count"), 6, "the enrolment and the readings");
    assert_eq!(figure(&world.node, "weft_finality_diverged"), 0);
    let witnesses = || figure(&world.node, "weft_finality_own_witnesses_total");
    let made = witnesses();
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!((witnesses(), newest(&world.node)), (made, first), "there is nothing to do");

    let data = world.data().to_owned();
    let crate::world::World { directory: _directory, node, mut sensor } = world;
    node.kill();
    let node = Node::start(&data);
    assert!(newest(&node) >= first, "what was final is");
    ids.push(read(&node, &mut sensor));
    wait_until_final(&[&node]);
    assert_eq!(node.stop(), Some(0));
    let network = NetworkFile::read(&data.join("network.toml")).unwrap().network;
    let chain = Chain::read(&data, &network);
    assert!(chain.0.len() as u64 > first);
    chain.assert_final(&ids);
}

#[test]
fn four_nodes_make_the_same_final_and_go_on_when_one_or_all_were_killed() {
    let cluster = Cluster::new(4);
    let mut nodes: Vec<Node> = (0..4).map(|node| cluster.start(node)).collect();
    let mut devices: Vec<Device> = (1..5).map(|seed| Device::new(seed, *cluster.network().id())).collect();
    let mut ids = Vec::new();
    for (node, device) in nodes.iter().zip(&mut devices) {
        ids.push(device.enrol(node, Role::Sensor));
        ids.extend((0..3).map(|_| read(node, device)));
    }
    let begun = wait_until_final(&nodes.iter().collect::<Vec<_>>());

    nodes.pop().unwrap().kill();
    ids.push(read(&nodes[0], &mut devices[0]));
    let without = wait_until_final(&nodes.iter().collect::<Vec<_>>());
    assert!(without > begun, "three of four are a quorum");
    nodes.into_iter().for_each(Node::kill);
    let nodes: Vec<Node> = (0..4).map(|node| cluster.start(node)).collect();
    ids.push(read(&nodes[3], &mut devices[3]));
    for id in &ids {
        wait_until("all nodes have all", || nodes.iter().all(|node| has(node, id)));
    }
    assert!(wait_until_final(&nodes.iter().collect::<Vec<_>>()) > without);
    assert!(nodes.iter().all(|node| figure(node, "weft_finality_equivocations_total") == 0));
    assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
    common_chain(&cluster, 0..4).assert_final(&ids);
}
