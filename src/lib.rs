//! Weft, a ledger for medical sensors without blocks: the fog node and the sensor side.

pub mod limits;
#[cfg(feature = "node")]
pub mod runtime;
