//! What JSON and CBOR share: collecting a record's fields, applying base fields, and checking the outcome.
//!
//! Base fields hold from their record on until they are given again (RFC 8428, section 4.1).

use super::error::{Error, Problem, excerpt};
use super::field::{Datum, Field};
use super::limits::*;
use super::record::{Name, Pack, Record, Value, checked_unit, finite};
use super::time::Time;

/// The version of RFC 8428, and what a pack without `bver` has.
const VERSION: u64 = 10;

/// The fields of one record so far.
#[derive(Default)]
pub(super) struct Draft {
    seen: u16,
    extensions: Vec<String>,
    version: Option<u64>,
    name: Option<String>,
    unit: Option<String>,
    time: Option<Time>,
    number: Option<f64>,
    other_value: Option<Value>,
    values: usize,
    sum: Option<f64>,
    update_time: Option<f64>,
}

/// A pack in the making.
#[derive(Default)]
pub(super) struct Assembler {
    records: Vec<Record>,
    version: Option<u64>,
    base_name: String,
    base_time: Time,
    base_unit: Option<String>,
    base_value: f64,
    base_sum: Option<f64>,
}

impl Draft {
    /// Notes an extension, which is skipped unless it must be understood.
    pub(super) fn extension(&mut self, label: &str) -> Result<(), Problem> {
        if label.len() > MAX_LABEL_BYTES {
            return Err(Problem::LongLabel);
        }
        if label.ends_with('_') {
            return Err(Problem::MustUnderstand { label: excerpt(label) });
        }
        if self.extensions.iter().any(|known| known == label) {
            return Err(Problem::DuplicateLabel { label: excerpt(label) });
        }
        self.extensions.push(label.to_owned());
        self.within_bound()
    }

    fn first(&mut self, field: Field) -> Result<(), Problem> {
        if self.seen & field.bit() != 0 {
            return Err(Problem::DuplicateLabel { label: field.label().to_owned() });
        }
        self.seen |= field.bit();
        self.within_bound()
    }

    fn within_bound(&self) -> Result<(), Problem> {
        let fields = self.seen.count_ones() as usize + self.extensions.len();
        if fields > MAX_FIELDS { Err(Problem::TooManyFields) } else { Ok(()) }
    }

    fn value(&mut self, value: Value) {
        self.values += 1;
        self.other_value = Some(value);
    }
}

impl Assembler {
    /// The place of the record that is being read.
    pub(super) fn index(&self) -> usize {
        self.records.len()
    }

    /// Fails when the pack is full.
    pub(super) fn begin(&self) -> Result<Draft, Problem> {
        if self.records.len() >= MAX_RECORDS { Err(Problem::TooManyRecords) } else { Ok(Draft::default()) }
    }

    /// Takes one field. Base fields take effect at once: they hold for their own record too.
    pub(super) fn set(&mut self, draft: &mut Draft, field: Field, datum: Datum) -> Result<(), Problem> {
        draft.first(field)?;
        match field {
            Field::BaseVersion => draft.version = Some(whole(field, datum)?),
            Field::BaseName => self.base_name = part_of_name(text(field, datum)?)?,
            Field::BaseTime => self.base_time = Time::from_seconds(number(field, datum)?)?,
            Field::BaseUnit => self.base_unit = Some(checked_unit(text(field, datum)?)?),
            Field::BaseValue => self.base_value = number(field, datum)?,
            Field::BaseSum => self.base_sum = Some(number(field, datum)?),
            Field::Name => draft.name = Some(part_of_name(text(field, datum)?)?),
            Field::Unit => draft.unit = Some(checked_unit(text(field, datum)?)?),
            Field::Time => draft.time = Some(Time::from_seconds(number(field, datum)?)?),
            Field::Sum => draft.sum = Some(number(field, datum)?),
            Field::UpdateTime => draft.update_time = Some(number(field, datum)?),
            Field::Value => {
                draft.values += 1;
                draft.number = Some(number(field, datum)?);
            }
            Field::Text => draft.value(Value::Text(text(field, datum)?)),
            Field::Bool => match datum {
                Datum::Bool(truth) => draft.value(Value::Bool(truth)),
                other => return Err(wrong(field, "true or false", &other)),
            },
            Field::Data => match datum {
                Datum::Bytes(bytes) => draft.value(Value::Data(bytes)),
                other => return Err(wrong(field, "bytes", &other)),
            },
        }
        Ok(())
    }

