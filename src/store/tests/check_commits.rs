//! The check of what is final finds nothing in a sound store, and each thing that is wrong in one that is not.

use super::check::report;
use super::*;
use crate::store::commits::{
    COMMITS, DELIVERED, ROW_POSITIONS, RULINGS, WITNESSES, encode_list, encode_resume, put_witness,
    settled_before, witness_key,
};
use crate::store::layout::META;
use crate::testing::chain::Chain;
use redb::{ReadableTable, WriteTransaction};
use weft_tangle::body::{Vote, Witness};
use weft_tangle::finality::{COMMIT_BYTES, Commit, FinalVerdict, Member, Members, Resume, Round};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{Draft, Kind, NetworkParts, Rules, Timestamp, content_format};

/// Where the witness stands.
const WITNESS: Position = Position(60);

/// A store of 60 transactions and a witness of round 1 in a directory, and a chain that has delivered most of them.
fn stored(seed: u64) -> (tempfile::TempDir, Arc<Network>, Ledger, Chain) {
    let network = network("check");
    let directory = tempfile::tempdir().unwrap();
    let (ledger, _) = ledger(&network, seed, 3, 60);
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    let (mut chain, mut dice, none) = (Chain::new(&network), Dice::new(seed), Cursors::new());
    let there: Vec<&Transaction> = ledger.arrivals.iter().map(|one| one.transaction()).collect();
    for (at, part) in ledger.arrivals.chunks(6).enumerate() {
        let commits: Vec<_> = chain.commit_some(&there[..6 * at], 20, &mut dice).into_iter().collect();
        store.append_batch(&Batch { transactions: part, cursors: &none, commits: &commits }).unwrap();
    }
    let witness = commits::witness(&network, 1, vec![], ledger.now.plus(1));
    store.append_records(&[Record { position: WITNESS, transaction: &witness, twin: None }]).unwrap();
    chain.leader = Some(witness.id());
    let newest = chain.commit(&[(there[59], FinalVerdict::Counts)], vec![]);
    store.append_batch(&Batch { transactions: &[], cursors: &none, commits: &[newest] }).unwrap();
    (directory, network, ledger, chain)
}

#[test]
fn a_sound_chain_has_no_fault() {
    let (directory, network, _, chain) = stored(1);
    let report = report(directory.path(), &network);
    assert_eq!(report.faults, []);
    let delivered = chain.delivered().count() as u64;
    assert_eq!((report.commits, report.delivered), (chain.handed.len() as u64, delivered));
    assert!(delivered > 2 * ROW_POSITIONS && chain.handed.len() > 4);
}

