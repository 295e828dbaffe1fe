//! Weft's ledger and replica protocol, without I/O.
//!
//! Always true in this crate: nothing here reads a clock, draws randomness, opens a socket or a file, or starts a
//! thread. Time and entropy are arguments, what has left memory is read through [`History`], and no iteration
//! order depends on a hash seed. The same events in the same order therefore give the same effects everywhere.
//!
//! The way of a transaction is written in types, each of which only the check before it can construct:
//! [`Transaction`] (well formed by itself) → [`Screened`] (its work is done) → [`Verified`] (its issuer is permitted
//! and has signed it) → [`Attached`] (all that it references is here). Byte layouts live in `spec/`.

pub mod body;
pub mod check;
pub mod check_peer;
mod codec;
mod committee;
mod error;
pub mod finality;
pub mod gossip;
mod hash;
mod header;
mod id;
mod issue;
mod issuer;
mod kind;
pub mod limits;
mod network;
mod planted;
mod remains;
pub mod replica;
mod seeds;
pub mod signing;
#[cfg(feature = "sim")]
pub mod sim;
mod time;
mod transaction;
mod verdicts;

pub use check::{Screened, Verified};
pub use committee::CommitteeSize;
pub use error::{Malformed, ParentsFault, Refusal};
pub use hash::{Digest, blake2s, blake2s_keyed};
pub use header::{HEADER_BYTES, Header, VERSION};
pub use id::{DeviceId, IdError, NetworkId, TxId, bytes_from_text, from_text, to_text};
pub use issue::{Draft, Signed};
pub use issuer::{Issuer, Role, Standing};
pub use kind::Kind;
pub use network::{Network, NetworkError, NetworkParts, Rules, RulesError};
pub use remains::Remains;
pub use replica::{Attached, History, HistoryError, Position, Replica};
pub use seeds::make_seeds;
pub use time::{Epoch, Timestamp};
pub use transaction::{Transaction, content_format};
pub use verdicts::{Claim, Forgetful, Recall, Verdict, Verdicts};
