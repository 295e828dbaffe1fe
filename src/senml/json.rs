//! Reading SenML JSON (RFC 8428, section 5).
//!
//! Stricter than JSON: a label occurs once in a record, and nothing follows the array. Numbers are read to the
//! nearest double; one beyond a double's range, such as 1e400, is refused. An upper-case exponent, which writers
//! must not use, is read all the same.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::assemble::{Assembler, Draft};
use super::error::{Error, Problem};
use super::field::{Datum, Field};
use super::limits::*;
use super::record::Pack;

/// Reads one pack.
///
/// # Errors
/// [`Error::Pack`] when the bytes are not a SenML JSON array alone, [`Error::Record`] when a record is wrong.
pub fn parse_json(bytes: &[u8]) -> Result<Pack, Error> {
    if bytes.len() > MAX_PACK_BYTES {
        return Err(Error::Pack(Problem::TooLong { length: bytes.len() }));
    }
    let mut reading = Reading::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = PackSeed(&mut reading).deserialize(&mut json);
    if let Err(error) = read.and_then(|()| json.end()) {
        let problem = reading.problem.unwrap_or_else(|| Problem::Json { detail: error.to_string() });
        return Err(if reading.in_record { reading.pack.at_record(problem) } else { Error::Pack(problem) });
    }
    reading.pack.finish()
}

/// What the visitors share; serde's errors carry only text, so the problem itself is kept here.
#[derive(Default)]
struct Reading {
    pack: Assembler,
    in_record: bool,
    problem: Option<Problem>,
}

impl Reading {
    fn keep<T, E: serde::de::Error>(&mut self, result: Result<T, Problem>) -> Result<T, E> {
        result.map_err(|problem| {
            let error = E::custom(&problem);
            self.problem = Some(problem);
            error
        })
    }
}

struct PackSeed<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for PackSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PackSeed<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array of records")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        while records.next_element_seed(RecordSeed(self.0))?.is_some() {}
        Ok(())
    }
}

struct RecordSeed<'a>(&'a mut Reading);

impl<'de> DeserializeSeed<'de> for RecordSeed<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.in_record = true;
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for RecordSeed<'_> {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a record, which is an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let reading = self.0;
        let begun = reading.pack.begin();
        let mut draft = reading.keep(begun)?;
        while let Some(label) = fields.next_key::<String>()? {
            field(reading, &mut draft, &label, &mut fields)?;
        }
        let ended = reading.pack.end(draft);
        reading.keep(ended)?;
        reading.in_record = false;
        Ok(())
    }
}

fn field<'de, A: MapAccess<'de>>(
    reading: &mut Reading,
    draft: &mut Draft,
    label: &str,
    fields: &mut A,
) -> Result<(), A::Error> {
    let Some(field) = Field::of_label(label) else {
        let noted = draft.extension(label);
        reading.keep(noted)?;
        return fields.next_value_seed(Skipped { depth: MAX_NESTING }).inspect_err(|error| {
            let too_deep = error.to_string().starts_with(TOO_DEEP);
            reading.problem = too_deep.then(|| Problem::TooDeep { label: label.to_owned() });
        });
    };
    let datum = fields.next_value_seed(DatumSeed)?;
    let datum = match (field, datum) {
        (Field::Data, Datum::Text(text)) => {
            let decoded = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Problem::Base64);
            Datum::Bytes(reading.keep(decoded)?)
        }
        (_, datum) => datum,
    };
    let set = reading.pack.set(draft, field, datum);
    reading.keep(set)
}

/// A field's value. Arrays and objects are not read: no field takes them.
struct DatumSeed;

impl<'de> DeserializeSeed<'de> for DatumSeed {
    type Value = Datum;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Datum, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for DatumSeed {
    type Value = Datum;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number, text, true or false")
    }
    fn visit_bool<E>(self, truth: bool) -> Result<Datum, E> {
        Ok(Datum::Bool(truth))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Datum, E> {
        Ok(Datum::Unsigned(number))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Datum, E> {
        Ok(Datum::Number(number as f64))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Datum, E> {
        Ok(Datum::Number(number))
    }
    fn visit_str<E>(self, text: &str) -> Result<Datum, E> {
        Ok(Datum::Text(text.to_owned()))
    }
    fn visit_unit<E>(self) -> Result<Datum, E> {
        Ok(Datum::Other("null"))
    }
}

const TOO_DEEP: &str = "nested too deeply";

/// An extension's value, walked over with bounded recursion.
#[derive(Clone, Copy)]
struct Skipped {
    depth: usize,
}

impl Skipped {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom(TOO_DEEP))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Skipped {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skipped {
    type Value = ();
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.deeper()?;
        while members.next_key_seed(inner)?.is_some() {
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}
