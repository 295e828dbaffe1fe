//! Making the file of a stopped store as small as what it holds.

use super::disk::Disk;
use super::volume::FileSystem;
use super::{FILE_NAME, StoreError, StoreOptions, open, wal};
use std::path::Path;
use weft_tangle::Network;

/// What compacting has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Compacted {
    /// Bytes that the file took on disk.
    pub before: u64,
    /// Bytes that it takes now.
    pub after: u64,
}

/// Moves all pages to the front of the file and gives the rest back. A crash meanwhile costs that work, and a repair when the
/// store is opened next.
///
/// # Errors
/// Those of [`Store::open`](super::Store::open), and what the disk says.
pub fn compact(directory: &Path, network: &Network, options: &StoreOptions) -> Result<Compacted, StoreError> {
    let path = directory.join(FILE_NAME);
    compact_file(directory, &path, network, options).map_err(|error| error.of_opening(&path))
}

fn compact_file(
    directory: &Path,
    path: &Path,
    network: &Network,
    options: &StoreOptions,
) -> Result<Compacted, StoreError> {
    let file = open::open_file(directory, path)?;
    let before = open::allocated_bytes(path);
    let (front, behind) = wal::divide(file, path)?;
    let disk = Disk::new(Box::new(behind));
    let volume = FileSystem { path: path.to_owned() };
    let (mut database, _) = open::open_database(&disk, &front, (path, &volume), network, options, None)?;
    loop {
        match database.compact() {
            Ok(true) => {}
            Ok(false) => break,
            Err(redb::CompactionError::Storage(error)) => return Err(error.into()),
            Err(error) => {
                return Err(StoreError::NotAStore { path: path.to_owned(), cause: error.to_string() });
            }
        }
    }
    // Compacting ends with a commit that the next start would have to repair; this one does not.
    super::append::begin(&database)?.commit()?;
    drop(database);
    Ok(Compacted { before, after: open::allocated_bytes(path) })
}
