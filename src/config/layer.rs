//! One layer of the configuration, as it stands in a file, in the environment or on the command line.

use super::{Config, ConfigError};
use crate::gossip::limits::{BANDWIDTH_LEAST_KIB, BANDWIDTH_MOST_KIB, PEERS_DEFAULT, PEERS_MOST};
use crate::limits::{CACHE_DEFAULT_MIB, CACHE_MOST_MIB, SCRUB_DEFAULT_KIB, SCRUB_MOST_KIB};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tracing::level_filters::LevelFilter;

/// What one layer says; what it leaves out, the layer below decides.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layer {
    /// The data directory.
    pub data: Option<PathBuf>,
    /// The network file.
    pub network: Option<PathBuf>,
    /// `[api]`
    pub api: ApiLayer,
    /// `[gossip]`
    pub gossip: GossipLayer,
    /// `[storage]`
    pub storage: StorageLayer,
    /// `[log]`
    pub log: LogLayer,
}

/// The HTTP API.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiLayer {
    /// Address and port.
    pub listen: Option<String>,
}

/// Gossip between fog nodes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GossipLayer {
    /// Address and port.
    pub listen: Option<String>,
    /// Peers at once, a number or its text.
    #[serde(deserialize_with = "number_or_text", serialize_with = "number_if_it_is_one")]
    pub peers: Option<String>,
    /// KiB a second to one peer, a number or its text.
    #[serde(deserialize_with = "number_or_text", serialize_with = "number_if_it_is_one")]
    pub bandwidth_kib: Option<String>,
}

/// The database.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageLayer {
    /// Mebibytes of its cache, a number or its text.
    #[serde(deserialize_with = "number_or_text", serialize_with = "number_if_it_is_one")]
    pub cache_mib: Option<String>,
    /// Kibibytes a second that the scrub reads, a number or its text; 0 is no scrub.
    #[serde(deserialize_with = "number_or_text", serialize_with = "number_if_it_is_one")]
    pub scrub_kib: Option<String>,
}

/// The log on standard error.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogLayer {
    /// off, error, warn, info, debug or trace.
    pub level: Option<String>,
    /// A file, made anew, that says when each transaction was attached and durable.
    pub stages: Option<PathBuf>,
}

