//! `weft db`: what an operator does with a node's database.
//!
//! Always true: nothing is deleted, and a file that was named is not overwritten unless that was asked for.

mod backup;
mod check;
mod compact;
mod copying;
mod error;
mod place;
mod restore;

pub use error::DbError;

use super::Failure;
use clap::Subcommand;

/// Check, back up, restore and compact a node's database
#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// Check every page, hash, proof of work, signature and table of a stopped node's database, or of a backup
    Check(check::Check),
    /// Copy the database to a file, while the node runs or when it is stopped; keys and network file are not in it
    Backup(backup::Backup),
    /// Make a backup the database of a data directory, after checking all of it
    Restore(restore::Restore),
    /// Give back the room that a stopped node's database does not need
    Compact(compact::Compact),
}

impl Command {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Check(check) => check.run(),
            Self::Backup(backup) => backup.run(),
            Self::Restore(restore) => restore.run(),
            Self::Compact(compact) => compact.run(),
        }
    }
}
