//! Checking a store: everything that must hold in it, on all cores.
//!
//! First every position, with its row, its hashes, its work and its signature; then every row of the index tables, and every
//! commit with what it delivers. Always true: results are counted in the order of positions, so a check that was stopped goes on behind what it has counted.

mod finality;
mod index;
mod pages;
mod place;
mod report;
mod resume;
mod rows;

pub use pages::check_pages;
pub use report::{Fault, Report, Tally};

use super::caught::caught;
use super::{Reader, StoreError, View};
use crate::limits::{CHECK_CHUNK, CHECK_NOTE};
use finality::{FINAL_UNITS, check_final};
use index::{INDEX_UNITS, check_index};
use rows::Rows;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use weft_tangle::{Network, TxId};

/// How far a check is, to go on from.
#[derive(Clone, Default, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// All positions before this one are checked.
    pub position: u64,
    /// The id at the last of them: if another one stands there, this is another store.
    pub last: Option<String>,
    /// What was counted and found so far.
    pub report: Report,
}

/// Who watches a check.
pub struct Watch<'a> {
    /// Asked between pieces of work; raised, the check ends at once.
    pub stop: &'a (dyn Fn() -> bool + Sync),
    /// Told how many positions of how many are checked.
    pub progress: &'a dyn Fn(u64, u64),
    /// Given what to write down now and then.
    pub note: &'a dyn Fn(&Checkpoint),
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Checks a store on `threads` threads, from `begin` on.
///
/// # Errors
/// The file cannot be read at all. A single row that cannot be read is a fault in the report.
pub fn check(
    view: &View,
    threads: NonZeroUsize,
    begin: Checkpoint,
    watch: &Watch<'_>,
) -> Result<Checkpoint, StoreError> {
    let reader = view.reader()?;
    let total = reader.transactions()?;
    let mut done = Checkpoint { position: begin.position.min(total), ..begin };
    let first = done.position;
    let chunks = (total - first).div_ceil(CHECK_CHUNK);
    let stopped = AtomicBool::new(false);
    let mut noted = Instant::now();
    let begun = AtomicU64::new(0);
    let mut worked = |results: mpsc::Receiver<(u64, Result<Tally, StoreError>)>| {
        in_order(results, |tally| {
            done.report.add(tally);
            done.position = (done.position + CHECK_CHUNK).min(total);
            (watch.progress)(done.position, total);
            if noted.elapsed() >= CHECK_NOTE {
                noted = Instant::now();
                done.last = id_before(&reader, done.position);
                (watch.note)(&done);
            }
            stopped.fetch_or((watch.stop)(), Ordering::Relaxed);
        })
    };
    std::thread::scope(|scope| {
        let (send, results) = mpsc::sync_channel(4 * threads.get());
        for _ in 0..threads.get() {
            let (send, reader, begun, stopped) = (send.clone(), &reader, &begun, &stopped);
            scope.spawn(move || {
                let mut rows = Rows::new(reader, view.network());
                loop {
                    let chunk = begun.fetch_add(1, Ordering::Relaxed);
                    if chunk >= chunks || stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let from = first + chunk * CHECK_CHUNK;
                    let range = from..(from + CHECK_CHUNK).min(total);
                    let what = format!("positions {} to {}", range.start, range.end - 1);
                    let tally = caught(|| rows.check(range)).unwrap_or_else(|| Ok(panicked(&what)));
                    if send.send((chunk, tally)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        worked(results)
    })?;
    done.last = id_before(&reader, done.position);
    if done.position == total && !(watch.stop)() {
        done.report.is_complete = check_indices(&reader, view.network(), threads, watch, &mut done.report)?;
    }
    Ok(done)
}

/// Whether a checkpoint was made of this store: positions only grow, so what stood at its end still does.
///
/// # Errors
/// The file cannot be read.
pub fn is_of(view: &View, checkpoint: &Checkpoint) -> Result<bool, StoreError> {
    let reader = view.reader()?;
    let reaches = reader.transactions()? >= checkpoint.position;
    Ok(reaches && id_before(&reader, checkpoint.position) == checkpoint.last)
}

fn id_before(reader: &Reader, position: u64) -> Option<String> {
    let id: Option<TxId> = place::arrival(reader, position.checked_sub(1)?).ok()?.map(|(id, _)| id);
    id.map(|id| id.to_string())
}

/// Hands results on in the order of their chunks. What comes early waits; it is little, for the oldest chunk is under way.
fn in_order(
    results: mpsc::Receiver<(u64, Result<Tally, StoreError>)>,
    mut take: impl FnMut(Tally),
) -> Result<(), StoreError> {
    let (mut next, mut early) = (0, BTreeMap::new());
    for (chunk, tally) in results {
        early.insert(chunk, tally?);
        while let Some(tally) = early.remove(&next) {
            take(tally);
            next += 1;
        }
    }
    Ok(())
}

/// Checks the index tables; says whether it came to the end.
fn check_indices(
    reader: &Reader,
    network: &Network,
    threads: NonZeroUsize,
    watch: &Watch<'_>,
    report: &mut Report,
) -> Result<bool, StoreError> {
    let begun = AtomicU64::new(0);
    let tallies = std::thread::scope(|scope| {
        let work = || {
            let mut tally = Tally::default();
            loop {
                let unit = begun.fetch_add(1, Ordering::Relaxed);
                if unit >= INDEX_UNITS + FINAL_UNITS || (watch.stop)() {
                    return Ok(tally);
                }
                let check = || match unit.checked_sub(INDEX_UNITS) {
                    None => check_index(reader, network, unit, watch.stop, &mut tally),
                    Some(unit) => check_final(reader, network, unit, watch.stop, &mut tally),
                };
                match caught(check) {
                    Some(result) => result?,
                    None => tally.find(of_panic("a part of the tables")),
                }
            }
        };
        let workers: Vec<_> = (0..threads.get()).map(|_| scope.spawn(work)).collect();
        let joined = workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<Tally>, StoreError>>()
    })?;
    // All of this part is done again when the check goes on, so nothing of it is counted before its end.
    if (watch.stop)() {
        return Ok(false);
    }
    let mut totals = finality::Totals::default();
    tallies.iter().for_each(|tally| totals.add(tally));
    tallies.into_iter().for_each(|tally| report.add(tally));
    let mut check_sums = || {
        index::check_lengths(reader, report)?;
        resume::check_resume(reader, network, report)?;
        finality::check_totals(reader, &totals, report)
    };
    match caught(&mut check_sums) {
        Some(result) => result?,
        None => report.find(of_panic("the tables as a whole")),
    }
    Ok(true)
}

/// What has come of positions that cannot be read.
fn panicked(what: &str) -> Tally {
    let mut tally = Tally::default();
    tally.find(of_panic(what));
    tally
}

fn of_panic(what: &str) -> Fault {
    let problem = format!("the database panics where it reads {what}: a page holds what none can");
    Fault::of_table("file", None, None, problem)
}
