//! Lines of bounded length with their numbers, split into fields.
//!
//! A row is one line: a line break inside quotes is not supported, so that every error can name its line and no
//! quote that is never closed makes the rest of a file one field.

use std::io::{BufRead, Read};

use super::{MAX_LINE_BYTES, RecordingError};

pub(super) struct Lines<R> {
    source: R,
    bytes: Vec<u8>,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, bytes: Vec::new(), number: 0 }
    }

    /// The number of the line read last, counted from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line that is not blank, without its end; nothing at the end of the file.
    pub(super) fn next_line(&mut self) -> Result<Option<&str>, RecordingError> {
        loop {
            self.number += 1;
            let line = self.number;
            self.bytes.clear();
            let bound = MAX_LINE_BYTES as u64 + 1;
            let read = (&mut self.source).take(bound).read_until(b'\n', &mut self.bytes);
            match read.map_err(|source| RecordingError::Io { line, source })? {
                0 => return Ok(None),
                length if length > MAX_LINE_BYTES => return Err(RecordingError::LongLine { line }),
                _ if self.bytes.trim_ascii().is_empty() => {}
                _ => break,
            }
        }
        let line = self.number;
        let text = std::str::from_utf8(&self.bytes).map_err(|_| RecordingError::NotCsv { line })?;
        // Spreadsheets begin a file with a byte order mark.
        Ok(Some(text.trim_start_matches('\u{feff}').trim()))
    }
}

/// The fields of one line of CSV, in `fields`.
pub(super) fn split(text: &str, line: u64, fields: &mut csv::StringRecord) -> Result<(), RecordingError> {
    let mut row = csv::ReaderBuilder::new()
        .has_headers(false)
        .trim(csv::Trim::All)
        .buffer_capacity(text.len().max(1))
        .from_reader(text.as_bytes());
    match row.read_record(fields) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(RecordingError::NotCsv { line }),
    }
}
