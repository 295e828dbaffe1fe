//! What an operator asks of a running node, over a socket in its data directory (`spec/11-storage.md`): backups.
//!
//! Always true: only the node's own user can open the socket, one request is served at a time, a client that does not
//! read is given up, and one that is served does not keep the node from ending. The public API has none of this.

mod client;

pub use client::{AdminError, Backup};

use super::Ledger;
use crate::limits::{ADMIN_LOOK, ADMIN_PATIENCE, ADMIN_REQUEST_BYTES};
use crate::store::{Store, StoreError};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use weft_tangle::NetworkId;

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
    /// So many transactions of this network follow.
    Backup {
        /// The network.
        network: String,
        /// How many.
        transactions: u64,
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
    let transactions = match store.next_position() {
        Ok(position) => position.0,
        Err(error) => return send(out, &Answer::Error(error.to_string())),
    };
    send(out, &Answer::Backup { network: network.to_string(), transactions })?;
    let copied = send_slices(out, store, transactions, ended)?;
    out.write_all(&0_u32.to_be_bytes())?;
    let last = match copied {
        Ok(()) if store.erasures() == erasures => Answer::Complete,
        Ok(()) => Answer::Erased,
        Err(problem) => Answer::Error(problem),
    };
    send(out, &last)
}

/// Each slice has a snapshot of its own: what stands at a position stays there, and only an erasure changes it.
fn send_slices(
    out: &mut impl Write,
    store: &Store,
    transactions: u64,
    ended: &Receiver<()>,
) -> io::Result<Result<(), String>> {
    let mut position = 0;
    while position < transactions {
        if ended.try_recv() == Err(TryRecvError::Disconnected) {
            return Ok(Err("the node is stopping".into()));
        }
        let read = || -> Result<_, StoreError> { store.reader()?.copy(position..transactions) };
        let slice = match read() {
            Ok(slice) if !slice.is_empty() => slice,
            Ok(_) => return Ok(Err(format!("there is no row at position {position}"))),
            Err(error) => return Ok(Err(error.to_string())),
        };
        position += slice.len() as u64;
        for record in slice {
            let bytes = record.encode();
            let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
            out.write_all(&length.to_be_bytes())?;
            out.write_all(&bytes)?;
        }
    }
    Ok(Ok(()))
}

fn send(out: &mut impl Write, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(answer).map_err(io::Error::other)?;
    line.push('\n');
    out.write_all(line.as_bytes())
}
