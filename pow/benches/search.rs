//! How many attempts a second the search makes, on one thread and on all.
//!
//! `cargo bench -p weft-pow` prints one line for each. Under `cargo test` it makes a tiny run and says nothing, so
//! that the benchmark cannot rot unnoticed. All threads run the same code as the search of a host, lane by lane,
//! at a difficulty that is never met: every attempt counts.
#![allow(clippy::disallowed_methods, reason = "a benchmark measures time; the search itself reads no clock")]
#![allow(clippy::print_stdout, reason = "the figures are what this program is for")]

use std::{
    env,
    num::{NonZeroU32, NonZeroUsize},
    thread,
    time::Instant,
};
use weft_pow::{Difficulty, Search, Seed, Step};

/// Attempts of one thread in one run: about a third of a second.
const ATTEMPTS: u32 = 2_000_000;
const ATTEMPTS_IN_TEST: u32 = 1_000;
const RUNS: usize = 5;

fn main() {
    // Cargo gives `--bench` to what it benches and nothing to what it tests; `--test` is for who asks by hand.
    let bench = env::args().any(|argument| argument == "--bench");
    let test = !bench || env::args().any(|argument| argument == "--test");
    let all = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    for threads in [1, all] {
        let threads = NonZeroU32::new(threads as u32).expect("no machine has 0 or 2^32 threads");
        if test {
            run(threads, ATTEMPTS_IN_TEST);
        } else {
            println!("pow: {:.0} hashes/s (median of {RUNS}), threads: {threads}", median(threads));
        }
    }
}

/// The median hashes/s of the runs.
fn median(threads: NonZeroU32) -> f64 {
    let mut rates = [0.0; RUNS];
    rates.fill_with(|| run(threads, ATTEMPTS));
    rates.sort_by(f64::total_cmp);
    rates[RUNS / 2]
}

/// Hashes/s of one run in which each thread makes `attempts`.
fn run(threads: NonZeroU32, attempts: u32) -> f64 {
    let start = Instant::now();
    thread::scope(|scope| {
        for lane in 0..threads.get() {
            scope.spawn(move || {
                let search = Search::lane(Seed([7; 32]), Difficulty::MAX, lane, threads);
                let step = search.expect("a lane below the number of lanes exists").step(attempts);
                assert_eq!(step, Step::Continue, "64 zero bits are beyond reach");
            });
        }
    });
    f64::from(attempts) * f64::from(threads.get()) / start.elapsed().as_secs_f64()
}
