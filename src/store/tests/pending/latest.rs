//! What is answered at once is what a store says that has everything in its database.

use super::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::ControlFlow;
use weft_tangle::finality::Round;
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{Timestamp, TxId};

const EVER: std::ops::Range<Timestamp> = Timestamp::from_millis(0)..Timestamp::from_millis(u64::MAX);

/// Who asks, and for what.
struct Asked {
    ids: Vec<TxId>,
    /// Issuers, with the counters that they have used.
    devices: BTreeSet<(DeviceId, u32)>,
    network: Arc<Network>,
    epochs: Vec<Timestamp>,
}

impl Asked {
    fn of(network: &Arc<Network>, transactions: &[Transaction]) -> Self {
        let headers = || transactions.iter().map(|one| one.header());
        let mut devices: BTreeSet<_> = headers().map(|header| (header.issuer, header.counter)).collect();
        devices.insert((Device::new(200).id(), 0));
        let member = SigningKey::from_seed(&Seed::from_bytes([0xC0; 32])).unwrap();
        devices.insert((DeviceId::of(member.public_key()), 1));
        let epochs: BTreeSet<_> = headers().map(|header| network.rules().epoch(header.timestamp)).collect();
        let epochs = epochs.into_iter().map(|epoch| network.rules().span(epoch).start).collect();
        let ids = transactions.iter().map(Transaction::id).collect();
        Self { ids, devices, network: Arc::clone(network), epochs }
    }

    /// All that does not make the database take what is pending, unless that is a witness, a twin or an enrolment.
    fn answers(&self, history: &dyn History) -> Vec<String> {
        let mut said = Vec::new();
        for id in &self.ids {
            let (stored, at) = (history.contains(id).unwrap(), history.position(id).unwrap());
            let (witness, entry) = (history.is_witness(id).unwrap(), history.entry(id).unwrap());
            let outcome = history.outcome(id).unwrap();
            said.push(format!("{id} {stored} {at:?} {witness:?} {entry:?} {outcome:?}"));
        }
        for (device, counter) in &self.devices {
            let mut line = format!("{device} {counter}");
            let mut note = |id: TxId, counter: u32| write!(line, " {id} {counter}").unwrap();
            history.issued(device, EVER, &mut note).unwrap();
            history.delivered(device, EVER, &mut note).unwrap();
            for epoch in &self.epochs {
                let span = self.network.rules().span(self.network.rules().epoch(*epoch));
                let mut twin = |id| {
                    note(id, *counter);
                    ControlFlow::Continue(())
                };
                history.same_counter(device, span, *counter, &mut twin).unwrap();
            }
            for round in 1..4 {
                history.witnesses(device, Round::new(round).unwrap(), &mut |id| note(id, 0)).unwrap();
            }
            for id in &self.ids {
                let kind = history.kind(device, id).unwrap();
                // A row of another's names no kind, and whoever asks by the id need not look.
                write!(line, " {:?}", kind.filter(|_| self.is_of(device, id, history))).unwrap();
            }
            let standings = history.standings(device).unwrap();
            write!(line, " {standings:?} {}", history.is_revoked(device).unwrap()).unwrap();
            said.push(line);
        }
        for (first, end) in [(0, u64::MAX), (0, 5), (3, 9), (7, 8), (30, 31), (9, 3)] {
            let mut line = format!("{first} {end}");
            history.log(first..end, &mut |id| write!(line, " {id}").unwrap()).unwrap();
            said.push(line);
        }
        said.extend((0..4).map(|index| format!("{:?}", history.commit_digest(index).unwrap())));
        said
    }

    fn is_of(&self, device: &DeviceId, id: &TxId, history: &dyn History) -> bool {
        history.entry(id).unwrap().is_some_and(|entry| entry.issuer == *device)
    }
}

#[test]
fn each_answer_is_that_of_a_store_whose_database_has_everything() {
    let network = network("latest");
    let (ledger, _) = ledger(&network, 8, 2, 36);
    let mut all: Vec<Transaction> = ledger.arrivals.iter().map(|one| one.transaction().clone()).collect();
    let mut twins: Vec<_> = ledger.arrivals.iter().map(|one| one.twin()).collect();
    // Witnesses among them, two of one round.
    for (at, round) in [(5, 1), (9, 2), (10, 2), (20, 3), (29, 3)] {
        all.insert(at, witness(&network, round, vec![], ledger.now.plus(at as u64)));
        twins.insert(at, None);
    }
    let asked = Asked::of(&network, &all);
    let disk = MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    let (mut chain, mut dice) = (Chain::new(&network), Dice::new(8));
    let (mut stored, mut pending, mut quiet) = (0, 0, 0);
    while stored < all.len() {
        let end = (stored + 1 + dice.below(3) as usize).min(all.len());
        let batch = (stored..end).map(|at| Record {
            position: Position(at as u64),
            transaction: &all[at],
            twin: twins[at],
        });
        store.append_records(&batch.collect::<Vec<_>>()).unwrap();
        stored = end;
        if dice.below(4) == 0 {
            let there: Vec<_> = all[..stored].iter().collect();
            let commits: Vec<_> = chain.commit_some(&there, 3, &mut dice).into_iter().collect();
            let (transactions, cursors) = (&[][..], &Cursors::new());
            store.append_batch(&Batch { transactions, cursors, commits: &commits }).unwrap();
        }
        let before = store.pending.bytes();
        let whole = open_on(killed(&disk), &network).unwrap();
        let expected = asked.answers(&*whole.shared_reader().unwrap());
        // Each question by itself, for one of them may have what is pending published.
        assert_eq!(asked.answers(&store.latest()), expected, "{stored} are stored");
        assert_eq!(asked.answers(&store.latest()), expected, "{stored} are stored, the second time");
        pending += usize::from(before > 0);
        quiet += usize::from(before > 0 && store.pending.bytes() == before);
    }
    for (id, one) in asked.ids.iter().zip(&all) {
        assert_eq!(store.latest().kept(id).unwrap(), Some(Kept::Whole(one.clone())));
    }
    assert!(pending > 8 && quiet > 2, "{pending} times something was pending, {quiet} times it stayed so");
    assert_eq!(asked.answers(&store.reader().unwrap()), asked.answers(&store.latest()));
}

#[test]
fn what_came_without_its_body_is_answered_as_it_will_be_read() {
    use weft_tangle::Remains;
    use weft_tangle::limits::BODY_OFFSET;
    let network = network("bodiless");
    let (ledger, _) = ledger(&network, 9, 1, 6);
    let store = open_on(MemoryDisk::default(), &network).unwrap();
    append_each(&store, &ledger.arrivals[..1]);
    let reading = ledger.arrivals.iter().find(|one| one.transaction().header().kind == Kind::Reading);
    let reading = reading.unwrap();
    let left = Remains::decode(&network, &reading.transaction().wire()[..BODY_OFFSET]).unwrap();
    let transaction = &left.into_transaction().unwrap();
    store.append_records(&[Record { position: Position(1), transaction, twin: None }]).unwrap();
    assert!(store.pending.bytes() > 0);
    let at_once = store.latest().entry(&reading.id()).unwrap();
    assert!(store.latest().kept(&reading.id()).unwrap().unwrap().is_erased());
    assert_eq!(at_once, store.reader().unwrap().entry(&reading.id()).unwrap());
    assert_eq!(at_once.unwrap().kind, Kind::Reading);
}
