//! A new network of fog nodes: its file, its registrar's key, and for each node a directory that it starts from
//! (`spec/12-device-files.md`).
//!
//! Always true: the directory is there whole or not at all, nothing is overwritten, and a node's directory holds the
//! key that the network file names as a member of the committee.

use super::home::{NETWORK_FILE, NODE_KEY, REGISTRAR_KEY};
use super::node_files::{self, CONFIG_FILE, Listening};
use super::staging::{StagingError, make_directory, make_private, sync};
use crate::network_file::NetworkFile;
use crate::sensor::admission::fog_address;
use crate::sensor::durable::create_new_public;
use crate::sensor::key::{KeyError, KeyFile};
use crate::sensor::{State, StateError};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use weft_tangle::finality::Pace;
use weft_tangle::limits::COMMITTEE;
use weft_tangle::signing::PublicKey;
use weft_tangle::{DeviceId, Network, NetworkError, NetworkParts, Rules, Timestamp};

/// The API port of the first node unless another is asked for; its gossip port is the next one.
pub const FIRST_PORT: u16 = 8470;

/// From one node's ports to those of the next on the same host.
const PORT_STEP: usize = 10;

/// A network to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name for people.
    pub name: String,
    /// When it is made.
    pub created: Timestamp,
    /// Its fog nodes, all of them of the committee.
    pub nodes: usize,
    /// Where they run: nowhere means all on this machine, one all on that host, else one a node.
    pub hosts: Vec<String>,
    /// The API's port of the first node on each host.
    pub first_port: u16,
    /// Whether sensors, gateways and patients enrol without a registrar.
    pub open: bool,
}

/// A network that was made.
#[derive(Debug)]
pub struct Made {
    /// The network.
    pub network: Network,
    /// Its nodes, in their order.
    pub nodes: Vec<MadeNode>,
    /// Whether each node's directory is all that its machine needs; else they share one network file.
    pub is_apart: bool,
}

/// A node's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeNode {
    /// Its id.
    pub id: DeviceId,
    /// Its configuration.
    pub config: PathBuf,
    /// Where its API listens.
    pub api: SocketAddr,
    /// Where others reach it for gossip.
    pub address: String,
}

/// Why no network was made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// Too few or too many.
    #[error("a network has 1 to {COMMITTEE} nodes to begin with, not {0}")]
    Nodes(usize),
    /// Not as many hosts as nodes.
    #[error("{hosts} hosts for {nodes} nodes; give --host once for all of them, or once for each")]
    Hosts {
        /// How many hosts.
        hosts: usize,
        /// How many nodes.
        nodes: usize,
    },
    /// A host is none.
    #[error(
        "--host {0:?} is no host that other nodes can reach; give a name or an IP address, without a port"
    )]
    Host(String),
    /// There are not as many ports.
    #[error(
        "node {node} would have port {port}; ports go from 1 to 65535, and each node on a host takes two that are \
         {PORT_STEP} above those before: choose a lower --port, or more hosts"
    )]
    Port {
        /// Which node.
        node: usize,
        /// The port that it would need.
        port: usize,
    },
    /// It is no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A key could not be made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The counters of a key could not be written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The directory could not be made.
    #[error(transparent)]
    Directory(#[from] StagingError),
}

/// Where one node listens and is reached.
struct Place {
    listening: Listening,
    address: String,
}

impl Plan {
    /// Makes the network in the directory `out`.
    ///
    /// # Errors
    /// [`BootstrapError`]; then there is nothing.
    pub fn make(&self, out: &Path) -> Result<Made, BootstrapError> {
        let places = self.places()?;
        make_directory(out, |staging| self.fill(staging, out, &places))
    }

