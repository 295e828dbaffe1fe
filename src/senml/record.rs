//! A resolved record and what it is made of. Each part is checked when it is made, so that whatever can be held
//! can be written, and what is written is SenML.

use super::error::{Problem, excerpt};
use super::limits::*;
use super::time::Time;

/// A full name: base name and name together (RFC 8428, section 4.5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Checks a full name: 1 to [`MAX_NAME_BYTES`] of `A-Z a-z 0-9 - : . / _`, the first a letter or digit.
    ///
    /// # Errors
    /// [`Problem::Name`].
    pub fn new(text: impl Into<String>) -> Result<Self, Problem> {
        let text = text.into();
        let allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b':' | b'.' | b'/' | b'_');
        let begins_well = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
        if begins_well && text.len() <= MAX_NAME_BYTES && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(Problem::Name { name: excerpt(&text) })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A measured value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `v`: a number; finite in every record.
    Number(f64),
    /// `vs`: a string.
    Text(String),
    /// `vb`: a truth value.
    Bool(bool),
    /// `vd`: bytes.
    Data(Vec<u8>),
}

/// One measurement, with all base fields applied.
///
/// In a [`super::Pack`] its time may still be relative to now; [`super::Pack::resolve`] makes it absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    name: Name,
    unit: Option<String>,
    value: Option<Value>,
    sum: Option<f64>,
    time: Time,
    update_time: Option<f64>,
}

impl Record {
    /// A measurement of one value.
    ///
    /// # Errors
    /// [`Problem::NotFinite`] or [`Problem::LongValue`].
    pub fn new(name: Name, value: Value, time: Time) -> Result<Self, Problem> {
        match &value {
            Value::Number(number) => drop(finite("v", *number)?),
            Value::Text(text) => bounded("vs", text.len())?,
            Value::Data(data) => bounded("vd", data.len())?,
            Value::Bool(_) => {}
        }
        Ok(Self { name, unit: None, value: Some(value), sum: None, time, update_time: None })
    }

    /// An integral over time without a momentary value, in the unit times seconds.
    ///
    /// # Errors
    /// [`Problem::NotFinite`].
    pub fn of_sum(name: Name, sum: f64, time: Time) -> Result<Self, Problem> {
        let sum = Some(finite("s", sum)?);
        Ok(Self { name, unit: None, value: None, sum, time, update_time: None })
    }

    /// The record with a unit, by its name in the SenML units registry (RFC 8428, section 12.1).
    ///
    /// # Errors
    /// [`Problem::Unit`] when it is empty, too long or holds control characters; the registry is not consulted.
    pub fn with_unit(mut self, unit: impl Into<String>) -> Result<Self, Problem> {
        self.unit = Some(checked_unit(unit.into())?);
        Ok(self)
    }

    /// The record with a sum beside its value.
    ///
    /// # Errors
    /// [`Problem::NotFinite`].
    pub fn with_sum(mut self, sum: f64) -> Result<Self, Problem> {
        self.sum = Some(finite("s", sum)?);
        Ok(self)
    }

    /// The record with the longest time, in seconds, until the sensor's next reading.
    ///
    /// # Errors
    /// [`Problem::NotFinite`] or [`Problem::UpdateTime`].
    pub fn with_update_time(mut self, seconds: f64) -> Result<Self, Problem> {
        if finite("ut", seconds)? < 0.0 {
            return Err(Problem::UpdateTime);
        }
        self.update_time = Some(seconds);
        Ok(self)
    }

    /// The full name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The unit, if one was given.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref()
    }

    /// The value; a record without one has a sum.
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The value when it is a number.
    pub fn number(&self) -> Option<f64> {
        match self.value {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// The integral over time, in the unit times seconds.
    pub fn sum(&self) -> Option<f64> {
        self.sum
    }

    /// When it was measured.
    pub fn time(&self) -> Time {
        self.time
    }

    /// The longest time, in seconds, until the sensor's next reading.
    pub fn update_time(&self) -> Option<f64> {
        self.update_time
    }

    fn resolved(mut self, now: Time) -> Self {
        self.time = self.time.resolved(now);
        self
    }
}

/// The records of one pack, in its order; never none, with all base fields applied, times not yet resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Pack {
    records: Vec<Record>,
}

impl Pack {
    /// Only the readers make packs, from at least one record.
    pub(super) fn new(records: Vec<Record>) -> Result<Self, Problem> {
        if records.is_empty() { Err(Problem::Empty) } else { Ok(Self { records }) }
    }

    /// The records as they were sent.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The resolved records (RFC 8428, section 4.6): times relative to `now_ms`, the transaction's timestamp in
    /// milliseconds since the Unix epoch, become absolute, and records stand in order of time, equal ones as sent.
    pub fn resolve(self, now_ms: u64) -> Vec<Record> {
        let now = Time::from_milliseconds(now_ms);
        let mut records: Vec<Record> = self.records.into_iter().map(|record| record.resolved(now)).collect();
        records.sort_by_key(Record::time);
        records
    }
}

/// The number, unless it is infinite or not a number.
pub(super) fn finite(label: &'static str, number: f64) -> Result<f64, Problem> {
    if number.is_finite() { Ok(number) } else { Err(Problem::NotFinite { label }) }
}

/// The unit, when it can stand in a record.
pub(super) fn checked_unit(unit: String) -> Result<String, Problem> {
    if unit.is_empty() || unit.len() > MAX_UNIT_BYTES || unit.chars().any(char::is_control) {
        return Err(Problem::Unit);
    }
    Ok(unit)
}

fn bounded(label: &'static str, length: usize) -> Result<(), Problem> {
    if length > MAX_VALUE_BYTES { Err(Problem::LongValue { label, length }) } else { Ok(()) }
}
