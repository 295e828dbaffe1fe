//! Many seeds, on all cores, until there were crashes enough or something was lost.

use super::Planted;
use super::life::World;
use super::pool::{Pool, SEEDS_PER_POOL};
use crate::testing::Dice;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// Worlds that crash, one a seed.
#[derive(Clone, Copy)]
pub(super) struct Campaign {
    pub(super) planted: Option<Planted>,
}

/// What has happened to worlds.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Tally {
    pub(super) crashes: u64,
    /// Crashes while a store was opened.
    pub(super) opening: u64,
    /// Crashes in a commit while earlier batches were pending.
    pub(super) pending: u64,
    /// Times that room was made in the log behind a batch.
    pub(super) relieved: u64,
    /// Disks that failed without a crash, and worked again.
    pub(super) reopened: u64,
    /// Commits that were cut short and were on disk all the same.
    pub(super) kept: u64,
    /// Commits that were cut short and were not.
    pub(super) lost: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.opening += other.opening;
        self.pending += other.pending;
        self.relieved += other.relieved;
        self.reopened += other.reopened;
        self.kept += other.kept;
        self.lost += other.lost;
    }
}

/// Nothing was lost.
#[derive(Debug)]
pub(super) struct Survived {
    pub(super) tally: Tally,
    seeds: u64,
    seconds: f64,
}

impl fmt::Display for Survived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, seeds, seconds } = self;
        let Tally { crashes, opening, pending, relieved, reopened, kept, lost } = tally;
        write!(
            f,
            "{crashes} crashes of {seeds} seeds survived in {seconds:.1} s, {opening} of them while the "
        )?;
        write!(f, "store was opened and {pending} while batches were pending; ")?;
        write!(f, "room was made in the log {relieved} times; ")?;
        write!(f, "{reopened} failures of the disk without a crash; ")?;
        write!(f, "of the commits that were cut short {kept} were on disk and {lost} were not")
    }
}

/// Something went wrong, and the seed that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) seed: u64,
    pub(super) cause: String,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "seed {}: {}\nthis seed alone: WEFT_CRASH_SEED={} cargo test -p weft --lib store::tests::crash::whatever",
            self.seed, self.cause, self.seed
        )
    }
}

impl Campaign {
    /// Runs seeds from 0 on, until there were `crashes` or `seeds` have come to their end.
    pub(super) fn run(self, crashes: u64, seeds: u64) -> Result<Survived, Found> {
        let begin = Instant::now();
        let (pools, run, done) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(Tally::default()));
        let (found, over) = (Mutex::new(None), AtomicBool::new(false));
        let work = || {
            while !over.load(Ordering::Relaxed) {
                let first = pools.fetch_add(1, Ordering::Relaxed) * SEEDS_PER_POOL;
                if first >= seeds {
                    return;
                }
                let pool = Pool::new(first / SEEDS_PER_POOL);
                for seed in (first..seeds).take(SEEDS_PER_POOL as usize) {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    run.fetch_add(1, Ordering::Relaxed);
                    match self.one(&pool, seed) {
                        Ok(tally) => {
                            let mut done = done.lock().unwrap();
                            done.add(&tally);
                            if done.crashes >= crashes {
                                over.store(true, Ordering::Relaxed);
                            }
                        }
                        Err(fault) => {
                            *found.lock().unwrap() = Some(fault);
                            over.store(true, Ordering::Relaxed);
                        }
                    }
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        let seconds = begin.elapsed().as_secs_f64();
        match found.into_inner().unwrap() {
            Some(found) => Err(found),
            None => Ok(Survived { tally: done.into_inner().unwrap(), seeds: run.into_inner(), seconds }),
        }
    }

    /// One seed again.
    pub(super) fn repeat(self, seed: u64) -> Result<Tally, Found> {
        self.one(&Pool::new(seed / SEEDS_PER_POOL), seed)
    }

    fn one(self, pool: &Pool, seed: u64) -> Result<Tally, Found> {
        // Neighbouring seeds of splitmix64 give the same numbers shifted by one; a first draw sets them apart.
        let dice = Dice::new(Dice::new(seed).below(u64::MAX));
        let mut world = World::new(pool, dice, self.planted);
        catch_unwind(AssertUnwindSafe(|| world.run())).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Found { seed, cause: text.unwrap_or_else(|| "panicked".into()) }
        })
    }
}
