//! Fields of scenario files that are numbers, from and to, or names, one or several.

use super::ScenarioFileError;
use serde::{Deserialize, Serialize, Serializer};
use weft_tangle::sim::Span;

/// One number, or from and to.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "write a number, or two as [least, most]")]
pub(super) enum Number {
    One(Plain),
    Two([Plain; 2]),
}

/// A number that is written without a point where it needs none.
#[derive(Clone, Copy, PartialEq, Default, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Plain(pub(super) f64);

impl Serialize for Plain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.fract() == 0.0 => serializer.serialize_i64(number as i64),
            number => serializer.serialize_f64(number),
        }
    }
}

/// One name, or several.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "write a word in quotes, or several as [\"one\", \"two\"]")]
pub(super) enum Names {
    One(String),
    Several(Vec<String>),
}

/// What a number in a file counts, and its bounds there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    /// How many of the scenario's own units it is.
    pub(super) scale: u64,
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Unit {
    pub(super) const fn count(least: u64, most: u64) -> Self {
        Self { scale: 1, least, most }
    }

    /// Seconds, as microseconds.
    pub(super) const fn seconds(most: u64) -> Self {
        Self { scale: 1_000_000, least: 0, most }
    }

    /// Milliseconds, as microseconds.
    pub(super) const fn milliseconds(most: u64) -> Self {
        Self { scale: 1_000, least: 0, most }
    }

    /// A chance, as millionths.
    pub(super) const CHANCE: Self = Self { scale: 1_000_000, least: 0, most: 1 };

    fn lower(self, field: &'static str, number: f64) -> Result<u64, ScenarioFileError> {
        let problem = |problem: String| ScenarioFileError::Field { field, problem };
        let Self { scale, least, most } = self;
        if !(least as f64..=most as f64).contains(&number) {
            return Err(problem(format!("must be {least} to {most}, not {number}")));
        }
        if scale == 1 && number.fract() != 0.0 {
            return Err(problem(format!("must be a whole number, not {number}")));
        }
        Ok((number * scale as f64).round() as u64)
    }

    fn lift(self, number: u64) -> Plain {
        Plain(number as f64 / self.scale as f64)
    }

    /// Puts what the file says in place of what holds without it.
    pub(super) fn span(
        self,
        field: &'static str,
        number: Option<Number>,
        span: &mut Span,
    ) -> Result<(), ScenarioFileError> {
        let Some(number) = number else { return Ok(()) };
        let [low, high] = match number {
            Number::One(Plain(number)) => [number; 2],
            Number::Two(both) => both.map(|Plain(number)| number),
        };
        if low > high {
            let problem = format!("goes from {low} down to {high}; write the smaller number first");
            return Err(ScenarioFileError::Field { field, problem });
        }
        *span = Span::new(self.lower(field, low)?, self.lower(field, high)?);
        Ok(())
    }

    /// The same for a field that is one number.
    pub(super) fn one(
        self,
        field: &'static str,
        number: Option<Plain>,
        value: &mut u64,
    ) -> Result<(), ScenarioFileError> {
        if let Some(Plain(number)) = number {
            *value = self.lower(field, number)?;
        }
        Ok(())
    }

    pub(super) fn write(self, span: Span) -> Option<Number> {
        let [low, high] = [span.low, span.high].map(|number| self.lift(number));
        Some(if span.low == span.high { Number::One(low) } else { Number::Two([low, high]) })
    }

    pub(super) fn write_one(self, number: u64) -> Option<Plain> {
        Some(self.lift(number))
    }
}

/// Which of these the names name.
pub(super) fn choose<T: Copy>(
    field: &'static str,
    names: Option<Names>,
    all: &[T],
    name: impl Fn(T) -> &'static str,
    value: &mut Vec<T>,
) -> Result<(), ScenarioFileError> {
    let Some(names) = names else { return Ok(()) };
    let names = match names {
        Names::One(name) => vec![name],
        Names::Several(names) => names,
    };
    let find = |wanted: &String| {
        all.iter().copied().find(|one| name(*one) == wanted).ok_or_else(|| {
            let known: Vec<_> = all.iter().map(|one| name(*one)).collect();
            let problem = format!("must be one of {}, not {wanted:?}", known.join(", "));
            ScenarioFileError::Field { field, problem }
        })
    };
    *value = names.iter().map(find).collect::<Result<_, _>>()?;
    if value.is_empty() {
        return Err(ScenarioFileError::Field { field, problem: "must name at least one".into() });
    }
    Ok(())
}

/// Names as they are written.
pub(super) fn names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Option<Names> {
    Some(match all {
        [one] => Names::One(name(*one).to_owned()),
        several => Names::Several(several.iter().map(|one| name(*one).to_owned()).collect()),
    })
}