    fn fill(&self, staging: &Path, out: &Path, places: &[Place]) -> Result<Made, BootstrapError> {
        let registrar = new_key(&staging.join(REGISTRAR_KEY))?;
        let directories: Vec<String> = (1..=places.len()).map(|number| format!("node-{number}")).collect();
        let mut keys = Vec::with_capacity(places.len());
        for directory in &directories {
            make_private(&staging.join(directory))?;
            keys.push(new_key(&staging.join(directory).join(NODE_KEY))?);
        }
        let network = Network::new(NetworkParts {
            name: self.name.clone(),
            created: self.created,
            open_enrolment: self.open,
            rules: Rules::default(),
            registrars: vec![registrar.clone()],
            committee: keys.clone(),
        })?;
        let addresses = keys.into_iter().zip(places).map(|(key, place)| (key, place.address.clone()));
        let file = NetworkFile { network, addresses: addresses.collect(), pace: Pace::default() };
        let text = node_files::explained(&file, &[registrar]);
        let write = |path: PathBuf, text: &str| {
            create_new_public(&path, text.as_bytes()).map_err(StagingError::at(&path))
        };
        write(staging.join(NETWORK_FILE), &text)?;
        let is_apart = !self.hosts.is_empty();
        let shared = if is_apart { NETWORK_FILE.into() } else { format!("../{NETWORK_FILE}") };
        for (directory, place) in directories.iter().zip(places) {
            if is_apart {
                write(staging.join(directory).join(NETWORK_FILE), &text)?;
            }
            let config = node_files::config(&place.listening, &shared, &place.address, places.len() - 1);
            write(staging.join(directory).join(CONFIG_FILE), &config)?;
            sync(&staging.join(directory))?;
        }
        let made =
            |((key, address), (directory, place)): (&(PublicKey, String), (&String, &Place))| MadeNode {
                id: DeviceId::of(key),
                config: out.join(directory).join(CONFIG_FILE),
                api: place.listening.api,
                address: address.clone(),
            };
        let nodes = file.addresses.iter().zip(directories.iter().zip(places)).map(made).collect();
        Ok(Made { network: file.network, nodes, is_apart })
    }

    /// Nodes on one host stand beside each other, each [`PORT_STEP`] above the one before.
    fn places(&self) -> Result<Vec<Place>, BootstrapError> {
        if !(1..=COMMITTEE).contains(&self.nodes) {
            return Err(BootstrapError::Nodes(self.nodes));
        }
        if self.hosts.len() > 1 && self.hosts.len() != self.nodes {
            return Err(BootstrapError::Hosts { hosts: self.hosts.len(), nodes: self.nodes });
        }
        let host = |node: usize| match &self.hosts[..] {
            [] => "127.0.0.1",
            [one] => one,
            hosts => hosts[node].as_str(),
        };
        (0..self.nodes)
            .map(|node| {
                let earlier = (0..node).filter(|earlier| host(*earlier) == host(node)).count();
                let port = usize::from(self.first_port) + PORT_STEP * earlier;
                let fits = |port: usize| u16::try_from(port).ok().filter(|port| *port != 0);
                let fault = |port| BootstrapError::Port { node: node + 1, port };
                let api = fits(port).ok_or_else(|| fault(port))?;
                let gossip = fits(port + 1).ok_or_else(|| fault(port + 1))?;
                place(host(node), api, gossip)
            })
            .collect()
    }
}

/// The API listens on the machine itself, for it speaks plain HTTP; gossip on all its interfaces, unless it is reached
/// on the machine itself alone.
fn place(host: &str, api: u16, gossip: u16) -> Result<Place, BootstrapError> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip: Option<IpAddr> = bare.parse().ok();
    let address = match ip {
        Some(IpAddr::V6(ip)) => format!("[{ip}]:{gossip}"),
        _ => format!("{host}:{gossip}"),
    };
    let is_name = ip.is_some() || !host.contains([':', '[', ']', '/']);
    if !is_name || fog_address(&address).is_err() {
        return Err(BootstrapError::Host(host.into()));
    }
    let inside = node_files::listen_for(&address);
    let listening = Listening {
        api: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), api),
        gossip: SocketAddr::new(inside, gossip),
    };
    Ok(Place { listening, address })
}

fn new_key(path: &Path) -> Result<PublicKey, BootstrapError> {
    let key = KeyFile::create(path)?;
    State::create(&key)?.close()?;
    Ok(key.key().public_key().clone())
}

#[cfg(test)]
mod tests;
