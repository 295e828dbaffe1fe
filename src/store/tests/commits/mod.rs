//! Commits: what is read back of them is what was appended, over every way of closing; what does not follow is refused.

mod compare;

pub(super) use compare::compare_commits;

use super::*;
use crate::store::commits::ROW_POSITIONS;
use crate::testing::chain::Chain;
use compare::rulings;
use std::collections::{BTreeMap, BTreeSet};
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::{Entry, FinalVerdict, Handed, Round};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{DeviceId, Draft, History, HistoryError, Kind, Timestamp, content_format};

/// What is on the disk when the process ends here, without closing anything.
fn killed(disk: &disks::MemoryDisk) -> disks::MemoryDisk {
    let mut image = vec![0; disk.len().unwrap() as usize];
    disk.read(0, &mut image).unwrap();
    disks::MemoryDisk::with_image(image)
}

fn transactions(arrivals: &[Arc<Attached>]) -> Vec<&Transaction> {
    arrivals.iter().map(|attached| attached.transaction()).collect()
}

fn batch<'a>(
    transactions: &'a [Arc<Attached>],
    cursors: &'a Cursors,
    commits: &'a [Arc<Handed>],
) -> Batch<'a> {
    Batch { transactions, cursors, commits }
}

#[test]
fn what_is_read_back_of_commits_is_what_was_appended() {
    let network = network("final");
    for seed in 0..4 {
        let mut dice = Dice::new(seed);
        let (ledger, _) = ledger(&network, 80 + seed, 3, 120);
        let all = &ledger.arrivals;
        let mut disk = disks::MemoryDisk::default();
        let mut store = open_on(disk.clone(), &network).unwrap();
        let mut chain = Chain::new(&network);
        let mut stored = 0;
        while chain.delivered().count() < all.len() {
            let end = (stored + dice.below(12) as usize).min(all.len());
            let there = transactions(&all[..end]);
            let most = 1 + dice.below(40);
            let commits: Vec<_> =
                (0..dice.below(4)).filter_map(|_| chain.commit_some(&there, most, &mut dice)).collect();
            store.append_batch(&batch(&all[stored..end], &Cursors::new(), &commits)).unwrap();
            stored = end;
            match dice.below(6) {
                0 => {
                    drop(store);
                    store = open_on(disk.clone(), &network).unwrap();
                }
                1 => {
                    disk = killed(&disk);
                    store = open_on(disk.clone(), &network).unwrap();
                }
                _ => {}
            }
            compare_commits(&store, &chain, &all[..stored], &mut dice);
        }
        assert!(all.len() as u64 > 3 * ROW_POSITIONS, "what is noted fills several rows");
        model::compare_arrivals(&store, &network, all, &[], all.len(), &mut dice);
    }
}

#[test]
fn commits_that_do_not_follow_leave_nothing_behind() {
    let network = network("order");
    let (ledger, _) = ledger(&network, 91, 2, 40);
    let (all, none) = (&ledger.arrivals, Cursors::new());
    let store = open_on(disks::MemoryDisk::default(), &network).unwrap();
    let mut chain = Chain::new(&network);
    let there = transactions(all);
    let one = |transaction| (transaction, FinalVerdict::Counts);
    let first = chain.commit(&[one(there[0])], vec![]);
    let second = chain.commit(&[one(there[1]), one(there[21])], vec![there[0].id()]);
    let third = chain.commit(&[one(there[2])], vec![]);
    store.append_batch(&batch(&all[..20], &none, std::slice::from_ref(&first))).unwrap();

    let append = |batch: &Batch<'_>| store.append_batch(batch).unwrap_err();
    let rest = &all[20..];
    let gap = append(&batch(rest, &none, std::slice::from_ref(&third)));
    assert!(matches!(gap, StoreError::CommitGap { expected: 2, found: 3 }), "{gap}");
    let again = append(&batch(rest, &none, std::slice::from_ref(&first)));
    assert!(matches!(again, StoreError::CommitGap { expected: 2, found: 1 }), "{again}");
    let missing = append(&batch(&[], &none, std::slice::from_ref(&second)));
    assert!(matches!(missing, StoreError::NotStored(id) if id == there[21].id()), "{missing}");

    let refused = |handed: Handed, words: &str| {
        let error = append(&batch(rest, &none, &[Arc::new(handed)]));
        assert!(
            matches!(&error, StoreError::BadCommit { index: 2, problem } if problem.contains(words)),
            "{error}"
        );
    };
    let mut broken = Handed::clone(&second);
    broken.delivered.commit.previous.0[7] ^= 1;
    refused(broken, "follow on the one before");
    let mut fewer = Handed::clone(&second);
    fewer.delivered.transactions.pop();
    refused(fewer, "as many transactions as it says");
    chain.truncate(1);
    refused(Handed::clone(&chain.commit(&[one(there[0]), one(there[3])], vec![])), "delivered before");
    chain.truncate(1);
    refused(Handed::clone(&chain.commit(&[one(there[3])], vec![there[5].id()])), "was not delivered");

    chain.truncate(1);
    compare_commits(&store, &chain, &all[..20], &mut Dice::new(1));
    assert_eq!(store.next_position().unwrap(), Position(20), "nor were the transactions stored");
    assert_eq!(store.read_only(), None);
    chain.handed.extend([Arc::clone(&second), third]);
    store.append_batch(&batch(rest, &none, &chain.handed[1..])).unwrap();
    compare_commits(&store, &chain, all, &mut Dice::new(2));
}

