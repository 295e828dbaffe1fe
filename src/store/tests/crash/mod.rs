//! Loss of power at any moment, to a replica with its store as the node runs them: what was acknowledged is there, once,
//! at positions without gaps; window, tips, counters and equivocations are what the stored transactions give; the stored
//! commits are the first of those that were handed over, and verdicts agree with them; a cursor stands or falls with what it
//! came with; and all the rest can be handed in again.
//!
//! `WEFT_CRASHES` says how many crashes there are, `WEFT_CRASH_SEED` repeats one seed alone. The same seed gives the
//! same transactions, the same steps, the same crashes.

mod campaign;
mod life;
mod pool;
mod steps;
mod truth;

use super::disks::{Lie, MemoryDisk};
use super::*;
use campaign::{Campaign, Tally};

/// Crashes when `WEFT_CRASHES` says nothing; the gate asks for more.
const CRASHES: u64 = 1_000;

/// Seeds within which each fault that is planted has to be found.
const SEEDS_TO_FIND: u64 = 64;

/// Something wrong on purpose, which the campaign has to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Planted {
    /// The disk lies.
    Lie(Lie),
    /// Transactions are acknowledged when their commit begins, not when it has returned.
    AcknowledgesEarly,
    /// A commit leaves out the last of its transactions.
    DropsTheLast,
    /// A batch leaves out its commits.
    DropsCommits,
    /// A batch leaves out its cursors.
    DropsCursors,
    /// Recovery passes over the newest transaction.
    ForgetsTheNewest,
    /// Counters are rebuilt without asking the store.
    ForgetsCounters,
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

#[test]
#[allow(clippy::print_stdout, reason = "how many crashes there were is the result")]
fn whatever_was_acknowledged_survives_every_crash() {
    let campaign = Campaign { planted: None };
    if let Some(seed) = number("WEFT_CRASH_SEED") {
        let tally = campaign.repeat(seed).unwrap_or_else(|found| panic!("{found}"));
        println!("seed {seed} survived: {tally:?}");
        return;
    }
    let wanted = number("WEFT_CRASHES").unwrap_or(CRASHES);
    let survived = campaign.run(wanted, u64::MAX).unwrap_or_else(|found| panic!("{found}"));
    let Tally { crashes, opening, pending, relieved, reopened, kept, lost } = survived.tally;
    assert!(crashes >= wanted);
    // Crashes that all meet the same moment would show little.
    assert!(opening > wanted / 20 && reopened > wanted / 20, "{survived}");
    assert!(pending > wanted / 50 && relieved > wanted / 50, "{survived}");
    assert!(kept > 0 && lost > wanted / 20, "{survived}");
    println!("{survived}");
}

/// A test that cannot fail shows nothing: each planted fault is found, with one of these words where the first thing
/// to go wrong is known, and found again by its seed alone.
fn finds(planted: Planted, words: &[&str]) {
    let campaign = Campaign { planted: Some(planted) };
    let found = campaign.run(u64::MAX, SEEDS_TO_FIND).expect_err("it has to be found");
    assert!(words.is_empty() || words.iter().any(|words| found.cause.contains(words)), "{found}");
    assert_eq!(campaign.repeat(found.seed).unwrap_err(), found);
}

#[test]
fn a_disk_that_keeps_nothing_is_found() {
    finds(Planted::Lie(Lie::Sync), &[]);
}

#[test]
fn a_disk_that_forgets_how_long_the_file_is_is_found() {
    finds(Planted::Lie(Lie::Length), &[]);
}

#[test]
fn an_answer_before_the_commit_is_found() {
    finds(Planted::AcknowledgesEarly, &["were acknowledged"]);
}

#[test]
fn a_commit_that_is_not_whole_is_found() {
    finds(Planted::DropsTheLast, &["were acknowledged", "whole or not at all", "refused"]);
}

#[test]
fn commits_that_are_not_stored_are_found() {
    finds(Planted::DropsCommits, &["were acknowledged", "whole or not at all", "refused"]);
}

#[test]
fn cursors_that_are_not_stored_are_found() {
    finds(Planted::DropsCursors, &["the cursor"]);
}

#[test]
fn a_window_that_is_not_whole_is_found() {
    finds(Planted::ForgetsTheNewest, &["window"]);
}

#[test]
fn a_counter_that_was_used_already_is_found() {
    finds(Planted::ForgetsCounters, &["counter"]);
}
