//! Writing SenML CBOR (RFC 8428, section 6), compactly: base fields, integers where a number is whole, else the
//! narrowest float that holds it exactly. Decimal fractions are read but not written: few sensors' readers know them.

use std::convert::Infallible;

use minicbor::Encoder;
use minicbor::encode::Error;

use super::field::Field;
use super::record::{Record, Value};
use super::time::Time;
use super::write::{Bases, as_integer};

/// Writes one pack in an array of definite length. No record at all gives an empty array, which is not a pack.
pub fn write_cbor(records: &[Record]) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, records).expect("writing to memory cannot fail");
    encoder.into_writer()
}

type Written = Result<(), Error<Infallible>>;
type Memory = Encoder<Vec<u8>>;

fn write(encoder: &mut Memory, records: &[Record]) -> Written {
    let bases = Bases::of(records);
    encoder.array(records.len() as u64)?;
    for (place, record) in records.iter().enumerate() {
        let fields = fields(record, &bases, place == 0);
        encoder.map(fields.len() as u64)?;
        for (field, item) in fields {
            encoder.i8(field.number())?;
            item.write(encoder)?;
        }
    }
    Ok(())
}

enum Item<'a> {
    Text(&'a str),
    Number(f64),
    Bool(bool),
    Bytes(&'a [u8]),
}

fn fields<'a>(record: &'a Record, bases: &Bases<'a>, first: bool) -> Vec<(Field, Item<'a>)> {
    let mut fields = Vec::new();
    let text = |text: &'a str| (!text.is_empty()).then_some(Item::Text(text));
    let mut add = |field, item: Option<Item<'a>>| fields.extend(item.map(|item| (field, item)));
    if first {
        add(Field::BaseName, text(bases.name));
        add(Field::BaseTime, bases.time.map(|time| Item::Number(time.seconds())));
        add(Field::BaseUnit, bases.unit.map(Item::Text));
    }
    add(Field::Name, text(bases.suffix(record)));
    add(Field::Unit, bases.own_unit(record).map(Item::Text));
    match record.value() {
        Some(Value::Number(value)) => add(Field::Value, Some(Item::Number(*value))),
        Some(Value::Text(value)) => add(Field::Text, Some(Item::Text(value))),
        Some(Value::Bool(value)) => add(Field::Bool, Some(Item::Bool(*value))),
        Some(Value::Data(value)) => add(Field::Data, Some(Item::Bytes(value))),
        None => {}
    }
    add(Field::Sum, record.sum().map(Item::Number));
    let offset = bases.offset(record);
    add(Field::Time, (offset != Time::NOW).then(|| Item::Number(offset.seconds())));
    add(Field::UpdateTime, record.update_time().map(Item::Number));
    fields
}

impl Item<'_> {
    fn write(&self, encoder: &mut Memory) -> Written {
        match *self {
            Self::Text(text) => encoder.str(text)?,
            Self::Bool(truth) => encoder.bool(truth)?,
            Self::Bytes(bytes) => encoder.bytes(bytes)?,
            Self::Number(number) => match as_integer(number) {
                Some(integer) => encoder.i64(integer)?,
                None if f64::from(number as f32) == number => encoder.f32(number as f32)?,
                None => encoder.f64(number)?,
            },
        };
        Ok(())
    }
}
