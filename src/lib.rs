//! Weft, a ledger for medical sensors without blocks: the fog node and the sensor side.

#[cfg(feature = "node")]
pub mod http;
pub mod limits;
#[cfg(feature = "node")]
pub mod runtime;
pub mod cli;
pub mod content;
pub mod recording;
pub mod senml;
pub mod sensor;
mod wellformed;
pub mod store;
#[cfg(test)]
#[cfg(feature = "node")]
mod testing;
