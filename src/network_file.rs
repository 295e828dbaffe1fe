//! The network file: one TOML text that all nodes of a network share (`spec/06-network-file.md`).
//!
//! Unknown fields are refused, for a misspelt rule would silently make another network.

use serde::{Deserialize, Serialize};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use weft_tangle::signing::{PUBLIC_KEY_BYTES, PublicKey};
use weft_tangle::{Network, NetworkError, NetworkParts, Rules, RulesError, Timestamp, from_text, to_text};

/// Why a network file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NetworkFileError {
    /// It cannot be read.
    #[error("cannot read the network file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no TOML, or has fields that it must not have.
    #[error("the network file is not as it must be: {0}")]
    Toml(#[from] toml::de::Error),
    /// The creation time is not RFC 3339.
    #[error(
        "`created` must be an RFC 3339 time such as 2026-01-31T12:00:00.000Z, after 1970 and without parts of a millisecond: {0:?}"
    )]
    Created(String),
    /// A key is not one.
    #[error("a {what}'s `key` must be an ML-DSA-44 public key in base32hex: {problem}")]
    Key {
        /// Whose.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// An address is not one.
    #[error("`address` must be host:port: {0:?}")]
    Address(String),
    /// A rule is out of bounds.
    #[error("[rules] {0}")]
    Rules(#[from] RulesError),
    /// The whole describes no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

/// A network with what its file says beyond the network's id.
#[derive(Clone, Debug)]
pub struct NetworkFile {
    /// The network.
    pub network: Network,
    /// Where the committee's members listen for gossip, in the order of the file.
    pub addresses: Vec<(PublicKey, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    name: String,
    created: String,
    open_enrolment: bool,
    #[serde(default)]
    rules: RawRules,
    #[serde(default)]
    registrars: Vec<RawRegistrar>,
    committee: Vec<RawMember>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawRules {
    epoch_ms: u64,
    quota: u32,
    difficulty: u8,
    enrolment_difficulty: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegistrar {
    key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMember {
    key: String,
    address: String,
}

impl From<&Rules> for RawRules {
    fn from(rules: &Rules) -> Self {
        let (difficulty, enrolment_difficulty) = rules.base_difficulties();
        Self {
            epoch_ms: rules.epoch_ms(),
            quota: rules.quota(),
            difficulty: difficulty.bits(),
            enrolment_difficulty: enrolment_difficulty.bits(),
        }
    }
}

impl Default for RawRules {
    fn default() -> Self {
        Self::from(&Rules::default())
    }
}

impl NetworkFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`NetworkFileError`], whose text says what to mend.
    pub fn read(path: &Path) -> Result<Self, NetworkFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| NetworkFileError::Read { path: path.to_owned(), source })?;
        Self::parse(&text)
    }

    /// Reads a network file's text.
    ///
    /// # Errors
    /// As [`NetworkFile::read`].
    pub fn parse(text: &str) -> Result<Self, NetworkFileError> {
        let raw: RawFile = toml::from_str(text)?;
        let rules = Rules::new(
            raw.rules.epoch_ms,
            raw.rules.quota,
            raw.rules.difficulty,
            raw.rules.enrolment_difficulty,
        )?;
        let registrars =
            raw.registrars.iter().map(|entry| key("registrar", &entry.key)).collect::<Result<Vec<_>, _>>()?;
        let addresses = raw
            .committee
            .iter()
            .map(|member| Ok((key("committee member", &member.key)?, parse_address(&member.address)?)))
            .collect::<Result<Vec<_>, NetworkFileError>>()?;
        let network = Network::new(NetworkParts {
            name: raw.name,
            created: created(&raw.created)?,
            open_enrolment: raw.open_enrolment,
            rules,
            registrars,
            committee: addresses.iter().map(|(key, _)| key.clone()).collect(),
        })?;
        Ok(Self { network, addresses })
    }

    /// The text that [`NetworkFile::parse`] reads back to the same network.
    pub fn to_toml(&self, registrars: &[PublicKey]) -> String {
        let network = &self.network;
        let raw = RawFile {
            name: network.name().to_owned(),
            created: time_text(network.created()),
            open_enrolment: network.is_open(),
            rules: network.rules().into(),
            registrars: registrars.iter().map(|key| RawRegistrar { key: to_text(key.as_bytes()) }).collect(),
            committee: self
                .addresses
                .iter()
                .map(|(key, address)| RawMember { key: to_text(key.as_bytes()), address: address.clone() })
                .collect(),
        };
        toml::to_string_pretty(&raw).expect("strings, numbers and tables can all be written as TOML")
    }
}

/// A time as RFC 3339 text in UTC with milliseconds.
pub fn time_text(time: Timestamp) -> String {
    let time = i64::try_from(time.as_millis()).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| "beyond the year 9999".into(), |time| format!("{time:.3}"))
}

/// Reads an RFC 3339 time.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok().map(Timestamp::from_millis)
}

