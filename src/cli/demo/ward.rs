//! The nodes of a demo: three fog nodes of one network, in one process, that gossip over QUIC as they would apart.

use super::{Failure, message};
use crate::config::{ApiLayer, Config, GossipLayer, Layer};
use crate::gossip::ShellError;
use crate::node::bootstrap::{FIRST_PORT, Plan};
use crate::node::{CONFIG_FILE, Node, NodeError};
use crate::sensor::system_now;
use crate::store::Store;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use weft_tangle::finality::Commit;
use weft_tangle::{History, TxId};

/// As many as show that one may fail.
pub(super) const NODES: u16 = 3;

/// From one node's port to the next one's, as `weft network new` has it.
const PORT_STEP: u16 = 10;

/// How often the nodes are looked at until they hold the same, and how long at most.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const LOOKS: u32 = 500;

/// The nodes, about to serve.
pub(super) struct Ward {
    pub(super) nodes: Vec<Node>,
    stores: Stores,
}

/// What the nodes keep, to be looked at while they run.
#[derive(Clone)]
pub(super) struct Stores(Vec<Arc<Store>>);

impl Ward {
    /// Makes the network in `data` unless it is there, and opens its nodes; the first one's API listens at `api`, those
    /// of the others ten ports above each other. Whatever is taken gives way to any free port.
    pub(super) fn open(data: &Path, api: SocketAddr) -> Result<Self, Failure> {
        let file = |node: u16| data.join(format!("node-{}", node + 1)).join(CONFIG_FILE);
        if !file(0).exists() {
            let first_port = if api.port() == 0 { FIRST_PORT } else { api.port() };
            let open = api.ip().is_loopback();
            let (name, created, nodes) = ("demo".into(), system_now(), NODES.into());
            Plan { name, created, nodes, hosts: Vec::new(), first_port, open }.make(data)?;
        }
        let nodes = (0..NODES).map(|node| start(config(&file(node), api, node)?));
        let nodes = nodes.collect::<Result<Vec<_>, Failure>>()?;
        // Ports may be others than those in the network file.
        for node in &nodes {
            for peer in &nodes {
                if let Some(address) = peer.gossip_address() {
                    node.learn(peer.home().node, &address.to_string());
                }
            }
        }
        let stores = Stores(nodes.iter().map(Node::store).collect());
        Ok(Self { nodes, stores })
    }

    /// Where the nodes' APIs are.
    pub(super) fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("http://{}", node.api_address())).collect()
    }

    /// What the nodes keep.
    pub(super) fn stores(&self) -> Stores {
        self.stores.clone()
    }
}

/// What the nodes agree upon.
#[derive(Clone, Copy)]
pub(super) struct Agreed {
    /// How many transactions all hold, without the committee's witnesses.
    pub(super) transactions: usize,
    /// How many commits all have made.
    pub(super) commits: u64,
}

impl Stores {
    /// What all hold and have made final, the same, once that is so; nothing when it is not within seconds.
    pub(super) fn agreed(&self) -> Option<Agreed> {
        for _ in 0..LOOKS {
            let kept: Vec<_> = self.0.iter().map(|store| Kept::of(store)).collect();
            if let [Some(first), others @ ..] = &kept[..]
                && others.iter().all(|other| other.as_ref() == Some(first))
                && first.is_final
            {
                let transactions = first.transactions.len();
                return Some(Agreed { transactions, commits: first.newest.map_or(0, |commit| commit.index) });
            }
            std::thread::sleep(LOOK_EVERY);
        }
        None
    }
}

/// What a node has stored.
#[derive(PartialEq, Eq)]
struct Kept {
    /// All but witnesses.
    transactions: BTreeSet<TxId>,
    newest: Option<Commit>,
    /// Whether each of the transactions is.
    is_final: bool,
}

impl Kept {
    /// What a node has stored; nothing where that cannot be read.
    fn of(store: &Store) -> Option<Self> {
        let reader = store.reader().ok()?;
        let mut ids = Vec::new();
        reader.log(0..u64::MAX, &mut |id| ids.push(id)).ok()?;
        let newest = reader.newest_commit().ok()?.map(|resume| resume.commit);
        let mut kept = Self { transactions: BTreeSet::new(), newest, is_final: true };
        for id in ids {
            if !reader.is_witness(&id).ok()?? {
                kept.is_final &= reader.outcome(&id).ok()?.is_some();
                kept.transactions.insert(id);
            }
        }
        Some(kept)
    }
}

fn config(file: &Path, api: SocketAddr, node: u16) -> Result<Config, Failure> {
    let port = match api.port() {
        0 => 0,
        first => first.saturating_add(PORT_STEP * node),
    };
    let api = ApiLayer { listen: Some(SocketAddr::new(api.ip(), port).to_string()) };
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let listen = (port == 0).then(|| any.to_string());
    let gossip = GossipLayer { listen, ..GossipLayer::default() };
    Ok(Config::load(Some(file), |_| None, Layer { api, gossip, ..Layer::default() })?)
}

/// The node on the ports that were asked for, or on any free ones.
fn start(mut config: Config) -> Result<Node, Failure> {
    loop {
        match Node::start(&config) {
            Err(NodeError::Bind(error)) if config.api_listen.port() != 0 => {
                message(&format!("weft: {error}; taking any free port"));
                config.api_listen.set_port(0);
            }
            Err(NodeError::Gossip(error @ ShellError::Listen { .. })) if config.gossip_listen.port() != 0 => {
                message(&format!("weft: {error}; taking any free port"));
                config.gossip_listen.set_port(0);
            }
            started => return Ok(started?),
        }
    }
}
