//! What an operator asks of a running node, over a socket in its data directory (`spec/11-storage.md`): backups.
//!
//! Always true: only the node's own user can open the socket, one request is served at a time, a client that does not
//! read is given up, and one that is served does not keep the node from ending. The public API has none of this.

mod client;

pub use client::{AdminError, Backup};

use super::Ledger;
use crate::limits::{ADMIN_LOOK, ADMIN_PATIENCE, ADMIN_REQUEST_BYTES};
use crate::store::{Copied, CopiedCommit, CopiedCursors, Reader, Store, StoreError, encode_end};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use weft_tangle::NetworkId;
use weft_tangle::finality::Resume;

/// The socket in the data directory.
pub const SOCKET: &str = "admin.sock";

/// What is asked, one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
enum Request {
    /// All transactions, as they stand.
    Backup,
}

/// What is answered first, one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// So many transactions of this network follow, so many commits, and so many cursors.
    Backup {
        /// The network.
        network: String,
        /// How many transactions.
        transactions: u64,
        /// How many commits.
        commits: u64,
        /// How many cursors.
        cursors: u64,
    },
    /// All of them were sent.
    Complete,
    /// Something was erased meanwhile, which may have been sent before: begin anew.
    Erased,
    /// It cannot be done.
    Error(String),
}

/// The connection that is served, to be cut when the node ends.
type Current = Arc<Mutex<Option<UnixStream>>>;

/// The running socket; it ends, and is removed, when this is dropped.
#[derive(Debug)]
pub struct Admin {
    path: PathBuf,
    alive: Option<Sender<()>>,
    current: Current,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Listens in the data directory, which nobody else has.
    ///
    /// # Errors
    /// The socket cannot be made.
    pub fn start(data: &Path, ledger: &Ledger) -> io::Result<Self> {
        let path = data.join(SOCKET);
        let listener = listen(data, &path)?;
        listener.set_nonblocking(true)?;
        let (alive, ended) = bounded::<()>(0);
        let (store, network) = (Arc::clone(&ledger.store), *ledger.network.id());
        let current = Current::default();
        let served = Arc::clone(&current);
        let work = move || {
            while matches!(ended.recv_timeout(ADMIN_LOOK), Err(RecvTimeoutError::Timeout)) {
                let Ok((stream, _)) = listener.accept() else { continue };
                *lock(&served) = stream.try_clone().ok();
                // Whoever ends the node looks at what is served after it has said so: one of both is seen.
                if ended.try_recv() == Err(TryRecvError::Disconnected) {
                    return;
                }
                if let Err(error) = serve(stream, &store, &network, &ended) {
                    tracing::warn!(%error, "whoever asked at the local socket was not served to the end");
                }
                *lock(&served) = None;
            }
        };
        let thread = Builder::new().name("weft-admin".into()).spawn(work)?;
        Ok(Self { path, alive: Some(alive), current, thread: Some(thread) })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.alive = None;
        if let Some(stream) = &*lock(&self.current) {
            // One that has ended by itself is what is wanted.
            let _ended = stream.shutdown(Shutdown::Both);
        }
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the local socket has panicked");
        }
        // The next start removes what is left of it.
        let _left = std::fs::remove_file(&self.path);
    }
}

fn lock(current: &Current) -> MutexGuard<'_, Option<UnixStream>> {
    current.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The socket is made in a directory that is closed to others, so that there is no moment in which they may connect.
fn listen(data: &Path, path: &Path) -> io::Result<UnixListener> {
    let closed = data.join(".admin");
    remove_if_there(std::fs::remove_dir_all(&closed))?;
    remove_if_there(std::fs::remove_file(path))?;
    DirBuilder::new().mode(0o700).create(&closed)?;
    let made = closed.join(SOCKET);
    let listener = through_short_path(&made, |path| UnixListener::bind(path))?;
    std::fs::set_permissions(&made, Permissions::from_mode(0o600))?;
    std::fs::rename(&made, path)?;
    std::fs::remove_dir(&closed)?;
    Ok(listener)
}

fn remove_if_there(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The address of a socket holds about 100 bytes, and data directories may be deeper: through the open directory there
/// is always a short way to it.
fn through_short_path<T>(path: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return work(path) };
    let descriptors = Path::new("/proc/self/fd");
    if path.as_os_str().len() < 100 || !descriptors.exists() {
        return work(path);
    }
    let directory = File::open(directory)?;
    work(&descriptors.join(directory.as_raw_fd().to_string()).join(name))
}

