//! Why a load could not be made.

use crate::senml;
use crate::sensor::enrol::ValidDays;
use crate::sensor::{ClientError, DeviceError, KeyError, SessionError, StateError};
use std::io;
use std::path::PathBuf;

/// Why a load could not begin, or a device could not go on. What single transactions meet is counted instead.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The numbers are out of bounds.
    #[error("{name} is {found}; give {least} to {most}{advice}")]
    Plan {
        /// Which number.
        name: &'static str,
        /// What was given.
        found: u64,
        /// The least.
        least: u64,
        /// The most.
        most: u64,
        /// What to do instead, if there is something.
        advice: &'static str,
    },
    /// The rate is none.
    #[error("the rate is {0}; give transactions a second over all devices, more than 0")]
    Rate(f64),
    /// The node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A device could not be enrolled.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A device could not make a transaction.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A device's state.
    #[error(transparent)]
    State(#[from] StateError),
    /// A device's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A ticket.
    #[error("the node gives no ticket ({problem}); is it ready?")]
    Ticket {
        /// What came instead.
        problem: String,
    },
    /// A reading.
    #[error(transparent)]
    Reading(#[from] senml::Problem),
    /// An enrolment.
    #[error(transparent)]
    ValidDays(#[from] ValidDays),
    /// A directory or file.
    #[error("cannot {verb} {path}: {source}")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl LoadError {
    /// Whether a person stopped it.
    pub fn is_stop(&self) -> bool {
        match self {
            Self::Client(error) => matches!(error, ClientError::Stopped),
            Self::Session(error) => error.is_stop(),
            Self::Device(error) => matches!(error, DeviceError::Stopped),
            _ => false,
        }
    }

    pub(super) fn disk(verb: &'static str, path: &std::path::Path, source: io::Error) -> Self {
        Self::Disk { verb, path: path.into(), source }
    }
}
