//! Opening a data directory: what is there must be ours, of this network, and of a schema that we know.

use super::append::begin;
use super::commits::{COMMITS, DELIVERED, RULINGS, WITNESSES};
use super::disk::{Disk, Live};
use super::layout::{ARRIVALS, ENROLMENTS, EQUIVOCATIONS, ISSUED, META, REVOCATIONS, SCHEMA, TRANSACTIONS};
use super::pack::PACKS;
use super::tail::Tail;
use super::volume::Volume;
use super::wal::{self, Front, Mark, Outlook};
use super::{StoreError, StoreOptions, marks};
use redb::{Database, DatabaseError, ReadableDatabase, StorageBackend, backends::FileBackend};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::Arc;
use weft_tangle::{Network, NetworkId};

const SCHEMA_KEY: &str = "schema";
const NETWORK_KEY: &str = "network";

/// Makes the directory where it is missing and opens the file in it, both for this user alone: readings lie in it.
pub(super) fn open_file(directory: &Path, path: &Path) -> Result<Box<dyn StorageBackend>, StoreError> {
    let unreachable = |path: &Path| {
        let path = path.to_owned();
        move |cause| StoreError::Unreachable { path, cause }
    };
    make_directory(directory).map_err(unreachable(directory))?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(unreachable(path))?;
    sync_directory(directory).map_err(unreachable(directory))?;
    let file = FileBackend::new(file).map_err(|error| opening(path, error))?;
    Ok(Box::new(file))
}

/// redb's magic number, which it writes at a file's beginning when the empty database is on disk, not before.
const MAGIC: [u8; 9] = *b"redb\x1A\x0A\xA9\x0D\x0A";

/// Bytes of redb's header; all behind them is zero until the first commit.
const HEADER_BYTES: usize = 4_096;

/// The longest file that a loss of power can leave while redb makes it.
const UNBORN_BYTES: u64 = 2 << 20;

/// Empties a file whose making was cut short, which redb would refuse for ever. Nothing was ever stored in it: its
/// magic number is not there, or not whole, and all behind the header is zero.
pub(super) fn discard_unborn(file: &dyn StorageBackend) -> io::Result<()> {
    let length = file.len()?;
    if length == 0 || length > UNBORN_BYTES {
        return Ok(());
    }
    let mut bytes = vec![0; length as usize];
    file.read(0, &mut bytes)?;
    let (header, rest) = bytes.split_at(HEADER_BYTES.min(bytes.len()));
    let is_born = header.starts_with(&MAGIC);
    let is_other = header.iter().zip(MAGIC).any(|(byte, magic)| *byte != 0 && *byte != magic);
    if is_born || is_other || rest.iter().any(|byte| *byte != 0) {
        return Ok(());
    }
    file.set_len(0)?;
    file.sync_data()
}

/// Opens the database on `disk` and checks whose it is; a new one is made ours. All of the log is in it, durably, and its
/// index is complete. A log that is damaged is first kept on `volume`.
///
/// # Errors
/// Beside those of [`Store::open`](super::Store::open): [`StoreError::Lost`] and [`StoreError::LostCommits`] when it holds
/// less than `least`; the log is then as it was.
pub(super) fn open_database(
    disk: &Arc<Disk>,
    front: &Front,
    (path, volume): (&Path, &dyn Volume),
    network: &Network,
    options: &StoreOptions,
    least: Option<Mark>,
) -> Result<(Database, Tail), StoreError> {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    let database =
        builder.create_with_backend(Live(Arc::clone(disk))).map_err(|error| opening(path, error))?;
    if is_new(&database)? {
        initialise(&database, network.id())?;
    }
    check(&database, path, network.id())?;
    let outlook = Outlook::of(&database, front, network)?;
    least.map_or(Ok(()), |least| reaches(&outlook, least))?;
    if outlook.is_damaged() {
        let kept = volume.keep(&front.log().map_err(wal::failed)?)?;
        outlook.tell(Some(&kept));
    }
    let tail = outlook.take(&database, network)?;
    if outlook.is_damaged() {
        // Own witnesses may be among what is lost, and the log is what says so.
        let commit = begin(&database)?;
        marks::put_forgot(&commit)?;
        commit.commit()?;
        front.clear().map_err(wal::failed)?;
    }
    Ok((database, tail))
}