fn serve(stream: UnixStream, store: &Store, network: &NetworkId, ended: &Receiver<()>) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(ADMIN_PATIENCE))?;
    stream.set_write_timeout(Some(ADMIN_PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.try_clone()?.take(ADMIN_REQUEST_BYTES as u64)).read_line(&mut line)?;
    let mut out = BufWriter::new(stream);
    match serde_json::from_str(&line) {
        Ok(Request::Backup) => send_backup(&mut out, store, network, ended)?,
        Err(error) => send(&mut out, &Answer::Error(format!("this is no request: {error}")))?,
    }
    out.flush()
}

fn send_backup(
    out: &mut impl Write,
    store: &Store,
    network: &NetworkId,
    ended: &Receiver<()>,
) -> io::Result<()> {
    let erasures = store.erasures();
    let read = || -> Result<_, StoreError> {
        let reader = store.reader()?;
        // All of one snapshot, so that no cursor is ahead of the transactions that are sent.
        Ok((reader.copy_cursors()?, reader.newest_commit()?))
    };
    let (cursors, resume) = match read() {
        Ok(read) => read,
        Err(error) => return send(out, &Answer::Error(error.to_string())),
    };
    let commits = resume.map_or(0, |resume| resume.commit.index);
    let transactions = cursors.held();
    let answer =
        Answer::Backup { network: network.to_string(), transactions, commits, cursors: cursors.len() };
    send(out, &answer)?;
    let mut sending = Sending { out, store, ended };
    let copied = match sending.transactions(transactions)? {
        Ok(()) => sending.commits(resume.as_ref())?,
        refused => refused,
    };
    if copied.is_ok() {
        sending.cursors(&cursors)?;
    }
    out.write_all(&0_u32.to_be_bytes())?;
    let last = match copied {
        Ok(()) if store.erasures() == erasures => Answer::Complete,
        Ok(()) => Answer::Erased,
        Err(problem) => Answer::Error(problem),
    };
    send(out, &last)
}

/// A backup on its way. Each slice has a snapshot of its own: what stands at a position stays there, and only an erasure
/// changes it; and a commit stays what it is.
struct Sending<'a, W> {
    out: &'a mut W,
    store: &'a Store,
    ended: &'a Receiver<()>,
}

/// What is told the client, in words, when it cannot be done.
type Told = io::Result<Result<(), String>>;

impl<W: Write> Sending<'_, W> {
    fn transactions(&mut self, transactions: u64) -> Told {
        let copy = |reader: Reader, position| reader.copy(position..transactions);
        self.slices(0..transactions, copy, Copied::encode)
    }

    fn commits(&mut self, resume: Option<&Resume>) -> Told {
        let Some(resume) = resume else { return Ok(Ok(())) };
        let end = resume.commit.index + 1;
        let copy = |reader: Reader, index| reader.copy_commits(index..end);
        let sent = self.slices(1..end, copy, CopiedCommit::encode)?;
        if sent.is_ok() {
            self.record(&encode_end(resume))?;
        }
        Ok(sent)
    }

    fn cursors(&mut self, cursors: &CopiedCursors) -> io::Result<()> {
        cursors.records().try_for_each(|one| self.record(&one))
    }

    fn slices<T>(
        &mut self,
        range: Range<u64>,
        read: impl Fn(Reader, u64) -> Result<Vec<T>, StoreError>,
        encode: impl Fn(&T) -> Vec<u8>,
    ) -> Told {
        let mut at = range.start;
        while at < range.end {
            if self.ended.try_recv() == Err(TryRecvError::Disconnected) {
                return Ok(Err("the node is stopping".into()));
            }
            let slice = match self.store.reader().and_then(|reader| read(reader, at)) {
                Ok(slice) if !slice.is_empty() => slice,
                Ok(_) => return Ok(Err(format!("there is no row at position {at}"))),
                Err(error) => return Ok(Err(error.to_string())),
            };
            at += slice.len() as u64;
            slice.iter().try_for_each(|one| self.record(&encode(one)))?;
        }
        Ok(Ok(()))
    }

    fn record(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(bytes)
    }
}

fn send(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(answer).map_err(io::Error::other)?;
    line.push('\n');
    out.write_all(line.as_bytes())
}
