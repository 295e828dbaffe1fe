//! What a witness costs the commit rule, and that it costs no more as the ledger grows.
//!
//! `cargo bench -p weft-tangle --bench finality` prints a table; under `cargo test` it makes a short run and says
//! nothing. Every member is there in every round and builds on all of the round before, the dearest case.
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]
#![allow(clippy::disallowed_methods, reason = "a bench reads the clock; the ledger does not")]

use std::time::Instant;
use weft_tangle::finality::{Committer, Member, Round, Window};
use weft_tangle::limits::ACTIVE_ROUNDS;
use weft_tangle::{CommitteeSize, TxId};

fn main() {
    let measured = std::env::args().any(|argument| argument == "--bench")
        && !std::env::args().any(|argument| argument == "--test");
    let rounds = if measured { 20_000 } else { 200 };
    if measured {
        println!("members  rounds  us/witness, first tenth  last tenth  witnesses in memory");
    }
    for members in [1, 4, 10, 50] {
        let rounds = if members == 50 { rounds / 10 } else { rounds };
        let (first, last, held) = run(members, rounds);
        if measured {
            println!("{members:7}  {rounds:6}  {first:24.2}  {last:10.2}  {held:19}");
        }
    }
}

/// Microseconds a witness in the first and the last tenth of the rounds, and how many are in memory in the end.
fn run(members: usize, rounds: u64) -> (f64, f64, usize) {
    let size = CommitteeSize::new(members).expect("a committee of so many is possible");
    let (mut window, mut committer) = (Window::new(Round::FIRST), Committer::new(size));
    let mut before: Vec<TxId> = Vec::new();
    let (mut commits, mut number) = (0, 0u64);
    let mut tenths = Vec::new();
    for tenth in 0..10 {
        let began = Instant::now();
        for round in (tenth * rounds / 10 + 1..=(tenth + 1) * rounds / 10).filter_map(Round::new) {
            let mut made = Vec::with_capacity(members);
            for author in (0..members).filter_map(Member::new) {
                number += 1;
                let mut id = [0; TxId::BYTES];
                id[..8].copy_from_slice(&number.to_be_bytes());
                let id = TxId::from_bytes(id);
                made.push(id);
                let previous = before.get(author.place()).copied();
                if let Some(place) = window.insert(id, author, round, &before, previous) {
                    committer.attached(&window, place);
                }
                while let Some(leader) = committer.next_leader() {
                    commits += 1;
                    committer.delivered(&window, commits..=commits);
                    window.drop_before(leader.round.back_to_first(ACTIVE_ROUNDS - 1));
                }
            }
            before = made;
        }
        let witnesses = rounds / 10 * members as u64;
        tenths.push(began.elapsed().as_secs_f64() * 1e6 / witnesses.max(1) as f64);
    }
    assert!(commits >= rounds - 2, "every leader is committed");
    (tenths[0], tenths[9], window.len())
}
