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

    /// Whether the device is in the cache: it is enrolled, and has been looked for not long ago. Costs no read.
    pub fn is_cached(&self, device: &DeviceId) -> bool {
        let cache = self.lock();
        cache.young.contains_key(device) || cache.old.contains_key(device)
    }

    /// Drops everything, for the store has been opened again and may hold enrolments that nobody was told of.
    pub fn forget_all(&self) {
        let mut cache = self.lock();
        *cache = Cache { version: cache.version + 1, ..Cache::default() };
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

    /// The issuer with all its standings that can be read, not kept.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(super) fn find_all(&self, device: &DeviceId, store: &Store) -> Result<Option<Issuer>, StoreError> {
        Ok(self.made_of(device, store.reader()?.legible_enrolments(device)?))
    }

    fn read(&self, device: &DeviceId, reader: &Reader) -> Result<Option<Issuer>, StoreError> {
        let newest = reader.newest_enrolments(device, DIRECTORY_ENROLMENTS)?;
        let decoded = newest.iter().filter_map(|transaction| Enrolment::decode(transaction.content()).ok());
        Ok(self.made_of(device, decoded))
    }

    fn made_of(&self, device: &DeviceId, enrolments: impl IntoIterator<Item = Enrolment>) -> Option<Issuer> {
        let named = self.network.standing(device);
        let mut key: Option<PublicKey> = named.as_ref().map(|(key, _)| (*key).clone());
        let mut standings: Vec<Standing> = named.into_iter().map(|(_, standing)| standing).collect();
        for enrolment in enrolments {
            standings.push(enrolment.standing());
            key = Some(enrolment.public_key);
        }
        // A key was parsed when its enrolment was checked, and the network file's when it was read.
        key.and_then(|key| Issuer::new(&key, standings).ok())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::fair::line_of;
    use crate::store::StoreOptions;
    use crate::testing::{Device, Ledger, network, reading};

    struct World {
        _directory: tempfile::TempDir,
        store: Store,
        ledger: Ledger,
        device: Device,
        directory: Directory,
    }

    fn world() -> World {
        let network = network("directory");
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
        let ledger = Ledger::new(&network, 1);
        let (device, cache) = (Device::new(1), Directory::new(network));
        World { _directory: directory, store, ledger, device, directory: cache }
    }

    impl World {
        fn enrol(&mut self, counter: u32) {
            let attached = self.ledger.enrol(&self.device, counter);
            self.store.append(&[attached]).unwrap();
        }

        fn find(&self) -> Option<Arc<Issuer>> {
            self.directory.find(&self.device.id(), &self.store).unwrap()
        }
    }

    #[test]
    fn nobody_is_remembered_who_is_not_enrolled() {
        let mut world = world();
        assert!(world.find().is_none() && world.directory.is_empty());
        world.enrol(0);
        assert!(world.find().is_some(), "an enrolment is seen at once");
        assert_eq!(world.directory.len(), 1);
    }

    #[test]
    fn only_who_was_found_has_a_line_of_its_own() {
        let mut world = world();
        let (device, stranger) = (world.device.id(), Device::new(2));
        world.enrol(0);
        let wires = |device: &Device| vec![reading(&world.ledger.network, device, 0).into()];
        let [own, made_up] = [wires(&world.device), wires(&stranger)];
        let shared = line_of(&world.directory, &made_up);
        assert_ne!(shared, stranger.id());
        assert_eq!(line_of(&world.directory, &own), shared, "nobody has looked for it yet");
        world.find().unwrap();
        assert_eq!(line_of(&world.directory, &own), device);
        assert_eq!(line_of(&world.directory, &made_up), shared);
        world.directory.forget(&device);
        assert_eq!(line_of(&world.directory, &own), shared);
    }

    #[test]
    fn a_new_enrolment_is_seen_once_the_device_is_forgotten() {
        let mut world = world();
        world.enrol(0);
        assert_eq!(world.find().unwrap().standings().len(), 1);
        world.enrol(1);
        world.directory.forget(&world.device.id());
        assert_eq!(world.find().unwrap().standings().len(), 2);
    }

    #[test]
    fn what_was_read_before_something_was_forgotten_is_not_kept() {
        let mut world = world();
        world.enrol(0);
        let device = world.device.id();
        let version = world.directory.lock().version;
        let stale = world.directory.read(&device, &world.store.reader().unwrap()).unwrap().unwrap();
        world.enrol(1);
        world.directory.forget(&device);
        world.directory.keep(&device, stale, version);
        assert_eq!(world.find().unwrap().standings().len(), 2);
    }

    #[test]
    fn nothing_is_left_once_all_is_forgotten() {
        let mut world = world();
        world.enrol(0);
        let (device, version) = (world.device.id(), world.directory.lock().version);
        let stale = world.directory.read(&device, &world.store.reader().unwrap()).unwrap().unwrap();
        assert_eq!(world.find().unwrap().standings().len(), 1);
        world.enrol(1);
        world.directory.forget_all();
        world.directory.keep(&device, stale, version);
        assert_eq!(world.find().unwrap().standings().len(), 2);
    }

    #[test]
    fn of_a_device_that_enrols_again_and_again_the_newest_count() {
        let mut world = world();
        for counter in 0..DIRECTORY_ENROLMENTS as u32 + 5 {
            world.enrol(counter);
        }
        assert_eq!(world.find().unwrap().standings().len(), DIRECTORY_ENROLMENTS);
        let newest = world.store.reader().unwrap().newest_enrolments(&world.device.id(), 2).unwrap();
        let ids: Vec<_> = newest.iter().map(|transaction| transaction.id()).collect();
        let arrivals: Vec<_> = world.ledger.arrivals.iter().map(|attached| attached.id()).collect();
        assert!(arrivals.ends_with(&ids));
    }
}
