//! The other end of the socket: a command that asks a running node.

use super::{Answer, Request, SOCKET, through_short_path};
use crate::limits::{ADMIN_PATIENCE, ADMIN_REQUEST_BYTES, COPY_SLICE_BYTES};
use crate::store::{COPIED_MOST_BYTES, Copied};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use weft_tangle::NetworkId;

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
    is_complete: bool,
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
            Answer::Backup { network, transactions } => {
                let network = network.parse().map_err(|error| AdminError::Garbage(format!("{error}")))?;
                Ok(Self { stream, network, transactions, is_complete: false })
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

    /// The next transactions; none when all are there.
    ///
    /// # Errors
    /// [`AdminError`]; what came before is then worth nothing.
    pub fn slice(&mut self) -> Result<Vec<Copied>, AdminError> {
        let (mut slice, mut bytes) = (Vec::new(), 0);
        while bytes < COPY_SLICE_BYTES && !self.is_complete {
            let mut length = [0; 4];
            self.stream.read_exact(&mut length)?;
            let length = u32::from_be_bytes(length) as usize;
            if length == 0 {
                self.end()?;
                self.is_complete = true;
                return Ok(slice);
            }
            if length > COPIED_MOST_BYTES {
                return Err(AdminError::Garbage(format!("a record of {length} bytes")));
            }
            let mut record = vec![0; length];
            self.stream.read_exact(&mut record)?;
            let record = Copied::decode(&record);
            slice.push(record.ok_or_else(|| AdminError::Garbage("a record that is none".into()))?);
            bytes += length;
        }
        Ok(slice)
    }

    /// Behind the last record the node says whether all went well.
    fn end(&mut self) -> Result<(), AdminError> {
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