/// Whatever was lost of the newest commits, finality makes them again out of what is stored.
#[test]
fn a_store_without_its_newest_commits_goes_on_from_the_older_one() {
    let network = network("behind");
    let (ledger, _) = ledger(&network, 92, 2, 60);
    let (all, none, mut dice) = (&ledger.arrivals, Cursors::new(), Dice::new(3));
    let store = open_on(disks::MemoryDisk::default(), &network).unwrap();
    let mut chain = Chain::new(&network);
    let there = transactions(all);
    let made: Vec<_> = (0..9).filter_map(|_| chain.commit_some(&there, 6, &mut dice)).collect();
    store.append_batch(&batch(all, &none, &made[..4])).unwrap();
    chain.truncate(4);
    compare_commits(&store, &chain, all, &mut dice);
    for handed in &made[4..] {
        store.append_batch(&batch(&[], &none, std::slice::from_ref(handed))).unwrap();
        chain.handed.push(Arc::clone(handed));
        compare_commits(&store, &chain, all, &mut dice);
    }
}

#[test]
fn what_was_delivered_keeps_its_verdict_when_its_body_is_erased_and_what_was_not_is_still_handed_in() {
    let network = network("erased");
    let (ledger, _) = ledger(&network, 93, 2, 40);
    let (all, mut dice) = (&ledger.arrivals, Dice::new(4));
    let store = open_on(disks::MemoryDisk::default(), &network).unwrap();
    let mut chain = Chain::new(&network);
    let commits = [chain.commit_some(&transactions(&all[..30]), 20, &mut dice).unwrap()];
    store.append_batch(&batch(all, &Cursors::new(), &commits)).unwrap();
    let readings = all.iter().filter(|one| one.transaction().header().kind == Kind::Reading);
    let victims: Vec<TxId> = readings.step_by(2).map(|one| one.id()).collect();
    let delivered = rulings(&chain);
    assert!(victims.iter().any(|id| delivered.contains_key(id)));
    assert!(victims.iter().any(|id| !delivered.contains_key(id)));
    assert!(matches!(store.erase(&victims).unwrap(), Erasure::Done { .. }));
    compare_commits(&store, &chain, all, &mut dice);
    let mut erased = 0;
    store
        .restore_finality(&mut |_, kept, _| erased += usize::from(matches!(kept, Ok(Kept::Erased(_)))))
        .unwrap();
    assert_eq!(erased, victims.iter().filter(|id| !delivered.contains_key(id)).count());
}

/// What finality needs of most kinds is in the header; of a witness and a revocation it is not.
#[test]
fn what_is_damaged_is_handed_to_finality_where_its_header_suffices() {
    let network = network("damage");
    let (ledger, _) = ledger(&network, 93, 2, 60);
    let all = &ledger.arrivals;
    let disk = disks::MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(all).unwrap();
    let mut kinds = BTreeSet::new();
    for victim in all.iter().filter(|one| kinds.insert(one.transaction().header().kind)) {
        disk.damage(victim.transaction().wire());
    }
    let mut found = BTreeMap::new();
    let mut restored = |position: Position, kept: Result<Kept, TxId>, _| {
        let (id, is_legible) = kept.map_or_else(|id| (id, false), |kept| (kept.id(), true));
        assert_eq!(id, all[position.0 as usize].id());
        found.insert(id, is_legible);
    };
    store.restore_finality(&mut restored).unwrap();
    assert_eq!(found.len(), all.len());
    let reader = store.reader().unwrap();
    let mut before = BTreeSet::new();
    for one in all {
        let (id, kind) = (one.id(), one.transaction().header().kind);
        let is_legible = !before.insert(kind) || kind != Kind::RevokeDevice;
        assert_eq!(found[&id], is_legible, "{kind:?}");
        let entry = reader.entry(&id);
        if is_legible {
            assert_eq!(entry.unwrap().unwrap(), Entry::of(one.transaction(), network.genesis()));
        } else {
            assert!(matches!(entry, Err(HistoryError::Damaged { id: named, .. }) if named == id));
        }
    }
    assert!(before.contains(&Kind::Enrol) && before.contains(&Kind::RevokeDevice), "{before:?}");
}

