//! Why a request or an admission cannot be used, in words that say what to do.

use crate::network_file::time_text;
use std::io;
use std::path::PathBuf;
use weft_tangle::{DeviceId, NetworkId, Refusal, Timestamp};

/// Why a request or an admission cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is none, or somebody changed it.
    #[error("{path} is not {what}: {problem}; have it made and sent again")]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// It speaks of another network.
    #[error("{path} is of the network {found}, not of {expected}: take the one that belongs here")]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// What it names.
        found: NetworkId,
        /// Where it was to be used.
        expected: NetworkId,
    },
    /// Nobody of the network has signed it as it stands.
    #[error("the admission is not valid: {0}; ask a registrar of this network for another")]
    Refused(#[from] Refusal),
    /// It holds no more.
    #[error("the enrolment of {device} ends {}, and it is {} now: ask for another, or set the clock", time_text(*until), time_text(*now))]
    Expired {
        /// Whose it is.
        device: DeviceId,
        /// When it ends.
        until: Timestamp,
        /// The time by this machine's clock.
        now: Timestamp,
    },
    /// The key is no registrar's.
    #[error("{0} is no registrar of this network; sign with the registrar.key that was made with it")]
    NoRegistrar(DeviceId),
    /// It is another key's.
    #[error("the admission is for {found}, and this key is {expected}: use the one that was made for it")]
    OtherDevice {
        /// Whom it admits.
        found: DeviceId,
        /// Whose key is here.
        expected: DeviceId,
    },
}
