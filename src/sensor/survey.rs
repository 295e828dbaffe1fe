//! A first look at a whole recording, before any of it is sent: whether every row can be read, how long it is, and
//! in which units its signals are. So a replay never stops halfway at a line that could have been found before.

use super::naming::signal_of_column;
use super::signals::{RATE_SAMPLES_PER_SECOND, is_rate, unit_of};
use crate::recording::{Recording, RecordingError};
use crate::senml::Time;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::Duration;

/// What a recording holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Rows that have a value.
    pub rows: u64,
    /// Values in all.
    pub values: u64,
    /// From the first row to the last.
    pub duration: Duration,
    /// When the last row was taken, if the recording says so.
    pub last: Option<Time>,
    /// The signals, in the order of the recording's columns.
    pub signals: Vec<Signal>,
    /// What the recording says of itself.
    pub notes: Vec<String>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name in SenML, without the device's.
    pub name: String,
    /// Its unit, stated or known by the name.
    pub unit: Option<String>,
}

/// Why a recording cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// It cannot be read.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// It has no rows.
    #[error("the recording has no row with a value: nothing to replay")]
    Empty,
    /// A column's name has nothing that a signal's can have.
    #[error("column `{0}`: a signal's name needs a letter or a digit; rename the column")]
    Name(String),
    /// Two columns would have one name.
    #[error("two columns would both be the signal `{0}`; rename one")]
    Twice(String),
    /// A unit is given for a column that is not there.
    #[error("a unit is given for `{name}`, but the recording has {found}")]
    Unit {
        /// The name given.
        name: String,
        /// The signals that there are.
        found: String,
    },
}

impl Survey {
    /// Reads a whole recording; `units` states units by the signal's name, an empty one for none.
    ///
    /// # Errors
    /// [`SurveyError`].
    pub fn of<R: BufRead>(
        recording: Recording<R>,
        units: &BTreeMap<String, String>,
    ) -> Result<Self, SurveyError> {
        let names = signal_names(recording.columns())?;
        if let Some(name) = units.keys().find(|name| !names.contains(name)) {
            return Err(SurveyError::Unit { name: name.clone(), found: names.join(", ") });
        }
        let notes = recording.notes().to_vec();
        let mut ranges = vec![Range::default(); names.len()];
        let (mut rows, mut values, mut duration, mut last) = (0, 0, Duration::ZERO, None);
        for sample in recording {
            let sample = sample?;
            rows += 1;
            values += sample.values.len() as u64;
            duration = sample.offset;
            last = sample.absolute;
            for (signal, value) in sample.values {
                if let Some(range) = ranges.get_mut(signal) {
                    range.add(value);
                }
            }
        }
        if rows == 0 {
            return Err(SurveyError::Empty);
        }
        let unit = |name: &str, range: &Range| match units.get(name) {
            Some(stated) => Some(stated.clone()).filter(|unit| !unit.is_empty()),
            None => range.unit(name, duration).map(str::to_owned),
        };
        let signals = names.iter().zip(&ranges);
        let signals =
            signals.map(|(name, range)| Signal { unit: unit(name, range), name: name.clone() }).collect();
        Ok(Self { rows, values, duration, last, signals, notes })
    }
}

/// The values of one signal.
#[derive(Clone, Debug)]
struct Range {
    least: f64,
    greatest: f64,
    count: u64,
}

impl Default for Range {
    fn default() -> Self {
        Self { least: f64::INFINITY, greatest: f64::NEG_INFINITY, count: 0 }
    }
}

impl Range {
    fn add(&mut self, value: f64) {
        self.least = self.least.min(value);
        self.greatest = self.greatest.max(value);
        self.count += 1;
    }

    fn unit(&self, name: &str, duration: Duration) -> Option<&'static str> {
        let is_wave = self.count as f64 > duration.as_secs_f64() * RATE_SAMPLES_PER_SECOND + 1.0;
        if is_wave && is_rate(name) { None } else { unit_of(name, self.least, self.greatest) }
    }
}

fn signal_names(columns: &[String]) -> Result<Vec<String>, SurveyError> {
    let mut names = Vec::with_capacity(columns.len());
    for column in columns {
        let name = signal_of_column(column).ok_or_else(|| SurveyError::Name(column.clone()))?;
        if names.contains(&name) {
            return Err(SurveyError::Twice(name));
        }
        names.push(name);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Options;

    fn survey(text: &str, units: &[(&str, &str)]) -> Result<Survey, SurveyError> {
        let units = units.iter().map(|(name, unit)| ((*name).to_owned(), (*unit).to_owned())).collect();
        Survey::of(Recording::open(text.as_bytes(), &Options::default())?, &units)
    }

    fn units(survey: &Survey) -> Vec<Option<&str>> {
        survey.signals.iter().map(|signal| signal.unit.as_deref()).collect()
    }

    #[test]
    fn rates_get_their_unit_and_waves_do_not() {
        let slow = survey("seconds,hr,temperature,x\n0,60,36.6,1\n1,61,,2\n2,62,36.7,3\n", &[]).unwrap();
        assert_eq!((slow.rows, slow.values, slow.duration.as_secs()), (3, 8, 2));
        assert_eq!(units(&slow), [Some("beat/min"), Some("Cel"), None]);
        let wave: String = (0..100).map(|i| format!("{},{}\n", i * 10, 60 + i % 7)).collect();
        let wave = format!("ms,hr\n{wave}");
        assert_eq!(units(&survey(&wave, &[]).unwrap()), [None]);
        assert_eq!(units(&survey(&wave, &[("hr", "V")]).unwrap()), [Some("V")]);
        assert_eq!(units(&survey("seconds,hr\n0,60\n", &[("hr", "")]).unwrap()), [None]);
    }

    #[test]
    fn what_cannot_be_replayed_is_found_before_anything_is_sent() {
        for (text, given, expected) in [
            ("seconds,hr\n", &[][..], "no row with a value"),
            ("seconds,hr\n0,1\n1,x\n", &[], "line 3"),
            ("seconds,(%)\n0,1\n", &[], "needs a letter"),
            ("seconds,a b,a_b\n0,1,2\n", &[], "both be the signal `a_b`"),
            ("seconds,hr\n0,1\n", &[("rr", "1/min")], "the recording has hr"),
        ] {
            let error = survey(text, given).unwrap_err().to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }
}
