//! Everything that is read back equals what was appended, compared with maps after every batch.

use super::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use weft_tangle::{DeviceId, History, Kind, Timestamp};

const EVER: std::ops::Range<Timestamp> = Timestamp::from_millis(0)..Timestamp::from_millis(u64::MAX);

/// All that a store says about what it holds: the first `stored` of a ledger's arrivals.
fn compare(store: &Store, ledger: &Ledger, devices: &[Device], stored: usize, dice: &mut Dice) {
    compare_arrivals(store, &ledger.network, &ledger.arrivals, devices, stored, dice);
}

/// All that a store says about what it holds: the first `stored` of `all`, which stand in their order of arrival.
pub(super) fn compare_arrivals(
    store: &Store,
    network: &Network,
    all: &[Arc<Attached>],
    devices: &[Device],
    stored: usize,
    dice: &mut Dice,
) {
    let reader = store.reader().unwrap();
    let arrivals = &all[..stored];
    assert_eq!(reader.transactions().unwrap(), stored as u64);
    assert_eq!(store.next_position().unwrap(), Position(stored as u64));
    for attached in all {
        let id = attached.id();
        let expected = arrivals.get(attached.position().0 as usize).map(|attached| Stored {
            transaction: attached.transaction().clone(),
            position: attached.position(),
        });
        assert_eq!(reader.contains(&id).unwrap(), expected.is_some());
        assert_eq!(reader.transaction(&id).unwrap(), expected);
    }
    for device in devices {
        compare_device(&reader, arrivals, device.id(), network, dice);
    }
    assert!(!reader.contains_device(&Device::new(200).id()).unwrap());
}

fn compare_device(
    reader: &Reader,
    arrivals: &[Arc<Attached>],
    device: DeviceId,
    network: &Network,
    dice: &mut Dice,
) {
    let own: BTreeMap<TxId, &Transaction> = arrivals
        .iter()
        .filter(|attached| attached.transaction().header().issuer == device)
        .map(|attached| (attached.id(), attached.transaction()))
        .collect();
    let of_kind = |kind| -> Vec<Transaction> {
        own.values().filter(|one| one.header().kind == kind).map(|one| (*one).clone()).collect()
    };
    let limit = dice.below(5) as usize;
    let enrolments = of_kind(Kind::Enrol);
    assert_eq!(reader.contains_device(&device).unwrap(), !enrolments.is_empty());
    assert_eq!(reader.enrolments(&device, usize::MAX).unwrap(), enrolments);
    assert_eq!(reader.enrolments(&device, limit).unwrap(), enrolments[..limit.min(enrolments.len())]);
    assert_eq!(reader.revocations(&device, usize::MAX).unwrap(), of_kind(Kind::RevokeDevice));

    let mut issued = Vec::new();
    reader.issued(&device, EVER, &mut |id, counter| issued.push((id, counter))).unwrap();
    assert_eq!(issued, own.iter().map(|(id, one)| (*id, one.header().counter)).collect::<Vec<_>>());

    compare_readings(reader, &of_kind(Kind::Reading), device, dice);

    let mut slots: BTreeMap<(Epoch, u32), Vec<TxId>> = BTreeMap::new();
    let epoch = |one: &Transaction| network.rules().epoch(one.header().timestamp);
    for (id, one) in &own {
        slots.entry((epoch(one), one.header().counter)).or_default().push(*id);
    }
    for (id, one) in &own {
        let alone = slots[&(epoch(one), one.header().counter)] == [*id];
        assert_eq!(reader.is_disputed(id, one.header()).unwrap(), !alone);
    }
    for ((epoch, counter), ids) in &slots {
        let (span, mut found) = (network.rules().span(*epoch), Vec::new());
        let mut visit = |id| {
            found.push(id);
            if found.len() > limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        reader.same_counter(&device, span, *counter, &mut visit).unwrap();
        let shared = if ids.len() > 1 { &ids[..(limit + 1).min(ids.len())] } else { &[] };
        assert_eq!(found, shared);
        for id in ids {
            assert_eq!(History::kind(reader, &device, id).unwrap(), Some(own[id].header().kind));
        }
    }
    let shared = slots.into_iter().filter(|(_, ids)| ids.len() > 1);
    let twins: Vec<_> = shared.map(|((epoch, counter), ids)| Equivocation { epoch, counter, ids }).collect();
    assert_eq!(reader.twins(&device, usize::MAX).unwrap(), twins);
    assert_eq!(reader.twins(&device, 0).unwrap(), []);
}

/// Pages of any size, over any range, hold the same readings in the same order.
fn compare_readings(reader: &Reader, all: &[Transaction], device: DeviceId, dice: &mut Dice) {
    let span = 600_000;
    let from = crate::testing::CREATED.plus(dice.below(span));
    let to = from.plus(dice.below(2 * span));
    let within = all.iter().filter(|one| (from..to).contains(&one.header().timestamp));
    let expected: Vec<TxId> = within.map(Transaction::id).collect();
    let limit = 1 + dice.below(7) as usize;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = reader.readings(&device, from, to, after, limit).unwrap();
        assert!(page.ids.len() <= limit);
        found.extend(page.ids);
        if page.is_last {
            break;
        }
        assert!(page.resume > after, "a page that is not the last moves on");
        after = page.resume;
    }
    assert_eq!(found, expected);
    assert_eq!(reader.readings(&device, to, from, None, 9).unwrap(), Page::default());
}

