//! Weft, a ledger for medical sensors without blocks: the fog node and the sensor side.
//!
//! The sensor side ([`sensor`], [`senml`], [`recording`]) needs neither database nor server and builds without the
//! default feature `node`.

pub mod cli;
pub mod content;
pub mod limits;
pub mod network_file;
pub mod recording;
pub mod senml;
pub mod sensor;
#[cfg(feature = "simulate")]
pub mod simulation;
mod wellformed;

#[cfg(feature = "node")]
pub mod bell;
#[cfg(feature = "node")]
pub mod config;
#[cfg(feature = "node")]
pub mod gossip;
#[cfg(feature = "node")]
pub mod http;
#[cfg(feature = "node")]
pub mod metrics;
#[cfg(feature = "node")]
pub mod node;
#[cfg(feature = "node")]
pub mod runtime;
#[cfg(feature = "node")]
pub mod store;
#[cfg(all(test, feature = "node"))]
#[allow(clippy::unwrap_used, reason = "it is test code, outside a test function")]
mod testing;
