//! All that a store says of what is final, compared with what a chain makes of it.

use crate::store::tests::*;
use crate::testing::chain::Chain;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use weft_tangle::body::Vote;
use weft_tangle::finality::{FinalVerdict, Handed};
use weft_tangle::{DeviceId, History, Kind, Timestamp};

const EVER: std::ops::Range<Timestamp> = Timestamp::from_millis(0)..Timestamp::from_millis(u64::MAX);

/// What a chain makes of each transaction that it delivers.
pub(super) fn rulings(chain: &Chain) -> BTreeMap<TxId, Ruling> {
    let mut rulings = BTreeMap::new();
    for handed in &chain.handed {
        let commit = handed.delivered.commit.index;
        for judged in &handed.delivered.transactions {
            let ruling = Ruling { commit, verdict: judged.verdict, is_disputed: false };
            assert_eq!(rulings.insert(judged.id, ruling), None);
        }
        for id in &handed.delivered.also_disputed {
            rulings.get_mut(id).unwrap().is_disputed = true;
        }
    }
    rulings
}

/// All that a store says of finality: this chain over these transactions, which stand in their order of arrival.
pub(in crate::store) fn compare_commits(
    store: &Store,
    chain: &Chain,
    arrivals: &[Arc<Attached>],
    dice: &mut Dice,
) {
    let reader = store.reader().unwrap();
    let rulings = rulings(chain);
    for attached in arrivals {
        assert_eq!(reader.outcome(&attached.id()).unwrap(), rulings.get(&attached.id()).copied());
    }
    assert_eq!(reader.newest_commit().unwrap(), chain.handed.last().map(|handed| handed.resume));
    let votes: Vec<Vote> = chain.handed.iter().map(|handed| handed.delivered.vote()).collect();
    assert_eq!(reader.own_digests().unwrap(), votes);
    for handed in &chain.handed {
        compare_commit(&reader, handed, &rulings, dice);
    }
    let behind = votes.len() as u64 + 1;
    assert_eq!(reader.commit(behind).unwrap(), None);
    assert_eq!(reader.delivered_by(behind, 0, 9).unwrap(), []);
    compare_lists(&reader, &votes, dice);
    compare_history(&reader, arrivals, &rulings);
    compare_restored(store, arrivals, &rulings, dice);
}

fn compare_commit(reader: &Reader, handed: &Handed, rulings: &BTreeMap<TxId, Ruling>, dice: &mut Dice) {
    let delivered = &handed.delivered;
    let (commit, digest) = (delivered.commit, delivered.digest);
    assert_eq!(reader.commit(commit.index).unwrap(), Some(StoredCommit { commit, digest }));
    assert_eq!(History::commit_digest(reader, commit.index).unwrap(), Some(digest));
    let ids = delivered.transactions.iter().map(|judged| judged.id);
    let expected: Vec<Ruled> = ids.map(|id| Ruled { id, ruling: rulings[&id] }).collect();
    let (mut found, limit) = (Vec::new(), 1 + dice.below(11) as usize);
    loop {
        let page = reader.delivered_by(commit.index, found.len() as u32, limit).unwrap();
        assert!(page.len() <= limit);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, expected);
}

fn compare_lists(reader: &Reader, votes: &[Vote], dice: &mut Dice) {
    let (start, end) = (dice.below(votes.len() as u64 + 3), dice.below(votes.len() as u64 + 3));
    let limit = dice.below(6) as usize;
    let within: Vec<u64> =
        votes.iter().map(|vote| vote.index).filter(|at| (start..end).contains(at)).collect();
    let found = |order| {
        let commits = reader.commits(start..end, limit, order).unwrap();
        commits.iter().map(|stored| stored.commit.index).collect::<Vec<_>>()
    };
    assert_eq!(found(Order::Ascending), within.iter().copied().take(limit).collect::<Vec<_>>());
    assert_eq!(found(Order::Descending), within.iter().copied().rev().take(limit).collect::<Vec<_>>());
}

/// What finality reads of the past.
fn compare_history(reader: &Reader, arrivals: &[Arc<Attached>], rulings: &BTreeMap<TxId, Ruling>) {
    let issuers: BTreeSet<DeviceId> =
        arrivals.iter().map(|attached| attached.transaction().header().issuer).collect();
    for issuer in issuers {
        let own = arrivals.iter().filter(|attached| attached.transaction().header().issuer == issuer);
        let judged = |attached: &&Arc<Attached>, verdict: fn(FinalVerdict) -> bool| {
            rulings.get(&attached.id()).is_some_and(|ruling| verdict(ruling.verdict))
        };
        let relied = own.clone().filter(|one| judged(one, |verdict| verdict != FinalVerdict::Revoked));
        let mut relied: Vec<_> = relied.map(|one| (one.id(), one.transaction().header().counter)).collect();
        relied.sort_unstable();
        let mut found = Vec::new();
        reader.delivered(&issuer, EVER, &mut |id, counter| found.push((id, counter))).unwrap();
        assert_eq!(found, relied);
        // In these ledgers devices revoke themselves.
        let mut revocations = own.filter(|one| one.transaction().header().kind == Kind::RevokeDevice);
        let is_revoked = revocations.any(|one| judged(&one, |verdict| verdict == FinalVerdict::Counts));
        assert_eq!(reader.is_revoked(&issuer).unwrap(), is_revoked);
    }
}

fn compare_restored(
    store: &Store,
    arrivals: &[Arc<Attached>],
    rulings: &BTreeMap<TxId, Ruling>,
    dice: &mut Dice,
) {
    let open = arrivals.iter().filter(|attached| !rulings.contains_key(&attached.id()));
    let open: Vec<(Position, TxId)> = open.map(|attached| (attached.position(), attached.id())).collect();
    let mut found = Vec::new();
    let mut restored = |position, kept: Result<Kept, TxId>, is_delivered: bool| {
        assert!(!is_delivered, "there are no witnesses here");
        found.push((position, kept.unwrap().id()));
    };
    store.restore_finality(&mut restored).unwrap();
    assert_eq!(found, open);
    let (from, most) = (Position(dice.below(arrivals.len() as u64 + 2)), 1 + dice.below(5) as usize);
    let mut found = Vec::new();
    let mut visit = |position, kept: Kept| {
        found.push((position, kept.id()));
        if found.len() == most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.reader().unwrap().undelivered_from(from, &mut visit).unwrap();
    let expected = open.iter().copied().filter(|(position, _)| *position >= from).take(most);
    assert_eq!(found, expected.collect::<Vec<_>>());
}
