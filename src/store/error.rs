//! What can go wrong with the store, in words that say what to do.

use crate::limits::STORE_RESUME_BYTES;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use weft_tangle::{HistoryError, NetworkId, Position, TxId};

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory or the file in it cannot be made or opened.
    #[error("{path} cannot be made or opened: {cause}; name a directory that this user may write to")]
    Unreachable {
        /// What was to be opened.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: {cause}; name a file that is there and that this user may read")]
    Unreadable {
        /// What was to be read.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// Another process has the file open.
    #[error("{path} is in use by another process; stop that one, or name another data directory")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is there but it is not a store.
    #[error("{path} cannot be opened as a store: {cause}; restore it from a backup, or move it away")]
    NotAStore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The file has a form from before the first release.
    #[error(
        "{path} was written by a build from before the first release; go on with that build, or name another data directory"
    )]
    OldForm {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a version that knows more than this one.
    #[error(
        "{path} has schema {found} and this version of weft knows {known}; run the newer version, or name another data directory"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The file's schema.
        found: u32,
        /// The newest schema known here.
        known: u32,
    },
    /// The file holds the transactions of another network.
    #[error(
        "{path} belongs to network {stored}, but this node is to serve network {configured}; name the right network file, or another data directory"
    )]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// The network in the file.
        stored: NetworkId,
        /// The network in the configuration.
        configured: NetworkId,
    },
    /// A batch does not follow on what is stored. Nothing of it was written.
    #[error("the batch has position {found:?} where {expected:?} must follow; nothing was stored")]
    Gap {
        /// The position that had to come.
        expected: Position,
        /// The position that came.
        found: Position,
    },
    /// A batch brings what is stored already. Nothing of it was written.
    #[error("{0} is stored already; nothing of the batch was stored")]
    Twice(TxId),
    /// A commit does not follow on what is stored. Nothing of the batch was written.
    #[error("commit {found} came where commit {expected} must follow; nothing of the batch was stored")]
    CommitGap {
        /// The index that had to come.
        expected: u64,
        /// The index that came.
        found: u64,
    },
    /// A commit contradicts itself or what is stored. Nothing of the batch was written.
    #[error("commit {index} was refused: {problem}; nothing of the batch was stored")]
    BadCommit {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A batch brings what no check can have let through. Nothing of it was written.
    #[error("{0} has content that no verified transaction has; nothing of the batch was stored")]
    Unverified(TxId),
    /// A stored row is not what was written. It is never served.
    #[error(
        "the stored row of {id} is damaged: {cause}; check the disk, and send the transaction to this node again"
    )]
    Damaged {
        /// The transaction that was asked for.
        id: TxId,
        /// What does not fit.
        cause: String,
    },
    /// The index tables contradict each other.
    #[error(
        "the tables of the store contradict each other at position {}: see what `weft db check` finds, and restore a backup",
        .0.0
    )]
    Torn(Position),
    /// What is stored of a commit contradicts itself.
    #[error(
        "what is stored of commit {0} contradicts itself: see what `weft db check` finds, and restore a backup"
    )]
    TornCommit(u64),
    /// The body was erased; header and signature are still here.
    #[error("the body of {0} was erased")]
    Erased(TxId),
    /// What was named is not stored.
    #[error("{0} is not stored here")]
    NotStored(TxId),
    /// More at once than one call does.
    #[error("{found} bodies are too many to be erased at once; at most {most}")]
    TooMany {
        /// How many were named.
        found: usize,
        /// How many may be.
        most: usize,
    },
    /// Where the pages of the file are cannot be found out, so nothing is overwritten.
    #[error(
        "what is not in use in the store's file could not be told from what is; `weft db check` may say why"
    )]
    Untraceable,
    /// A body of this kind is what others are judged by, and stays.
    #[error("the body of {id} cannot be erased: it is of kind {kind}, which others are judged by")]
    NotErasable {
        /// The transaction.
        id: TxId,
        /// Its kind.
        kind: &'static str,
    },
    /// A write or a read has failed, so nothing more is written until the store is opened again.
    #[error(
        "the store is read-only, for the disk has failed it: {cause}; make room or repair the disk, and it goes on by itself"
    )]
    ReadOnly {
        /// What failed first, or what keeps the store from being opened again.
        cause: String,
    },
    /// There is too little room for a write that is sure not to fail. Nothing was written.
    #[error(
        "{path} lies where {free} bytes are free and {needed} must be; make room, and the node goes on by itself"
    )]
    NoRoom {
        /// The file.
        path: PathBuf,
        /// Bytes that are free.
        free: u64,
        /// Bytes that must be.
        needed: u64,
    },
    /// The disk is so full that the store cannot be made, or not even be read.
    #[error("{path} cannot be opened: {cause}; make room of {needed} bytes there, and start again")]
    NoRoomToOpen {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
        /// Bytes that must be free so that it can be written.
        needed: u64,
    },
    /// The file cannot be opened again yet.
    #[error("{readers} readers of the failed store have not ended yet; it is opened again once they have")]
    Held {
        /// How many.
        readers: usize,
    },
    /// The file holds less than was acknowledged.
    #[error(
        "the file holds the transactions before {found:?}, but those before {acknowledged:?} were acknowledged; stop the node, keep the file, and look at the disk"
    )]
    Lost {
        /// Behind the last position that was acknowledged.
        acknowledged: Position,
        /// Behind the last position in the file.
        found: Position,
    },
    /// The file holds fewer commits than were acknowledged.
    #[error(
        "the file holds {found} commits, but {acknowledged} were acknowledged; stop the node, keep the file, and look at the disk"
    )]
    LostCommits {
        /// The index of the newest one that was acknowledged.
        acknowledged: u64,
        /// The index of the newest one in the file.
        found: u64,
    },
    /// The database has failed.
    #[error("the store cannot be read or written: {0}")]
    Database(Box<redb::Error>),
}

impl From<StoreError> for HistoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Damaged { id, cause } => Self::Damaged { id, cause },
            other => Self::Unread(other.to_string()),
        }
    }
}

impl StoreError {
    /// What the system said, if that is that it has no room left, or none for this user.
    #[must_use]
    pub fn want_of_room(&self) -> Option<&io::Error> {
        let said = match self {
            Self::Unreachable { cause, .. } => cause,
            Self::Database(error) => match &**error {
                redb::Error::Io(cause) => cause,
                _ => return None,
            },
            _ => return None,
        };
        matches!(said.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded).then_some(said)
    }

    /// The error of who opens a file, with the file's name and what to do where there is no room.
    pub(super) fn of_opening(self, path: &Path) -> Self {
        match self.want_of_room().map(ToString::to_string) {
            Some(cause) => Self::NoRoomToOpen { path: path.to_owned(), cause, needed: STORE_RESUME_BYTES },
            None => self,
        }
    }
}

macro_rules! from_database {
    ($($error:ty),*) => {
        $(impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Database(Box::new(error.into()))
            }
        })*
    };
}

from_database!(
    redb::DatabaseError,
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);