impl Layer {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let mut layer: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Toml { path: path.to_owned(), source: Box::new(source) })?;
        let directory = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_owned));
        let anchor = |path: PathBuf| match directory.as_ref().map(|directory| directory.join(&path)) {
            // Without the `.` of "this directory", which would be read in every message.
            Some(anchored) => std::path::absolute(&anchored).unwrap_or(anchored),
            None => path,
        };
        layer.data = layer.data.map(anchor);
        layer.network = layer.network.map(anchor);
        layer.log.stages = layer.log.stages.map(anchor);
        Ok(layer)
    }

    pub(super) fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // What is no text is no address, number or level either, and is refused as such.
        let path = |name| variable(name).map(PathBuf::from);
        let variable = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
        Self {
            data: path("WEFT_DATA"),
            network: path("WEFT_NETWORK"),
            api: ApiLayer { listen: variable("WEFT_API_LISTEN") },
            gossip: GossipLayer {
                listen: variable("WEFT_GOSSIP_LISTEN"),
                peers: variable("WEFT_GOSSIP_PEERS"),
                bandwidth_kib: variable("WEFT_GOSSIP_BANDWIDTH_KIB"),
            },
            storage: StorageLayer {
                cache_mib: variable("WEFT_STORAGE_CACHE_MIB"),
                scrub_kib: variable("WEFT_STORAGE_SCRUB_KIB"),
            },
            log: LogLayer { level: variable("WEFT_LOG_LEVEL"), stages: path("WEFT_LOG_STAGES") },
        }
    }

    pub(super) fn overlaid_by(self, upper: Self) -> Self {
        Self {
            data: upper.data.or(self.data),
            network: upper.network.or(self.network),
            api: ApiLayer { listen: upper.api.listen.or(self.api.listen) },
            gossip: GossipLayer {
                listen: upper.gossip.listen.or(self.gossip.listen),
                peers: upper.gossip.peers.or(self.gossip.peers),
                bandwidth_kib: upper.gossip.bandwidth_kib.or(self.gossip.bandwidth_kib),
            },
            storage: StorageLayer {
                cache_mib: upper.storage.cache_mib.or(self.storage.cache_mib),
                scrub_kib: upper.storage.scrub_kib.or(self.storage.scrub_kib),
            },
            log: LogLayer {
                level: upper.log.level.or(self.log.level),
                stages: upper.log.stages.or(self.log.stages),
            },
        }
    }

    pub(super) fn lower(self) -> Result<Config, ConfigError> {
        let address = "an IP address and port, such as 127.0.0.1:8470";
        let cache = self.storage.cache_mib;
        let cache_fits = |mib: &usize| (1..=CACHE_MOST_MIB).contains(mib);
        let level = "off, error, warn, info, debug or trace";
        Ok(Config {
            data: text_path("data", self.data)?.unwrap_or_else(|| "weft-data".into()),
            network: text_path("network", self.network)?,
            api_listen: value(
                "[api] listen (WEFT_API_LISTEN, --api-listen)",
                self.api.listen,
                address,
                |_: &SocketAddr| true,
            )?
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8470))),
            gossip_listen: value(
                "[gossip] listen (WEFT_GOSSIP_LISTEN, --gossip-listen)",
                self.gossip.listen,
                address,
                |_: &SocketAddr| true,
            )?
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8471))),
            gossip_peers: value(
                "[gossip] peers (WEFT_GOSSIP_PEERS)",
                self.gossip.peers,
                "1 to 128",
                |peers: &usize| (1..=PEERS_MOST).contains(peers),
            )?
            .unwrap_or(PEERS_DEFAULT),
            gossip_bandwidth: value(
                "[gossip] bandwidth_kib (WEFT_GOSSIP_BANDWIDTH_KIB)",
                self.gossip.bandwidth_kib,
                "16 to 16777216 (KiB a second), or not stand there",
                |kib: &u64| (BANDWIDTH_LEAST_KIB..=BANDWIDTH_MOST_KIB).contains(kib),
            )?
            .map(|kib| kib << 10),
            cache_bytes: value(
                "[storage] cache_mib (WEFT_STORAGE_CACHE_MIB)",
                cache,
                "1 to 1024 (MiB)",
                cache_fits,
            )?
            .unwrap_or(CACHE_DEFAULT_MIB)
                << 20,
            scrub_bytes: value(
                "[storage] scrub_kib (WEFT_STORAGE_SCRUB_KIB)",
                self.storage.scrub_kib,
                "0 to 1048576 (KiB a second; 0 is no scrub)",
                |kib: &u64| *kib <= SCRUB_MOST_KIB,
            )?
            .unwrap_or(SCRUB_DEFAULT_KIB)
                << 10,
            log: value("[log] level (WEFT_LOG_LEVEL, --log)", self.log.level, level, |_: &LevelFilter| true)?
                .unwrap_or(LevelFilter::WARN),
            stages: text_path("[log] stages (WEFT_LOG_STAGES)", self.log.stages)?,
        })
    }
}

/// TOML, which the configuration is printed as, can only hold paths that are text.
fn text_path(name: &'static str, path: Option<PathBuf>) -> Result<Option<PathBuf>, ConfigError> {
    let is_text = path.as_ref().is_none_or(|path| path.to_str().is_some());
    let must = "a path in UTF-8";
    let value = || path.as_ref().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    if is_text { Ok(path) } else { Err(ConfigError::Value { name, value: value(), must }) }
}

fn value<T: FromStr>(
    name: &'static str,
    text: Option<String>,
    must: &'static str,
    fits: impl Fn(&T) -> bool,
) -> Result<Option<T>, ConfigError> {
    let Some(text) = text else { return Ok(None) };
    let parsed = text.parse().ok().filter(fits);
    parsed.map(Some).ok_or(ConfigError::Value { name, value: text, must })
}

/// The environment knows only texts, so a number may stand as one.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    Ok(Option::<Either>::deserialize(deserializer)?.map(|either| match either {
        Either::Number(number) => number.to_string(),
        Either::Text(text) => text,
    }))
}

/// As a person writes it in the file.
fn number_if_it_is_one<S: Serializer>(text: &Option<String>, serializer: S) -> Result<S::Ok, S::Error> {
    match text.as_ref().map(|text| text.parse::<u64>()) {
        Some(Ok(number)) => serializer.serialize_u64(number),
        _ => text.serialize(serializer),
    }
}
