//! The node's configuration: defaults, then a TOML file, then `WEFT_*` variables, then flags; the later one wins.
//!
//! What comes from outside is read into [`Layer`]s whose fields are all optional, and lowered once into a
//! [`Config`], which is complete and checked.

mod layer;

pub use layer::{ApiLayer, GossipLayer, Layer, LogLayer, StorageLayer};

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tracing::level_filters::LevelFilter;

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the node keeps its database, its keys and, if it made one, its network file.
    pub data: PathBuf,
    /// The network file; none means a private network of one in the data directory.
    pub network: Option<PathBuf>,
    /// Where the HTTP API listens.
    pub api_listen: SocketAddr,
    /// Where gossip listens.
    pub gossip_listen: SocketAddr,
    /// Peers at once.
    pub gossip_peers: usize,
    /// Bytes a second sent to one peer, where that is capped.
    pub gossip_bandwidth: Option<u64>,
    /// Bytes of the database's cache.
    pub cache_bytes: usize,
    /// Bytes a second that the scrub reads; 0 is no scrub.
    pub scrub_bytes: u64,
    /// What is logged.
    pub log: LevelFilter,
    /// Where it is recorded when transactions reach their stages, for whoever measures; none means nowhere.
    pub stages: Option<PathBuf>,
}

/// Why no configuration comes out.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no TOML, or has fields that it must not have.
    #[error("the configuration {path} is not as it must be: {source}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// What is wrong where.
        source: Box<toml::de::Error>,
    },
    /// A value cannot be read.
    #[error("{name} is {value:?}; it must be {must}")]
    Value {
        /// Which setting.
        name: &'static str,
        /// What it says.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

impl Config {
    /// Puts the layers over the defaults: the file that `file` or `WEFT_CONFIG` names, then the variables that
    /// `variable` finds, then `flags`.
    ///
    /// # Errors
    /// [`ConfigError`], which names the setting and says what must stand there.
    pub fn load(
        file: Option<&Path>,
        variable: impl Fn(&str) -> Option<OsString>,
        flags: Layer,
    ) -> Result<Self, ConfigError> {
        let named = variable("WEFT_CONFIG").map(PathBuf::from);
        let from_file = file.or(named.as_deref()).map(Layer::read).transpose()?.unwrap_or_default();
        let from_variables = Layer::from_variables(variable);
        from_file.overlaid_by(from_variables).overlaid_by(flags).lower()
    }

    /// The configuration as TOML that reads back to it.
    pub fn to_toml(&self) -> String {
        let layer = Layer {
            data: Some(self.data.clone()),
            network: self.network.clone(),
            api: ApiLayer { listen: Some(self.api_listen.to_string()) },
            gossip: GossipLayer {
                listen: Some(self.gossip_listen.to_string()),
                peers: Some(self.gossip_peers.to_string()),
                bandwidth_kib: self.gossip_bandwidth.map(|bytes| (bytes >> 10).to_string()),
            },
            storage: StorageLayer {
                cache_mib: Some((self.cache_bytes >> 20).to_string()),
                scrub_kib: Some((self.scrub_bytes >> 10).to_string()),
            },
            log: LogLayer { level: Some(self.log.to_string()), stages: self.stages.clone() },
        };
        toml::to_string_pretty(&layer)
            .expect("lowering let only text and numbers through, which TOML can hold")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gossip::limits::PEERS_MOST;

    fn load(toml: &str, variables: &[(&str, &str)], flags: Layer) -> Result<Config, ConfigError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("weft.toml");
        std::fs::write(&file, toml).unwrap();
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        Config::load(Some(&file), variable, flags)
    }

    #[test]
    fn the_later_layer_wins() {
        let flags = |listen: Option<&str>| Layer {
            api: ApiLayer { listen: listen.map(Into::into) },
            ..Layer::default()
        };
        let toml = "[api]\nlisten = \"127.0.0.1:1\"\n";
        let variables = [("WEFT_API_LISTEN", "127.0.0.1:2")];
        let port = |config: Result<Config, ConfigError>| config.unwrap().api_listen.port();
        assert_eq!(port(load("", &[], flags(None))), 8470);
        assert_eq!(port(load(toml, &[], flags(None))), 1);
        assert_eq!(port(load(toml, &variables, flags(None))), 2);
        assert_eq!(port(load(toml, &variables, flags(Some("127.0.0.1:3")))), 3);
    }

    #[test]
    fn what_is_in_force_reads_back() {
        let toml = "data = \"/d\"\n[gossip]\npeers = 9\nbandwidth_kib = 512\n[storage]\ncache_mib = 7\nscrub_kib = 0\n\
                    [log]\nlevel = \"debug\"\nstages = \"/s\"";
        let config = load(toml, &[], Layer::default()).unwrap();
        assert_eq!((config.cache_bytes, config.scrub_bytes), (7 << 20, 0));
        assert_eq!((config.gossip_peers, config.gossip_bandwidth), (9, Some(512 << 10)));
        assert_eq!(load("", &[], Layer::default()).unwrap().gossip_bandwidth, None);
        assert_eq!(load(&config.to_toml(), &[], Layer::default()).unwrap(), config);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |toml: &str, variables: &[(&str, &str)]| {
            load(toml, variables, Layer::default()).unwrap_err().to_string()
        };
        assert!(error("[api]\nlistens = \"x\"", &[]).contains("listens"));
        assert!(error("[api]\nlisten = \"x\"", &[]).contains("IP address and port"));
        assert!(error("", &[("WEFT_GOSSIP_LISTEN", "localhost")]).contains("gossip"));
        assert!(error("[storage]\ncache_mib = 0", &[]).contains("1 to 1024"));
        assert!(error("", &[("WEFT_STORAGE_SCRUB_KIB", "1048577")]).contains("0 to 1048576"));
        assert!(error("[gossip]\npeers = 129", &[]).contains(&format!("1 to {PEERS_MOST}")));
        assert!(error("", &[("WEFT_GOSSIP_BANDWIDTH_KIB", "15")]).contains("16 to"));
        assert!(error("[log]\nlevel = \"loud\"", &[]).contains("loud"));
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_no_text_is_refused_wherever_it_comes_from() {
        use std::os::unix::ffi::OsStringExt;
        let odd = || OsString::from_vec(vec![b'd', 0xFF]);
        let flags = Layer { network: Some(odd().into()), ..Layer::default() };
        for error in [
            Config::load(None, |_| None, flags).unwrap_err(),
            Config::load(None, |name| (name == "WEFT_DATA").then(odd), Layer::default()).unwrap_err(),
            Config::load(None, |name| (name == "WEFT_LOG_LEVEL").then(odd), Layer::default()).unwrap_err(),
        ] {
            assert!(matches!(error, ConfigError::Value { .. }), "{error}");
        }
    }

    #[test]
    fn a_path_in_the_file_is_relative_to_it() {
        let config = load("data = \"here\"", &[], Layer::default()).unwrap();
        assert!(config.data.is_absolute() && config.data.ends_with("here"), "{:?}", config.data);
        let beside = load("data = \".\"", &[], Layer::default()).unwrap().data;
        assert!(beside.is_absolute() && !beside.to_str().unwrap().ends_with('.'), "{beside:?}");
        assert_eq!(load("", &[], Layer::default()).unwrap().data, PathBuf::from("weft-data"));
    }
}
