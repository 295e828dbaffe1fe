//! Why a recording cannot be read on. An error names the line, counted from 1, and says what to do about it.

use super::{MAX_COLUMNS, MAX_LINE_BYTES};

/// A recording that cannot be used, or not further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("line {line}: cannot read the recording: {source}")]
    Io {
        /// The line that was to be read.
        line: u64,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is longer than [`MAX_LINE_BYTES`].
    #[error("line {line}: more than {MAX_LINE_BYTES} bytes: is it a CSV file with one sample a line?")]
    LongLine {
        /// The line.
        line: u64,
    },
    /// A line is not UTF-8, or not a row of CSV.
    #[error("line {line}: not CSV in UTF-8: save the recording as UTF-8 text, columns separated by commas")]
    NotCsv {
        /// The line.
        line: u64,
    },
    /// There is no header row.
    #[error("the recording is empty: its first line must name the columns")]
    Empty,
    /// There are more than [`MAX_COLUMNS`].
    #[error("line {line}: {count} columns, more than {MAX_COLUMNS}: keep the time and the signals to replay")]
    ManyColumns {
        /// The header's line.
        line: u64,
        /// How many columns it names.
        count: usize,
    },
    /// A column has no name, or the name of another.
    #[error("line {line}: column {column} has no name of its own (`{name}`): give each column one")]
    ColumnName {
        /// The header's line.
        line: u64,
        /// The column, counted from 1.
        column: usize,
        /// Its name.
        name: String,
    },
    /// No column is known to be the time.
    #[error(
        "line {line}: no time column among {found}: name one `time_ms` (milliseconds), `seconds` or `datetime`, \
         or say which it is"
    )]
    NoTimeColumn {
        /// The header's line.
        line: u64,
        /// The columns' names.
        found: String,
    },
    /// There is a time column but no signal.
    #[error("line {line}: only a time column: add a column for each signal")]
    NoSignal {
        /// The header's line.
        line: u64,
    },
    /// A row has more or fewer fields than the header.
    #[error(
        "line {line}: {found} fields where the header has {expected}: leave a missing value empty between commas"
    )]
    Width {
        /// The row's line.
        line: u64,
        /// The header's fields.
        expected: usize,
        /// The row's fields.
        found: usize,
    },
    /// A time cannot be read.
    #[error("line {line}: `{text}` is not a time in {unit}: correct it, or say which unit the column has")]
    Time {
        /// The row's line.
        line: u64,
        /// What stands there.
        text: String,
        /// How it was to be read.
        unit: &'static str,
    },
    /// A time is earlier than the one before it.
    #[error("line {line}: the time goes back by {back_ms} ms: sort the recording by time, or split it there")]
    TimeGoesBack {
        /// The row's line.
        line: u64,
        /// How far, in milliseconds, rounded up.
        back_ms: u64,
    },
    /// A value is not a finite number.
    #[error(
        "line {line}, column `{column}`: `{text}` is not a finite number: leave the field empty if nothing was measured"
    )]
    Value {
        /// The row's line.
        line: u64,
        /// The signal.
        column: String,
        /// What stands there.
        text: String,
    },
}
