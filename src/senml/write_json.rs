//! Writing SenML JSON (RFC 8428, section 5). Numbers are the shortest decimals that read back as the same double.

use data_encoding::BASE64URL_NOPAD;

use super::field::Field;
use super::record::{Record, Value};
use super::time::Time;
use super::write::Bases;

/// Writes records without base fields: resolved SenML (RFC 8428, section 4.6) when their times are absolute.
///
/// No record at all is written as `[]`, an empty page of readings, which is not a pack and is not read back.
pub fn write_json(records: &[Record]) -> String {
    write(records, &Bases { name: "", time: None, unit: None })
}

/// Writes a pack with base name, base time and base unit where they shorten it.
pub fn write_compact_json(records: &[Record]) -> String {
    write(records, &Bases::of(records))
}

fn write(records: &[Record], bases: &Bases<'_>) -> String {
    let mut json = String::from("[");
    for (place, record) in records.iter().enumerate() {
        if place > 0 {
            json.push(',');
        }
        let mut object = Object { json: &mut json, empty: true };
        if place == 0 {
            object.text_unless_empty(Field::BaseName, bases.name);
            if let Some(time) = bases.time {
                object.member(Field::BaseTime, &number(time.seconds()));
            }
            object.text_unless_empty(Field::BaseUnit, bases.unit.unwrap_or_default());
        }
        members(&mut object, record, bases);
        object.close();
    }
    json.push(']');
    json
}

fn members(object: &mut Object<'_>, record: &Record, bases: &Bases<'_>) {
    object.text_unless_empty(Field::Name, bases.suffix(record));
    object.text_unless_empty(Field::Unit, bases.own_unit(record).unwrap_or_default());
    match record.value() {
        Some(Value::Number(value)) => object.member(Field::Value, &number(*value)),
        Some(Value::Text(text)) => object.text(Field::Text, text),
        Some(Value::Bool(truth)) => object.member(Field::Bool, if *truth { "true" } else { "false" }),
        Some(Value::Data(data)) => object.text(Field::Data, &BASE64URL_NOPAD.encode(data)),
        None => {}
    }
    if let Some(sum) = record.sum() {
        object.member(Field::Sum, &number(sum));
    }
    let offset = bases.offset(record);
    if offset != Time::NOW {
        object.member(Field::Time, &number(offset.seconds()));
    }
    if let Some(seconds) = record.update_time() {
        object.member(Field::UpdateTime, &number(seconds));
    }
}

/// A finite number as JSON; whole ones without a point.
fn number(number: f64) -> String {
    match super::write::as_integer(number) {
        Some(integer) => integer.to_string(),
        None => serde_json::Value::from(number).to_string(),
    }
}

struct Object<'a> {
    json: &'a mut String,
    empty: bool,
}

impl Object<'_> {
    fn member(&mut self, field: Field, value: &str) {
        self.json.push(if self.empty { '{' } else { ',' });
        self.empty = false;
        self.json.push('"');
        self.json.push_str(field.label());
        self.json.push_str("\":");
        self.json.push_str(value);
    }

    fn text(&mut self, field: Field, text: &str) {
        self.member(field, &serde_json::Value::from(text).to_string());
    }

    fn text_unless_empty(&mut self, field: Field, text: &str) {
        if !text.is_empty() {
            self.text(field, text);
        }
    }

    fn close(self) {
        // A record has a value or a sum, so the brace has been opened.
        self.json.push('}');
    }
}
