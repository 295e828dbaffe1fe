//! The network file: one TOML text that all nodes of a network share (`spec/06-network-file.md`).
//!
//! Unknown fields are refused, for a misspelt rule would silently make another network.

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::fmt::temporal::Pieces;
use serde::{Deserialize, Serialize};
use std::net::ToSocketAddrs;
use std::path::{Path, PathBuf};
use weft_tangle::finality::{Pace, PaceError};
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
    /// The pace is out of bounds.
    #[error("[finality] {0}")]
    Pace(#[from] PaceError),
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
    /// How fast the committee's rounds follow each other. Nodes that differ in it agree all the same.
    pub pace: Pace,
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
    finality: RawPace,
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
#[serde(deny_unknown_fields, default)]
struct RawPace {
    fastest_ms: u64,
    slowest_ms: u64,
    delta_ms: u64,
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

impl From<&Pace> for RawPace {
    fn from(pace: &Pace) -> Self {
        Self { fastest_ms: pace.fastest_ms(), slowest_ms: pace.slowest_ms(), delta_ms: pace.delta_ms() }
    }
}

impl Default for RawPace {
    fn default() -> Self {
        Self::from(&Pace::default())
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
        let RawPace { fastest_ms, slowest_ms, delta_ms } = raw.finality;
        Ok(Self { network, addresses, pace: Pace::new(fastest_ms, slowest_ms, delta_ms)? })
    }

    /// The text that [`NetworkFile::parse`] reads back to the same network.
    pub fn to_toml(&self, registrars: &[PublicKey]) -> String {
        let network = &self.network;
        let raw = RawFile {
            name: network.name().to_owned(),
            created: time_text(network.created()),
            open_enrolment: network.is_open(),
            rules: network.rules().into(),
            finality: (&self.pace).into(),
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

/// 1970-01-01. Times are counted from it as civil ones of UTC, for instants in jiff end a day before the year 9999 does.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// A time as RFC 3339 text in UTC with milliseconds.
pub fn time_text(time: Timestamp) -> String {
    let since = i64::try_from(time.as_millis()).ok().map(SignedDuration::from_millis);
    let time = since.and_then(|since| EPOCH.checked_add(since).ok());
    time.map_or_else(|| "beyond the year 9999".into(), |time| format!("{time:.3}Z"))
}

/// Reads an RFC 3339 time.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let pieces = Pieces::parse(text).ok()?;
    let offset = SignedDuration::from_secs(pieces.to_numeric_offset()?.seconds().into());
    if offset.abs() >= SignedDuration::from_hours(24) {
        return None;
    }
    let since = pieces.date().to_datetime(pieces.time()?).duration_since(EPOCH) - offset;
    u64::try_from(since.as_millis()).ok().filter(|_| !since.is_negative()).map(Timestamp::from_millis)
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
mod tests;
