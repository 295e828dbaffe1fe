//! `weft network`: what it makes starts as it is printed, what it shows, what it refuses.

use super::desk::{Desk, files_in};
use crate::cluster::count;
use crate::support::Node;
use serde_json::json;
use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port from which on a network of `nodes` finds its ports free, below those that the system gives out itself.
pub(super) fn free_ports(nodes: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let is_free = |port: u16| {
        TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok()
    };
    // Processes that look at once begin at different places, and tests of one process are told different ones.
    let first = 10_000 + (std::process::id() % 1_000) as u16 * 10;
    let bases = std::iter::repeat_with(|| first + NEXT.fetch_add(10 * nodes, Ordering::Relaxed));
    let nodes_free =
        |base: &u16| (0..nodes).all(|node| [0, 1].iter().all(|port| is_free(base + 10 * node + port)));
    bases.take_while(|base| *base < 30_000).find(nodes_free).unwrap()
}

/// The commands in what was printed for a person, without `weft`, by how they begin.
fn commands<'a>(printed: &'a str, begin: &str) -> Vec<&'a str> {
    let commands = printed.lines().filter_map(|line| line.strip_prefix("  weft "));
    commands.filter(|command| command.starts_with(begin)).collect()
}

#[test]
fn three_nodes_start_from_the_commands_that_are_printed() {
    let desk = Desk::alone();
    let port = free_ports(3);
    let printed = desk.weft(&format!("network new --nodes 3 --out ward --port {port}")).done();
    let shown = desk.weft("network show --network ward/network.toml --json").json();
    let network = shown["network"].as_str().unwrap();
    assert!(printed.starts_with(&format!("made the network {network} (ward)\n")), "{printed}");
    let starts = commands(&printed, "node --config");
    assert_eq!(starts.len(), 3, "{printed}");
    let nodes: Vec<Node> = starts.iter().map(|start| Node::of(desk.command(start))).collect();
    for (number, node) in nodes.iter().enumerate() {
        assert_eq!(node.url, format!("http://127.0.0.1:{}", usize::from(port) + 10 * number));
        let (_, about) = node.get("/api/v1/network");
        assert_eq!((&about["network"], &about["name"]), (&json!(network), &json!("ward")));
        let member = &shown["committee"][number];
        assert_eq!(about["node"], member["device"]);
        assert_eq!(member["address"], format!("127.0.0.1:{}", usize::from(port) + 10 * number + 1));
        assert_eq!(about["rules"], shown["rules"]);
    }
    for begin in ["key new", "device enrol", "sensor send"] {
        let [command] = commands(&printed, begin)[..] else { panic!("{printed}") };
        desk.weft(command).done();
    }
    assert_eq!(count(&nodes[0]), 2);
    assert!(nodes.into_iter().all(|node| node.stop() == Some(0)));
}

#[test]
fn what_is_made_is_written_for_people_and_told_to_programs() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::alone();
    let made = desk.weft("network new --nodes 2 --out a/ward --name ICU --open --json").json();
    assert_eq!((&made["name"], &made["network_file"]), (&json!("ICU"), &json!("a/ward/network.toml")));
    assert_eq!(made["nodes"][1]["config"], "a/ward/node-2/config.toml");
    assert_eq!(made["nodes"][1]["api"], "http://127.0.0.1:8480");
    assert_eq!(files_in(&desk.path("a")), ["ward"], "nothing is left beside it");
    assert_eq!(
        files_in(&desk.path("a/ward")),
        ["network.toml", "node-1", "node-2", "registrar.key", "registrar.key.state"]
    );
    assert_eq!(files_in(&desk.path("a/ward/node-1")), ["config.toml", "node.key", "node.key.state"]);
    for (path, mode) in [("", 0o700), ("registrar.key", 0o600), ("node-1", 0o700), ("node-1/node.key", 0o600)]
    {
        let path = desk.path("a/ward").join(path);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, mode, "{path:?}");
    }
    for file in ["network.toml", "registrar.key", "node-1/config.toml", "node-2/node.key"] {
        let text = std::fs::read_to_string(desk.path("a/ward").join(file)).unwrap();
        assert!(text.starts_with("# ") && text.lines().all(|line| line.len() <= 2_200), "{text}");
    }
    let checked = desk.weft("config check --config a/ward/node-2/config.toml").done();
    let checked: toml::Table = checked.parse().unwrap();
    assert_eq!(checked["gossip"]["listen"].as_str(), Some("127.0.0.1:8481"));
    assert_eq!(checked["data"].as_str(), desk.path("a/ward/node-2").to_str());

    let by_config = desk.weft("network show --config a/ward/node-2/config.toml --json").json();
    assert_eq!(by_config, desk.weft("network show --network a/ward/network.toml --json").json());
    let quorum = ["n", "f", "quorum"].map(|name| by_config[name].as_u64().unwrap());
    assert_eq!((quorum, &by_config["rules"]["open_enrolment"]), ([2, 0, 2], &json!(true)));
    let text = desk.weft("network show --network a/ward/network.toml").done();
    for words in [made["network"].as_str().unwrap(), "127.0.0.1:8481", "2 of n = 2", "open:"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // The same registrar's key is not the same network.
    let other = desk.weft("network new --nodes 2 --out other --name ICU --open --json").json();
    assert_ne!(other["network"], made["network"]);
}

#[test]
fn what_cannot_be_made_leaves_nothing() {
    let desk = Desk::alone();
    desk.weft("network new --nodes 1 --out there").done();
    let before = std::fs::read(desk.path("there/registrar.key")).unwrap();
    for (line, words) in [
        ("--nodes 1 --out there", "there exists and is not empty; nothing is overwritten"),
        ("--nodes 1 --out there/network.toml", "exists"),
        ("--nodes 1 --out .", "give the name"),
        ("--nodes 0 --out new", "1 to 128 nodes to begin with, not 0"),
        ("--nodes 257 --out new", "not 257"),
        ("--nodes 2 --out new --port 65525", "node 2 would have port 65536"),
        ("--nodes 1 --out new --port 0", "1 to 65535"),
        ("--nodes 3 --out new --host a --host b", "2 hosts for 3 nodes"),
        ("--nodes 1 --out new --host 10.0.0.1:80", "without a port"),
        ("--nodes 1 --out new --name ", "name must have"),
    ] {
        let refused = desk.weft(&format!("network new {line}")).refused();
        assert!(refused.contains(words), "{words}: {refused}");
    }
    for line in ["--nodes 1 --out new --port 65536", "--nodes x --out new", "--out new"] {
        assert_eq!(desk.weft(&format!("network new {line}")).code, Some(2), "{line}");
    }
    assert_eq!(files_in(&desk.path("")), ["there"]);
    assert_eq!(std::fs::read(desk.path("there/registrar.key")).unwrap(), before);
}

#[test]
fn a_network_file_that_is_none_is_told_before_a_node_starts() {
    let desk = Desk::alone();
    desk.weft("network new --nodes 1 --out ward").done();
    let text = std::fs::read_to_string(desk.path("ward/network.toml")).unwrap();
    desk.write("ward/network.toml", &text.replace("quota", "quotas"));
    for line in [
        "config check --config ward/node-1/config.toml",
        "network show --config ward/node-1/config.toml",
        "node --config ward/node-1/config.toml",
    ] {
        let refused = desk.weft(line).refused();
        assert!(refused.contains("network.toml") && refused.contains("quotas"), "{line}: {refused}");
    }
    assert!(desk.weft("network show").refused().contains("weft-data/network.toml"));
}
