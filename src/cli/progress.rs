//! How far a long command is: a bar where a person looks at a terminal, nothing elsewhere.

use super::message;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};

/// A bar that counts.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar of so many rows on standard error; hidden when that is no terminal.
    pub(super) fn of_rows(rows: u64) -> Self {
        Self::of(rows, "{bar:40} {pos}/{len} rows, {msg}, {eta} left")
    }

    /// A bar of so many transactions.
    #[cfg(feature = "node")]
    pub(super) fn of_transactions(transactions: u64) -> Self {
        Self::of(transactions, "{bar:40} {pos}/{len} transactions, {per_sec}, {eta} left")
    }

    #[cfg(feature = "node")]
    pub(super) fn set_to(&self, done: u64, total: u64) {
        self.0.set_length(total);
        self.0.set_position(done);
    }

    fn of(length: u64, template: &str) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(length), target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn set(&self, rows: u64, transactions: u64) {
        self.0.set_position(rows);
        self.0.set_message(format!("{transactions} transactions"));
    }

    /// Writes a message above the bar.
    pub(super) fn say(&self, text: &str) {
        self.0.suspend(|| message(text));
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
