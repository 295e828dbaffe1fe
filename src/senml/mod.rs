//! SenML, sensor measurement lists (RFC 8428), in JSON and CBOR: what readings are written in.
//!
//! Reading is strict: what RFC 8428 does not allow is refused, with the record and the remedy named. A [`Pack`]
//! holds records with all base fields applied; [`Pack::resolve`] makes their times absolute. Writers take
//! [`Record`]s, which are valid by construction, so reading back what was written always gives the same records.

mod assemble;
mod cbor;
mod error;
mod field;
mod json;
pub mod limits;
mod record;
mod time;
mod write;
mod write_cbor;
mod write_json;

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod tests;

pub use cbor::parse_cbor;
pub use error::{Error, Problem};
pub use json::parse_json;
pub use record::{Name, Pack, Record, Value};
pub use time::{ABSOLUTE_FROM_SECONDS, Time};
pub use write_cbor::write_cbor;
pub use write_json::{write_compact_json, write_json};
