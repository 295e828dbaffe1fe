//! Who is enrolled, with keys ready to verify: a bounded cache over the store.
//!
//! Nothing is cached for a device that is not enrolled, so a flood of unknown ids costs reads but no memory. An
//! entry is dropped when a new enrolment of its device becomes durable, before anybody is told of it.

use crate::limits::{DIRECTORY_ENROLMENTS, DIRECTORY_ENTRIES};
use crate::store::{Reader, Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use weft_tangle::body::Enrolment;
use weft_tangle::signing::PublicKey;
use weft_tangle::{DeviceId, Issuer, Network, Standing};

/// The enrolled devices.
#[derive(Debug)]
pub struct Directory {
    network: Arc<Network>,
    cache: Mutex<Cache>,
}

/// Two generations: what was not asked for while the young one filled up is dropped with the old.
#[derive(Debug, Default)]
struct Cache {
    young: HashMap<DeviceId, Arc<Issuer>>,
    old: HashMap<DeviceId, Arc<Issuer>>,
    /// Counts what was forgotten, so that a lookup that began before does not bring it back.
    version: u64,
}

impl Directory {
    /// An empty cache for `network`.
    pub fn new(network: Arc<Network>) -> Self {
        Self { network, cache: Mutex::default() }
    }

    /// The issuer with its standings, or none if nobody of this id is enrolled. Of a device that has enrolled more
    /// than [`DIRECTORY_ENROLMENTS`] times the newest count.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn find(&self, device: &DeviceId, store: &Store) -> Result<Option<Arc<Issuer>>, StoreError> {
        let version = {
            let mut cache = self.lock();
            if let Some(issuer) = cache.get(device) {
                return Ok(Some(issuer));
            }
            cache.version
        };
        // A snapshot from before the version was read could miss an enrolment that nobody would forget any more.
        let found = self.read(device, &store.reader()?)?;
        Ok(found.map(|issuer| self.keep(device, issuer, version)))
    }

    /// Caches what was read after `version`, unless something was forgotten since.
    fn keep(&self, device: &DeviceId, issuer: Issuer, version: u64) -> Arc<Issuer> {
        let issuer = Arc::new(issuer);
        let mut cache = self.lock();
        if cache.version == version {
            cache.insert(*device, Arc::clone(&issuer));
        }
        issuer
    }

    /// Drops what is known of a device, for it has enrolled anew.
    pub fn forget(&self, device: &DeviceId) {
        let mut cache = self.lock();
        cache.version += 1;
        cache.young.remove(device);
        cache.old.remove(device);
    }

    /// Devices in the cache.
    pub fn len(&self) -> usize {
        let cache = self.lock();
        cache.young.len() + cache.old.len()
    }

    /// Whether the cache is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn read(&self, device: &DeviceId, reader: &Reader) -> Result<Option<Issuer>, StoreError> {
        let named = self.network.standing(device);
        let mut key: Option<PublicKey> = named.as_ref().map(|(key, _)| (*key).clone());
        let mut standings: Vec<Standing> = named.into_iter().map(|(_, standing)| standing).collect();
        for transaction in reader.newest_enrolments(device, DIRECTORY_ENROLMENTS)? {
            if let Ok(enrolment) = Enrolment::decode(transaction.content()) {
                standings.push(enrolment.standing());
                key = Some(enrolment.public_key);
            }
        }
        // A key was parsed when its enrolment was checked, and the network file's when it was read.
        Ok(key.and_then(|key| Issuer::new(&key, standings).ok()))
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // Every change is complete before the lock is left, so a panic elsewhere has spoilt nothing.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn get(&mut self, device: &DeviceId) -> Option<Arc<Issuer>> {
        if let Some(issuer) = self.young.get(device) {
            return Some(Arc::clone(issuer));
        }
        let issuer = self.old.remove(device)?;
        self.insert(*device, Arc::clone(&issuer));
        Some(issuer)
    }

    fn insert(&mut self, device: DeviceId, issuer: Arc<Issuer>) {
        if self.young.len() >= DIRECTORY_ENTRIES / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(device, issuer);
    }
}
