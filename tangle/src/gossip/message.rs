//! What fog nodes say to each other beside the transactions themselves (`spec/14-gossip.md`).
//!
//! Bytes that decode encode to the same bytes, and nothing is allocated beyond what its limit allows. A message is one
//! frame: its own version is that of the connection, agreed on in the handshake.

use super::runs::Run;
use super::wire;
use crate::TxId;
use crate::limits::{CHECKPOINTS, LOG_ENTRIES, MESSAGE_BYTES, WANT_IDS, WANT_RANGES};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The version of these messages and of the rules that they follow; part of the handshake.
pub const PROTOCOL_VERSION: u16 = 1;

/// Kinds of message that this version knows.
const KINDS: u8 = 7;

/// A place in a log and what stands there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The position.
    pub position: u64,
    /// The transaction at that position.
    #[serde(serialize_with = "wire::id", deserialize_with = "wire::read_id")]
    pub id: TxId,
    /// The life of the log's node in which it told of that.
    pub life: u64,
}

/// Consecutive positions of a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stretch {
    /// The first position.
    pub first: u64,
    /// How many; not zero, at most [`WANT_IDS`].
    pub count: u32,
}

impl Stretch {
    /// The positions.
    pub fn positions(&self) -> Range<u64> {
        self.first..self.first.saturating_add(u64::from(self.count))
    }
}

/// One message of the control stream, or, for [`Message::Done`], of the bulk stream.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// Send me your log, from behind the highest checkpoint at and below which all match.
    Tail {
        /// Newest first, positions strictly descending.
        #[serde(deserialize_with = "wire::read_list::<_, Checkpoint, CHECKPOINTS>")]
        checkpoints: Vec<Checkpoint>,
        /// Entries that may be under way unacknowledged.
        credit: u32,
    },
    /// The answer: my log comes from this position on.
    From {
        /// The position of the first entry that will come.
        position: u64,
        /// The number of entries in the log now.
        length: u64,
        /// The life of the sender's process, which no other life of it shares.
        life: u64,
    },
    /// The next entries of my log.
    Log {
        /// Position of the first entry; the one behind the last entry sent before.
        first: u64,
        /// Entries of my log behind these.
        behind: u64,
        /// The entries.
        #[serde(deserialize_with = "wire::read_list::<_, Run, LOG_ENTRIES>")]
        runs: Vec<Run>,
    },
    /// All of your log before this position is settled here.
    Ack {
        /// The position of the first entry that is not.
        position: u64,
        /// Entries that may be under way unacknowledged from now on.
        credit: u32,
    },
    /// Send me these transactions on the bulk stream.
    Want {
        /// The sender's number for the request.
        request: u32,
        /// Whether the receiver should push the tree of these from now on.
        graft: bool,
        /// Positions of the receiver's log.
        #[serde(deserialize_with = "wire::read_list::<_, Stretch, WANT_RANGES>")]
        ranges: Vec<Stretch>,
        /// Others by their ids.
        #[serde(serialize_with = "wire::ids", deserialize_with = "wire::read_ids::<_, WANT_IDS>")]
        ids: Vec<TxId>,
    },
    /// All that I have of a request is sent.
    Done {
        /// The request.
        request: u32,
        /// What it asked for and did not get.
        #[serde(serialize_with = "wire::ids", deserialize_with = "wire::read_ids::<_, WANT_IDS>")]
        lacking: Vec<TxId>,
        /// What it asked for and what stands in my log, but not its body: erased or damaged. Another one may have it.
        #[serde(serialize_with = "wire::ids", deserialize_with = "wire::read_ids::<_, WANT_IDS>")]
        withheld: Vec<TxId>,
    },
    /// Do not push this tree to me; your log suffices.
    Prune {
        /// The tree.
        tree: u32,
    },
}

/// Why bytes are no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The frame is longer than any message.
    #[error("a message has at most {MESSAGE_BYTES} bytes, this one has {0}")]
    Long(usize),
    /// A kind of message that this version does not know.
    #[error("message kind {0} is not known in protocol version {PROTOCOL_VERSION}")]
    Unknown(u8),
    /// It ends early, has a list or number beyond its bound, or a value that has a shorter encoding.
    #[error("a message of kind {0} is not encoded as version {PROTOCOL_VERSION} does it")]
    Encoding(u8),
    /// It goes on behind its end.
    #[error("a message of kind {kind} has {bytes} bytes too many at its end")]
    Trailing {
        /// The message's kind.
        kind: u8,
        /// Bytes left over.
        bytes: usize,
    },
    /// A value that no such message may have.
    #[error("{0}")]
    Value(&'static str),
}

impl Message {
    /// The message in postcard's format.
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("memory is the only bound, and every list here knows its length")
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`MessageError`]; nothing of such a message may be acted on.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        if bytes.len() > MESSAGE_BYTES {
            return Err(MessageError::Long(bytes.len()));
        }
        let kind = bytes.first().copied().ok_or(MessageError::Value("an empty frame is no message"))?;
        if kind >= KINDS {
            return Err(MessageError::Unknown(kind));
        }
        let (message, rest) =
            postcard::take_from_bytes::<Self>(bytes).map_err(|_| MessageError::Encoding(kind))?;
        if !rest.is_empty() {
            return Err(MessageError::Trailing { kind, bytes: rest.len() });
        }
        message.check()?;
        // postcard reads 80 00 as it reads 00.
        if message.encode() != bytes {
            return Err(MessageError::Encoding(kind));
        }
        Ok(message)
    }

    /// What the types do not say.
    fn check(&self) -> Result<(), MessageError> {
        match self {
            Self::Tail { checkpoints, .. } => {
                let descend = checkpoints.is_sorted_by(|a, b| a.position > b.position);
                descend.then_some(()).ok_or(MessageError::Value("checkpoints must descend strictly"))
            }
            Self::Log { runs, .. } => {
                let entries = runs.iter().map(Run::len).fold(0, usize::saturating_add);
                let fits = entries > 0 && entries <= LOG_ENTRIES && runs.iter().all(|run| run.len() > 0);
                fits.then_some(())
                    .ok_or(MessageError::Value("a log message has 1 to 256 entries, no empty run"))
            }
            Self::Want { ranges, ids, .. } => {
                let counts = ranges.iter().map(|range| range.count as usize);
                let all = counts.clone().fold(ids.len(), usize::saturating_add);
                let fits = all > 0 && all <= WANT_IDS && counts.clone().all(|count| count > 0);
                fits.then_some(()).ok_or(MessageError::Value("a request asks for 1 to 128 transactions"))
            }
            Self::Done { lacking, withheld, .. } => {
                let fits = lacking.len() + withheld.len() <= WANT_IDS;
                fits.then_some(()).ok_or(MessageError::Value("a request asks for 128 transactions at most"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
