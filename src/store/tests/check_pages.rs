//! Pages that are not what was written are found where nothing that is stored proves itself, and no others.

use super::*;
use crate::store::check::check_pages;
use disks::MemoryDisk;

const CURSOR: &[u8] = b"how far the log of some other node was read";

/// What stands in a file is a sound database, and looking changes nothing.
fn holds(path: &Path, network: &Network) {
    let before = std::fs::read(path).unwrap();
    assert_eq!(check_pages(path, network).unwrap(), None);
    assert!(std::fs::read(path).unwrap() == before, "who looks changes nothing");
}

#[test]
fn a_byte_that_nothing_else_notices_is_found_by_its_page() {
    let (network, directory) = (network("pages"), tempfile::tempdir().unwrap());
    let (ledger, devices) = ledger(&network, 75, 2, 40);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append_with(&ledger.arrivals, &Cursors::from([(devices[0].id(), CURSOR.to_vec())])).unwrap();
    drop(store);
    let path = directory.path().join(FILE_NAME);
    holds(&path, &network);
    let mut bytes = std::fs::read(&path).unwrap();
    let places: Vec<usize> =
        (0..bytes.len() - CURSOR.len()).filter(|at| bytes[*at..].starts_with(CURSOR)).collect();
    assert!(!places.is_empty(), "it is stored");
    places.iter().for_each(|at| bytes[at + 7] ^= 1);
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(check::report(directory.path(), &network).faults, [], "no row proves a cursor");
    let fault = check_pages(&path, &network).unwrap().unwrap();
    assert_eq!((fault.table.as_str(), fault.id.as_ref()), ("pages", None));
    assert!(fault.is_damage() && fault.remedy.contains("back up"), "{fault:?}");
    assert!(std::fs::read(&path).unwrap() == bytes, "nothing is mended");
}

#[test]
fn a_store_is_sound_wherever_a_crash_has_left_it_and_so_are_what_is_made_of_it() {
    let (network, directory) = (network("sound pages"), tempfile::tempdir().unwrap());
    let (ledger, _) = ledger(&network, 76, 2, 60);
    let path = directory.path().join(FILE_NAME);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    for part in ledger.arrivals.chunks(7) {
        store.append(part).unwrap();
        std::fs::write(&path, disk.image()).unwrap();
        holds(&path, &network);
    }
    store.erase(&[ledger.arrivals[5].id()]).unwrap();
    drop(store);
    std::fs::write(&path, disk.image()).unwrap();
    holds(&path, &network);
    compact(directory.path(), &network, &StoreOptions::default()).unwrap();
    holds(&path, &network);
    let copied = directory.path().join("copy");
    let mut file = CopyFile::create(&copied, network.id()).unwrap();
    let view = View::open(&path, &network).unwrap();
    file.append(&view.reader().unwrap().copy(0..60).unwrap()).unwrap();
    file.finish(None).unwrap();
    holds(&copied, &network);
}

#[test]
fn what_is_no_store_of_this_network_is_not_looked_at() {
    let (network, directory) = (network("pages"), tempfile::tempdir().unwrap());
    let other = super::network("other pages");
    drop(Store::open(directory.path(), &network, &StoreOptions::default()).unwrap());
    let path = directory.path().join(FILE_NAME);
    assert!(matches!(check_pages(&path, &other), Err(StoreError::OtherNetwork { .. })));
    std::fs::write(&path, "these are no transactions").unwrap();
    assert!(matches!(check_pages(&path, &network), Err(StoreError::NotAStore { .. })));
}