#[test]
fn whatever_is_wrong_with_commits_is_found_and_named() {
    let (_, network, ledger, chain) = stored(2);
    let victim = chain.handed[2].delivered.commit;
    let newest = chain.handed.len() as u64;
    let key = victim.index.to_be_bytes();
    let put = |commit: &WriteTransaction, row: &Commit| {
        commit.open_table(COMMITS).unwrap().insert(&key, &row.encode()).unwrap();
    };
    let position = |id: &TxId| ledger.arrivals.iter().find(|one| one.id() == *id).unwrap().position();
    let listed: Vec<Position> =
        chain.handed[2].delivered.transactions.iter().map(|judged| position(&judged.id)).collect();
    let list = |commit: &WriteTransaction, positions: &[Position]| {
        let mut table = commit.open_table(DELIVERED).unwrap();
        table.retain_in::<&[u8; 12], _>(&list_key(3, 0)..=&list_key(3, u32::MAX), |_, _| false).unwrap();
        for (at, part) in positions.chunks(8).enumerate() {
            let list = encode_list(part.iter().copied());
            table.insert(&list_key(3, 8 * at as u32), &list[..]).unwrap();
        }
    };
    let note = |commit: &WriteTransaction, position: Position, change: &dyn Fn(&mut [u8])| {
        let mut table = commit.open_table(RULINGS).unwrap();
        let first = position.0 - position.0 % ROW_POSITIONS;
        let mut row = *table.get(&first.to_be_bytes()).unwrap().unwrap().value();
        let at = 5 * (position.0 - first) as usize;
        change(&mut row[at..at + 5]);
        table.insert(&first.to_be_bytes(), &row).unwrap();
    };
    let open = ledger.arrivals.iter().find(|one| chain.delivered().all(|judged| judged.id != one.id()));
    let open = open.unwrap().position();
    type Change<'a> = &'a dyn Fn(&WriteTransaction);
    let cases: &[(&str, &str, Change<'_>)] = &[
        ("commits", "commit 3: it is missing", &|commit| {
            commit.open_table(COMMITS).unwrap().remove(&key).unwrap();
        }),
        ("commits", "commit 3: it is missing", &|commit| {
            commit.open_table(COMMITS).unwrap().insert(&key, &[0; COMMIT_BYTES]).unwrap();
        }),
        ("commits", "commit 3: its Merkle root", &|commit| {
            let mut root = victim.root;
            root.0[31] ^= 1;
            put(commit, &Commit { root, ..victim });
        }),
        // The commit itself fits its list, but not what follows on it.
        ("commits", "commit 4: it does not name the digest", &|commit| {
            put(commit, &Commit { time: victim.time.plus(1), ..victim });
        }),
        ("commits", "are listed", &|commit| put(commit, &Commit { count: victim.count + 1, ..victim })),
        ("commits", "are listed", &|commit| list(commit, &listed[..listed.len() - 1])),
        ("commits", "out of order", &|commit| {
            let mut turned = listed.clone();
            turned.swap(0, 1);
            list(commit, &turned);
        }),
        ("commits", "noted as not delivered", &|commit| {
            let mut other = listed.clone();
            other[1] = open;
            list(commit, &other);
        }),
        ("commits", "noted as not delivered", &|commit| note(commit, listed[0], &|bytes| bytes.fill(0))),
        ("commits", "noted as delivered by commit 1", &|commit| {
            note(commit, listed[0], &|bytes| bytes.copy_from_slice(&[0, 0, 0, 0, 16]));
        }),
        ("commits", "its Merkle root", &|commit| note(commit, listed[0], &|bytes| bytes[4] ^= 1)),
        ("rulings", "which is not so", &|commit| {
            note(commit, open, &|bytes| bytes.copy_from_slice(&[0, 0, 1, 0, 0]));
        }),
        ("rulings", "rows where", &|commit| {
            note(commit, open, &|bytes| bytes.copy_from_slice(&[0, 0, 0, 0, 16]));
        }),
        ("rulings", "noted as a witness", &|commit| note(commit, open, &|bytes| bytes[4] |= 8)),
        ("delivered", "rows where", &|commit| {
            commit.open_table(DELIVERED).unwrap().insert(&list_key(newest + 1, 0), &[2][..]).unwrap();
        }),
        ("commits", "where finality goes on", &|commit| {
            commit.open_table(META).unwrap().remove("resume").unwrap();
        }),
        ("meta", "are noted as delivered, and are not", &|commit| {
            let mut meta = commit.open_table(META).unwrap();
            let settled = settled_before(&meta).unwrap();
            assert!(settled <= open.0);
            meta.insert("settled", &(open.0 + 1).to_be_bytes()[..]).unwrap();
        }),
        ("witnesses", "it is no witness of round 7 by member 0", &|commit| {
            let key = witness_key(Round::new(7).unwrap(), Member::new(0).unwrap(), Position(3));
            commit.open_table(WITNESSES).unwrap().insert(&key, ()).unwrap();
        }),
        ("witnesses", "it is not listed", &|commit| {
            let key = witness_key(Round::FIRST, Member::new(0).unwrap(), WITNESS);
            commit.open_table(WITNESSES).unwrap().remove(&key).unwrap();
        }),
        ("rulings", "noted as no witness", &|commit| note(commit, WITNESS, &|bytes| bytes[4] &= !8)),
        ("rulings", "noted as a witness", &|commit| {
            put_witness(commit, Round::new(7).unwrap(), Member::new(0).unwrap(), Position(3)).unwrap();
        }),
    ];
    for (number, (table, words, wrong)) in cases.iter().enumerate() {
        let (directory, ..) = stored(2);
        change(directory.path(), wrong);
        let faults = report(directory.path(), &network).faults;
        let is_named = faults.iter().any(|fault| fault.table == *table && fault.problem.contains(words));
        assert!(is_named, "case {number}: {faults:?}");
        assert!(faults.len() <= 3, "case {number} has named too much: {faults:?}");
    }
}

/// Puts another `resume` in place of the one that is stored.
fn put_resume(directory: &Path, resume: &Resume) {
    change(directory, |commit| {
        commit.open_table(META).unwrap().insert("resume", &encode_resume(resume)[..]).unwrap();
    });
}

fn faults(directory: &Path, network: &Network) -> Vec<String> {
    report(directory, network).faults.into_iter().map(|fault| fault.problem).collect()
}

#[test]
fn each_field_of_where_finality_goes_on_is_checked() {
    let (directory, network, _, chain) = stored(3);
    let right = chain.handed.last().unwrap().resume;
    let wrong = [
        (Resume { round: Round::new(2).unwrap(), ..right }, "the round of the leader is 2, where 1"),
        (Resume { first: right.first - 1, ..right }, "the first commit of the leader"),
        (Resume { last_open: right.last_open - 1, ..right }, "the newest commit of more than witnesses"),
        (Resume { active: Members::NONE, ..right }, "the list of active members is [], where [0]"),
    ];
    for (resume, words) in wrong {
        put_resume(directory.path(), &resume);
        let found = faults(directory.path(), &network);
        assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
    }
    put_resume(directory.path(), &right);
    assert_eq!(faults(directory.path(), &network), Vec::<String>::new());
}

/// A witness by one of the members whose keys these are.
fn witness_by(
    network: &Network,
    key: &SigningKey,
    round: u64,
    parents: &[TxId],
    at: Timestamp,
) -> Transaction {
    let round = Round::new(round).unwrap();
    let witness = Witness::new(round, Vote::NONE, parents.to_vec(), vec![]).unwrap();
    let draft = Draft {
        kind: Kind::Witness,
        content_format: content_format::WEFT,
        counter: round.get() as u32,
        timestamp: at,
        parents: witness.header_parents(parents.first().copied(), network.genesis()),
        salt: [9; 16],
        content: &witness.encode(),
    };
    let wire = draft.sign(network.id(), key).unwrap().with_nonce(weft_pow::Nonce::from_bytes([0; 8]));
    Transaction::decode(network, &wire).unwrap()
}

#[test]
fn who_is_active_follows_from_the_history_of_a_leader() {
    let keys = [1, 2, 3, 4].map(|seed| SigningKey::from_seed(&Seed::from_bytes([0xC0 + seed; 32])).unwrap());
    let parts = NetworkParts {
        name: "active".into(),
        created: crate::testing::CREATED,
        open_enrolment: true,
        rules: Rules::new(600_000, 600, 0, 0).unwrap(),
        registrars: Vec::new(),
        committee: keys.iter().map(|key| key.public_key().clone()).collect(),
    };
    let network = Arc::new(Network::new(parts).unwrap());
    let (ledger, _) = ledger(&network, 4, 2, 66);
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path(), &network, &StoreOptions::default()).unwrap();
    store.append(&ledger.arrivals).unwrap();
    // Three of four in the first round, whom the leader of the second round has as parents; the fourth comes too late.
    let mut at = ledger.now;
    let mut make = |key: &SigningKey, round, parents: &[TxId]| {
        at = at.plus(1);
        witness_by(&network, key, round, parents, at)
    };
    let first: Vec<Transaction> = keys.iter().map(|key| make(key, 1, &[])).collect();
    // Parent 1 of a witness is its author's own before, the others ascend.
    let parents: Vec<TxId> = first[..3].iter().map(Transaction::id).collect();
    let leader = make(&keys[0], 2, &parents);
    for (position, transaction) in (66..).zip(first.iter().chain([&leader])) {
        store.append_records(&[Record { position: Position(position), transaction, twin: None }]).unwrap();
    }
    let mut chain = Chain::new(&network);
    (chain.leader, chain.round) = (Some(first[3].id()), 1);
    for (index, one) in (1..).zip(&ledger.arrivals[..65]) {
        if index == 64 {
            (chain.leader, chain.round) = (Some(leader.id()), 2);
        }
        if index == 65 {
            (chain.leader, chain.round) = (Some(first[3].id()), 1);
        }
        chain.commit(&[(one.transaction(), FinalVerdict::Counts)], vec![]);
    }
    store
        .append_batch(&Batch { transactions: &[], cursors: &Cursors::new(), commits: &chain.handed })
        .unwrap();
    drop(store);
    let all = chain.handed.last().unwrap().resume;
    let found = faults(directory.path(), &network);
    let words = "the list of active members is [0, 1, 2, 3], where [";
    assert!(found.len() == 1 && found[0].contains(words), "{found:?}");
    let authors = parents.iter().map(|id| first.iter().position(|one| one.id() == *id).unwrap());
    let committee = weft_tangle::finality::Committee::of(&network);
    let active: Members = authors
        .map(|at| committee.member(&weft_tangle::DeviceId::of(keys[at].public_key())).unwrap())
        .collect();
    put_resume(directory.path(), &Resume { active, ..all });
    assert_eq!(faults(directory.path(), &network), Vec::<String>::new());
}

fn list_key(index: u64, place: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&index.to_be_bytes());
    key[8..].copy_from_slice(&place.to_be_bytes());
    key
}
