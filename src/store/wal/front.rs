//! The file in two parts: the write-ahead log in front, of fixed size, and redb's database behind it.
//!
//! One file, so one lock, one name to copy and one sync for both. Always true: the front's first block is on disk before
//! anything is written behind the front, and never changes after that.

use crate::limits::STORE_LOG_BYTES;
use crate::store::StoreError;
use crate::store::disk::BLOCK_BYTES;
use redb::{BackendError, StorageBackend};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use weft_tangle::blake2s;

/// Bytes of the log. What is not yet in the database is at most so much: it is read again when the file is opened, and
/// the disk blocks are part of what a small store takes. In tests few, so that it is full all the time.
pub(super) const LOG_BYTES: u64 = if cfg!(test) { 24 << 10 } else { STORE_LOG_BYTES };

/// Bytes of the largest record. What is larger is written twice for more than the syncs cost that it saves.
pub(super) const RECORD_BYTES: u64 = if cfg!(test) { 16 << 10 } else { 512 << 10 };

/// The first block and the log. redb's offsets begin here.
pub(crate) const FRONT_BYTES: u64 = BLOCK_BYTES as u64 + LOG_BYTES;

/// What the file begins with.
const MAGIC: [u8; 16] = *b"weft ledger 2\r\n\x1a";

/// What it began with while the log had a quarter of the room.
const MAGIC_BEFORE: &[u8] = b"weft ledger 1\r\n\x1a";

/// What a file of redb begins with, as the whole store did before the first release.
const REDB_MAGIC: &[u8] = b"redb";

/// Whether a file holds a store, of whatever version, or nothing: what may be replaced by a copy of one.
///
/// # Errors
/// It cannot be read.
pub fn is_store_or_empty(path: &Path) -> io::Result<bool> {
    let mut begin = Vec::new();
    let is_file = std::fs::metadata(path)?.is_file();
    if is_file {
        File::open(path)?.take(MAGIC_BEFORE.len() as u64).read_to_end(&mut begin)?;
    }
    let ours = [&MAGIC[..MAGIC_BEFORE.len()], MAGIC_BEFORE, REDB_MAGIC];
    Ok(is_file && (begin.is_empty() || ours.iter().any(|magic| begin.starts_with(magic))))
}

/// Magic, secret and check.
const HEADER_BYTES: usize = MAGIC.len() + SECRET_BYTES + CHECK_BYTES;

const SECRET_BYTES: usize = 16;

pub(super) const CHECK_BYTES: usize = 16;

/// Random bytes of this file that stand nowhere else: whoever chooses what a transaction contains cannot make it look
/// like a record of the log.
pub(super) type Secret = [u8; SECRET_BYTES];

/// The log's part of the file.
#[derive(Clone, Debug)]
pub(crate) struct Front {
    pub(super) file: Arc<dyn StorageBackend>,
    pub(super) secret: Secret,
}

/// The database's part of the file.
#[derive(Debug)]
pub(crate) struct Behind(Arc<dyn StorageBackend>);

/// Divides a file. One that holds nothing, or whose making was cut short, is made.
///
/// # Errors
/// [`StoreError::Unreachable`], [`StoreError::OldForm`], and [`StoreError::NotAStore`] of a file that holds something else. A
/// file that is refused stays as it is.
pub(crate) fn divide(file: Box<dyn StorageBackend>, path: &Path) -> Result<(Front, Behind), StoreError> {
    let file: Arc<dyn StorageBackend> = Arc::from(file);
    let unreachable = |cause| StoreError::Unreachable { path: path.to_owned(), cause };
    let secret = match found(&*file).map_err(unreachable)? {
        Found::Store(secret) => secret,
        Found::Nothing => make(&*file).map_err(unreachable)?,
        Found::Old => return Err(StoreError::OldForm { path: path.to_owned() }),
        Found::Other(cause) => {
            return Err(StoreError::NotAStore { path: path.to_owned(), cause: cause.into() });
        }
    };
    Ok((Front { file: Arc::clone(&file), secret }, Behind(file)))
}

/// Divides the file of a store that is there; one that holds nothing is none.
///
/// # Errors
/// As [`divide`].
pub(crate) fn divide_existing(
    file: Box<dyn StorageBackend>,
    path: &Path,
) -> Result<(Front, Behind), StoreError> {
    let unreachable = |cause| StoreError::Unreachable { path: path.to_owned(), cause };
    match found(&*file).map_err(unreachable)? {
        Found::Nothing => {
            Err(StoreError::NotAStore { path: path.to_owned(), cause: "it holds nothing".into() })
        }
        _ => divide(file, path),
    }
}

enum Found {
    Nothing,
    Store(Secret),
    Old,
    Other(&'static str),
}

fn found(file: &dyn StorageBackend) -> io::Result<Found> {
    let length = file.len()?;
    let mut head = vec![0; length.min(FRONT_BYTES) as usize];
    file.read(0, &mut head)?;
    if let Some(secret) = secret_in(&head) {
        let cut = "it ends within its write-ahead log";
        return Ok(if length < FRONT_BYTES { Found::Other(cut) } else { Found::Store(secret) });
    }
    if [REDB_MAGIC, MAGIC_BEFORE].iter().any(|magic| head.starts_with(magic)) {
        return Ok(Found::Old);
    }
    // Only a file that was never longer than the front can be one whose making was cut short.
    let (block, log) = head.split_at(head.len().min(BLOCK_BYTES));
    let (header, rest) = block.split_at(block.len().min(HEADER_BYTES));
    let is_magic = header.iter().zip(MAGIC).all(|(byte, magic)| *byte == 0 || *byte == magic);
    let is_empty = rest.iter().chain(log).all(|byte| *byte == 0);
    Ok(if length <= FRONT_BYTES && is_magic && is_empty {
        Found::Nothing
    } else {
        Found::Other("its first block is not that of a store")
    })
}

/// Writes the front of a new file, every block of it, so that a record never waits for one to be found.
fn make(file: &dyn StorageBackend) -> io::Result<Secret> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(io::Error::from)?;
    file.set_len(FRONT_BYTES)?;
    clear(file)?;
    file.write(0, &header(&secret))?;
    file.sync_data()?;
    Ok(secret)
}

/// Overwrites the log with zeros; the caller syncs.
pub(super) fn clear(file: &dyn StorageBackend) -> io::Result<()> {
    file.write(BLOCK_BYTES as u64, &vec![0; LOG_BYTES as usize])
}

fn header(secret: &Secret) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    let (magic, rest) = header.split_at_mut(MAGIC.len());
    magic.copy_from_slice(&MAGIC);
    rest[..SECRET_BYTES].copy_from_slice(secret);
    rest[SECRET_BYTES..].copy_from_slice(&check(&[&MAGIC, secret]));
    header
}

fn secret_in(head: &[u8]) -> Option<Secret> {
    let secret: Secret = *head.get(MAGIC.len()..)?.first_chunk()?;
    head.starts_with(&header(&secret)).then_some(secret)
}

/// The first bytes of BLAKE2s-256.
pub(super) fn check(parts: &[&[u8]]) -> [u8; CHECK_BYTES] {
    crate::store::layout::first_bytes(&blake2s(parts))
}

impl StorageBackend for Behind {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.len()?.saturating_sub(FRONT_BYTES))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(FRONT_BYTES + offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(FRONT_BYTES + len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(FRONT_BYTES + offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }

    // Locks are on ranges that nobody but redb gives a meaning to, so they need no shift.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}
