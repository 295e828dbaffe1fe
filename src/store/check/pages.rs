//! Whether the pages of a file are as the database wrote them. It keeps a checksum of each, and looks at them only when
//! asked, so this finds what is damaged where nothing that is stored proves itself.
//!
//! Always true: nothing is written to the file; what the database would mend stays in memory.

use super::Fault;
use crate::store::caught::caught;
use crate::store::{StoreError, View, open};
use redb::{DatabaseError, StorageError};
use std::path::Path;
use weft_tangle::Network;

/// Reads every page of the store of `network` in this file, or of a backup of one, twice; what is found wrong, if anything
/// is, is one fault.
///
/// # Errors
/// Those of [`View::open`], and what the disk says.
pub fn check_pages(path: &Path, network: &Network) -> Result<Option<Fault>, StoreError> {
    let mut database = View::database(path, network)?;
    // A panic takes the database along, half checked.
    let checked = caught(move || database.check_integrity());
    let problem = match checked {
        Some(Ok(true)) => return Ok(None),
        Some(Ok(false)) => {
            "pages of the newest commit, or the list of those in use, are not as they were written".into()
        }
        Some(Err(DatabaseError::Storage(StorageError::Corrupted(words)))) => {
            format!("a page is not as it was written: {words}")
        }
        None => "the database panics where it reads a page: it holds what none can".to_owned(),
        Some(Err(error)) => return Err(open::opening(path, error)),
    };
    Ok(Some(Fault::of_pages(problem)))
}
