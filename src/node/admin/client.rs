//! The other end of the socket: a command that asks a running node.

use super::{Answer, Request, SOCKET, through_short_path};
use crate::limits::{ADMIN_PATIENCE, ADMIN_REQUEST_BYTES, COPIED_CURSORS, COPY_SLICE_BYTES};
use crate::store::{
    COPIED_MOST_BYTES, Copied, CopiedCommit, CopiedCursors, Cursors, decode_cursor, decode_end,
};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use weft_tangle::NetworkId;
use weft_tangle::finality::{Commit, Resume};

/// Why a node did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// Nobody answers at the socket.
    #[error("a process uses the data directory and does not answer at {path}: {source}")]
    Silent {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the node stopped answering: {0}; it may be busy with another backup")]
    Broken(#[from] io::Error),
    /// The answer is none.
    #[error("the node's answer makes no sense: {0}; is it of another version?")]
    Garbage(String),
    /// The node says no.
    #[error("the node says: {0}")]
    Refused(String),
    /// Something was erased while the backup was taken.
    #[error("a body was erased while the backup was taken, and may stand in it; take it again")]
    Erased,
}

/// A backup that a running node sends.
#[derive(Debug)]
pub struct Backup {
    stream: BufReader<UnixStream>,
    network: NetworkId,
    transactions: u64,
    commits: u64,
    cursors: u64,
    /// Transactions that have come.
    read: u64,
    /// The last commit that has come.
    last: Option<Commit>,
}

impl Backup {
    /// Asks the node that has this data directory.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn ask(data: &Path) -> Result<Self, AdminError> {
        let path = data.join(SOCKET);
        let connected = through_short_path(&path, |path| UnixStream::connect(path));
        let mut stream = connected.map_err(|source| AdminError::Silent { path, source })?;
        stream.set_read_timeout(Some(ADMIN_PATIENCE))?;
        stream.set_write_timeout(Some(ADMIN_PATIENCE))?;
        let mut line = serde_json::to_string(&Request::Backup).map_err(io::Error::other)?;
        line.push('\n');
        stream.write_all(line.as_bytes())?;
        let mut stream = BufReader::new(stream);
        match read_answer(&mut stream)? {
            Answer::Backup { network, transactions, commits, cursors } => {
                let network = network.parse().map_err(|error| AdminError::Garbage(format!("{error}")))?;
                if cursors > COPIED_CURSORS as u64 {
                    return Err(AdminError::Garbage(format!("{cursors} cursors")));
                }
                Ok(Self { stream, network, transactions, commits, cursors, read: 0, last: None })
            }
            Answer::Error(problem) => Err(AdminError::Refused(problem)),
            other => Err(AdminError::Garbage(format!("{other:?}"))),
        }
    }

    /// The network of the store.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }

    /// How many transactions it will be.
    pub fn transactions(&self) -> u64 {
        self.transactions
    }

    /// How many commits it will be.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// The next transactions; none when all are there.
    ///
    /// # Errors
    /// [`AdminError`]; what came before is then worth nothing.
    pub fn slice(&mut self) -> Result<Vec<Copied>, AdminError> {
        let left = self.transactions - self.read;
        let slice = self.records(left, Copied::decode)?;
        self.read += slice.len() as u64;
        Ok(slice)
    }

    /// The next commits, once all transactions are there; none when all are there.
    ///
    /// # Errors
    /// [`AdminError`]; what came before is then worth nothing.
    pub fn slice_of_commits(&mut self) -> Result<Vec<CopiedCommit>, AdminError> {
        let left = self.commits - self.last.map_or(0, |commit| commit.index);
        let slice = self.records(left, CopiedCommit::decode)?;
        for one in &slice {
            if one.commit().index != self.last.map_or(0, |commit| commit.index) + 1 {
                return Err(AdminError::Garbage("commits that do not follow on each other".into()));
            }
            self.last = Some(*one.commit());
        }
        Ok(slice)
    }

    /// Where finality goes on, and the cursors, once all commits are there. Then the node has said that all went well.
    ///
    /// # Errors
    /// [`AdminError`]; what came before is then worth nothing.
    pub fn end(&mut self) -> Result<(Option<Resume>, CopiedCursors), AdminError> {
        let resume = match self.last {
            Some(last) => {
                let record = self.record()?;
                let resume = decode_end(&record, &last);
                Some(resume.ok_or_else(|| AdminError::Garbage("a record that is none".into()))?)
            }
            None => None,
        };
        let mut rows = Cursors::new();
        for _ in 0..self.cursors {
            let row = decode_cursor(&self.record()?);
            rows.extend([row.ok_or_else(|| AdminError::Garbage("a record that is none".into()))?]);
        }
        let cursors = CopiedCursors::of(self.transactions, rows);
        match self.length()? {
            0 => self.verdict().map(|()| (resume, cursors)),
            length => Err(AdminError::Garbage(format!("a record of {length} bytes at the end"))),
        }
    }

    fn records<T>(&mut self, left: u64, decode: impl Fn(&[u8]) -> Option<T>) -> Result<Vec<T>, AdminError> {
        let (mut slice, mut bytes) = (Vec::new(), 0);
        while bytes < COPY_SLICE_BYTES && (slice.len() as u64) < left {
            let record = self.record()?;
            bytes += record.len();
            slice.push(decode(&record).ok_or_else(|| AdminError::Garbage("a record that is none".into()))?);
        }
        Ok(slice)
    }

    fn record(&mut self) -> Result<Vec<u8>, AdminError> {
        let length = self.length()?;
        if length == 0 {
            // The node breaks off, and says why.
            self.verdict()?;
            return Err(AdminError::Garbage("fewer records than it said".into()));
        }
        if length > COPIED_MOST_BYTES {
            return Err(AdminError::Garbage(format!("a record of {length} bytes")));
        }
        let mut record = vec![0; length];
        self.stream.read_exact(&mut record)?;
        Ok(record)
    }

    fn length(&mut self) -> Result<usize, AdminError> {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        Ok(u32::from_be_bytes(length) as usize)
    }

    /// Behind the last record the node says whether all went well.
    fn verdict(&mut self) -> Result<(), AdminError> {
        match read_answer(&mut self.stream)? {
            Answer::Complete => Ok(()),
            Answer::Erased => Err(AdminError::Erased),
            Answer::Error(problem) => Err(AdminError::Refused(problem)),
            other => Err(AdminError::Garbage(format!("{other:?}"))),
        }
    }
}

fn read_answer(stream: &mut impl BufRead) -> Result<Answer, AdminError> {
    let mut line = String::new();
    stream.take(ADMIN_REQUEST_BYTES as u64).read_line(&mut line)?;
    serde_json::from_str(&line).map_err(|error| AdminError::Garbage(format!("{error}")))
}
