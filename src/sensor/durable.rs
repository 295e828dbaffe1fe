//! Files that are whole after a power cut: what a function here wrote is on disk when it returns.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Makes a file that only its owner may read; fails when there is one already.
pub(crate) fn create_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = private().create_new(true).open(path)?;
    let written = write_synced(file, bytes).and_then(|()| sync_directory(path));
    if written.is_err() {
        // Half a key must not stand in the way of the next attempt; the first error is the one to tell.
        let _ = fs::remove_file(path);
    }
    written
}

/// Makes a file that anybody may read; fails when there is one already.
pub(crate) fn create_new_public(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    write_synced(file, bytes).and_then(|()| sync_directory(path))
}

/// Puts `bytes` in place of a file's content: after a crash it has the old content or the new, never a mixture.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let next = beside(path, ".new");
    write_synced(private().create(true).truncate(true).open(&next)?, bytes)?;
    fs::rename(&next, path)?;
    sync_directory(path)
}

/// Reads a file of at most `limit` bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes")));
    }
    Ok(bytes)
}

/// The path with `suffix` after its whole name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn write_synced(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

/// A new name is durable only when its directory is: this syncs the one that `path` lies in.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if cfg!(unix) { File::open(directory.unwrap_or(Path::new(".")))?.sync_all() } else { Ok(()) }
}
