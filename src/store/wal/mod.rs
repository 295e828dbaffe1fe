//! The write-ahead log: where a small batch becomes durable, with one write and one sync (`spec/11-storage.md`).
//!
//! The database takes such a batch later, with others, in a commit that it need not sync (`pending`): a change of a tree
//! costs many pages, and a commit that survives a crash two syncs. Whatever commits durably then, because the log is full
//! or for a reason of its own, brings all of it to disk, and the log begins anew. Always true: what was acknowledged is in the last durable commit, or
//! in records that stand one behind another from the log's beginning, the first of which continues that commit or lies
//! within it.

mod front;
mod record;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use front::FRONT_BYTES;
pub use front::is_store_or_empty;
pub(super) use front::{Front, divide, divide_existing};

use super::commits::{self, COMMITS, Settlement};
use super::disk::BLOCK_BYTES;
use super::layout::ARRIVALS;
use super::tail::{self, Tail};
use super::{Record, StoreError, append, reader::next_position};
use front::{LOG_BYTES, RECORD_BYTES};
use record::Batch;
pub(super) use record::Mark;
use redb::{Database, ReadableDatabase};
use std::io;
use std::path::Path;
use weft_tangle::Network;

/// The log of a store that is written. Only whoever holds the writer's lock has it.
#[derive(Debug)]
pub(super) struct Log {
    front: Front,
    /// Where the next record begins, in bytes behind the first block.
    at: u64,
    /// Bytes of the newest record.
    newest: u64,
    /// Whether it holds what no durable commit has.
    is_ahead: bool,
    /// How far the store is, once something was written since the file was opened.
    end: Option<Mark>,
}

impl Log {
    /// A log of which all is in a durable commit.
    pub(super) fn new(front: Front) -> Self {
        Self { front, at: 0, newest: 0, is_ahead: false, end: None }
    }

    /// The log's part of the file.
    pub(super) fn front(&self) -> &Front {
        &self.front
    }

