//! How far a replay is: a bar where a person looks at a terminal, nothing elsewhere.

use super::message;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};

/// A bar that counts rows.
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar of so many rows on standard error; hidden when that is no terminal.
    pub(super) fn of_rows(rows: u64) -> Self {
        let target =
            if stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(rows), target);
        let style = ProgressStyle::with_template("{bar:40} {pos}/{len} rows, {msg}, {eta} left");
        if let Ok(style) = style {
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
