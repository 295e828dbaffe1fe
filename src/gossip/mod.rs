//! Connections between fog nodes: QUIC, who may speak on it, and frames in three classes.
//!
//! What the frames hold is not known here: the owner of the replica gets [`ShellEvent`]s from a bounded queue and
//! calls [`Shell`]. Bytes and rules are in `spec/15-transport.md`.
//!
//! Always true: a peer in an event has proved, by a signature over this very TLS session, that it holds the key of a
//! fog node of this network; a stranger costs no more than a handshake's bounded share; nothing that a peer
//! sends or leaves unread makes memory grow beyond what `limits` names.

pub mod limits;

mod book;
mod bucket;
mod class;
mod credential;
mod dial;
mod event;
mod frame;
mod gate;
mod handshake;
mod intro;
mod known;
mod link;
mod listen;
mod meter;
mod notice;
mod options;
mod outbox;
mod reader;
mod reason;
mod resolve;
mod roster;
mod serve;
mod shared;
mod shell;
mod signal;
mod stats;
mod tls;
mod view;

#[cfg(test)]
mod tests;

pub use class::{Class, PerClass};
pub use credential::{Ledger, Member};
pub use event::{Connected, Drained, Frame, Left, PeerNumber, ShellEvent};
pub use frame::{Deframer, LENGTH_BYTES};
pub use intro::{Intro, Session, Side, VERSION};
pub use options::{ShellLimits, ShellOptions};
pub use outbox::{SendError, Sent};
pub use reason::{Departure, Reason};
pub use shell::{Identity, Shell, ShellError};
pub use stats::{By, Flow, ShellStats, Traffic};
pub use tls::{ALPN, TlsError};
pub use view::{PeerState, PeerView};