/// Digits beyond milliseconds are refused, for the network's id would not see them.
fn created(text: &str) -> Result<Timestamp, NetworkFileError> {
    let whole = text.parse::<jiff::Timestamp>().is_ok_and(|time| time.subsec_nanosecond() % 1_000_000 == 0);
    parse_time(text).filter(|_| whole).ok_or_else(|| NetworkFileError::Created(text.to_owned()))
}

fn key(what: &'static str, text: &str) -> Result<PublicKey, NetworkFileError> {
    let problem = |problem: String| NetworkFileError::Key { what, problem };
    let bytes = from_text::<PUBLIC_KEY_BYTES>("the key", text).map_err(|error| problem(error.to_string()))?;
    PublicKey::from_bytes(&bytes).map_err(|error| problem(error.to_string()))
}

/// Reads `host:port`. Checks the form alone; a name need not resolve yet.
///
/// # Errors
/// [`NetworkFileError::Address`].
pub fn parse_address(text: &str) -> Result<String, NetworkFileError> {
    let named =
        text.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if named || text.to_socket_addrs().is_ok() {
        return Ok(text.to_owned());
    }
    Err(NetworkFileError::Address(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::signing::{Seed, SigningKey};

    fn file() -> (NetworkFile, PublicKey) {
        let key = |byte| SigningKey::from_seed(&Seed::from_bytes([byte; 32])).unwrap().public_key().clone();
        let network = Network::new(NetworkParts {
            name: "ward 7".into(),
            created: Timestamp::from_millis(1_790_000_000_123),
            open_enrolment: false,
            rules: Rules::new(5_000, 7, 3, 4).unwrap(),
            registrars: vec![key(1)],
            committee: vec![key(2)],
        });
        (NetworkFile { network: network.unwrap(), addresses: vec![(key(2), "node:8471".into())] }, key(1))
    }

    #[test]
    fn a_written_file_reads_back_to_the_same_network() {
        let (file, registrar) = file();
        let read = NetworkFile::parse(&file.to_toml(&[registrar])).unwrap();
        assert_eq!(read.network.id(), file.network.id());
        assert_eq!(read.network.canonical_form(), file.network.canonical_form());
        assert_eq!(read.addresses, file.addresses);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (file, registrar) = file();
        let text = file.to_toml(&[registrar]);
        let change = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            NetworkFile::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert!(change("quota", "quotas").contains("quotas"));
        assert!(change("epoch_ms = 5000", "epoch_ms = 5").contains("epoch_ms is 5"));
        assert!(change("created = \"2026", "created = \"20x6").contains("RFC 3339"));
        assert!(change("node:8471", "node").contains("host:port"));
        assert!(change("key = \"", "key = \"0").contains("base32hex"));
        assert!(change("name = \"ward 7\"", "name = \"\"").contains("name"));
    }

    #[test]
    fn rules_have_defaults() {
        let (file, registrar) = file();
        let text = file.to_toml(&[registrar]);
        let mut table: toml::Table = text.parse().unwrap();
        table.remove("rules");
        let read = NetworkFile::parse(&table.to_string()).unwrap();
        assert_eq!(*read.network.rules(), Rules::default());
    }
}