/// Whether nothing was ever committed to it.
pub(super) fn is_new(database: &Database) -> Result<bool, StoreError> {
    Ok(database.begin_read()?.list_tables()?.next().is_none())
}

/// Whether a store that takes what its log holds has all that was acknowledged.
///
/// # Errors
/// [`StoreError::Lost`] and [`StoreError::LostCommits`].
pub(super) fn reaches(outlook: &Outlook, acknowledged: Mark) -> Result<(), StoreError> {
    let found = outlook.reach();
    if found.position < acknowledged.position {
        return Err(StoreError::Lost { acknowledged: acknowledged.position, found: found.position });
    }
    if found.commits < acknowledged.commits {
        return Err(StoreError::LostCommits { acknowledged: acknowledged.commits, found: found.commits });
    }
    Ok(())
}

pub(super) fn opening(path: &Path, error: DatabaseError) -> StoreError {
    let path = path.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen => StoreError::InUse { path },
        // These two are what redb says of a file that is none of its own.
        DatabaseError::Storage(redb::StorageError::Io(cause))
            if !matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            StoreError::Unreachable { path, cause }
        }
        error => StoreError::NotAStore { path, cause: error.to_string() },
    }
}

/// One commit makes all tables, so that a reader finds each of them however early it comes.
pub(super) fn initialise(database: &Database, network: &NetworkId) -> Result<(), StoreError> {
    let commit = begin(database)?;
    {
        let mut meta = commit.open_table(META)?;
        meta.insert(SCHEMA_KEY, &SCHEMA.to_be_bytes()[..])?;
        meta.insert(NETWORK_KEY, &network.as_bytes()[..])?;
        commit.open_table(TRANSACTIONS)?;
        commit.open_table(PACKS)?;
        commit.open_table(ARRIVALS)?;
        commit.open_table(ISSUED)?;
        commit.open_table(ENROLMENTS)?;
        commit.open_table(REVOCATIONS)?;
        commit.open_table(EQUIVOCATIONS)?;
    }
    commit.open_table(COMMITS)?;
    commit.open_table(DELIVERED)?;
    commit.open_table(RULINGS)?;
    commit.open_table(WITNESSES)?;
    Ok(commit.commit()?)
}

/// Checks whose database it is, and that its schema is ours.
///
/// # Errors
/// [`StoreError::NotAStore`], [`StoreError::OldForm`], [`StoreError::NewerSchema`], [`StoreError::OtherNetwork`].
pub(super) fn check(database: &Database, path: &Path, configured: &NetworkId) -> Result<(), StoreError> {
    let not_ours = |cause: &str| StoreError::NotAStore { path: path.to_owned(), cause: cause.into() };
    let snapshot = database.begin_read()?;
    let meta = snapshot.open_table(META).map_err(|error| match error {
        redb::TableError::Storage(error) => error.into(),
        error => not_ours(&error.to_string()),
    })?;
    let schema = meta.get(SCHEMA_KEY)?.ok_or_else(|| not_ours("it names no schema"))?;
    let found = schema.value().try_into().map(u32::from_be_bytes);
    let found = found.map_err(|_| not_ours("its schema is not a number"))?;
    if found > SCHEMA {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found, known: SCHEMA });
    }
    if found < SCHEMA {
        return Err(StoreError::OldForm { path: path.to_owned() });
    }
    let network = meta.get(NETWORK_KEY)?.ok_or_else(|| not_ours("it names no network"))?;
    let stored = network.value().try_into().map(NetworkId::from_bytes);
    let stored = stored.map_err(|_| not_ours("its network is not an id"))?;
    if stored != *configured {
        let configured = *configured;
        return Err(StoreError::OtherNetwork { path: path.to_owned(), stored, configured });
    }
    Ok(())
}

fn make_directory(directory: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => Ok(()),
    }
}

/// A file whose name is not on disk is lost with all that it holds, however well that was synced.
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

/// Bytes that a file takes on disk: allocated blocks where the system counts them, else its length. Zero when it cannot
/// be looked at.
pub(super) fn allocated_bytes(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::metadata(path) else { return 0 };
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
    #[cfg(not(unix))]
    return metadata.len();
}
