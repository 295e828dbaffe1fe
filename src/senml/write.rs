//! The base fields that shorten a pack: chosen once, for JSON and CBOR alike, and given in its first record.

use super::record::Record;
use super::time::Time;

/// The base fields of a compact pack. Reading them back with what remains gives the records exactly.
pub(super) struct Bases<'a> {
    /// What all names begin with; empty when that saves nothing.
    pub(super) name: &'a str,
    /// The whole second of the first record; none when that saves nothing.
    pub(super) time: Option<Time>,
    /// The commonest unit, when every record has one: a base unit cannot be undone.
    pub(super) unit: Option<&'a str>,
}

impl<'a> Bases<'a> {
    /// Chooses the bases for these records. A single record gets none.
    pub(super) fn of(records: &'a [Record]) -> Self {
        let [first, _, ..] = records else {
            return Self { name: "", time: None, unit: None };
        };
        // An offset from an absolute base to a relative time could be more than a time can hold.
        let absolute = records.iter().all(|record| !record.time().is_relative());
        let time = absolute.then(|| first.time().whole_second());
        Self { name: common_name(records), time, unit: commonest_unit(records) }
    }

    /// What remains of a record's name.
    pub(super) fn suffix<'r>(&self, record: &'r Record) -> &'r str {
        // All names begin with the base name: `common_name` saw to it.
        &record.name()[self.name.len()..]
    }

    /// What remains of a record's time.
    pub(super) fn offset(&self, record: &Record) -> Time {
        let base = self.time.unwrap_or_default();
        Time::from_microseconds(record.time().microseconds() - base.microseconds())
    }

    /// The unit that the record must state for itself.
    pub(super) fn own_unit<'r>(&self, record: &'r Record) -> Option<&'r str> {
        record.unit().filter(|unit| Some(*unit) != self.unit)
    }
}

/// The longest common beginning of all names: a whole name, or cut behind a separator so that it reads well.
fn common_name(records: &[Record]) -> &str {
    let Some((first, rest)) = records.split_first() else {
        return "";
    };
    let length = rest.iter().fold(first.name().len(), |length, record| {
        let same = first.name().bytes().zip(record.name().bytes()).take_while(|(a, b)| a == b).count();
        length.min(same)
    });
    let common = &first.name()[..length];
    if rest.iter().chain([first]).all(|record| record.name().len() == length) {
        return common;
    }
    common.rfind([':', '/', '.', '-', '_']).map_or("", |at| &common[..=at])
}

/// The unit that most records have, the first in the alphabet among equals.
fn commonest_unit(records: &[Record]) -> Option<&str> {
    let mut units: Vec<&str> = records.iter().map(Record::unit).collect::<Option<_>>()?;
    units.sort_unstable();
    let runs = units.chunk_by(|a, b| a == b);
    runs.rev().max_by_key(|run| run.len()).and_then(|run| run.first().copied())
}

/// The integer that a double is exactly, when it is one that every reader's integers hold. Not for minus zero.
pub(super) fn as_integer(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let minus_zero = number == 0.0 && number.is_sign_negative();
    (number.trunc() == number && number.abs() <= EXACT && !minus_zero).then_some(number as i64)
}
