//! Reading SenML CBOR (RFC 8428, section 6).
//!
//! Labels are the integers of table 4; text labels are extensions. Numbers are integers, floats of any width, or
//! decimal fractions (tag 4). The pack's array and all text have definite lengths, as section 6 demands.

use minicbor::data::{Tag, Type};
use minicbor::decode::Decoder;

use super::assemble::{Assembler, Draft};
use super::error::{Error, Problem, excerpt};
use super::field::{Datum, Field};
use super::limits::*;
use super::record::Pack;
use crate::wellformed;

/// The tag of a decimal fraction (RFC 8949, section 3.4.4).
const DECIMAL_FRACTION: Tag = Tag::new(4);

/// Reads one pack.
///
/// # Errors
/// [`Error::Pack`] when the bytes are not one SenML CBOR array alone, [`Error::Record`] when a record is wrong.
pub fn parse_cbor(bytes: &[u8]) -> Result<Pack, Error> {
    if bytes.len() > MAX_PACK_BYTES {
        return Err(Error::Pack(Problem::TooLong { length: bytes.len() }));
    }
    let mut decoder = Decoder::new(bytes);
    let length = decoder.array().map_err(|error| Error::Pack(malformed(error)))?;
    let Some(length) = length else {
        return Err(Error::Pack(Problem::Cbor { detail: "an array of indefinite length".to_owned() }));
    };
    let mut pack = Assembler::default();
    for _ in 0..length {
        record(&mut pack, &mut decoder).map_err(|problem| pack.at_record(problem))?;
    }
    match bytes.len() - decoder.position() {
        0 => pack.finish(),
        length => Err(Error::Pack(Problem::Trailing { length })),
    }
}

fn record(pack: &mut Assembler, decoder: &mut Decoder<'_>) -> Result<(), Problem> {
    let mut draft = pack.begin()?;
    let length = decoder.map().map_err(malformed)?;
    wellformed::items(decoder, length, |decoder| field(pack, &mut draft, decoder))?;
    pack.end(draft)
}

fn field(pack: &mut Assembler, draft: &mut Draft, decoder: &mut Decoder<'_>) -> Result<(), Problem> {
    if decoder.datatype().map_err(malformed)? == Type::String {
        let label = decoder.str().map_err(malformed)?;
        if let Some(field) = Field::of_label(label) {
            return Err(Problem::TextLabel { label: field.label(), number: field.number() });
        }
        return extension(draft, label, decoder);
    }
    let number = i128::from(decoder.int().map_err(malformed)?);
    match i64::try_from(number).ok().and_then(Field::of_number) {
        Some(field) => {
            let datum = datum(decoder)?;
            pack.set(draft, field, datum)
        }
        // Fields that are not recognised are ignored (RFC 8428, section 4.4), whatever their label's type.
        None => extension(draft, &number.to_string(), decoder),
    }
}

fn extension(draft: &mut Draft, label: &str, decoder: &mut Decoder<'_>) -> Result<(), Problem> {
    draft.extension(label)?;
    let detail = |error| format!("the value of `{}`: {error}", excerpt(label));
    wellformed::skip(decoder, MAX_NESTING).map_err(|error| Problem::Cbor { detail: detail(error) })
}

fn datum(decoder: &mut Decoder<'_>) -> Result<Datum, Problem> {
    Ok(match decoder.datatype().map_err(malformed)? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Datum::Unsigned(decoder.u64().map_err(malformed)?),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            Datum::Number(i128::from(decoder.int().map_err(malformed)?) as f64)
        }
        Type::F16 => Datum::Number(wellformed::half(decoder).map_err(malformed)?),
        Type::F32 => Datum::Number(f64::from(decoder.f32().map_err(malformed)?)),
        Type::F64 => Datum::Number(decoder.f64().map_err(malformed)?),
        Type::Tag => Datum::Number(decimal_fraction(decoder)?),
        Type::Bool => Datum::Bool(decoder.bool().map_err(malformed)?),
        Type::String => Datum::Text(decoder.str().map_err(malformed)?.to_owned()),
        Type::Bytes => Datum::Bytes(decoder.bytes().map_err(malformed)?.to_vec()),
        Type::StringIndef | Type::BytesIndef => Datum::Other("of indefinite length"),
        Type::Null | Type::Undefined => Datum::Other("null"),
        Type::Array | Type::ArrayIndef => Datum::Other("an array"),
        Type::Map | Type::MapIndef => Datum::Other("a map"),
        _ => Datum::Other("another thing"),
    })
}

/// Reads tag 4, [exponent, mantissa], to the nearest double of mantissa x 10^exponent.
fn decimal_fraction(decoder: &mut Decoder<'_>) -> Result<f64, Problem> {
    let wrong = |detail: &str| Problem::Cbor { detail: detail.to_owned() };
    if decoder.tag().map_err(malformed)? != DECIMAL_FRACTION {
        return Err(wrong("a tag other than 4, the decimal fraction"));
    }
    if decoder.array().map_err(malformed)? != Some(2) {
        return Err(wrong("a decimal fraction that is not [exponent, mantissa]"));
    }
    let exponent = i128::from(decoder.int().map_err(malformed)?);
    let mantissa = i128::from(decoder.int().map_err(malformed)?);
    if exponent.unsigned_abs() > MAX_DECIMAL_EXPONENT.unsigned_abs().into() {
        return Err(wrong("a decimal fraction whose exponent no double holds"));
    }
    // Going through text rounds once and correctly; multiplying by a power of ten would round twice.
    format!("{mantissa}e{exponent}").parse().map_err(|_| wrong("a decimal fraction that is not a number"))
}

fn malformed(error: minicbor::decode::Error) -> Problem {
    Problem::Cbor { detail: error.to_string() }
}

impl From<minicbor::decode::Error> for Problem {
    fn from(error: minicbor::decode::Error) -> Self {
        malformed(error)
    }
}
