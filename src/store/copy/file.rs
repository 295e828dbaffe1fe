//! The file that a copy is written to. Until [`CopyFile::finish`] it is called `.part`, and is removed when dropped.

use super::{Copied, CopiedCommit, NOBODY, UNLISTED_KIND};
use crate::store::commits;
use crate::store::layout::{
    ARRIVALS, ENROLMENTS, EQUIVOCATIONS, ISSUED, REVOCATIONS, TRANSACTIONS, device_key, encode_arrival,
    equivocation_key,
};
use crate::store::pack::{self, PACKS};
use crate::store::{CopiedCursors, StoreError, append, cursors, marks, open, tail, wal};
use redb::{Builder, Database, WriteTransaction, backends::FileBackend};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use weft_tangle::finality::Resume;
use weft_tangle::{Kind, NetworkId, Position};

/// What the copy may hold of its pages in memory.
const CACHE_BYTES: usize = 32 << 20;

/// A copy that is being made.
pub struct CopyFile {
    database: Option<Database>,
    path: PathBuf,
    part: PathBuf,
    network: NetworkId,
    next: u64,
    commits: u64,
    is_newest: bool,
}

impl std::fmt::Debug for CopyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CopyFile").field("part", &self.part).finish_non_exhaustive()
    }
}

impl CopyFile {
    /// Begins a copy that is to be called `path`, of a store of `network`. What an earlier attempt left is written over.
    ///
    /// # Errors
    /// The file cannot be made.
    pub fn create(path: &Path, network: &NetworkId) -> Result<Self, StoreError> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let unreachable = |cause| StoreError::Unreachable { path: part.clone(), cause };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&part).map_err(unreachable)?;
        let (path, network) = (path.to_owned(), *network);
        let mut copy =
            Self { database: None, path, part: part.clone(), network, next: 0, commits: 0, is_newest: false };
        let file = FileBackend::new(file).map_err(|error| open::opening(&part, error))?;
        let (_, behind) = wal::divide(Box::new(file), &part)?;
        let database = Builder::new()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(behind)
            .map_err(|error| open::opening(&part, error))?;
        open::initialise(&database, &network)?;
        copy.database = Some(database);
        Ok(copy)
    }

    /// Writes the next transactions, in one commit.
    ///
    /// # Errors
    /// The disk is full, or cannot be written.
    pub fn append(&mut self, slice: &[Copied]) -> Result<(), StoreError> {
        let Some(database) = &self.database else { return Ok(()) };
        let commit = append::begin(database)?;
        put(&commit, self.next, slice)?;
        tail::note_indexed(&commit, self.next + slice.len() as u64)?;
        commit.commit()?;
        self.next += slice.len() as u64;
        Ok(())
    }

    /// Writes the next commits, all of whose transactions were written.
    ///
    /// # Errors
    /// The disk is full, or cannot be written. [`StoreError::CommitGap`] and [`StoreError::BadCommit`]: they are no chain, or
    /// contradict each other.
    pub fn append_commits(&mut self, slice: &[CopiedCommit]) -> Result<(), StoreError> {
        let Some(database) = &self.database else { return Ok(()) };
        let settled: Vec<_> = slice.iter().map(|one| one.0.clone()).collect();
        let all = settled.iter().flat_map(|one| &one.delivered);
        if let Some((position, ..)) = all.clone().find(|(position, ..)| position.0 >= self.next) {
            return Err(StoreError::Torn(*position));
        }
        let commit = append::begin(database)?;
        commits::put(&commit, &self.network, &settled)?;
        commit.commit()?;
        self.commits += settled.len() as u64;
        Ok(())
    }

    /// Notes where finality goes on behind the last commit.
    ///
    /// # Errors
    /// The disk is full, or cannot be written.
    pub fn resume_with(&mut self, resume: &Resume) -> Result<(), StoreError> {
        let Some(database) = &self.database else { return Ok(()) };
        let commit = append::begin(database)?;
        commits::put_resume(&commit, resume)?;
        Ok(commit.commit()?)
    }

    /// Writes how far the logs of other nodes were read, and the lives of the own one.
    ///
    /// # Errors
    /// The disk is full, or cannot be written. [`StoreError::Torn`]: they are of a snapshot that held more than was written,
    /// and would say of what is not here that it is; nobody would tell of it again.
    pub fn put_cursors(&mut self, cursors: &CopiedCursors) -> Result<(), StoreError> {
        let Some(database) = &self.database else { return Ok(()) };
        if cursors.held() > self.next {
            return Err(StoreError::Torn(Position(self.next)));
        }
        if cursors.is_empty() {
            return Ok(());
        }
        let commit = append::begin(database)?;
        cursors::put(&commit, cursors.rows())?;
        Ok(commit.commit()?)
    }

    /// Says that nothing newer was ever on the disk that this is a copy of. Otherwise the copy remembers that it is one, and a
    /// member of the committee leaves out what it may have signed and forgotten (`spec/17-finality.md`).
    pub fn vouch_for(&mut self) {
        self.is_newest = true;
    }

    /// How many commits were written.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// How many transactions were written.
    pub fn transactions(&self) -> u64 {
        self.next
    }

    /// Makes sure that all of it is on disk, and gives it its name in place of what had it. Where `aside` is given, what
    /// had the name keeps it as a second one.
    ///
    /// # Errors
    /// The disk says no; then the name is as it was.
    pub fn finish(mut self, aside: Option<&Path>) -> Result<(), StoreError> {
        let Some(mut database) = self.database.take() else { return Ok(()) };
        if !self.is_newest {
            let commit = append::begin(&database)?;
            marks::put_forgot(&commit)?;
            commit.commit()?;
        }
        // Its pages came in order, so this only gives back what the file grew too long.
        database.compact().map_err(|error| match error {
            redb::CompactionError::Storage(error) => StoreError::from(error),
            error => StoreError::NotAStore { path: self.part.clone(), cause: error.to_string() },
        })?;
        drop(database);
        let unreachable = |cause| StoreError::Unreachable { path: self.path.clone(), cause };
        let name = || -> io::Result<()> {
            File::open(&self.part)?.sync_all()?;
            if let Some(aside) = aside {
                std::fs::hard_link(&self.path, aside)?;
            }
            std::fs::rename(&self.part, &self.path)?;
            let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
            open::sync_directory(directory.unwrap_or(Path::new(".")))
        };
        name().map_err(unreachable)
    }
}

