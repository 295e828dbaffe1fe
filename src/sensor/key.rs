//! Key files: the seed that a device's key pair is expanded from (`spec/12-device-files.md`).
//!
//! Always true: a key file is never overwritten, only its owner may read a new one, and a [`KeyFile`] in hand has a
//! device id that follows from its seed. Fresh randomness is drawn here and nowhere else on the sensor side.

use super::durable;
use super::limits::KEY_FILE_BYTES;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use weft_tangle::signing::{Seed, SigningError, SigningKey};
use weft_tangle::{DeviceId, IdError, from_text, to_text};

/// A device's key and where it lies.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    key: Arc<SigningKey>,
    device: DeviceId,
    exposed: bool,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is a file already.
    #[error("{path} exists; a key file is never overwritten: choose another name, or move it away")]
    Exists {
        /// The key file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no key file {path}; make one with `weft key new {path}`")]
    Missing {
        /// The key file.
        path: PathBuf,
    },
    /// The disk does not let it be read or written.
    #[error("cannot {verb} the key file {path}: {source}")]
    Disk {
        /// What was tried.
        verb: &'static str,
        /// The key file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no key file.
    #[error(
        "{path} is not a key file ({problem}): it has two lines, `device = \"...\"` and `seed = \"...\"`"
    )]
    Format {
        /// The key file.
        path: PathBuf,
        /// What is wrong; never the seed.
        problem: String,
    },
    /// A text in it is not what it should be.
    #[error("{path}: {source}")]
    Text {
        /// The key file.
        path: PathBuf,
        /// What is wrong; never the seed.
        source: IdError,
    },
    /// The device id that it states is another key's.
    #[error("{path} says device {stated}, but its seed is that of {found}: restore the file from a copy")]
    OtherDevice {
        /// The key file.
        path: PathBuf,
        /// What the file says.
        stated: String,
        /// What follows from the seed.
        found: DeviceId,
    },
    /// The cryptographic library failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The system gives no randomness.
    #[error("the system gives no random bytes: {0}")]
    Entropy(getrandom::Error),
}

/// What stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    device: String,
    seed: String,
}

impl KeyFile {
    /// Draws a new key and writes it, durably, to a file that must not exist yet.
    ///
    /// # Errors
    /// [`KeyError::Exists`], [`KeyError::Disk`], [`KeyError::Entropy`], [`KeyError::Signing`].
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let seed = Seed::from_bytes(fresh_random()?);
        let key = SigningKey::from_seed(&seed)?;
        let device = DeviceId::of(key.public_key());
        let seed = to_text(seed.as_bytes());
        let text = format!(
            "# A key of the Weft network. Keep it secret: whoever has the seed can sign as this device.\n\
             device = \"{device}\"\nseed = \"{seed}\"\n"
        );
        durable::create_new(path, text.as_bytes()).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyError::Exists { path: path.into() },
            _ => KeyError::Disk { verb: "write", path: path.into(), source },
        })?;
        Ok(Self { path: path.into(), key: Arc::new(key), device, exposed: false })
    }

    /// Reads a key file and checks that device and seed belong together.
    ///
    /// # Errors
    /// All but [`KeyError::Exists`] and [`KeyError::Entropy`].
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let at = || path.to_path_buf();
        let bytes = durable::read_bounded(path, KEY_FILE_BYTES).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyError::Missing { path: at() },
            _ => KeyError::Disk { verb: "read", path: at(), source },
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| KeyError::Format { path: at(), problem: "it is not text".into() })?;
        // The message alone: the whole error would quote the line, and so the seed.
        let written: Written = toml::from_str(&text).map_err(|error| KeyError::Format {
            path: at(),
            problem: error.message().lines().next().unwrap_or("no TOML").to_owned(),
        })?;
        let seed =
            from_text("a seed", &written.seed).map_err(|source| KeyError::Text { path: at(), source })?;
        let key = SigningKey::from_seed(&Seed::from_bytes(seed))?;
        let device = DeviceId::of(key.public_key());
        if written.device != device.to_string() {
            let stated = written.device.chars().take(DeviceId::BYTES * 2).collect();
            return Err(KeyError::OtherDevice { path: at(), stated, found: device });
        }
        Ok(Self { path: at(), key: Arc::new(key), device, exposed: others_may_read(path) })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The key, for who keeps it longer than the file's contents.
    pub fn shared_key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.key)
    }

    /// The device that holds the key.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// Whether users other than its owner may read the file.
    pub fn is_exposed(&self) -> bool {
        self.exposed
    }
}

/// Fresh bytes from the system's generator: for seeds and salts.
///
/// # Errors
/// [`KeyError::Entropy`] when the system has none.
pub fn fresh_random<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(KeyError::Entropy)?;
    Ok(bytes)
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &Path, text: &str) -> String {
        std::fs::write(path, text).unwrap();
        KeyFile::read(path).unwrap_err().to_string()
    }

    #[test]
    fn a_key_comes_back_and_is_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sensor.key");
        let made = KeyFile::create(&path).unwrap();
        let read = KeyFile::read(&path).unwrap();
        assert_eq!((read.device(), read.is_exposed()), (made.device(), false));
        assert_eq!(read.key().sign(b"x"), made.key().sign(b"x"));
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(KeyFile::create(&path), Err(KeyError::Exists { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        let other = KeyFile::create(&directory.path().join("other.key")).unwrap();
        assert_ne!(other.device(), made.device());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_reads_a_new_key() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sensor.key");
        KeyFile::create(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(KeyFile::read(&path).unwrap().is_exposed());
    }

    #[test]
    fn refusals_say_what_is_wrong_and_never_the_seed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("sensor.key");
        assert!(matches!(KeyFile::read(&path), Err(KeyError::Missing { .. })));
        let key = KeyFile::create(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let seed = text.split('"').nth(3).unwrap().to_owned();
        let other = to_text(&[7; 32]);
        let cases = [
            (text.replace(&seed, &other), "but its seed is that of"),
            (text.replace(&seed, &seed[1..]), "a seed is written in 52 characters"),
            (text.replace(&seed, &seed.to_uppercase()), "a seed is lower-case base32hex"),
            (text.replace(&format!("\"{seed}\""), &seed), "is not a key file"),
            (text.replace("device", "devices"), "unknown field"),
            (format!("{text}{}", "#".repeat(5_000)), "more than 4096 bytes"),
            (String::new(), "missing field"),
        ];
        for (text, expected) in cases {
            let error = error(&path, &text);
            assert!(error.contains(expected), "{expected}: {error}");
            assert!(!error.contains(&seed), "{error}");
        }
        assert_eq!(key.path(), path);
    }
}
