//! Why a node gave no answer that could be used.

use super::Problem;
use crate::sensor::limits::ANSWER_BYTES;

/// Why a request failed, in words that say what to do.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is no plain HTTP address.
    #[error("`{url}` is no address of a node ({problem}); give one like http://127.0.0.1:8470")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The address asks for TLS.
    #[error(
        "`{url}`: this client speaks plain HTTP only; give an http:// address on this machine or a private network, \
         or put a TLS tunnel in front of the node"
    )]
    Tls {
        /// What was given.
        url: String,
    },
    /// Nothing answers.
    #[error("no node answers at {url} ({problem}); start one with `weft node`, or name it with --api")]
    Unreachable {
        /// The node's address.
        url: String,
        /// What the network says.
        problem: String,
    },
    /// The node refuses, and says why.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// What answers is not a node.
    #[error(
        "{url} answers HTTP {status} without a reason; is this the address of a Weft node? It says: {text}"
    )]
    Status {
        /// The request's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of the answer.
        text: String,
    },
    /// The answer is longer than any that a node gives.
    #[error("{url} answers with more than {ANSWER_BYTES} bytes; is this the address of a Weft node?")]
    TooLong {
        /// The request's address.
        url: String,
    },
    /// The answer is not what the API says.
    #[error(
        "{url} gives an answer that is not understood ({problem}); is this a Weft node of the same version?"
    )]
    Garbage {
        /// The request's address.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The request is one that the API does not take.
    #[error("{0}")]
    Request(&'static str),
    /// It was stopped before there was an answer.
    #[error("stopped")]
    Stopped,
}

impl ClientError {
    /// The problem, if the node stated one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }
}