    /// Whether the batch is small enough, and finds room behind what is there.
    pub(super) fn has_room(&self, batch: &[Record<'_>], settlement: &Settlement) -> bool {
        record::bytes_of(batch, settlement) <= RECORD_BYTES.min(LOG_BYTES - self.at)
    }

    /// Whether another record like the newest would find no room.
    pub(super) fn is_nearly_full(&self) -> bool {
        LOG_BYTES - self.at < self.newest
    }

    /// Brings a batch that has room to disk, which a store that is as far as `begin` continues with.
    ///
    /// # Errors
    /// What the disk says. Whether the batch is on disk shows when the file is opened again.
    pub(super) fn append(
        &mut self,
        begin: Mark,
        batch: &[Record<'_>],
        settlement: &Settlement,
    ) -> io::Result<()> {
        self.is_ahead = true;
        let record = record::encode(&self.front.secret, begin, batch, settlement);
        // Whoever asked for room has asked for a record: without one nothing of it would be on disk.
        let record = record.ok_or_else(|| io::Error::other("the batch is none that a record can hold"))?;
        self.front.file.write(BLOCK_BYTES as u64 + self.at, &record)?;
        self.front.file.sync_data()?;
        self.newest = record.len() as u64;
        self.at += self.newest;
        Ok(())
    }

    /// All that was committed is durable: the next record begins the log again.
    pub(super) fn restart(&mut self) {
        (self.at, self.newest, self.is_ahead) = (0, 0, false);
    }

    /// Whether it holds what no durable commit has.
    pub(super) fn is_ahead(&self) -> bool {
        self.is_ahead
    }

    /// Behind all that is stored, where that is known.
    pub(super) fn end(&self) -> Option<Mark> {
        self.end
    }

    /// All that is stored ends here.
    pub(super) fn reaches(&mut self, end: Mark) {
        self.end = Some(end);
    }
}

/// What stands in a log.
#[derive(Debug)]
struct Found {
    /// What continues the database.
    batches: Vec<Batch>,
    /// Where a whole record begins that nothing leads to: records were durable one after the other, so what stood between
    /// was damaged.
    beyond: Option<Mark>,
}

impl Front {
    /// Overwrites the log with zeros, also what records of earlier have left, and waits until that is on disk. All of it
    /// must be in a durable commit.
    pub(super) fn clear(&self) -> io::Result<()> {
        front::clear(&*self.file)?;
        self.file.sync_data()
    }

    /// All bytes of the log as they stand.
    pub(super) fn log(&self) -> io::Result<Vec<u8>> {
        let mut log = vec![0; LOG_BYTES as usize];
        self.file.read(BLOCK_BYTES as u64, &mut log)?;
        Ok(log)
    }

    /// Looks for what continues a database that is so far.
    fn read(&self, network: &Network, next: Mark) -> io::Result<Found> {
        let log = self.log()?;
        let decode = |at: usize| record::decode(&self.secret, network, &log[at..]);
        let (mut batches, mut at, mut end) = (Vec::new(), 0, None);
        while let Some((batch, length)) = decode(at) {
            // What an earlier filling has left behind the newest record stands before it, or inside.
            if end.map_or(batch.begin().is_behind(next), |end| batch.begin() != end) {
                break;
            }
            (at, end) = (at + length, Some(batch.end()));
            if batch.end().is_behind(next) {
                batches.push(batch);
            }
        }
        let end = end.filter(|end| end.is_behind(next)).unwrap_or(next);
        let secrets = log[at..].windows(self.secret.len()).enumerate();
        let others =
            secrets.filter(|(_, bytes)| **bytes == self.secret).filter_map(|(found, _)| decode(at + found));
        let beyond = others.map(|(batch, _)| batch.begin()).filter(|begin| begin.is_behind(end));
        Ok(Found { batches, beyond: beyond.min_by_key(|begin| (begin.position, begin.commits)) })
    }
}

/// How far a database is, without what only its log holds.
pub(super) fn reached(database: &Database) -> Result<Mark, StoreError> {
    let snapshot = database.begin_read()?;
    let position = next_position(&snapshot.open_table(ARRIVALS)?)?;
    Ok(Mark { position, commits: commits::newest_index(&snapshot.open_table(COMMITS)?)? })
}

/// What a database and its log hold together, before anything of the log is brought into the database.
#[derive(Debug)]
pub(super) struct Outlook {
    /// How far the database is.
    next: Mark,
    found: Found,
}

impl Outlook {
    /// Looks at a database that was just opened, and at its log. Nothing is written.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn of(database: &Database, front: &Front, network: &Network) -> Result<Self, StoreError> {
        let next = reached(database)?;
        Ok(Self { next, found: front.read(network, next).map_err(failed)? })
    }

    /// Without the records that bring more than this: what nobody was told of may yet go with the power.
    pub(super) fn up_to(mut self, most: Mark) -> Self {
        self.found.batches.retain(|batch| !batch.end().is_behind(most));
        self
    }

    /// How far the database is that takes what the log holds.
    pub(super) fn reach(&self) -> Mark {
        let end = self.found.batches.last().map_or(self.next, Batch::end);
        Mark { position: end.position.max(self.next.position), commits: end.commits.max(self.next.commits) }
    }

    /// Whether something is left of what came behind a damaged record. A database that goes on without it writes its own
    /// records among these: keep the log elsewhere, and clear it, before.
    pub(super) fn is_damaged(&self) -> bool {
        self.found.beyond.is_some()
    }

    /// Logs what is lost here, and where the log is kept, if it is.
    pub(super) fn tell(&self, kept: Option<&Path>) {
        let Some(beyond) = self.found.beyond else { return };
        let from = self.reach();
        tracing::error!(
            first = from.position.0,
            behind = beyond.position.0,
            commits_from = from.commits,
            commits_to = beyond.commits,
            kept = kept.map(tracing::field::debug),
            "the store's write-ahead log is damaged: transactions that were acknowledged are lost here; \
             check the disk, and fetch them from a peer or a backup"
        );
    }

    /// Brings what only the log holds, and the rows of the index that a crash has taken from memory, into the database, in
    /// durable commits. What waits for the index from then on: nothing.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub(super) fn take(&self, database: &Database, network: &Network) -> Result<Tail, StoreError> {
        if !self.found.batches.is_empty() {
            let commit = append::begin(database)?;
            for batch in &self.found.batches {
                append::put(&commit, network, &batch.records(self.next))?;
                append::put_settlement(&commit, network, &batch.settlement(self.next))?;
            }
            commit.commit()?;
        }
        tail::recover(database, network.id())
    }
}

/// What the disk says, as an error of the database that lies on it.
pub(super) fn failed(cause: io::Error) -> StoreError {
    StoreError::Database(Box::new(redb::Error::Io(cause)))
}
