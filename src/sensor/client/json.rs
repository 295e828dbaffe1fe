//! The API's JSON as a device reads it (`spec/09-http.md`). Members that are not needed here are passed over.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::str::FromStr;
use weft_tangle::{NetworkId, Rules, RulesError, TxId};

/// The answer to `GET /api/v1/network`.
#[derive(Clone, Debug, Deserialize)]
pub struct NetworkInfo {
    /// The network's id.
    #[serde(deserialize_with = "text")]
    pub network: NetworkId,
    /// Its name for people.
    pub name: String,
    /// The device id of the node that answers.
    pub node: String,
    /// The node's clock, in milliseconds since the Unix epoch.
    pub time: u64,
    /// The id that stands for the beginning.
    #[serde(deserialize_with = "text")]
    pub genesis: TxId,
    /// The network's rules.
    pub rules: RulesInfo,
}

/// The peers in that answer.
#[derive(Debug, Deserialize)]
pub(in crate::sensor) struct PeersAnswer {
    pub(in crate::sensor) peers: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// The commits in the answer to `GET /api/v1/commits`.
#[derive(Debug, Deserialize)]
pub(in crate::sensor) struct CommitsAnswer {
    pub(in crate::sensor) commits: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// How far a node has come, in the answer to `GET /api/v1/network`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FinalityInfo {
    /// Transactions that are durable there.
    pub transactions: u64,
    /// Those that a commit has delivered.
    pub finalised: u64,
    /// Those that are no witnesses and wait for one.
    pub open: u64,
    /// The newest commit.
    pub commit: Option<CommitInfo>,
    /// The highest index that a quorum has voted for.
    pub certified: u64,
    /// The committee.
    pub members: Vec<MemberInfo>,
    /// How the node's chain has parted from that of others, if it has.
    pub diverged: Option<String>,
}

/// A commit as it is named.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct CommitInfo {
    /// Its index.
    pub index: u64,
    /// Its digest.
    pub digest: String,
}

/// A member of the committee.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MemberInfo {
    /// Its device id.
    pub device: String,
    /// The highest round of its witnesses.
    pub round: Option<u64>,
}

/// The numbers of the network file.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct RulesInfo {
    /// Milliseconds of an epoch.
    pub epoch_ms: u64,
    /// Transactions of a device in an epoch before they grow dearer.
    pub quota: u32,
    /// Zero bits of work at the first counter.
    pub difficulty: u8,
    /// The same for an enrolment in an open network.
    pub enrolment_difficulty: u8,
    /// Whether sensors, gateways and patients enrol without a registrar.
    pub open_enrolment: bool,
}

impl RulesInfo {
    /// The rules, checked.
    ///
    /// # Errors
    /// What [`Rules::new`] refuses.
    pub fn checked(&self) -> Result<Rules, RulesError> {
        Rules::new(self.epoch_ms, self.quota, self.difficulty, self.enrolment_difficulty)
    }
}

/// The answer to `GET /api/v1/ticket`: what a device needs to make transactions, also later.
#[derive(Clone, Debug, Deserialize)]
pub struct Ticket {
    /// The network's id.
    #[serde(deserialize_with = "text")]
    pub network: NetworkId,
    /// The node's clock, in milliseconds since the Unix epoch.
    pub time: u64,
    /// The epoch that this time falls into.
    pub epoch: u64,
    /// The device's next counter in this epoch, as far as the node knows.
    pub counter: u32,
    /// Zero bits of work that the node asks for.
    pub difficulty: u8,
    /// The same for an enrolment.
    pub enrolment_difficulty: u8,
    /// Pairs of parents, each to be used once.
    #[serde(deserialize_with = "pairs")]
    pub parents: Vec<[TxId; 2]>,
}

/// The answer for one transaction.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Accepted {
    /// Its id.
    #[serde(deserialize_with = "text")]
    pub id: TxId,
    /// `attached`, `final`, `disputed`, `conflict` or `revoked`.
    pub status: String,
}

/// An RFC 9457 problem: why the node did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{detail} ({}, HTTP {status})", self.slug())]
pub struct Problem {
    /// The HTTP status.
    #[serde(default)]
    pub status: u16,
    /// What a program matches: `urn:weft:problem:<slug>`.
    #[serde(rename = "type", default = "blank")]
    pub kind: String,
    /// What a person can act on.
    #[serde(default)]
    pub detail: String,
    /// Seconds after which to try again.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// The last part of the type: `pow`, `parents`, `not-enrolled`.
    pub fn slug(&self) -> &str {
        self.kind.rsplit([':', '/']).next().unwrap_or_default()
    }
}

/// One result of a batch.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(in crate::sensor) enum BatchResult {
    Refused { problem: Problem },
    Accepted(Accepted),
}

#[derive(Debug, Deserialize)]
pub(in crate::sensor) struct BatchAnswer {
    pub(in crate::sensor) results: Vec<BatchResult>,
}

/// RFC 9457, section 3.1.1: a problem without a type has this one.
fn blank() -> String {
    "about:blank".into()
}

fn text<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}

fn pairs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<[TxId; 2]>, D::Error> {
    let texts = Vec::<[String; 2]>::deserialize(from)?;
    let id = |text: &String| text.parse::<TxId>().map_err(D::Error::custom);
    texts.iter().map(|[first, second]| Ok([id(first)?, id(second)?])).collect()
}
