//! What a node is: the network that it belongs to, and its own key.
//!
//! Without a network file the node makes a private network of one in its data directory, so that the first command
//! just works; the files it makes are never overwritten, and the next start finds the same network and key.

use crate::config::Config;
use crate::network_file::{NetworkFile, NetworkFileError};
use crate::sensor::key::{KeyError, KeyFile};
use std::io::Write;
use std::path::{Path, PathBuf};
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
    /// The network file cannot be used.
    #[error(transparent)]
    NetworkFile(#[from] NetworkFileError),
    /// A key file cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
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
    /// Where the network file of a private network was found or made.
    pub private: Option<PathBuf>,
    /// Whether it was made just now.
    pub is_new: bool,
}

impl Home {
    /// Reads, or makes, the network and the key that `config` speaks of.
    ///
    /// # Errors
    /// [`HomeError`], whose text says what to do.
    pub fn open(config: &Config) -> Result<Self, HomeError> {
        make_directory(&config.data)
            .map_err(|source| HomeError::Data { path: config.data.clone(), source })?;
        let key = own_key(&config.data.join(NODE_KEY))?;
        let node = key.device();
        if let Some(path) = &config.network {
            let network = NetworkFile::read(path)?.network;
            return Ok(Self { network, node, private: None, is_new: false });
        }
        let path = config.data.join(NETWORK_FILE);
        let is_new = !path.exists();
        if is_new {
            make_private_network(config, &path, &key)?;
        }
        let network = NetworkFile::read(&path)?.network;
        Ok(Self { network, node, private: Some(path), is_new })
    }
}

/// For this user alone: keys and readings lie in it.
fn make_directory(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
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
    let file = NetworkFile { network, addresses: vec![(member, config.gossip_listen.to_string())] };
    write_whole(path, &file.to_toml(&registrars))
        .map_err(|source| HomeError::Data { path: path.to_owned(), source })
}

/// Writes a file that is there whole or not at all, also after a crash.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = std::fs::File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Layer;

    fn config(data: &Path, listen: &str) -> Config {
        let api = crate::config::ApiLayer { listen: Some(listen.into()) };
        Config::load(None, |_| None, Layer { data: Some(data.into()), api, ..Layer::default() }).unwrap()
    }

    #[test]
    fn a_private_network_is_made_once_and_open_on_loopback_alone() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("a/b");
        let made = Home::open(&config(&data, "127.0.0.1:0")).unwrap();
        assert!(made.is_new && made.network.is_open());
        let found = Home::open(&config(&data, "0.0.0.0:0")).unwrap();
        assert!(!found.is_new && found.network.is_open(), "what was made is not made anew");
        assert_eq!((found.node, found.network.id()), (made.node, made.network.id()));
        let other = Home::open(&config(&directory.path().join("c"), "0.0.0.0:0")).unwrap();
        assert!(other.is_new && !other.network.is_open());
    }

    #[cfg(unix)]
    #[test]
    fn others_do_not_look_into_the_data_directory() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        Home::open(&config(&data, "127.0.0.1:0")).unwrap();
        let mode = std::fs::metadata(&data).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
