//! Recordings of vital signs for replay: CSV with a header row, one time column and one column a signal.
//!
//! A recording is read a line at a time, in bounded memory, and its samples come in order of time. Nothing here
//! reads a clock: each sample says how long after the first it was taken.

pub mod beats;
mod columns;
mod error;
mod lines;
mod reader;
#[cfg(test)]
mod reader_tests;
pub mod synthetic;
mod when;

pub use error::RecordingError;
pub use reader::{Options, Recording, Sample};
pub use when::TimeUnit;

/// Columns of a recording, the time included.
pub const MAX_COLUMNS: usize = 64;

/// Bytes of a line. A number takes fewer than thirty, so that 64 columns fit.
pub const MAX_LINE_BYTES: usize = 4_096;

/// Lines beginning with `#` that are kept to be shown, of those before the header.
pub const MAX_NOTES: usize = 16;

const _: () = assert!(MAX_COLUMNS * 30 <= MAX_LINE_BYTES);
