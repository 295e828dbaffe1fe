//! Directories that appear whole or not at all: filled under a name beside their own, synced, and renamed.

use crate::sensor::durable::{beside, sync_directory};
use crate::sensor::key::{KeyError, fresh_random};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};
use weft_tangle::to_text;

/// Why a directory was not made.
#[derive(Debug, thiserror::Error)]
pub enum StagingError {
    /// It is there already.
    #[error("{0} exists and is not empty; nothing is overwritten: choose another name, or move it away")]
    Exists(PathBuf),
    /// The name is none that a new directory could have.
    #[error("{0} cannot be made anew; give the name that the new directory is to have")]
    Nameless(PathBuf),
    /// The disk does not let it be made.
    #[error("cannot make {path}: {source}")]
    Disk {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no randomness.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl StagingError {
    /// The error of the disk at a path.
    pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self + use<'_> {
        move |source| Self::Disk { path: path.into(), source }
    }
}

/// Makes the directory `out`, for this user alone, of what `fill` puts into the directory that it is given. When that
/// fails, nothing is left.
///
/// # Errors
/// [`StagingError`], and what `fill` fails with.
pub(super) fn make_directory<T, E: From<StagingError>>(
    out: &Path,
    fill: impl FnOnce(&Path) -> Result<T, E>,
) -> Result<T, E> {
    if out.file_name().is_none() {
        return Err(StagingError::Nameless(out.into()).into());
    }
    refuse_what_is_there(out)?;
    if let Some(parent) = out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent).map_err(StagingError::at(parent))?;
    }
    let random = to_text(&fresh_random::<8>().map_err(StagingError::Key)?);
    let staging = Staging(beside(out, &format!(".{random}.new")));
    make_private(&staging.0)?;
    let made = fill(&staging.0)?;
    // The system refuses to rename onto a directory that somebody has filled meanwhile.
    fs::rename(&staging.0, out).and_then(|()| sync_directory(out)).map_err(StagingError::at(out))?;
    Ok(made)
}

/// Makes a directory that only this user may look into.
pub(super) fn make_private(path: &Path) -> Result<(), StagingError> {
    #[allow(unused_mut, reason = "elsewhere than on Unix there is no mode to set")]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(StagingError::at(path))
}

fn refuse_what_is_there(out: &Path) -> Result<(), StagingError> {
    match fs::read_dir(out) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Err(StagingError::Exists(out.into())),
        Err(error) => Err(StagingError::at(out)(error)),
        Ok(mut entries) => entries.next().map_or(Ok(()), |_| Err(StagingError::Exists(out.into()))),
    }
}

/// What is removed unless it got its name.
struct Staging(PathBuf);

impl Drop for Staging {
    fn drop(&mut self) {
        // Once renamed there is nothing to remove, and the error that led here is the one to tell.
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Syncs a directory's names, so that they are there when its own is.
pub(super) fn sync(path: &Path) -> Result<(), StagingError> {
    if cfg!(unix) {
        File::open(path).and_then(|file| file.sync_all()).map_err(StagingError::at(path))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(directory: &Path) -> Result<(), StagingError> {
        let file = directory.join("file");
        fs::write(&file, "x").map_err(StagingError::at(&file))
    }

    #[test]
    fn it_is_made_whole_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("a/b");
        make_directory(&out, fill).unwrap();
        assert_eq!(fs::read(out.join("file")).unwrap(), b"x");
        assert_eq!(fs::read_dir(out.parent().unwrap()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert!(matches!(make_directory(&out, fill), Err(StagingError::Exists(_))));
        assert!(matches!(make_directory(&out.join("file"), fill), Err(StagingError::Exists(_))));
        assert!(matches!(make_directory(Path::new(".."), fill), Err(StagingError::Nameless(_))));
    }

    #[test]
    fn what_cannot_be_filled_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let failing = |staging: &Path| {
            fill(staging)?;
            Err::<(), _>(StagingError::Nameless(staging.into()))
        };
        make_directory(&out, failing).unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_somebody_else_made_meanwhile_is_not_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        let racing = |staging: &Path| {
            fill(staging)?;
            fs::create_dir(&out).map_err(StagingError::at(&out))?;
            fs::write(out.join("theirs"), "y").map_err(StagingError::at(&out))
        };
        assert!(matches!(make_directory(&out, racing), Err(StagingError::Disk { .. })));
        assert_eq!(fs::read(out.join("theirs")).unwrap(), b"y");
        make_directory(&directory.path().join("empty"), |_| Ok::<_, StagingError>(())).unwrap();
        make_directory(&directory.path().join("empty"), fill).unwrap();
    }
}
