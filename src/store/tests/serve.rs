//! What is read for peers: stretches of the log, and cursors.

use super::*;
use crate::store::{Cursors, Served};
use weft_tangle::{DeviceId, History};

#[test]
fn stretches_are_read_in_their_order_within_their_bytes() {
    let network = network("serve");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 3, 4, 300);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    for batch in ledger.arrivals.chunks(37) {
        store.append(batch).unwrap();
    }
    let reader = store.reader().unwrap();
    let expected = |range: std::ops::Range<usize>| -> Vec<Kept> {
        let whole = |attached: &Arc<Attached>| Kept::Whole(attached.transaction().clone());
        ledger.arrivals[range].iter().map(whole).collect()
    };
    for (range, most) in [(0..300, 10_000), (5..6, 100_000), (120..300, 65_536), (290..400, 20_000)] {
        let end = range.end;
        let (mut next, mut found) = (range.start, Vec::new());
        while next < end {
            let served = reader.serve(next..end, most).unwrap();
            let bytes: usize = served.found.iter().map(|one| 2 + one.wire().len()).sum();
            assert!(served.bytes == bytes && bytes <= most && served.next > next, "{range:?} {next}");
            next = served.next;
            found.extend(served.found);
        }
        assert_eq!(found, expected(range.start as usize..300.min(end as usize)), "{range:?}");
    }
    assert_eq!(reader.serve(7..7, 9_000).unwrap(), Served { next: 7, ..Served::default() });
    let nothing_fits = reader.serve(7..9, 100).unwrap();
    assert_eq!((nothing_fits.next, nothing_fits.found.len()), (7, 0));
}

#[test]
fn what_is_damaged_is_left_out_and_named() {
    let network = network("serve-damage");
    let disk = Fragile::new(&network);
    let (ledger, _) = ledger(&network, 4, 2, 12);
    disk.store.append(&ledger.arrivals).unwrap();
    let wire = ledger.arrivals[5].transaction().wire();
    disk.damage(wire);
    let served = disk.store.reader().unwrap().serve(0..12, 1 << 20).unwrap();
    assert_eq!((served.withheld, served.found.len()), (vec![ledger.arrivals[5].id()], 11));
    assert_eq!(disk.store.damage().0, 1);
}

#[test]
fn a_cursor_is_what_was_written_last_with_transactions_or_without() {
    let network = network("cursors");
    let directory = tempfile::tempdir().unwrap();
    let open = || Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    let (ledger, _) = ledger(&network, 5, 2, 6);
    let [one, other] = [1, 2].map(|byte| DeviceId::from_bytes([byte; 32]));
    let store = open();
    assert_eq!(store.reader().unwrap().cursor(&one).unwrap(), b"");
    store.append_with(&ledger.arrivals[..3], &Cursors::from([(one, b"1".to_vec())])).unwrap();
    store.append_with(&[], &Cursors::from([(one, b"22".to_vec()), (other, b"3".to_vec())])).unwrap();
    store.append(&ledger.arrivals[3..]).unwrap();
    drop(store);
    let store = open();
    let reader = store.reader().unwrap();
    assert_eq!((reader.cursor(&one).unwrap(), reader.cursor(&other).unwrap()), (b"22".into(), b"3".into()));
    assert_eq!(reader.transactions().unwrap(), 6);
    assert_eq!(reader.serve(0..9, 1 << 20).unwrap().found.len(), 6, "an empty batch leaves no row");
}

#[test]
fn whoever_reads_while_a_commit_is_made_sees_all_of_it_or_nothing() {
    let network = network("at-once");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 5, 4, 600);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| ledger.arrivals.chunks(2).for_each(|batch| store.append(batch).unwrap()));
        while !writer.is_finished() {
            let reader = store.reader().unwrap();
            let newest = reader.transactions().unwrap().saturating_sub(3)..u64::MAX;
            let look = &mut |id| assert!(reader.position(&id).unwrap().is_some(), "{id} is in the log alone");
            History::log(&reader, newest, look).unwrap();
        }
    });
}
