//! Several nodes of one network, each a process of its own, that find each other by the network file alone.
//!
//! Always true: the network costs no work to send in, and no node waits for another to start.

use crate::support::{Node, key_in, now};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use weft::network_file::NetworkFile;
use weft::sensor::KeyFile;
use weft::store::{FILE_NAME, View};
use weft_tangle::finality::Pace;
use weft_tangle::signing::{PublicKey, SigningKey};
use weft_tangle::{CommitteeSize, History, Network, NetworkParts, Rules, Timestamp, TxId};

/// How long nodes may take to come to hold the same: milliseconds, on a machine that has nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A network and the directories of its nodes.
pub(crate) struct Cluster {
    directory: TempDir,
    network: Network,
    registrars: Vec<PublicKey>,
    ports: Vec<u16>,
}

impl Cluster {
    /// An open network of `nodes`, none of them started.
    pub(crate) fn new(nodes: usize) -> Self {
        Self::with_rules(nodes, Rules::new(86_400_000, 10_000_000, 0, 0).unwrap())
    }

    /// The same, but so many members never start that the others are no quorum: there are no witnesses.
    pub(crate) fn without_quorum(nodes: usize) -> Self {
        let absent = (1..).find(|absent| {
            let size = CommitteeSize::new(nodes + absent).unwrap();
            size.quorum() > nodes
        });
        Self::make(nodes, absent.unwrap(), Rules::new(86_400_000, 10_000_000, 0, 0).unwrap())
    }

    /// With rules of its own.
    pub(crate) fn with_rules(nodes: usize, rules: Rules) -> Self {
        Self::make(nodes, 0, rules)
    }

    fn make(nodes: usize, absent: usize, rules: Rules) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = |name: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            KeyFile::create(&path).unwrap().key().public_key().clone()
        };
        let ports = free_ports(nodes + absent);
        let members: Vec<_> = (0..nodes + absent).map(|node| key(&format!("node-{node}/node.key"))).collect();
        let registrars = vec![key("registrar.key")];
        let network = Network::new(NetworkParts {
            name: "cluster".into(),
            created: Timestamp::from_millis(now() - 1_000),
            open_enrolment: true,
            rules,
            registrars: registrars.clone(),
            committee: members.clone(),
        })
        .unwrap();
        let addresses = members.into_iter().zip(&ports).map(|(key, port)| (key, format!("127.0.0.1:{port}")));
        let file =
            NetworkFile { network: network.clone(), addresses: addresses.collect(), pace: Pace::default() };
        std::fs::write(directory.path().join("network.toml"), file.to_toml(&registrars)).unwrap();
        Self { directory, network, registrars, ports }
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }

    /// The data directory of a node.
    pub(crate) fn data(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("node-{node}"))
    }

    /// The directory of all, for whoever needs the cluster no more but its nodes.
    pub(crate) fn into_directory(self) -> TempDir {
        self.directory
    }

    /// Where a node gossips.
    pub(crate) fn gossip_address(&self, node: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ports[node]))
    }

    /// A node's key.
    pub(crate) fn key(&self, node: usize) -> SigningKey {
        key_in(&self.data(node), "node.key")
    }

    /// The command that starts a node.
    pub(crate) fn command(&self, node: usize) -> Command {
        let network = self.directory.path().join("network.toml");
        let listen = self.gossip_address(node).to_string();
        let arguments = ["--network", network.to_str().unwrap(), "--gossip-listen", &listen];
        Node::command(&self.data(node), &arguments)
    }

    /// The command that starts a node of the same network that finds no other and that no other finds.
    pub(crate) fn cut_off(&self, node: usize) -> Command {
        let network = self.directory.path().join("cut-off.toml");
        let mut file = NetworkFile::read(&self.directory.path().join("network.toml")).unwrap();
        // Where nobody listens, and nobody ever will.
        file.addresses.iter_mut().for_each(|(_, address)| *address = "127.0.0.1:1".into());
        std::fs::write(&network, file.to_toml(&self.registrars)).unwrap();
        let arguments = ["--network", network.to_str().unwrap(), "--gossip-listen", "127.0.0.1:0"];
        Node::command(&self.data(node), &arguments)
    }

    /// Starts a node and waits until it is ready, for which it needs no other.
    pub(crate) fn start(&self, node: usize) -> Node {
        Node::of(self.command(node))
    }

    /// What a node that does not run has stored, witnesses left out.
    pub(crate) fn stored(&self, node: usize) -> BTreeSet<TxId> {
        stored(&self.data(node), &self.network)
    }
}

/// What a node that does not run has stored in its data directory, witnesses left out.
pub(crate) fn stored(data: &Path, network: &Network) -> BTreeSet<TxId> {
    let view = View::open(&data.join(FILE_NAME), network).unwrap();
    let mut ids = BTreeSet::new();
    let reader = view.reader().unwrap();
    reader.log(0..u64::MAX, &mut |id| assert!(ids.insert(id), "{id} is stored twice")).unwrap();
    ids.retain(|id| reader.is_witness(id) == Ok(Some(false)));
    ids
}

/// UDP ports that nobody has, below those that the system gives out itself.
fn free_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that look at once begin at different places.
    let first = 22_000 + (std::process::id() % 200) as u16 * 40;
    let ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    ports.filter(|port| UdpSocket::bind(("127.0.0.1", *port)).is_ok()).take(count).collect()
}

/// A figure of a node without labels, or with all of them as they are written.
#[track_caller]
pub(crate) fn figure(node: &Node, name: &str) -> u64 {
    figures(node, [name])[0]
}

/// Several figures of one moment.
#[track_caller]
fn figures<const N: usize>(node: &Node, names: [&str; N]) -> [u64; N] {
    let text = String::from_utf8(node.get_as("/metrics", "*/*").1).unwrap();
    names.map(|name| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("{name} is not among\n{text}")).parse().unwrap()
    })
}

/// How many transactions a node has stored, the committee's witnesses left out: they come by themselves.
#[track_caller]
pub(crate) fn count(node: &Node) -> u64 {
    let [all, witnesses] = figures(node, ["weft_stored_transactions", "weft_stored_witnesses"]);
    all - witnesses
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until a count has come so far, one part of it after the other: what gets on is waited for, however slow it is.
#[track_caller]
pub(crate) fn wait_for_count(least: u64, mut count: impl FnMut() -> u64) {
    const PARTS: u64 = 20;
    (1..=PARTS).for_each(|part| wait_until("the count gets on", || count() >= least * part / PARTS));
}

/// Whether a node has a transaction.
pub(crate) fn has(node: &Node, id: &TxId) -> bool {
    node.get(&format!("/api/v1/transactions/{id}")).0 == 200
}

/// The peers of a node as its API tells of them.
pub(crate) fn peers(node: &Node) -> Vec<Value> {
    node.get("/api/v1/network").1["peers"].as_array().unwrap().clone()
}
