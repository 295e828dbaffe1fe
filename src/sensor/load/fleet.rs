//! The devices of a load: their keys and state files, and their enrolment.
//!
//! Always true: keys lie where the caller says, `device-0000.key` and so on, each with its state beside it, and are used
//! again by the next load; or in a directory that nobody else may read and that is gone when the load is over.

use super::{LoadError, Plan};
use crate::sensor::enrol::{self, DEFAULT_VALID_DAYS};
use crate::sensor::key::fresh_random;
use crate::sensor::{Client, KeyFile, Patience, Session, State, Stop};
use std::fs::DirBuilder;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use weft_tangle::{Role, to_text};

/// Where the keys lie.
pub(super) struct Home {
    directory: PathBuf,
    is_temporary: bool,
}

impl Home {
    /// The caller's directory, made if it is not there, or a temporary one.
    pub(super) fn open(data: Option<&Path>) -> Result<Self, LoadError> {
        let directory = match data {
            Some(data) => data.to_path_buf(),
            None => std::env::temp_dir().join(format!("weft-load-{}", to_text(&fresh_random::<8>()?))),
        };
        let mut builder = DirBuilder::new();
        builder.recursive(data.is_some());
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&directory).map_err(|source| LoadError::disk("make", &directory, source))?;
        Ok(Self { directory, is_temporary: data.is_none() })
    }

    /// The key of a device and whether it was just made.
    fn key(&self, number: usize) -> Result<(KeyFile, bool), LoadError> {
        let path = self.directory.join(format!("device-{number:04}.key"));
        if path.exists() {
            return Ok((KeyFile::read(&path)?, false));
        }
        let key = KeyFile::create(&path)?;
        State::create(&key)?.close()?;
        Ok((key, true))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.is_temporary {
            // What cannot be removed lies in the system's temporary directory, readable by its owner alone.
            let _left = std::fs::remove_dir_all(&self.directory);
        }
    }
}

/// The keys of all devices of the plan, each enrolled as a sensor at the node.
pub(super) fn enrolled(plan: &Plan, home: &Home, stop: &Stop) -> Result<Vec<KeyFile>, LoadError> {
    in_parallel((0..plan.devices).collect(), |number| {
        let (key, is_new) = home.key(number)?;
        let client = Client::new(&plan.url, Patience::INTERACTIVE, stop.clone())?;
        if !is_new && is_known(&client, &key)? {
            return Ok(key);
        }
        let mut session = Session::open(client, &key, stop.clone(), |_| {})?;
        let enrolment = enrol::enrolment(&key, Role::Sensor, session.time()?, DEFAULT_VALID_DAYS)?;
        let sent = enrol::send(&mut session, &enrolment);
        session.close()?;
        sent?;
        Ok(key)
    })
}

/// Whether the node knows the device from an earlier load.
fn is_known(client: &Client, key: &KeyFile) -> Result<bool, LoadError> {
    match client.device(&key.device()) {
        Ok(_) => Ok(true),
        Err(error) if error.problem().is_some_and(|problem| problem.status == 404) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Does something to each item, on all cores; the results stand in the items' order. After an error no further item is
/// begun.
pub(super) fn in_parallel<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> Result<R, LoadError> + Sync,
) -> Result<Vec<R>, LoadError> {
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(items.len());
    let queue = Mutex::new(Some(items.into_iter().enumerate()));
    let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    let run = || {
        let mut done = Vec::new();
        loop {
            let next = lock().as_mut().and_then(Iterator::next);
            let Some((place, item)) = next else { return Ok(done) };
            match work(item) {
                Ok(result) => done.push((place, result)),
                Err(error) => {
                    *lock() = None;
                    return Err(error);
                }
            }
        }
    };
    let mut results = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let mut results = Vec::new();
        for worker in workers {
            // A panic of a worker is the caller's too.
            results.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, LoadError>(results)
    })?;
    results.sort_unstable_by_key(|(place, _)| *place);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_order_and_an_error_ends_it() {
        let doubled = in_parallel((0..100).collect(), |number: u64| Ok(number * 2)).unwrap();
        assert_eq!(doubled, (0..200).step_by(2).collect::<Vec<_>>());
        assert!(in_parallel(Vec::<u8>::new(), Ok).unwrap().is_empty());
        let begun = Mutex::new(0);
        let failed = in_parallel((0..10_000).collect(), |number: u64| {
            *begun.lock().unwrap() += 1;
            if number >= 5 { Err(LoadError::Rate(0.0)) } else { Ok(number) }
        });
        assert!(matches!(failed, Err(LoadError::Rate(_))));
        assert!(*begun.lock().unwrap() < 10_000);
    }

    #[test]
    fn keys_are_used_again_and_temporary_ones_are_gone() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("a").join("b");
        let first = Home::open(Some(&data)).unwrap().key(3).unwrap();
        let again = Home::open(Some(&data)).unwrap().key(3).unwrap();
        assert_eq!((first.1, again.1, first.0.device()), (true, false, again.0.device()));
        let home = Home::open(None).unwrap();
        let path = home.key(0).unwrap().0.path().to_path_buf();
        assert!(path.exists());
        drop(home);
        assert!(!path.parent().unwrap().exists());
    }
}
