//! What a new network is made of, and what cannot be made.

use super::*;
use crate::config::{Config, Layer};
use crate::gossip::limits::PEERS_DEFAULT;
use crate::node::run::check_places;

fn plan(nodes: usize, hosts: &[&str]) -> Plan {
    Plan {
        name: "ward".into(),
        created: Timestamp::from_millis(1_800_000_000_000),
        nodes,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        first_port: FIRST_PORT,
        open: false,
    }
}

#[test]
fn each_node_finds_its_key_the_network_and_its_ports() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("net");
    let made = plan(3, &[]).make(&out).unwrap();
    let shared = NetworkFile::read(&out.join(NETWORK_FILE)).unwrap();
    assert_eq!(shared.network.id(), made.network.id());
    assert_eq!((shared.network.committee().len(), shared.network.is_open()), (3, false));
    let registrar = KeyFile::read(&out.join(REGISTRAR_KEY)).unwrap();
    assert!(shared.network.registrar(&registrar.device()).is_some() && !registrar.is_exposed());
    for (number, node) in made.nodes.iter().enumerate() {
        let config = Config::load(Some(&node.config), |_| None, Layer::default()).unwrap();
        let ports = [config.api_listen, config.gossip_listen].map(|address| usize::from(address.port()));
        assert_eq!(ports, [8470 + 10 * number, 8471 + 10 * number]);
        assert!(config.api_listen.ip().is_loopback() && config.gossip_listen.ip().is_loopback());
        assert_eq!((node.api, &node.address), (config.api_listen, &shared.addresses[number].1));
        assert_eq!(node.address, config.gossip_listen.to_string());
        let key = KeyFile::read(&config.data.join(NODE_KEY)).unwrap();
        assert_eq!((key.device(), DeviceId::of(&shared.addresses[number].0)), (node.id, node.id));
        let network = NetworkFile::read(&config.network.unwrap()).unwrap().network;
        assert_eq!(network.id(), made.network.id());
    }
}

/// The default of the configuration has a place for as many others, and the committee may be larger.
#[test]
fn each_node_of_a_large_committee_has_a_place_for_all_others() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = PEERS_DEFAULT + 2;
    let made = plan(nodes, &[]).make(&directory.path().join("net")).unwrap();
    for node in &made.nodes {
        let config = Config::load(Some(&node.config), |_| None, Layer::default()).unwrap();
        assert_eq!(config.gossip_peers, nodes - 1);
        check_places(config.gossip_peers, &made.network, &node.id).unwrap();
    }
}

#[test]
fn a_node_elsewhere_needs_its_own_directory_alone() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("net");
    let made = plan(3, &["ward-1", "fd00::2", "ward-1"]).make(&out).unwrap();
    let addresses: Vec<&str> = made.nodes.iter().map(|node| node.address.as_str()).collect();
    assert_eq!(addresses, ["ward-1:8471", "[fd00::2]:8471", "ward-1:8481"]);
    let moved = directory.path().join("elsewhere");
    std::fs::rename(out.join("node-2"), &moved).unwrap();
    std::fs::remove_dir_all(&out).unwrap();
    let config = Config::load(Some(&moved.join(CONFIG_FILE)), |_| None, Layer::default()).unwrap();
    let network = NetworkFile::read(&config.network.unwrap()).unwrap().network;
    assert_eq!(network.id(), made.network.id());
    assert!(KeyFile::read(&config.data.join(NODE_KEY)).is_ok());
    assert!(config.gossip_listen.ip().is_unspecified() && config.gossip_listen.is_ipv6());
}

#[test]
fn what_cannot_be_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("net");
    let refused = |plan: Plan| plan.make(&out).unwrap_err();
    for nodes in [0, COMMITTEE + 1] {
        assert!(matches!(refused(plan(nodes, &[])), BootstrapError::Nodes(_)));
    }
    assert!(matches!(refused(plan(3, &["a", "b"])), BootstrapError::Hosts { hosts: 2, nodes: 3 }));
    for host in ["", "a:1", "0.0.0.0", "::", "a b", "http://a", "a\"b"] {
        assert!(matches!(refused(plan(1, &[host])), BootstrapError::Host(_)), "{host}");
    }
    let from = |first_port, nodes| Plan { first_port, ..plan(nodes, &[]) };
    assert!(matches!(refused(from(65_535, 1)), BootstrapError::Port { node: 1, port: 65_536 }));
    assert!(matches!(refused(from(65_524, 3)), BootstrapError::Port { node: 3, port: 65_544 }));
    assert!(matches!(refused(from(0, 1)), BootstrapError::Port { node: 1, port: 0 }));
    let name = Plan { name: String::new(), ..plan(1, &[]) };
    assert!(matches!(refused(name), BootstrapError::Network(NetworkError::Name)));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    from(65_524, 2).make(&out).unwrap();
    assert!(matches!(refused(plan(1, &[])), BootstrapError::Directory(StagingError::Exists(_))));
}