impl Drop for CopyFile {
    fn drop(&mut self) {
        self.database = None;
        // After a rename there is nothing of this name.
        let _gone = std::fs::remove_file(&self.part);
    }
}

fn put(commit: &WriteTransaction, first: u64, slice: &[Copied]) -> Result<(), StoreError> {
    let mut arrivals = commit.open_table(ARRIVALS)?;
    let mut transactions = commit.open_table(TRANSACTIONS)?;
    let mut issued = commit.open_table(ISSUED)?;
    let mut enrolments = commit.open_table(ENROLMENTS)?;
    let mut revocations = commit.open_table(REVOCATIONS)?;
    let mut equivocations = commit.open_table(EQUIVOCATIONS)?;
    for (position, one) in (first..).zip(slice) {
        arrivals.insert(&position.to_be_bytes(), &encode_arrival(one.id, one.parents))?;
        transactions.insert(one.id.as_bytes(), &position.to_be_bytes())?;
        if one.kind != UNLISTED_KIND {
            let [a, b, c, d] = one.counter.to_be_bytes();
            issued.insert(&device_key(&one.issuer, &one.id), &[a, b, c, d, one.kind])?;
        }
        if one.kind == Kind::Enrol.to_byte() || (one.kind == UNLISTED_KIND && one.issuer != NOBODY) {
            enrolments.insert(&device_key(&one.issuer, &one.id), ())?;
        }
        if let Some(device) = &one.revoked {
            revocations.insert(&device_key(device, &one.id), ())?;
        }
        if let Some((round, author)) = one.witness {
            commits::put_witness(commit, round, author, Position(position))?;
        }
        if let Some((epoch, twin)) = one.twin {
            for id in [twin, one.id] {
                equivocations.insert(&equivocation_key(&one.issuer, epoch, one.counter, &id), ())?;
            }
        }
    }
    let entries: Vec<_> = slice.iter().map(|one| pack::Entry { check: one.check, wire: &one.wire }).collect();
    pack::put(&mut commit.open_table(PACKS)?, Position(first), &entries)
}
