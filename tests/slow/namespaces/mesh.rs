//! Nodes of one network, each in a network namespace of its own, on links that lose datagrams and can be cut.
//!
//! ```text
//! node 0 -- bridge with a firewall -- node 1
//!              |            |
//!           node 2        node 3 ...
//! ```
//!
//! Always true: the bridge lets through only what goes from a node to a neighbour, and of that not all. What a node does
//! on its own machine, its API above all, passes no link.

use super::space::{Space, run, sweep};
use crate::cluster::{peers, stored, wait_until};
use crate::crash::load::Load;
use crate::support::{Node, WEFT};
use rustix::process::Pid;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use weft::network_file::NetworkFile;
use weft_tangle::{Network, TxId};

/// Of a hundred datagrams, how many each link loses each way.
const LOSS: u8 = 5;

/// What becomes of frames that are not let through, as the firewall counts it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// A link has lost it.
    Lost,
    /// Its link is cut.
    Cut,
    /// There is no such link.
    Stranger,
}

impl Fate {
    fn counter(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Cut => "cut",
            Self::Stranger => "strangers",
        }
    }
}

/// The nodes' places and what joins them. Nobody runs at first.
pub(super) struct Mesh {
    hub: Space,
    sites: Vec<Space>,
    links: Vec<(usize, usize)>,
    network: Network,
    loads: u64,
    directory: TempDir,
}

impl Mesh {
    /// A network of `nodes` with these links. Nothing where this system has no network namespaces, bridges or rules for
    /// them, or lets nobody make them.
    pub(super) fn lay(nodes: usize, links: &[(usize, usize)]) -> Option<Self> {
        sweep();
        let hub = match hub(&rules(links)) {
            Ok(hub) => hub,
            Err(words) => {
                crate::skip(&format!("for network namespaces cannot be made here: {words}"));
                return None;
            }
        };
        let sites: Vec<Space> = (0..nodes).map(|site| plug_in(&hub, site)).collect();
        let directory = tempfile::tempdir().unwrap();
        let network = make_network(&directory.path().join("network"), nodes);
        Some(Self { hub, sites, links: links.to_vec(), network, loads: 0, directory })
    }

    /// The data directory of a node.
    pub(super) fn data(&self, site: usize) -> PathBuf {
        self.directory.path().join(format!("network/node-{}", site + 1))
    }

    /// Starts a node and waits until it is ready, for which it needs no other.
    pub(super) fn start(&self, site: usize) -> Node {
        let mut command = Command::new(WEFT);
        command.args(["node", "--config"]).arg(self.data(site).join("config.toml"));
        self.at(site, || Node::of(command))
    }

    /// Starts a load on a node, beside it. `devices` names those that send: the same ones go on with their counters.
    pub(super) fn load(&mut self, site: usize, node: &Node, devices: &str, arguments: &[&str]) -> Load {
        self.loads += 1;
        let directory = self.directory.path().join(devices);
        std::fs::create_dir_all(&directory).unwrap();
        self.at(site, || Load::start_with(&node.url, &directory, self.loads, arguments))
    }

    /// Does something where a node is, as to speak to it.
    pub(super) fn at<T: Send>(&self, site: usize, work: impl FnOnce() -> T + Send) -> T {
        self.sites[site].inside(work)
    }

    /// Waits until each node is connected with its neighbours, and with nobody else.
    pub(super) fn wait_until_joined(&self, nodes: &[Node]) {
        let device = |site: usize| self.at(site, || nodes[site].get("/api/v1/network").1["node"].clone());
        let devices: Vec<Value> = (0..nodes.len()).map(device).collect();
        for (site, node) in nodes.iter().enumerate() {
            let is_linked = |other: &usize| {
                self.links.iter().any(|link| *link == (site, *other) || *link == (*other, site))
            };
            let neighbours: BTreeSet<String> =
                (0..nodes.len()).filter(is_linked).map(|other| devices[other].to_string()).collect();
            wait_until("a node is connected with its neighbours", || {
                let connected = self.at(site, || peers(node)).into_iter();
                let connected = connected.filter(|peer| peer["state"] == "connected");
                connected.map(|peer| peer["device"].to_string()).collect::<BTreeSet<_>>() == neighbours
            });
        }
    }

