//! The database's panics: it has them where a page holds what none can, which is the disk's fault and no reason to end
//! whoever reads, checks, or tries to get over it.

use super::StoreError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// What `work` gives, unless it panics. What it leaves half done is for the caller to throw away.
pub(super) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// What `open` gives; an error in words where it panics.
pub(super) fn caught_opening<T>(
    path: &Path,
    open: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let cause = "what is in it makes the database panic".to_owned();
    caught(open).unwrap_or_else(|| Err(StoreError::NotAStore { path: path.to_owned(), cause }))
}
