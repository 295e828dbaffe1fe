//! Writing a copy of a database, from wherever its transactions come.

use super::DbError;
use crate::cli::api::stop_on_signals;
use crate::cli::progress::Progress;
use crate::cli::{Failure, Output};
use crate::node::admin;
use crate::sensor::Stop;
use crate::store::{self, CopiedCursors, CopyFile, Reader, StoreError, View};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;
use weft_tangle::NetworkId;
use weft_tangle::finality::Resume;

/// Where the transactions come from.
pub(super) enum Source {
    /// A node that runs.
    Node(admin::Backup),
    /// A file that nobody writes to: reader, network, length, where finality goes on.
    File(Box<Reader>, NetworkId, u64, Option<Resume>),
}

impl Source {
    pub(super) fn view(view: &View) -> Result<Self, DbError> {
        let reader = view.reader()?;
        let (total, resume) = (reader.transactions()?, reader.newest_commit()?);
        Ok(Self::File(Box::new(reader), *view.network().id(), total, resume))
    }

    fn network(&self) -> &NetworkId {
        match self {
            Self::Node(stream) => stream.network(),
            Self::File(_, network, ..) => network,
        }
    }

    fn total(&self) -> u64 {
        match self {
            Self::Node(stream) => stream.transactions(),
            Self::File(_, _, total, _) => *total,
        }
    }

    fn commits(&self) -> u64 {
        match self {
            Self::Node(stream) => stream.commits(),
            Self::File(.., resume) => resume.map_or(0, |resume| resume.commit.index),
        }
    }

    fn slice(&mut self, from: u64) -> Result<Vec<store::Copied>, DbError> {
        match self {
            Self::Node(stream) => Ok(stream.slice()?),
            Self::File(reader, _, total, _) => Ok(reader.copy(from..*total)?),
        }
    }

    fn slice_of_commits(&mut self, from: u64) -> Result<Vec<store::CopiedCommit>, DbError> {
        let end = self.commits() + 1;
        match self {
            Self::Node(stream) => Ok(stream.slice_of_commits()?),
            Self::File(reader, ..) => Ok(reader.copy_commits(from..end)?),
        }
    }

    /// Where finality goes on, and how far the logs of others were read, once all was read.
    fn end(&mut self) -> Result<(Option<Resume>, CopiedCursors), DbError> {
        match self {
            Self::Node(stream) => Ok(stream.end()?),
            Self::File(reader, .., resume) => Ok((*resume, reader.copy_cursors()?)),
        }
    }
}

/// What was copied.
pub(super) struct Copied {
    transactions: u64,
    commits: u64,
    damaged: u64,
    bytes: u64,
    seconds: f64,
}

/// A copy under way.
pub(super) struct Copying {
    source: Source,
    path: PathBuf,
    file: CopyFile,
    stop: Stop,
}

/// The error of who writes a copy that is to be called `path`.
fn of_writing(path: &Path, error: StoreError) -> DbError {
    match error.want_of_room().map(ToString::to_string) {
        Some(cause) => DbError::Full { path: path.to_owned(), cause },
        None => error.into(),
    }
}

impl Copying {
    pub(super) fn begin(path: &Path, source: Source) -> Result<Self, Failure> {
        let stop = stop_on_signals()?;
        let file = CopyFile::create(path, source.network()).map_err(|error| of_writing(path, error))?;
        Ok(Self { source, path: path.to_owned(), file, stop })
    }

    /// Has the copy not remember that it is one.
    pub(super) fn vouch_for(mut self) -> Self {
        self.file.vouch_for();
        self
    }

    /// Copies all of it and gives the file its name; what had it before is kept as `aside`, if that is given.
    pub(super) fn run(mut self, aside: Option<&Path>) -> Result<Copied, Failure> {
        let started = Instant::now();
        let total = self.source.total();
        let bar = Progress::of_transactions(total);
        let (mut damaged, mut bytes) = (0, 0);
        loop {
            if self.stop.is_raised() {
                bar.clear();
                return Err(Failure::Stopped);
            }
            let slice = self.source.slice(self.file.transactions())?;
            if slice.is_empty() {
                break;
            }
            damaged += slice.iter().filter(|one| one.is_damaged()).count() as u64;
            bytes += slice.iter().map(|one| one.wire_bytes() as u64).sum::<u64>();
            self.file.append(&slice).map_err(|error| of_writing(&self.path, error))?;
            bar.set_to(self.file.transactions(), total);
        }
        bar.clear();
        let (transactions, commits) = (self.file.transactions(), self.source.commits());
        if transactions != total {
            let position = weft_tangle::Position(transactions);
            return Err(DbError::from(StoreError::Torn(position)).into());
        }
        self.copy_commits()?;
        self.file.finish(aside).map_err(|error| of_writing(&self.path, error))?;
        Ok(Copied { transactions, commits, damaged, bytes, seconds: started.elapsed().as_secs_f64() })
    }
}

impl Copying {
    fn copy_commits(&mut self) -> Result<(), Failure> {
        let commits = self.source.commits();
        while self.file.commits() < commits {
            if self.stop.is_raised() {
                return Err(Failure::Stopped);
            }
            let slice = self.source.slice_of_commits(self.file.commits() + 1)?;
            if slice.is_empty() {
                return Err(DbError::from(StoreError::TornCommit(self.file.commits() + 1)).into());
            }
            self.file.append_commits(&slice).map_err(|error| of_writing(&self.path, error))?;
        }
        let (resume, cursors) = self.source.end()?;
        if let Some(resume) = resume {
            self.file.resume_with(&resume).map_err(|error| of_writing(&self.path, error))?;
        }
        Ok(self.file.put_cursors(&cursors).map_err(|error| of_writing(&self.path, error))?)
    }
}

impl Copied {
    pub(super) fn tell(&self, output: Output, file: &Path) -> Result<(), Failure> {
        let rate = (self.transactions as f64 / self.seconds.max(1e-9)).round();
        output.object(&[
            ("file", json!(file.to_string_lossy())),
            ("transactions", json!(self.transactions)),
            ("commits", json!(self.commits)),
            ("damaged", json!(self.damaged)),
            ("bytes", json!(self.bytes)),
            ("file_bytes", json!(std::fs::metadata(file).map_or(0, |metadata| metadata.len()))),
            ("seconds", json!((self.seconds * 1e3).round() / 1e3)),
            ("transactions_per_second", json!(rate)),
        ])
    }
}