#[test]
fn what_is_read_back_is_what_was_appended() {
    let network = network("model");
    let directory = tempfile::tempdir().unwrap();
    for seed in 0..3 {
        let mut dice = Dice::new(seed);
        let (ledger, devices) = ledger(&network, seed, 4, 120);
        let directory = directory.path().join(seed.to_string());
        let mut store = Store::open(&directory, &network, &StoreOptions::default()).unwrap();
        let mut stored = 0;
        while stored < ledger.arrivals.len() {
            // Nobody reads now and then, so that several batches are pending.
            let before = (dice.below(2) == 0).then(|| store.reader().unwrap());
            let most = [3, 25][dice.below(2) as usize];
            let end = (stored + 1 + dice.below(most) as usize).min(ledger.arrivals.len());
            store.append(&ledger.arrivals[stored..end]).unwrap();
            if let Some(before) = before {
                assert_eq!(before.transactions().unwrap(), stored as u64, "a snapshot does not change");
            }
            stored = end;
            if dice.below(3) == 0 {
                drop(store);
                store = Store::open(&directory, &network, &StoreOptions::default()).unwrap();
            }
            if dice.below(3) > 0 || stored == ledger.arrivals.len() {
                compare(&store, &ledger, &devices, stored, &mut dice);
            }
        }
        assert!(store.file_bytes() > 120 * 2_600);
    }
}

#[test]
fn recovery_gives_the_newest_in_their_order_of_arrival() {
    let network = network("recovery");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 5, 2, 40);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    for newest in [0, 1, 7, 40, 41, 65_536, usize::MAX] {
        let mut found = Vec::new();
        store.recover(newest, &mut |arrival| found.push((arrival.id, arrival.parents))).unwrap();
        let skipped = ledger.arrivals.len().saturating_sub(newest);
        let expected: Vec<_> = ledger.arrivals[skipped..]
            .iter()
            .map(|attached| (attached.id(), ParentTag::of_both(attached.transaction().header().parents)))
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn the_log_is_read_by_position_as_far_as_it_goes() {
    let network = network("log");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, 7, 2, 40);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    let all: Vec<TxId> = ledger.arrivals.iter().map(|attached| attached.id()).collect();
    let count = all.len();
    for (first, end) in
        [(0, 1), (0, count), (7, 19), (count - 1, count + 9), (count, count + 1), (9, 9), (9, 3)]
    {
        let mut found = Vec::new();
        store.reader().unwrap().log(first as u64..end as u64, &mut |id| found.push(id)).unwrap();
        let last = end.clamp(first.min(count), count);
        assert_eq!(found, all[first.min(count)..last]);
    }
}

#[test]
fn a_batch_that_does_not_follow_on_leaves_nothing_behind() {
    let network = network("gaps");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, devices) = ledger(&network, 6, 2, 30);
    let all = &ledger.arrivals;
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&all[..10]).unwrap();
    let gap = |expected, found, result| match result {
        Err(StoreError::Gap { expected: e, found: f }) => {
            assert_eq!((e, f), (Position(expected), Position(found)))
        }
        other => panic!("{other:?}"),
    };
    gap(10, 11, store.append(&all[11..]));
    gap(10, 9, store.append(&all[9..]));
    gap(12, 13, store.append(&[&all[10..12], &all[13..]].concat()));
    // A replica that has forgotten what it attached attaches it again.
    let again = Ledger::starting_at(&network, 6, Position(10)).enrol(&devices[0], 0);
    assert!(matches!(store.append(&[again]), Err(StoreError::Twice(id)) if id == all[0].id()));
    compare(&store, &ledger, &devices, 10, &mut Dice::new(1));
    store.append(&[]).unwrap();
    store.append(&all[10..]).unwrap();
    compare(&store, &ledger, &devices, all.len(), &mut Dice::new(1));
    assert_eq!(store.read_only(), None);
}
