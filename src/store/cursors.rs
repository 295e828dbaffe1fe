//! How far the logs of other nodes were read: one row a device, written with the transactions or by itself.
//!
//! Always true: a cursor is on disk no earlier than the transactions that it stands for, and no later than those that it
//! comes with. So those of a snapshot stand for nothing that the snapshot lacks, and a copy takes them with all that it
//! held or not at all.

use super::layout::CURSORS;
use super::{Reader, StoreError};
use crate::gossip::limits::PEERS_KNOWN;
use crate::limits::COPIED_CURSORS;
use redb::{ReadOnlyTable, ReadableTable, TableError, WriteTransaction};
use std::collections::BTreeMap;
use weft_tangle::DeviceId;

const _: () = assert!(COPIED_CURSORS >= 4 * PEERS_KNOWN, "all nodes that are likely to be met again");

type CursorTable = ReadOnlyTable<&'static [u8; DeviceId::BYTES], &'static [u8]>;

/// Cursors by the device whose log they are in.
pub type Cursors = BTreeMap<DeviceId, Vec<u8>>;

/// The cursors of a snapshot, and how many transactions it held: they say of each log that all before is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopiedCursors {
    held: u64,
    rows: Cursors,
}

impl CopiedCursors {
    /// What a node has sent of a snapshot that held so many transactions.
    pub fn of(held: u64, rows: Cursors) -> Self {
        Self { held, rows }
    }

    /// How many transactions the snapshot held.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The cursors.
    pub fn rows(&self) -> &Cursors {
        &self.rows
    }

    /// Their records on the node's local socket.
    pub fn records(&self) -> impl Iterator<Item = Vec<u8>> {
        self.rows.iter().map(|(device, cursor)| [device.as_bytes(), &cursor[..]].concat())
    }
}

/// Reads a record; nothing when it is none.
pub fn decode_cursor(bytes: &[u8]) -> Option<(DeviceId, Vec<u8>)> {
    let (device, cursor) = bytes.split_first_chunk()?;
    Some((DeviceId::from_bytes(*device), cursor.to_vec()))
}

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
        let Some(table) = self.cursors()? else { return Ok(Vec::new()) };
        Ok(table.get(device.as_bytes())?.map(|row| row.value().to_vec()).unwrap_or_default())
    }

    /// All that was remembered of devices' logs when this snapshot was made; of more than [`COPIED_CURSORS`] the rest is left
    /// out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn copy_cursors(&self) -> Result<CopiedCursors, StoreError> {
        let mut rows = Cursors::new();
        if let Some(table) = self.cursors()? {
            for row in table.iter()?.take(COPIED_CURSORS) {
                let (device, cursor) = row?;
                rows.insert(DeviceId::from_bytes(*device.value()), cursor.value().to_vec());
            }
        }
        Ok(CopiedCursors { held: self.transactions()?, rows })
    }

    /// The table is made with the first one: most stores are of nodes that have no peers.
    fn cursors(&self) -> Result<Option<CursorTable>, StoreError> {
        match self.snapshot.open_table(CURSORS) {
            Ok(table) => Ok(Some(table)),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
