//! Pages that make the database panic: whoever reads, checks or opens the file lives on, and says what it has met.

use super::disks::MemoryDisk;
use super::*;
use crate::store::check::{Checkpoint, Watch, check};
use crate::store::wal::FRONT_BYTES;
use std::num::NonZeroUsize;

/// What redb knows a page of the lowest level by: its first byte.
const LEAF: u8 = 1;

const PAGE_BYTES: usize = 4_096;

/// Pages begin at multiples of their length behind the front.
fn pages(image: &[u8]) -> impl Iterator<Item = usize> {
    (FRONT_BYTES as usize + PAGE_BYTES..image.len()).step_by(PAGE_BYTES)
}

/// Gives the page in which these bytes stand a type that there is not.
fn spoil_page_of(image: &mut [u8], bytes: &[u8]) {
    let at = image.windows(bytes.len()).rposition(|there| there == bytes).unwrap();
    // The number of its rows follows, which is small where these are long.
    let is_leaf = |page: &usize| image[*page] == LEAF && matches!(image[page + 2..page + 4], [1..25, 0]);
    let page = pages(image).filter(is_leaf).take_while(|page| *page <= at).last().unwrap();
    image[page] = 0xEE;
}

#[test]
fn a_scrub_tells_and_goes_on_behind() {
    let network = network("panics");
    let (ledger, _) = ledger(&network, 61, 2, 120);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let mut image = disk.image();
    spoil_page_of(&mut image, ledger.arrivals[30].transaction().wire());
    disk.replace(&image);
    let mut position = Position(0);
    while let Some(Scrubbed { next, .. }) = store.reader().unwrap().scrub(position).unwrap() {
        assert!(next > position);
        position = next;
    }
    // Who looks for a row looks at its neighbour too.
    assert!(store.damage().0 < 80, "{:?}", store.damage());
    assert!(store.damaged().contains(&ledger.arrivals[30].id()));
    let last = ledger.arrivals[119].id();
    assert!(store.reader().unwrap().transaction(&last).unwrap().is_some(), "the others are read");
}

#[test]
fn a_check_reports_it() {
    let network = network("panics");
    let (ledger, _) = ledger(&network, 62, 2, 120);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    drop(store);
    let path = directory.path().join(FILE_NAME);
    // A debug build of the database looks at every page as it opens a file.
    let view = View::open(&path, &network).unwrap();
    let mut image = std::fs::read(&path).unwrap();
    spoil_page_of(&mut image, ledger.arrivals[30].transaction().wire());
    std::fs::write(&path, &image).unwrap();
    let watch = Watch { stop: &|| false, progress: &|_, _| (), note: &|_| () };
    let done = check(&view, NonZeroUsize::MIN, Checkpoint::default(), &watch).unwrap();
    assert!(done.report.is_complete);
    let faults = done.report.faults;
    let is_told = |words: &str| faults.iter().any(|one| one.table == "file" && one.problem.contains(words));
    assert!(is_told("panics where it reads positions 0 to 119"), "{faults:?}");
}

#[test]
fn a_store_that_cannot_be_laid_open_any_more_ends_nobody() {
    let network = network("panics");
    let (ledger, _) = ledger(&network, 63, 2, 60);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let mut image = disk.image();
    let all: Vec<usize> = pages(&image).filter(|page| image[*page] == LEAF).collect();
    all.into_iter().for_each(|page| image[page] = 0xEE);
    disk.replace(&image);
    store.distrust("a test says so".into());
    let cause = store.read_only().unwrap();
    assert!(cause.contains("nor can it be read any more") && cause.contains("panic"), "{cause}");
    assert!(store.try_reopen().is_err());
    assert!(store.reader().is_err());
}
