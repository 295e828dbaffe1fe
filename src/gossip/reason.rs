//! Why a connection is closed: the catalogue of `spec/15-transport.md`, with its codes.
//!
//! A code never changes its meaning. What a peer writes beside it is shown to people, shortened and without control
//! characters, and never interpreted.

use super::limits::REASON_BYTES;
use quinn::{ConnectionError, VarInt};
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $slug:literal, $text:literal;)*) => {
        /// Why a node closes a connection, or refuses one.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// All reasons, by code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The QUIC application error code.
            #[must_use]
            pub const fn code(self) -> u32 {
                match self { $(Self::$name => $code),* }
            }

            /// The name in metrics and in the API.
            #[must_use]
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug),* }
            }

            /// What it means and what to do about it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }
        }
    };
}

reasons! {
    /// The node stops.
    Stopping = 0, "stopping", "the node stops; try again";
    /// What came is not the protocol.
    Protocol = 1, "protocol", "what came is not the protocol of weft/1";
    /// Another version of the handshake.
    Version = 2, "version", "this node speaks version 1 of the handshake";
    /// Another network.
    Network = 3, "network", "this node belongs to another network; compare the network files";
    /// No credential that counts.
    Unenrolled = 4, "unenrolled", "the key is not in the network file and shows no enrolment that a registrar admitted";
    /// Enrolled, but as something else.
    Role = 5, "role", "the key is not a fog node's; only fog nodes gossip";
    /// The enrolment is not valid now.
    Expired = 6, "expired", "the enrolment is not valid at this time; compare the clocks, or enrol again";
    /// A registrar, or the node itself, has revoked the key.
    Revoked = 7, "revoked", "the key is revoked";
    /// The signature over this very connection is not the key's.
    Proof = 8, "proof", "the proof is not a signature of this key over this connection";
    /// Kept out for a time because of what it sent.
    Banned = 9, "banned", "this node is kept out for a time";
    /// No place is left.
    TooMany = 10, "too-many", "this node has as many peers as it takes; try others";
    /// Another connection with this peer remains.
    Duplicate = 11, "duplicate", "another connection between these two nodes remains";
    /// The key is this node's own.
    Own = 12, "self", "the key is this node's own";
    /// A step of the handshake took too long.
    Timeout = 13, "timeout", "a step of the handshake took too long";
    /// A frame longer than its class allows.
    Oversized = 14, "oversized", "a frame is longer than its class allows";
    /// A frame does not go on, or nothing is read.
    Stalled = 15, "stalled", "nothing moves on a stream that should";
    /// Another node answers than the one that was dialled.
    Other = 16, "other-node", "another node answers at this address than the one that was dialled";
    /// What it sent was found wrong too often.
    Fault = 17, "fault", "what this peer sent was found wrong too often";
    /// The store cannot be read or written now.
    Unavailable = 18, "unavailable", "this node cannot read or write its store now; try again";
}

impl Reason {
    /// The reason with this code, where it is one.
    #[must_use]
    pub fn of_code(code: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| u64::from(reason.code()) == code)
    }

    pub(super) fn close(self, connection: &quinn::Connection) {
        connection.close(VarInt::from_u32(self.code()), self.text().as_bytes());
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// How a connection, or the attempt to make one, ended.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Departure {
    /// This node closed it.
    #[error("closed by this node: {0}")]
    Closed(Reason),
    /// The peer closed it, with a reason of the catalogue if it gave one, and words of its own.
    #[error("closed by the peer: {words}")]
    ClosedByPeer {
        /// The reason, where the code is one of the catalogue.
        reason: Option<Reason>,
        /// The peer's words, shortened to printable ASCII.
        words: String,
    },
    /// Nothing was heard from the peer any more, or it never answered.
    #[error("nothing is heard from the peer")]
    Silent,
    /// The peer does not take connections now: too many are being made.
    #[error("the peer does not take connections now")]
    Crowded,
    /// TLS found no common ground; a peer without X25519MLKEM768 ends here.
    #[error("TLS 1.3 with X25519MLKEM768 and ALPN weft/1 is not agreed on: {0}")]
    Tls(String),
    /// The address cannot be used.
    #[error("the address cannot be used: {0}")]
    Address(String),
    /// QUIC itself was not kept to.
    #[error("the connection broke: {0}")]
    Broken(String),
}

impl Departure {
    /// The name in metrics and in the API.
    #[must_use]
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Closed(reason) | Self::ClosedByPeer { reason: Some(reason), .. } => reason.slug(),
            Self::ClosedByPeer { reason: None, .. } => "unknown",
            Self::Silent => "silent",
            Self::Crowded => "crowded",
            Self::Tls(_) => "tls",
            Self::Address(_) => "address",
            Self::Broken(_) => "broken",
        }
    }
}

impl Departure {
    /// Whether the peer may take a call at any moment, without anybody's doing: nothing was heard of it, or it said no more
    /// than that this is not the time.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Closed(reason) | Self::ClosedByPeer { reason: Some(reason), .. } => {
                use Reason::{Duplicate, Stalled, Stopping, Timeout, Unavailable};
                matches!(reason, Stopping | Duplicate | Timeout | Stalled | Unavailable)
            }
            Self::Silent | Self::Crowded | Self::Address(_) | Self::Broken(_) => true,
            Self::ClosedByPeer { reason: None, .. } | Self::Tls(_) => false,
        }
    }
}

/// quinn's error for a TLS alert carries the alert's number in the low byte (RFC 9001 §4.8).
const CRYPTO_ERRORS: std::ops::Range<u64> = 0x100..0x200;
/// RFC 9000 §20.1: the server refuses to accept a new connection.
const CONNECTION_REFUSED: u64 = 2;

impl From<ConnectionError> for Departure {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Self::ClosedByPeer {
                reason: Reason::of_code(close.error_code.into_inner()),
                words: printable(&close.reason),
            },
            ConnectionError::TimedOut | ConnectionError::Reset => Self::Silent,
            ConnectionError::ConnectionClosed(close) => {
                transport(u64::from(close.error_code), printable(&close.reason))
            }
            ConnectionError::TransportError(error) => transport(u64::from(error.code), error.reason),
            ConnectionError::LocallyClosed => Self::Closed(Reason::Stopping),
            other => Self::Broken(other.to_string()),
        }
    }
}

fn transport(code: u64, words: String) -> Departure {
    match code {
        CONNECTION_REFUSED => Departure::Crowded,
        code if CRYPTO_ERRORS.contains(&code) => Departure::Tls(words),
        _ => Departure::Broken(words),
    }
}

/// A peer's words as they may stand in a log: at most [`REASON_BYTES`] of printable ASCII.
fn printable(words: &[u8]) -> String {
    let shown = words.iter().take(REASON_BYTES);
    shown.map(|byte| if matches!(byte, b' '..=b'~') { char::from(*byte) } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_one_each_and_come_back() {
        for (index, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.code() as usize, index, "{reason:?}");
            assert_eq!(Reason::of_code(reason.code().into()), Some(*reason));
            assert!(reason.text().len() <= REASON_BYTES && reason.text().is_ascii(), "{reason:?}");
        }
        assert_eq!(Reason::of_code(Reason::ALL.len() as u64), None);
    }

    #[test]
    fn a_peers_words_cannot_forge_a_line_of_the_log() {
        let words = [b"ok\n\x1b[31mERROR \xff".as_slice(), &[b'a'; 500]].concat();
        let shown = printable(&words);
        assert!(shown.starts_with("ok??[31mERROR ?a") && shown.len() == REASON_BYTES, "{shown}");
    }
}
