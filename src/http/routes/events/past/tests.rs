//! What a follower is told from disk of transactions that use one counter.

use super::*;
use crate::http::query::Query;
use crate::store::{Batch, Cursors, Fragile};
use crate::testing::chain::Chain;
use crate::testing::{Device, Ledger, network};

/// A commit for each of three readings, of which the first two have one counter, behind one with the enrolment.
fn disputed_twice() -> (Fragile, Rules, [TxId; 3]) {
    let (mut ledger, device) = (Ledger::new(&network("past"), 7), Device::new(1));
    let enrolment = ledger.enrol(&device, 1);
    let readings = [2, 2, 3].map(|counter| ledger.read(&device, counter));
    let ids = readings.each_ref().map(|reading| reading.id());
    let mut chain = Chain::new(&ledger.network);
    let [first, second, third] = readings.each_ref().map(|reading| reading.transaction());
    chain.commit(&[(enrolment.transaction(), FinalVerdict::Counts)], vec![]);
    chain.commit(&[(first, FinalVerdict::Counts)], vec![]);
    chain.commit(&[(second, FinalVerdict::Disputed)], vec![ids[0]]);
    chain.commit(&[(third, FinalVerdict::Counts)], vec![]);
    let disk = Fragile::new(&ledger.network);
    let (transactions, commits) = (&ledger.arrivals[..], &chain.handed[..]);
    disk.store.append_batch(&Batch { transactions, cursors: &Cursors::default(), commits }).unwrap();
    (disk, *ledger.network.rules(), ids)
}

/// The events of a page, by name and by which of these they tell.
fn told(disk: &Fragile, rules: &Rules, ids: &[TxId], kind: &str, commit: u64) -> Vec<(&'static str, usize)> {
    let wish = Wish::of(&Query::of(&[("kind", kind)]), None).unwrap();
    let after = Place { commit, at: 1 };
    let page = page(rules, &disk.store.reader().unwrap(), after, &wish).unwrap();
    assert!(page.is_last);
    let of = |event: &Event| match event {
        Event::Final { id, .. } | Event::Disputed { id, .. } => {
            ids.iter().position(|one| one == id).expect("it is one of them")
        }
        _ => usize::MAX,
    };
    page.events.iter().map(|event| (event.name(), of(event))).collect()
}

#[test]
fn whoever_comes_back_hears_what_became_disputed_before_the_place_that_disputes_it() {
    let (disk, rules, ids) = disputed_twice();
    let told = |kind, commit| told(&disk, &rules, &ids, kind, commit);
    let second = [("disputed", 0), ("disputed", 1), ("final", 1)];
    assert_eq!(told("final,disputed", 2), [&second[..], &[("final", 2)]].concat());
    assert_eq!(
        told("final,disputed", 1),
        [&[("final", 0), ("disputed", 0)], &second[..], &[("final", 2)]].concat()
    );
    assert_eq!(told("disputed", 2), second[..2]);
    assert_eq!(told("final", 2), [("final", 1), ("final", 2)]);
    assert_eq!(told("final,disputed", 3), [("final", 2)]);
    assert_eq!(told("final,disputed", 4), []);
}