    /// Cuts all links between these nodes and the others, at one instant.
    pub(super) fn sever(&self, side: &[usize]) {
        let crossing = self.links.iter().filter(|(one, other)| side.contains(one) != side.contains(other));
        self.nft("-f -", &format!("add element bridge weft severed {{ {} }}", pairs(crossing)));
    }

    /// Joins what was cut.
    pub(super) fn heal(&self) {
        self.nft("flush set bridge weft severed", "");
    }

    /// Frames that were not let through so far.
    pub(super) fn dropped(&self, fate: Fate) -> u64 {
        let listed = self.nft(&format!("-j list counter bridge weft {}", fate.counter()), "");
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let counters = listed["nftables"].as_array().unwrap().iter();
        counters.filter_map(|entry| entry["counter"]["packets"].as_u64()).sum()
    }

    /// What a node that does not run has stored.
    pub(super) fn stored(&self, site: usize) -> BTreeSet<TxId> {
        stored(&self.data(site), &self.network)
    }

    /// The processes that run at the nodes' places.
    pub(super) fn processes(&self) -> Vec<Pid> {
        self.sites.iter().flat_map(Space::processes).collect()
    }

    /// The names of its namespaces.
    pub(super) fn names(&self) -> Vec<String> {
        self.sites.iter().chain([&self.hub]).map(|space| space.name().to_owned()).collect()
    }

    fn nft(&self, line: &str, input: &str) -> String {
        self.hub.inside(|| run("nft", line, input)).unwrap()
    }
}

/// The bridge, with rules for what passes.
///
/// # Errors
/// What this system refuses of it, in words.
fn hub(rules: &str) -> Result<Space, String> {
    let hub = Space::new()?;
    hub.try_ip("link add name switch type bridge")?;
    hub.try_ip("link set switch up")?;
    hub.inside(|| run("nft", "-f -", rules))?;
    Ok(hub)
}

/// What passes the bridge: what goes along a link that is not cut, but for a share that is lost by chance. Addresses are
/// asked for without loss: what is tested begins above that.
fn rules(links: &[(usize, usize)]) -> String {
    format!(
        "table bridge weft {{
            set links {{ type ipv4_addr . ipv4_addr; elements = {{ {} }}; }}
            set severed {{ type ipv4_addr . ipv4_addr; }}
            counter lost {{ }}
            counter cut {{ }}
            counter strangers {{ }}
            chain forward {{
                type filter hook forward priority 0; policy drop;
                ether type arp accept
                ip saddr . ip daddr != @links counter name strangers drop
                ip saddr . ip daddr @severed counter name cut drop
                ether type ip numgen random mod 100 < {LOSS} counter name lost drop
                ether type ip accept
            }}
        }}",
        pairs(links.iter())
    )
}

/// A namespace on the bridge. Datagrams go through its interface one by one, though they were sent many at once, so
/// that each is lost by itself.
fn plug_in(hub: &Space, site: usize) -> Space {
    let space = Space::new().unwrap();
    hub.ip(&format!("link add port{site} type veth peer name uplink netns {}", space.name()));
    hub.ip(&format!("link set port{site} master switch up"));
    space.ip(&format!("address add {}/24 dev uplink", address(site)));
    space.ip("link set uplink up gso_max_segs 1");
    space
}

/// The same in every run, for nobody outside the namespaces sees it.
fn address(site: usize) -> String {
    format!("10.77.0.{}", site + 1)
}

/// Both directions of each link, as nftables writes the elements of a set.
fn pairs<'a>(links: impl Iterator<Item = &'a (usize, usize)>) -> String {
    let mut pairs = String::new();
    for (one, other) in links {
        let (one, other) = (address(*one), address(*other));
        write!(pairs, "{one} . {other}, {other} . {one}, ").unwrap();
    }
    pairs.trim_end_matches(", ").to_owned()
}

fn make_network(directory: &Path, nodes: usize) -> Network {
    let mut command = Command::new(WEFT);
    command.args(["network", "new", "--open", "--nodes", &nodes.to_string(), "--out"]).arg(directory);
    for site in 0..nodes {
        command.args(["--host", &address(site)]);
    }
    let made = command.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    NetworkFile::read(&directory.join("network.toml")).unwrap().network
}
