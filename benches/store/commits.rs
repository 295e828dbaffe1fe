//! What commits cost beside the transactions that they deliver: time, disk blocks, a look at an outcome, and what a start
//! needs before finality goes on.

use super::forge::Forge;
use super::{CREATED, Load, READS, network, open, processor_time};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft::store::{Batch, Cursors, Record, Store};
use weft_tangle::body::Vote;
use weft_tangle::finality::{
    Commit, Delivered, FinalVerdict, Handed, Judged, Member, Resume, Round, leaf, merkle_root,
};
use weft_tangle::{Network, Position, Transaction};

/// Measures and prints.
pub(super) fn print(scale: u64, runs: usize) {
    println!(
        "\ndelivered a commit  us a commit  cpu us  bytes a transaction  outcome us  reopen and restore ms"
    );
    for (per_commit, transactions) in [(6, 30_000), (54, 200_000), (1_024, 200_000)] {
        let load = Load { per_commit, transactions: transactions / scale };
        let found: Vec<FinalFigures> = (0..runs).map(|_| measure_commits(load)).collect();
        let median = |figure: fn(&FinalFigures) -> f64| {
            let mut figures: Vec<f64> = found.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        println!(
            "{:18}  {:11.1}  {:6.1}  {:19.1}  {:10.2}  {:21.1}",
            per_commit,
            median(|found| found.commit_us),
            median(|found| found.processor_us),
            median(|found| found.bytes_a_transaction),
            median(|found| found.outcome_us),
            median(|found| found.restore_ms),
        );
    }
}

/// What one measurement of commits finds.
struct FinalFigures {
    commit_us: f64,
    processor_us: f64,
    bytes_a_transaction: f64,
    outcome_us: f64,
    restore_ms: f64,
}

/// Appends, and delivers each batch in a commit of its own.
fn measure_commits(load: Load) -> FinalFigures {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let network = network();
    let (mut forge, mut chain) = (Forge::new(&network), Chain::default());
    let store = open(directory.path(), &network);
    let (mut took, mut processor, mut commits) = (Duration::ZERO, Duration::ZERO, 0_u32);
    append_all(&store, load, &mut forge, |batch| {
        let commits_of_batch = [chain.deliver(&network, batch)];
        let batch = Batch { transactions: &[], cursors: &Cursors::new(), commits: &commits_of_batch };
        let (begin, processor_begin) = (Instant::now(), processor_time());
        store.append_batch(&batch).expect("the disk has room");
        took += begin.elapsed();
        processor += processor_time().saturating_sub(processor_begin);
        commits += 1;
    });
    let with_commits = store.file_bytes();
    drop(store);

    let begin = Instant::now();
    let store = open(directory.path(), &network);
    let mut open_transactions = 0_u32;
    store.restore_finality(&mut |_, _, _| open_transactions += 1).expect("the store can be read");
    let restore = begin.elapsed();
    assert_eq!(open_transactions, 0, "all is delivered");
    let reader = store.shared_reader().expect("the store can be read");
    let begin = Instant::now();
    for number in 0..READS {
        let position = (number * 7_919) % forge.ids.len() as u64;
        let outcome = reader.outcome(&forge.ids[position as usize]).expect("the store can be read");
        assert!(outcome.is_some(), "all is delivered");
    }
    let outcome_us = begin.elapsed().as_secs_f64() * 1e6 / READS as f64;

    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let plain = open(directory.path(), &network);
    append_all(&plain, load, &mut Forge::new(&network), |_| ());
    let without = plain.file_bytes();
    FinalFigures {
        commit_us: took.as_secs_f64() * 1e6 / f64::from(commits),
        processor_us: processor.as_secs_f64() * 1e6 / f64::from(commits),
        bytes_a_transaction: (with_commits as f64 - without as f64) / load.transactions as f64,
        outcome_us,
        restore_ms: restore.as_secs_f64() * 1e3,
    }
}

/// Appends a load in batches, and hands each to whoever wants it.
fn append_all(store: &Store, load: Load, forge: &mut Forge, mut then: impl FnMut(&[Transaction])) {
    while (forge.ids.len() as u64) < load.transactions {
        let first = forge.ids.len() as u64;
        let count = load.per_commit.min(load.transactions - first);
        let batch: Vec<Transaction> = (0..count).map(|_| forge.next()).collect();
        let records: Vec<Record<'_>> = (first..)
            .zip(&batch)
            .map(|(position, transaction)| Record { position: Position(position), transaction, twin: None })
            .collect();
        store.append_records(&records).expect("the disk has room");
        then(&batch);
    }
}

/// A chain of commits that nobody has voted for.
#[derive(Default)]
struct Chain {
    last: Option<Vote>,
}

impl Chain {
    fn deliver(&mut self, network: &Network, batch: &[Transaction]) -> Arc<Handed> {
        let last = self.last.unwrap_or(Vote::NONE);
        let verdict = FinalVerdict::Counts;
        let judged = batch.iter().map(|transaction| {
            let header = transaction.header();
            let (id, kind, issuer, counter) = (transaction.id(), header.kind, header.issuer, header.counter);
            Judged { id, kind, issuer, counter, verdict }
        });
        let mut transactions: Vec<Judged> = judged.collect();
        transactions.sort_unstable_by_key(|judged| judged.id);
        let commit = Commit {
            index: last.index + 1,
            previous: last.digest,
            leader: batch[0].id(),
            time: CREATED,
            root: merkle_root(transactions.iter().map(|judged| leaf(&judged.id, verdict))),
            count: transactions.len() as u32,
        };
        let digest = commit.digest(network.id());
        self.last = Some(Vote { index: commit.index, digest });
        let leader = Member::new(0).expect("every committee has one");
        let (also_disputed, revoked) = Default::default();
        let delivered = Delivered { commit, digest, leader, transactions, also_disputed, revoked };
        let (round, active) = (Round::FIRST, [leader].into_iter().collect());
        let resume = Resume { commit, first: commit.index, round, active, last_open: commit.index };
        Arc::new(Handed { delivered, resume })
    }
}