/// A witness by the one member of the networks of tests.
pub(super) fn witness(network: &Network, round: u64, parents: Vec<TxId>, at: Timestamp) -> Transaction {
    witness_by([0xC0; 32], network, round, parents, at)
}

/// A witness by whoever has the key of this seed.
pub(super) fn witness_by(
    seed: [u8; 32],
    network: &Network,
    round: u64,
    parents: Vec<TxId>,
    at: Timestamp,
) -> Transaction {
    let key = SigningKey::from_seed(&Seed::from_bytes(seed)).unwrap();
    let round = Round::new(round).unwrap();
    let witness = Witness::new(round, Vote::NONE, parents.clone(), vec![]).unwrap();
    let draft = Draft {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter: round.get() as u32,
        timestamp: at,
        parents: witness.header_parents(parents.first().copied(), network.genesis()),
        salt: [9; 16],
        content: &witness.encode(),
    };
    let wire = draft.sign(network.id(), &key).unwrap().with_nonce(weft_pow::Nonce::from_bytes([0; 8]));
    Transaction::decode(network, &wire).unwrap()
}

#[test]
fn witnesses_are_found_by_author_and_round_and_handed_in_while_they_decide() {
    let network = network("witnessed");
    let (ledger, devices) = ledger(&network, 94, 1, 10);
    let member = SigningKey::from_seed(&Seed::from_bytes([0xC0; 32])).unwrap();
    let member = DeviceId::of(member.public_key());
    let disk = disks::MemoryDisk::default();
    let store = open_on(disk.clone(), &network).unwrap();
    store.append(&ledger.arrivals).unwrap();
    // Ninety rounds, the tenth of them twice.
    let mut made: Vec<Transaction> = Vec::new();
    for round in 1..=90 {
        let parents = made.last().map(Transaction::id).into_iter().collect();
        made.push(witness(&network, round, parents, ledger.now.plus(2 * round)));
    }
    let twin = witness(&network, 10, vec![made[8].id()], ledger.now.plus(21));
    made.insert(10, twin);
    for (at, transaction) in (10..).zip(&made) {
        store.append_records(&[Record { position: Position(at), transaction, twin: None }]).unwrap();
    }
    let mut chain = Chain::new(&network);
    for part in made[..80].chunks(4) {
        let delivered: Vec<_> = part.iter().map(|one| (one, FinalVerdict::Counts)).collect();
        chain.round = 80;
        let commits = [chain.commit(&delivered, vec![])];
        store.append_batch(&batch(&[], &Cursors::new(), &commits)).unwrap();
    }
    let deciding = || (27..101).map(|position| (position, position < 90));
    for store in [&store, &open_on(killed(&disk), &network).unwrap()] {
        let reader = store.reader().unwrap();
        let found = |author: &DeviceId, round| {
            let mut found = Vec::new();
            reader.witnesses(author, Round::new(round).unwrap(), &mut |id| found.push(id)).unwrap();
            found
        };
        assert_eq!(found(&member, 9), [made[8].id()]);
        assert_eq!(found(&member, 10), [made[9].id(), made[10].id()]);
        assert_eq!((found(&member, 91), found(&devices[0].id(), 9)), (vec![], vec![]));
        assert_eq!(reader.is_witness(&made[3].id()).unwrap(), Some(true));
        assert_eq!(reader.is_witness(&ledger.arrivals[3].id()).unwrap(), Some(false));
        assert_eq!(reader.is_witness(&TxId::from_bytes([1; 40])).unwrap(), None);
        let mut kinds = Vec::new();
        store.recover(usize::MAX, &mut |arrival| kinds.push(arrival.is_witness)).unwrap();
        assert_eq!(kinds, [vec![false; 10], vec![true; 91]].concat());

        // Behind a leader of round 80, witnesses from round 17 on decide; that is the 27th of those stored.
        let mut found = Vec::new();
        let mut restored = |position: Position, kept: Result<Kept, TxId>, is_delivered: bool| {
            assert_eq!(kept.unwrap().header().kind == Kind::Witness, position.0 >= 10);
            found.push((position.0, is_delivered));
        };
        store.restore_finality(&mut restored).unwrap();
        let open = (0..10).map(|position| (position, false));
        assert_eq!(found, open.chain(deciding()).collect::<Vec<_>>());
    }

    // With nothing open before them they are handed in all the same.
    let delivered: Vec<_> =
        ledger.arrivals.iter().map(|one| (one.transaction(), FinalVerdict::Counts)).collect();
    store.append_batch(&batch(&[], &Cursors::new(), &[chain.commit(&delivered, vec![])])).unwrap();
    let mut found = Vec::new();
    store.restore_finality(&mut |position, _, is_delivered| found.push((position.0, is_delivered))).unwrap();
    assert_eq!(found, deciding().collect::<Vec<_>>());
}