    /// Applies the base fields to a complete record and checks it.
    pub(super) fn end(&mut self, draft: Draft) -> Result<(), Problem> {
        self.check_version(draft.version)?;
        let suffix = draft.name.unwrap_or_default();
        let name = Name::new([self.base_name.as_str(), &suffix].concat())?;
        let time = self.base_time.plus(draft.time.unwrap_or_default())?;
        // A missing base counts as zero; adding a zero would turn -0 into 0.
        let sum = match (self.base_sum, draft.sum) {
            (Some(base), Some(own)) => Some(base + own),
            (base, own) => own.or(base),
        };
        let value = match draft.number {
            Some(number) if self.base_value == 0.0 => Some(Value::Number(number)),
            Some(number) => Some(Value::Number(self.base_value + number)),
            None => draft.other_value,
        };
        let mut record = match (draft.values, value, draft.sum) {
            (0, _, None) => return Err(Problem::NoValue),
            (0, _, Some(_)) => Record::of_sum(name, sum.unwrap_or(0.0), time)?,
            (1, Some(value), _) => Record::new(name, value, time)?,
            _ => return Err(Problem::ManyValues),
        };
        if let Some(sum) = sum {
            record = record.with_sum(sum)?;
        }
        if let Some(unit) = draft.unit.or_else(|| self.base_unit.clone()) {
            record = record.with_unit(unit)?;
        }
        if let Some(seconds) = draft.update_time {
            record = record.with_update_time(seconds)?;
        }
        self.records.push(record);
        Ok(())
    }

    /// The pack of all records.
    pub(super) fn finish(self) -> Result<Pack, Error> {
        Pack::new(self.records).map_err(Error::Pack)
    }

    /// An error of the record that is being read.
    pub(super) fn at_record(&self, problem: Problem) -> Error {
        match problem {
            Problem::TooManyRecords => Error::Pack(problem),
            problem => Error::Record { index: self.index(), problem },
        }
    }

    fn check_version(&mut self, stated: Option<u64>) -> Result<(), Problem> {
        let pack = *self.version.get_or_insert(stated.unwrap_or(VERSION));
        let version = stated.unwrap_or(pack);
        if version == 0 || version > VERSION {
            return Err(Problem::Version { version, expected: "at most 10" });
        }
        if version != pack {
            return Err(Problem::Version { version, expected: "the first record's version" });
        }
        Ok(())
    }
}

fn text(field: Field, datum: Datum) -> Result<String, Problem> {
    match datum {
        Datum::Text(text) => Ok(text),
        other => Err(wrong(field, "text", &other)),
    }
}

fn number(field: Field, datum: Datum) -> Result<f64, Problem> {
    match datum {
        // RFC 8428 numbers are doubles (section 5), so a larger integer is rounded to the nearest one.
        Datum::Unsigned(number) => Ok(number as f64),
        Datum::Number(number) => finite(field.label(), number),
        other => Err(wrong(field, "a number", &other)),
    }
}

fn whole(field: Field, datum: Datum) -> Result<u64, Problem> {
    match datum {
        Datum::Unsigned(number) => Ok(number),
        Datum::Number(_) => Err(wrong(field, "a positive integer", &Datum::Other("another number"))),
        other => Err(wrong(field, "a positive integer", &other)),
    }
}

fn part_of_name(text: String) -> Result<String, Problem> {
    if text.len() > MAX_NAME_BYTES { Err(Problem::Name { name: excerpt(&text) }) } else { Ok(text) }
}

fn wrong(field: Field, expected: &'static str, found: &Datum) -> Problem {
    Problem::WrongType { label: field.label(), expected, found: found.kind() }
}
