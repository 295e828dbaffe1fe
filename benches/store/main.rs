//! What the store costs: time and disk blocks of appending, a single read, and opening again; and the same of commits, each
//! of which delivers what was appended before it.
//!
//! `cargo bench --bench store` prints the medians of five runs, each on a fresh store, by transactions in a commit;
//! `-- --once` makes one run of each.
//! The transactions have 2.8 KB and forged signatures, which the store does not look at; they are made outside the
//! measured time. Without `--bench` it makes one tiny run.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints its figures"
)]

mod commits;
mod forge;

use forge::Forge;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft::store::{Record, Store, StoreOptions};
use weft_tangle::signing::{Seed, SigningKey};
use weft_tangle::{Network, NetworkParts, Position, Rules, Timestamp, Transaction};

const CREATED: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Transactions that are read back, one by one, from a store that has just been opened.
const READS: u64 = 2_000;

/// What one measurement appends.
#[derive(Clone, Copy)]
struct Load {
    per_commit: u64,
    transactions: u64,
}

/// What one measurement finds.
struct Figures {
    append_us: f64,
    processor_us: f64,
    commits_per_second: f64,
    commit_p99_ms: f64,
    commit_most_ms: f64,
    blocks_per_wire_byte: f64,
    read_us: f64,
    reopen_ms: f64,
}

fn main() {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    let (scale, runs) = match (asked("--bench"), asked("--once")) {
        (true, false) => (1, 5),
        (true, true) => (1, 1),
        (false, _) => (200, 1),
    };
    let loads = [
        Load { per_commit: 1, transactions: 10_000 / scale },
        Load { per_commit: 5, transactions: 25_000 / scale },
        Load { per_commit: 20, transactions: 40_000 / scale },
        Load { per_commit: 64, transactions: 200_000 / scale },
        Load { per_commit: 1_024, transactions: 200_000 / scale },
    ];
    println!(
        "per commit  transactions  us each  cpu us each  commits/s  p99 ms  most ms  blocks per wire byte  read us  reopen ms"
    );
    for load in loads {
        let found: Vec<Figures> = (0..runs).map(|_| measure(load)).collect();
        let median = |figure: fn(&Figures) -> f64| {
            let mut figures: Vec<f64> = found.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        println!(
            "{:10}  {:12}  {:7.1}  {:11.1}  {:9.0}  {:6.2}  {:7.2}  {:20.3}  {:7.1}  {:9.1}",
            load.per_commit,
            load.transactions,
            median(|found| found.append_us),
            median(|found| found.processor_us),
            median(|found| found.commits_per_second),
            median(|found| found.commit_p99_ms),
            median(|found| found.commit_most_ms),
            median(|found| found.blocks_per_wire_byte),
            median(|found| found.read_us),
            median(|found| found.reopen_ms),
        );
    }
    commits::print(scale, runs);
}

fn measure(load: Load) -> Figures {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let network = network();
    let mut forge = Forge::new(&network);
    let store = open(directory.path(), &network);
    let mut processor = Duration::ZERO;
    let mut commits = Vec::new();
    let mut wire_bytes = 0;
    while (forge.ids.len() as u64) < load.transactions {
        let left = load.transactions - forge.ids.len() as u64;
        let first = forge.ids.len() as u64;
        let batch: Vec<Transaction> = (0..load.per_commit.min(left)).map(|_| forge.next()).collect();
        let records: Vec<Record<'_>> = (first..)
            .zip(&batch)
            .map(|(position, transaction)| Record { position: Position(position), transaction, twin: None })
            .collect();
        wire_bytes += batch.iter().map(|transaction| transaction.wire().len()).sum::<usize>();
        let (begin, processor_begin) = (Instant::now(), processor_time());
        store.append_records(&records).expect("the disk has room");
        commits.push(begin.elapsed());
        processor += processor_time().saturating_sub(processor_begin);
    }
    let blocks_per_wire_byte = store.file_bytes() as f64 / wire_bytes as f64;
    drop(store);

    let begin = Instant::now();
    let store = open(directory.path(), &network);
    let next = store.next_position().expect("the store can be read");
    let reopen = begin.elapsed();
    assert_eq!(next.0, load.transactions, "all that was appended is there");
    commits.sort_unstable();
    let took: Duration = commits.iter().sum();
    let ms = |place: usize| commits[place].as_secs_f64() * 1e3;
    Figures {
        append_us: took.as_secs_f64() * 1e6 / load.transactions as f64,
        processor_us: processor.as_secs_f64() * 1e6 / load.transactions as f64,
        commits_per_second: commits.len() as f64 / took.as_secs_f64(),
        commit_p99_ms: ms(commits.len() * 99 / 100),
        commit_most_ms: ms(commits.len() - 1),
        blocks_per_wire_byte,
        read_us: read(&store, &forge),
        reopen_ms: reopen.as_secs_f64() * 1e3,
    }
}

/// What this thread has had of the processor, kernel included: appending is done on the thread that asks for it. Zero
/// where the system does not say.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0))
}

/// Microseconds to read one transaction of any age, checks included.
fn read(store: &Store, forge: &Forge) -> f64 {
    let begin = Instant::now();
    for number in 0..READS {
        // A stride that shares no factor with the count visits all ages in turn.
        let position = (number * 7_919) % forge.ids.len() as u64;
        let reader = store.reader().expect("the store can be read");
        let found = reader.transaction(&forge.ids[position as usize]).expect("nothing is damaged");
        assert_eq!(found.map(|found| found.position), Some(Position(position)));
    }
    begin.elapsed().as_secs_f64() * 1e6 / READS as f64
}

fn open(directory: &Path, network: &Network) -> Store {
    Store::open(directory, network, &StoreOptions::default()).expect("the directory is ours")
}

fn network() -> Arc<Network> {
    let member = SigningKey::from_seed(&Seed::from_bytes([1; 32])).expect("every seed makes a key");
    let parts = NetworkParts {
        name: "store".into(),
        created: CREATED,
        open_enrolment: true,
        rules: Rules::new(600_000, 600, 0, 0).expect("the rules are in range"),
        registrars: Vec::new(),
        committee: vec![member.public_key().clone()],
    };
    Arc::new(Network::new(parts).expect("the network is well formed"))
}
