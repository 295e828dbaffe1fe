//! Reading a recording sample by sample.
//!
//! Times never go back. Equal times are allowed: devices' clocks tick coarser than they sample. After an error the
//! iterator ends.

use std::io::BufRead;
use std::time::Duration;

use super::columns::Columns;
use super::lines::{Lines, split};
use super::{MAX_NOTES, RecordingError, TimeUnit};
use crate::senml::Time;

/// What the header alone does not tell.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name of the time column; by default the first whose name is a time's.
    pub time_column: Option<String>,
    /// How to read the time; by default as the column's name says, and for a bare `time` as its first value does:
    /// a number is seconds, other text a date-time.
    pub time_unit: Option<TimeUnit>,
}

/// What was measured at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// How long after the first row of the recording, to the microsecond.
    pub offset: Duration,
    /// When it was, if the recording says so: it has date-times, or seconds since 1970.
    pub absolute: Option<Time>,
    /// The signal, as its place in [`Recording::columns`], with its value; missing ones are left out.
    pub values: Vec<(usize, f64)>,
}

/// A recording that is being read; an iterator of samples. Rows without any value are passed over.
pub struct Recording<R> {
    lines: Lines<R>,
    columns: Columns,
    notes: Vec<String>,
    fields: csv::StringRecord,
    first: Option<Time>,
    last: Option<Time>,
    ended: bool,
}

impl<R: BufRead> Recording<R> {
    /// Reads the header of a recording.
    ///
    /// # Errors
    /// When there is none, or it names no time column or no signal, or the source cannot be read.
    pub fn open(source: R, options: &Options) -> Result<Self, RecordingError> {
        let mut lines = Lines::new(source);
        let mut notes = Vec::new();
        let mut fields = csv::StringRecord::new();
        loop {
            let line = lines.number() + 1;
            match lines.next_line()? {
                None => return Err(RecordingError::Empty),
                Some(text) => match note(text) {
                    Some(note) if notes.len() < MAX_NOTES => notes.push(note.to_owned()),
                    Some(_) => {}
                    None => {
                        split(text, line, &mut fields)?;
                        break;
                    }
                },
            }
        }
        let columns = Columns::of(&fields, lines.number(), options)?;
        Ok(Self { lines, columns, notes, fields, first: None, last: None, ended: false })
    }

    /// The names of the signals, in the file's order, without the time.
    pub fn columns(&self) -> &[String] {
        &self.columns.names
    }

    /// The text of the lines before the header that begin with `#`: where the recording comes from.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    fn next_sample(&mut self) -> Result<Option<Sample>, RecordingError> {
        loop {
            let Some(text) = self.lines.next_line()? else {
                return Ok(None);
            };
            if note(text).is_some() {
                continue;
            }
            let text = text.to_owned();
            split(&text, self.lines.number(), &mut self.fields)?;
            let sample = self.sample()?;
            if !sample.values.is_empty() {
                return Ok(Some(sample));
            }
        }
    }

    fn sample(&mut self) -> Result<Sample, RecordingError> {
        let (line, expected, found) = (self.lines.number(), self.columns.width, self.fields.len());
        if found != expected {
            return Err(RecordingError::Width { line, expected, found });
        }
        let (time, unit) = self.time(line)?;
        let first = *self.first.get_or_insert(time);
        let last = self.last.replace(time).unwrap_or(time);
        if time < last {
            let back = last.microseconds().abs_diff(time.microseconds());
            return Err(RecordingError::TimeGoesBack { line, back_ms: back.div_ceil(1000) });
        }
        // Times never go back, so this distance is an offset.
        let offset = Duration::from_micros(time.microseconds().abs_diff(first.microseconds()));
        let absolute = unit.is_absolute(time).then_some(time);
        Ok(Sample { offset, absolute, values: self.values(line)? })
    }

    fn time(&mut self, line: u64) -> Result<(Time, TimeUnit), RecordingError> {
        let text = &self.fields[self.columns.time];
        let unit = match &self.columns.unit {
            Ok(unit) => *unit,
            Err(told_by_value) => told_by_value.unit(text),
        };
        self.columns.unit = Ok(unit);
        match unit.read(text) {
            Some(time) => Ok((time, unit)),
            None => Err(RecordingError::Time { line, text: text.to_owned(), unit: unit.name() }),
        }
    }

    fn values(&self, line: u64) -> Result<Vec<(usize, f64)>, RecordingError> {
        let mut values = Vec::with_capacity(self.columns.places.len());
        for (signal, place) in self.columns.places.iter().enumerate() {
            let text = &self.fields[*place];
            if text.is_empty() {
                continue;
            }
            match text.parse::<f64>() {
                Ok(value) if value.is_finite() => values.push((signal, value)),
                _ => {
                    let column = self.columns.names[signal].clone();
                    return Err(RecordingError::Value { line, column, text: text.to_owned() });
                }
            }
        }
        Ok(values)
    }
}

impl<R: BufRead> Iterator for Recording<R> {
    type Item = Result<Sample, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.next_sample().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// What a line that begins with `#` says.
fn note(line: &str) -> Option<&str> {
    line.strip_prefix('#').map(str::trim)
}
