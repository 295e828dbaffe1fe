//! Looking at the store's file without writing to it: to read on when it has failed, and before it is opened again.
//!
//! Always true: nothing is written to the file, and what is in it ends nobody, though it make the database panic.

use super::{Failure, REFUGE_CACHE_BYTES};
use crate::store::caught::caught_opening;
use crate::store::disk::Refuge;
use crate::store::wal::{Mark, Outlook};
use crate::store::{Store, StoreError};
use redb::Database;
use std::io;
use std::sync::Arc;

impl Store {
    /// A database over the file that writes nothing to it, and what it holds together with the log.
    pub(super) fn lay(&self, refuge: io::Result<Refuge>) -> Result<(Database, Outlook), StoreError> {
        let builder =
            |refuge| Database::builder().set_cache_size(REFUGE_CACHE_BYTES).create_with_backend(refuge);
        let database = refuge.map_err(redb::DatabaseError::from).and_then(builder)?;
        let outlook = Outlook::of(&database, &self.front, &self.network)?;
        Ok((database, outlook))
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
