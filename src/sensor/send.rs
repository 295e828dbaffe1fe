//! One reading from `NAME=VALUE` pairs, as a person types them.

use super::naming::full_name;
use super::signals::unit_of;
use super::{Sent, Session, SessionError};
use crate::senml::{self, Record, Time, Value, write_compact_json};
use std::str::FromStr;
use weft_tangle::{DeviceId, Kind, content_format};

/// One measured value: `NAME=VALUE` or `NAME=VALUE:UNIT`.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The signal's name, without the device's.
    pub name: String,
    /// A number, or true or false.
    pub value: Value,
    /// Its unit in the SenML units registry, stated or known by the name.
    pub unit: Option<String>,
}

/// Why a text is no measurement.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MeasurementError {
    /// There is no `=`.
    #[error("`{0}` is not NAME=VALUE; write for instance hr=61 or temperature=36.8:Cel")]
    Shape(String),
    /// The value is none.
    #[error(
        "`{value}` is not a value of `{name}`; give a finite number, true or false, and a unit after a colon"
    )]
    Value {
        /// The signal's name.
        name: String,
        /// What stands for the value.
        value: String,
    },
    /// SenML does not allow it.
    #[error("`{name}`: {problem}")]
    Senml {
        /// The signal's name.
        name: String,
        /// What is wrong.
        problem: senml::Problem,
    },
}

impl FromStr for Measurement {
    type Err = MeasurementError;

    fn from_str(text: &str) -> Result<Self, MeasurementError> {
        let (name, rest) = text.split_once('=').ok_or_else(|| MeasurementError::Shape(text.into()))?;
        let (value, stated) = match rest.split_once(':') {
            Some((value, unit)) => (value, Some(unit.to_owned())),
            None => (rest, None),
        };
        let wrong = || MeasurementError::Value { name: name.into(), value: value.into() };
        let value = match value {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            number => Value::Number(number.parse().ok().filter(|n: &f64| n.is_finite()).ok_or_else(wrong)?),
        };
        let known = match value {
            Value::Number(number) => unit_of(name, number, number),
            _ => None,
        };
        let unit = stated.or_else(|| known.map(str::to_owned));
        let measurement = Self { name: name.into(), value, unit };
        // Any device's id will do to see whether the rest can stand in a record.
        measurement.record(&DeviceId::from_bytes([0; 32]))?;
        Ok(measurement)
    }
}

impl Measurement {
    /// The SenML record, measured now.
    fn record(&self, device: &DeviceId) -> Result<Record, MeasurementError> {
        let record = || {
            let name = full_name(device, &self.name)?;
            let record = Record::new(name, self.value.clone(), Time::NOW)?;
            match &self.unit {
                Some(unit) => record.with_unit(unit.as_str()),
                None => Ok(record),
            }
        };
        record().map_err(|problem| MeasurementError::Senml { name: self.name.clone(), problem })
    }
}

/// The content of one reading, SenML in JSON; its records take the transaction's time.
///
/// # Errors
/// [`MeasurementError::Senml`] for a measurement that was not made from text.
pub fn content(device: &DeviceId, measurements: &[Measurement]) -> Result<Vec<u8>, MeasurementError> {
    let records: Result<Vec<Record>, _> = measurements.iter().map(|one| one.record(device)).collect();
    Ok(write_compact_json(&records?).into_bytes())
}

/// Makes the reading's transaction and hands it in.
///
/// # Errors
/// What [`Session::send`] fails with.
pub fn send(session: &mut Session<'_>, content: &[u8]) -> Result<Sent, SessionError> {
    session.send(Kind::Reading, content_format::SENML_JSON, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Measurement, MeasurementError> {
        text.parse()
    }

    #[test]
    fn values_and_units() {
        let number = |text: &str| match parse(text).unwrap() {
            Measurement { value: Value::Number(number), unit, .. } => (number, unit),
            other => panic!("{other:?}"),
        };
        let unit = |text: &str| Some(text.to_owned());
        assert_eq!(number("hr=61"), (61.0, unit("beat/min")));
        assert_eq!(number("hr=61:1/min"), (61.0, unit("1/min")));
        assert_eq!(number("temperature=-3.5e1"), (-35.0, None));
        assert_eq!(number("temperature=310.1:K"), (310.1, unit("K")));
        assert_eq!(number("steps=12"), (12.0, None));
        assert_eq!(parse("worn=true").unwrap().value, Value::Bool(true));
    }

    #[test]
    fn refusals_say_what_to_write() {
        for text in ["", "hr", "hr:61"] {
            assert!(matches!(parse(text), Err(MeasurementError::Shape(_))), "{text}");
        }
        for text in ["hr=", "hr=x", "hr=nan", "hr=inf", "hr=1e999", "hr=6 1", "hr=:Cel"] {
            assert!(matches!(parse(text), Err(MeasurementError::Value { .. })), "{text}");
        }
        for text in ["=1", "h r=1", "a:b=1", "hr=61:", "hr=61:\n"] {
            assert!(matches!(parse(text), Err(MeasurementError::Senml { .. })), "{text}");
        }
    }

    #[test]
    fn the_content_is_senml_that_the_door_takes() {
        let device = DeviceId::from_bytes([9; 32]);
        let measurements =
            [parse("hr=61").unwrap(), parse("temperature=36.8").unwrap(), parse("worn=true").unwrap()];
        let content = content(&device, &measurements).unwrap();
        let records =
            crate::content::records(content_format::SENML_JSON, &content, 1_700_000_000_000).unwrap();
        let seen: Vec<_> =
            records.iter().map(|r| (r.name().rsplit(':').next().unwrap(), r.number(), r.unit())).collect();
        assert_eq!(
            seen,
            [
                ("hr", Some(61.0), Some("beat/min")),
                ("temperature", Some(36.8), Some("Cel")),
                ("worn", None, None)
            ]
        );
        assert!(records.iter().all(|record| record.time().milliseconds() == 1_700_000_000_000));
        assert!(records[0].name().starts_with(&format!("urn:dev:weft:{device}:")));
    }
}
