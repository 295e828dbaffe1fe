//! Looking at the store's file without writing to it: to read on when it has failed, and before it is opened again.
//!
//! Always true: nothing is written to the file, and what is in it ends nobody, though it make the database panic.

use super::Failure;
use crate::store::caught::caught_opening;
use crate::store::disk::Refuge;
use crate::store::wal::{Mark, Outlook};
use crate::store::{Store, StoreError, open};
use redb::Database;
use std::io;
use std::sync::Arc;

/// The cache of a store that reads on after a failure, beside the one that it cannot free.
pub(in crate::store) const REFUGE_CACHE_BYTES: usize = 16 << 20;

/// A database over the file that writes nothing to it.
fn lay(refuge: io::Result<Refuge>) -> Result<Database, StoreError> {
    let builder = |refuge| Database::builder().set_cache_size(REFUGE_CACHE_BYTES).create_with_backend(refuge);
    Ok(refuge.map_err(redb::DatabaseError::from).and_then(builder)?)
}

impl Store {
    /// Such a database, and what it holds together with the log.
    pub(super) fn lay(&self, refuge: io::Result<Refuge>) -> Result<(Database, Outlook), StoreError> {
        let database = lay(refuge)?;
        let outlook = Outlook::of(&database, &self.front, &self.network)?;
        Ok((database, outlook))
    }

    /// Begins by reading only, where the disk is too full for the file to be opened. How far it was acknowledged nobody
    /// knows any more, so all that stands in it and in its log may have been.
    ///
    /// # Errors
    /// `full`, which said so, of a file that holds nothing yet, and of one whose log is damaged: what that has forgotten
    /// is to be known before anything is signed (`marks`), and finding it out writes. [`StoreError::NotAStore`],
    /// [`StoreError::OldForm`], [`StoreError::NewerSchema`] and [`StoreError::OtherNetwork`].
    pub(in crate::store) fn begin_read_only(&self, full: StoreError) -> Result<(), StoreError> {
        let found = caught_opening(&self.path, || {
            let database = lay(Refuge::as_it_stands(Arc::clone(&self.disk)))?;
            if open::is_new(&database)? {
                return Ok(None);
            }
            open::check(&database, &self.path, self.network.id())?;
            let outlook = Outlook::of(&database, &self.front, &self.network)?;
            Ok((!outlook.is_damaged()).then(|| outlook.reach()))
        });
        let Some(acknowledged) = found? else { return Err(full) };
        let failure = self.read_on(full.to_string(), acknowledged);
        let mut state = self.write_state();
        state.acknowledge(acknowledged);
        state.failure = Some(failure);
        Ok(())
    }

    /// Has nothing more written, and lays a refuge over the file, in which stands no more of the log than was acknowledged:
    /// the system shows also what a failed sync has not brought to disk, and forgets it with the power.
    pub(super) fn read_on(&self, cause: String, acknowledged: Mark) -> Failure {
        self.disk.seal();
        let refuge = caught_opening(&self.path, || {
            let (refuge, outlook) = self.lay(Refuge::new(Arc::clone(&self.disk)))?;
            let outlook = outlook.up_to(acknowledged);
            outlook.tell(None);
            // Whether the commit that failed is in there or not: its index is made of what is.
            let tail = outlook.take(&refuge, &self.network)?;
            Ok((refuge, Arc::new(tail)))
        });
        match refuge {
            Ok(refuge) => Failure { cause, refuge: Some(refuge) },
            Err(error) => {
                Failure { cause: format!("{cause}; nor can it be read any more: {error}"), refuge: None }
            }
        }
    }
}
