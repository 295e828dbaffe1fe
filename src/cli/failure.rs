//! Why a command failed, as one sentence for a person.

use crate::network_file::NetworkFileError;
use crate::recording::RecordingError;
use crate::sensor::admission::AdmissionError;
use crate::sensor::client::Problem;
use crate::sensor::enrol::ValidDays;
use crate::sensor::load::LoadError;
use crate::sensor::replay::ReplayError;
use crate::sensor::send::MeasurementError;
use crate::sensor::{ClientError, KeyError, SessionError, StateError, SurveyError};
use std::io;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The state.
    #[error(transparent)]
    State(#[from] StateError),
    /// The node.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The session with the node.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The node does not know the key's device.
    #[error("{problem}\nweft: to enrol it as a sensor: {command}")]
    NotEnrolled {
        /// What the node says.
        problem: Problem,
        /// The command that mends it.
        command: String,
    },
    /// The node wants a registrar's signature, and none was given.
    #[error("{0}\nweft: name the key file of one of the network's registrars with --registrar FILE")]
    NoRegistrar(Problem),
    /// The measurements.
    #[error(transparent)]
    Measurement(#[from] MeasurementError),
    /// The recording.
    #[error(transparent)]
    Survey(#[from] SurveyError),
    /// The recording, while it is opened.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The enrolment.
    #[error("--valid-days: {0}")]
    ValidDays(#[from] ValidDays),
    /// What was sent is not final in time.
    #[error(
        "{id} is taken, but was not final within {seconds} s; `weft show {id}` tells when it is, `weft peers` which members of the committee are there"
    )]
    NotFinal {
        /// The transaction.
        id: weft_tangle::TxId,
        /// How long was waited.
        seconds: u32,
    },
    /// A list of names has what no name has.
    #[error("--{flag} takes names separated by commas, not {value:?}")]
    Names {
        /// The flag.
        flag: &'static str,
        /// What it was given.
        value: String,
    },
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The node did not take all of a load.
    #[error("{accepted} of {planned} transactions were accepted{}", reason(.last_error))]
    NotAll {
        /// How many were accepted.
        accepted: u64,
        /// How many were to be.
        planned: u64,
        /// The last error, if there was one.
        last_error: Option<String>,
    },
    /// A file that was named cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The node's configuration.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// The node.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Node(#[from] crate::node::NodeError),
    /// A network could not be made.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Bootstrap(#[from] crate::node::bootstrap::BootstrapError),
    /// A node could not join.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Join(#[from] crate::node::joining::JoinError),
    /// There is nothing yet that could go on.
    #[error(
        "{data} is not set up yet; begin with: weft node join --network FILE --address HOST:PORT --data {data}",
        data = data.display()
    )]
    NotSettled {
        /// The data directory.
        data: std::path::PathBuf,
    },
    /// The request that waits for its answer says something else.
    #[error(
        "{data} has asked with another address already; to ask anew, add --renew, and send the new request",
        data = data.display()
    )]
    AskedOtherwise {
        /// The data directory.
        data: std::path::PathBuf,
    },
    /// The credential holds no more.
    #[error("{source}\nweft: to ask for another: weft node join --renew --data {data}", data = data.display())]
    CredentialExpired {
        /// Since when.
        source: AdmissionError,
        /// The data directory.
        data: std::path::PathBuf,
    },
    /// The credential is there, but the node that was named did not take it.
    #[error("{source}\nweft: {path} is made, and `weft node` takes it along; to hand it in, run the same again", path = path.display())]
    HandIn {
        /// The credential.
        path: std::path::PathBuf,
        /// What the node says.
        source: ClientError,
    },
    /// A request or an admission.
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    /// The network file.
    #[error("{path}: {source}")]
    NetworkFile {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: NetworkFileError,
    },
    /// The scenario.
    #[cfg(feature = "simulate")]
    #[error(transparent)]
    Scenario(#[from] crate::simulation::ScenarioFileError),
    /// A simulation has found something.
    #[cfg(feature = "simulate")]
    #[error("seed {seed} violates {violation}")]
    Violation {
        /// The seed.
        seed: u64,
        /// What does not hold.
        violation: String,
    },
    /// A simulation depends on more than its scenario and seed.
    #[cfg(feature = "simulate")]
    #[error("two runs of seed {seed} differ, {:016x} and {:016x}: something depends on more than the seed", traces[0], traces[1])]
    Unlike {
        /// The seed.
        seed: u64,
        /// What the two runs came to.
        traces: [u64; 2],
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}; choose another name with --out")]
    Write {
        /// The file.
        path: std::path::PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The database.
    #[cfg(feature = "node")]
    #[error(transparent)]
    Db(#[from] super::db::DbError),
    /// The handler for Ctrl-C.
    #[error("cannot listen for Ctrl-C: {0}")]
    Signals(io::Error),
    /// The results could not be written.
    #[error("cannot write the results: {0}")]
    Output(io::Error),
    /// Binary data would go to a terminal.
    #[error("the wire form is binary; send it to a file or a pipe: weft show ID --wire > transaction.bin")]
    Terminal,
    /// A person stopped it.
    #[error("stopped before the end")]
    Stopped,
}

impl Failure {
    /// Whether a person stopped it before there was an answer.
    pub fn is_stop(&self) -> bool {
        match self {
            Self::Client(ClientError::Stopped) => true,
            Self::Session(error) | Self::Replay(ReplayError::Session(error)) => error.is_stop(),
            _ => false,
        }
    }

    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        #[cfg(feature = "node")]
        if let Self::Db(error) = self {
            return error.exit_code();
        }
        1
    }

    /// Whether nothing is to be said: whoever read the results has read enough.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

fn reason(error: &Option<String>) -> String {
    error.as_ref().map_or_else(String::new, |error| format!("; {error}"))
}
