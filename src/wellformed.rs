//! Walking over CBOR (RFC 8949) that nobody here interprets, to know where it ends and that it is well formed.
//!
//! Recursion never goes deeper than the caller's bound, and memory does not grow with declared lengths.

use minicbor::data::Type;
use minicbor::decode::{Decoder, Error};

/// Moves past one CBOR item that nests at most `depth` arrays, maps and tags.
///
/// # Errors
/// When the item is not well formed, ends early, or nests deeper.
pub(crate) fn skip(decoder: &mut Decoder<'_>, depth: usize) -> Result<(), Error> {
    match decoder.datatype()? {
        Type::Bool => decoder.bool().map(drop),
        Type::Null => decoder.null(),
        Type::Undefined => decoder.undefined(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64().map(drop),
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => decoder.int().map(drop),
        Type::F16 => half(decoder).map(drop),
        Type::F32 => decoder.f32().map(drop),
        Type::F64 => decoder.f64().map(drop),
        Type::Simple => decoder.simple().map(drop),
        Type::Bytes | Type::BytesIndef => decoder.bytes_iter()?.try_for_each(|chunk| chunk.map(drop)),
        Type::String | Type::StringIndef => decoder.str_iter()?.try_for_each(|chunk| chunk.map(drop)),
        Type::Array | Type::ArrayIndef => {
            let inner = deeper(depth)?;
            let length = decoder.array()?;
            items(decoder, length, |decoder| skip(decoder, inner))
        }
        Type::Map | Type::MapIndef => {
            let inner = deeper(depth)?;
            let length = decoder.map()?;
            items(decoder, length, |decoder| {
                skip(decoder, inner)?;
                skip(decoder, inner)
            })
        }
        Type::Tag => {
            decoder.tag()?;
            skip(decoder, deeper(depth)?)
        }
        Type::Break | Type::Unknown(_) => Err(Error::message("not a CBOR item")),
    }
}

/// Calls `item` for each of the `length` entries, or up to the break when the length is indefinite.
///
/// A declared length costs nothing by itself: `item` fails at the end of the input.
pub(crate) fn items<'b, E: From<Error>>(
    decoder: &mut Decoder<'b>,
    length: Option<u64>,
    mut item: impl FnMut(&mut Decoder<'b>) -> Result<(), E>,
) -> Result<(), E> {
    if let Some(length) = length {
        return (0..length).try_for_each(|_| item(decoder));
    }
    while decoder.datatype().map_err(E::from)? != Type::Break {
        item(decoder)?;
    }
    decoder.set_position(decoder.position() + 1);
    Ok(())
}

/// Reads a half-precision float (RFC 8949, appendix D), which minicbor leaves to another crate.
pub(crate) fn half(decoder: &mut Decoder<'_>) -> Result<f64, Error> {
    let at = decoder.position();
    let Some(&[0xf9, high, low]) = decoder.input().get(at..at + 3) else {
        return Err(Error::end_of_input());
    };
    decoder.set_position(at + 3);
    let bits = u16::from_be_bytes([high, low]);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    Ok(if bits & 0x8000 == 0 { magnitude } else { -magnitude })
}

fn deeper(depth: usize) -> Result<usize, Error> {
    depth.checked_sub(1).ok_or_else(|| Error::message("nested too deeply"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 8949, appendix A.
    #[test]
    fn reads_the_half_floats_of_the_rfc() {
        let cases = [
            ([0xf9, 0x00, 0x00], 0.0),
            ([0xf9, 0x3c, 0x00], 1.0),
            ([0xf9, 0x3e, 0x00], 1.5),
            ([0xf9, 0x7b, 0xff], 65504.0),
            ([0xf9, 0x00, 0x01], 5.960464477539063e-8),
            ([0xf9, 0x04, 0x00], 0.00006103515625),
            ([0xf9, 0xc4, 0x00], -4.0),
            ([0xf9, 0xfc, 0x00], f64::NEG_INFINITY),
        ];
        for (bytes, expected) in cases {
            assert_eq!(half(&mut Decoder::new(&bytes)).unwrap(), expected, "{bytes:x?}");
        }
        assert!(half(&mut Decoder::new(&[0xf9, 0x7e, 0x00])).unwrap().is_nan());
        assert!(half(&mut Decoder::new(&[0xf9, 0x7e])).is_err());
    }

    #[test]
    fn stops_at_the_bound_and_at_the_end() {
        let nested = [0x81, 0x81, 0x01];
        assert!(skip(&mut Decoder::new(&nested), 2).is_ok());
        assert!(skip(&mut Decoder::new(&nested), 1).is_err());
        let huge = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert!(skip(&mut Decoder::new(&huge), 4).is_err());
        assert!(skip(&mut Decoder::new(&[0x5f, 0x41, 0x00, 0xff]), 0).is_ok());
        assert!(skip(&mut Decoder::new(&[0xff]), 4).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_minicbor_wherever_the_bound_allows(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut ours = Decoder::new(&bytes);
            if skip(&mut ours, 64).is_ok() {
                let mut theirs = Decoder::new(&bytes);
                prop_assert!(theirs.skip().is_ok());
                prop_assert_eq!(ours.position(), theirs.position());
            }
        }
    }
}
