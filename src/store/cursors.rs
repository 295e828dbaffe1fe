//! How far the logs of other nodes were read: one row a device, written with the transactions or by itself.
//!
//! Always true: a cursor is on disk no earlier than the transactions that it stands for, and no later than those that it
//! comes with.

use super::layout::CURSORS;
use super::{Reader, StoreError};
use redb::{TableError, WriteTransaction};
use std::collections::BTreeMap;
use weft_tangle::DeviceId;

/// Cursors by the device whose log they are in.
pub type Cursors = BTreeMap<DeviceId, Vec<u8>>;

/// Puts cursors in place of those before.
pub(super) fn put(commit: &WriteTransaction, cursors: &Cursors) -> Result<(), StoreError> {
    if cursors.is_empty() {
        return Ok(());
    }
    let mut table = commit.open_table(CURSORS)?;
    for (device, cursor) in cursors {
        table.insert(device.as_bytes(), &cursor[..])?;
    }
    Ok(())
}

impl Reader {
    /// What was last remembered of a device's log; empty where nothing was.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn cursor(&self, device: &DeviceId) -> Result<Vec<u8>, StoreError> {
        let table = match self.snapshot.open_table(CURSORS) {
            Ok(table) => table,
            // It is made with the first one: most stores are of nodes that have no peers.
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        Ok(table.get(device.as_bytes())?.map(|row| row.value().to_vec()).unwrap_or_default())
    }
}
