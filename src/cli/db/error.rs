//! Why a `weft db` command did not do what was asked, and what to do.

use crate::node::HomeError;
use crate::store::StoreError;
use std::io;
use std::path::PathBuf;

/// Why a command on the database failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The check found something.
    #[error("{faults} faults were found in {path}")]
    Faults {
        /// The file.
        path: PathBuf,
        /// How many.
        faults: u64,
    },
    /// The check could not be made.
    #[error("{0}")]
    NotChecked(Box<crate::cli::Failure>),
    /// A person stopped the check.
    #[error("stopped at position {position}, and {faults} faults were found until then; to go on: {command}")]
    CheckStopped {
        /// All before it are checked.
        position: u64,
        /// How many were found.
        faults: u64,
        /// The command that goes on.
        command: String,
    },
    /// What was named is there already.
    #[error("{0} exists; name another file, or say --force")]
    Exists(PathBuf),
    /// It is not for a backup to replace.
    #[error(
        "{0} is the database of a node, which may run on it: name another file, or put a backup in its place with `weft db restore`"
    )]
    OfANode(PathBuf),
    /// Something else is there.
    #[error("{0} is no database, so --force does not replace it; name another file")]
    SomethingElse(PathBuf),
    /// The directory has a database already.
    #[error(
        "{0} is there already; with --force it is kept under another name, and the backup takes its place"
    )]
    Occupied(PathBuf),
    /// The copy does not fit.
    #[error("there is no room for {path}: {cause}; make room there, or name a file elsewhere")]
    Full {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: String,
    },
    /// What was to be restored is not sound.
    #[error("{path} was not restored, for {faults} faults were found in it: {first}{hint}")]
    NotSound {
        /// The backup.
        path: PathBuf,
        /// How many.
        faults: u64,
        /// The first one.
        first: String,
        /// What could be done.
        hint: &'static str,
    },
    /// The node that runs did not do it.
    #[error(transparent)]
    Admin(#[from] crate::node::admin::AdminError),
    /// No store is there.
    #[error("there is no database in {0}; name the node's data directory with --data")]
    NoStore(PathBuf),
    /// The node has it.
    #[error("a node runs on {path}: {instead}")]
    NodeRuns {
        /// The data directory.
        path: PathBuf,
        /// What can be done.
        instead: &'static str,
    },
    /// Nobody says which network it is.
    #[error(
        "the keys to check against stand in the network file, and {0} has none: name it with --network FILE"
    )]
    NoNetwork(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Data directory or network file.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DbError {
    /// 1, or 2 for a check that could not be made to its end.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotChecked(_) | Self::CheckStopped { .. } => 2,
            _ => 1,
        }
    }

    pub(super) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }
}
