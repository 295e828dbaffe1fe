//! What a node is: the network that it belongs to, and its own key.
//!
//! Without a network file the node makes a private network of one in its data directory, so that the first command
//! just works; the files it makes are never overwritten, and the next start finds the same network and key. While a
//! node has its home nobody else gets it, so two that start at once cannot make two networks of one directory.

use super::credential::{Credential, CredentialError};
use super::node_files::CONFIG_FILE;
use super::peers::Peer;
use crate::config::Config;
use crate::network_file::{NetworkFile, NetworkFileError};
use crate::sensor::key::{KeyError, KeyFile};
use std::fs::{DirBuilder, File, TryLockError};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_tangle::finality::Pace;
use weft_tangle::signing::SigningKey;
use weft_tangle::{DeviceId, Network, NetworkError, NetworkParts, Rules};

/// The node's own key in its data directory.
pub const NODE_KEY: &str = "node.key";
/// The registrar's key of a private network.
pub const REGISTRAR_KEY: &str = "registrar.key";
/// The network file of a private network.
pub const NETWORK_FILE: &str = "network.toml";

/// Why a node has no home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// The data directory cannot be made or written to.
    #[error("cannot use the data directory {path}: {source}; choose another with --data")]
    Data {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another node has it.
    #[error(
        "the data directory {0} is in use by another process; stop that one, or choose another with --data"
    )]
    InUse(PathBuf),
    /// The network file cannot be used.
    #[error("{path}: {source}")]
    NetworkFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NetworkFileError,
    },
    /// The node's key is not the one that the private network was made with.
    #[error(
        "{key} is not the key that the private network in {path} was made with: restore it from a copy, or choose \
         another directory with --data"
    )]
    OtherKey {
        /// The node's key file.
        key: PathBuf,
        /// The network file.
        path: PathBuf,
    },
    /// The node there has a network, which was not named.
    #[error(
        "{config} says which network the node in {data} belongs to: start it with --config {config}. To make a private \
         network of one, choose another directory with --data"
    )]
    Configured {
        /// The data directory.
        data: PathBuf,
        /// The configuration that lies in it.
        config: PathBuf,
    },
    /// A private network that anybody may join would be reached from elsewhere.
    #[error(
        "the private network in {path} was made for this machine alone, so whoever reaches it may enrol; {api} is \
         reached from elsewhere. Let the API listen on 127.0.0.1, or choose another directory with --data, where a \
         network with a registrar is made; if it is to be open to everybody, say so with --network {path}"
    )]
    Exposed {
        /// The network file.
        path: PathBuf,
        /// Where the API would listen.
        api: SocketAddr,
    },
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The credential cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The private network is none.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// A node's network and key.
#[derive(Debug)]
pub struct Home {
    /// The network.
    pub network: Network,
    /// This node's own id.
    pub node: DeviceId,
    /// Its key, with which it proves to its peers who it is.
    pub key: Arc<SigningKey>,
    /// Where the network file says that the members of the committee are.
    pub committee: Vec<Peer>,
    /// How fast the committee's rounds follow each other.
    pub pace: Pace,
    /// What a node that is not of the committee shows its peers, if a registrar admitted it.
    pub credential: Option<Credential>,
    /// Where the network file of a private network was found or made.
    pub private: Option<PathBuf>,
    /// Whether it was made just now.
    pub is_new: bool,
    /// The locked data directory.
    _lock: File,
}

impl Home {
    /// Reads, or makes, the network and the key that `config` speaks of.
    ///
    /// # Errors
    /// [`HomeError`], whose text says what to do.
    pub fn open(config: &Config) -> Result<Self, HomeError> {
        let lock = lock_directory(&config.data)?;
        if config.network.is_none() {
            refuse_configured(&config.data)?;
        }
        let key = own_key(&config.data.join(NODE_KEY))?;
        let node = key.device();
        if let Some(path) = &config.network {
            let file = read(path)?;
            let credential = Credential::read(&config.data, &file.network, &node)?;
            let (committee, pace) = (peers(&file), file.pace);
            let network = file.network;
            return Ok(Self {
                network,
                node,
                key: key.shared_key(),
                committee,
                pace,
                credential,
                private: None,
                is_new: false,
                _lock: lock,
            });
        }
        let path = config.data.join(NETWORK_FILE);
        let is_new = !path.exists();
        if is_new {
            make_private_network(config, &path, &key)?;
        }
        let file = read(&path)?;
        let (committee, pace) = (peers(&file), file.pace);
        let (network, api) = (file.network, config.api_listen);
        if network.standing(&node).is_none() {
            return Err(HomeError::OtherKey { key: config.data.join(NODE_KEY), path });
        }
        if network.is_open() && !api.ip().is_loopback() {
            return Err(HomeError::Exposed { path, api });
        }
        let private = Some(path);
        Ok(Self {
            network,
            node,
            key: key.shared_key(),
            committee,
            pace,
            credential: None,
            private,
            is_new,
            _lock: lock,
        })
    }
}

/// Without its configuration a node of a network would be made one of a private network.
fn refuse_configured(data: &Path) -> Result<(), HomeError> {
    let config = data.join(CONFIG_FILE);
    // What is none of a node's configurations speaks of no network.
    let table = std::fs::read_to_string(&config).ok().and_then(|text| text.parse::<toml::Table>().ok());
    match table {
        Some(table) if table.contains_key("network") => {
            Err(HomeError::Configured { data: data.to_owned(), config })
        }
        _ => Ok(()),
    }
}

fn read(path: &Path) -> Result<NetworkFile, HomeError> {
    NetworkFile::read(path).map_err(|source| HomeError::NetworkFile { path: path.to_owned(), source })
}

fn peers(file: &NetworkFile) -> Vec<Peer> {
    let peer = |(key, address): &(_, String)| Peer { device: DeviceId::of(key), address: address.clone() };
    file.addresses.iter().map(peer).collect()
}

/// Reads a network file.
pub(crate) fn read_network(path: &Path) -> Result<Network, HomeError> {
    Ok(read(path)?.network)
}

/// Makes the directory where it is missing, for this user alone, for readings and keys lie in it; and locks it.
pub(crate) fn lock_directory(path: &Path) -> Result<File, HomeError> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let failed = |source| HomeError::Data { path: path.to_owned(), source };
    let directory = builder.create(path).and_then(|()| File::open(path)).map_err(failed)?;
    match directory.try_lock() {
        Ok(()) => Ok(directory),
        Err(TryLockError::WouldBlock) => Err(HomeError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn own_key(path: &Path) -> Result<KeyFile, KeyError> {
    if path.exists() { KeyFile::read(path) } else { KeyFile::create(path) }
}

/// A committee of one, this node, and a registrar. Whoever reaches the API may enrol if that is only this machine.
fn make_private_network(config: &Config, path: &Path, node: &KeyFile) -> Result<(), HomeError> {
    let registrar = own_key(&config.data.join(REGISTRAR_KEY))?;
    let registrars = vec![registrar.key().public_key().clone()];
    let member = node.key().public_key().clone();
    let network = Network::new(NetworkParts {
        name: "private network of one".into(),
        created: super::now(),
        open_enrolment: config.api_listen.ip().is_loopback(),
        rules: Rules::default(),
        registrars: registrars.clone(),
        committee: vec![member.clone()],
    })?;
    let addresses = vec![(member, config.gossip_listen.to_string())];
    let file = NetworkFile { network, addresses, pace: Pace::default() };
    write_whole(path, &file.to_toml(&registrars))
        .map_err(|source| HomeError::Data { path: path.to_owned(), source })
}

/// Writes a file that is there whole or not at all, also after a crash.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests;
