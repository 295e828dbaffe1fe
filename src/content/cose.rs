//! The structure of a COSE_Encrypt0 (RFC 9052, section 5.2): an array of protected headers, unprotected headers
//! and ciphertext, with or without tag 16. Which algorithm and key, only who can open it may judge.

use minicbor::data::{Tag, Type};
use minicbor::decode::{Decoder, Error};

use crate::wellformed;

/// Header parameters, protected and unprotected together; COSE registers fewer than this for encryption.
pub(super) const MAX_HEADERS: usize = 32;

/// Arrays, maps and tags around each other inside a header parameter's value.
pub(super) const MAX_NESTING: usize = 8;

/// The tag that marks a COSE_Encrypt0 (RFC 9052, table 1).
const ENCRYPT0: Tag = Tag::new(16);

/// What is wrong with a sealed body.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SealedProblem {
    /// It is not CBOR, ends early, or nests too deeply.
    #[error("{0}")]
    Cbor(String),
    /// It carries the tag of something else.
    #[error("it carries tag {0}: use tag 16 or none")]
    Tag(u64),
    /// It is not an array of definite length with three items.
    #[error("it must be an array of three: protected headers, unprotected headers, ciphertext")]
    NotThree,
    /// The protected headers are neither an empty byte string nor one that holds exactly a map.
    #[error("the protected headers must be a byte string, empty or with exactly one map in it")]
    Protected,
    /// The unprotected headers are not a map.
    #[error("the unprotected headers must be a map")]
    Unprotected,
    /// A header's label is neither an integer nor text.
    #[error("a header label must be an integer or text")]
    Label,
    /// A header occurs twice (RFC 9052, section 3).
    #[error("header {0} occurs twice: give it once, protected or unprotected")]
    DuplicateHeader(String),
    /// It has more headers than 32.
    #[error("more than {MAX_HEADERS} headers: leave some out")]
    ManyHeaders,
    /// The ciphertext is not a byte string with something in it.
    #[error("the ciphertext must be a byte string that is not empty: it cannot be kept elsewhere")]
    Ciphertext,
    /// Something follows.
    #[error("{0} bytes follow it: send it alone")]
    Trailing(usize),
}

impl From<Error> for SealedProblem {
    fn from(error: Error) -> Self {
        Self::Cbor(error.to_string())
    }
}

#[derive(PartialEq)]
enum Label<'b> {
    Integer(i128),
    Text(&'b str),
}

/// Checks that `bytes` are exactly one COSE_Encrypt0.
pub(super) fn check_encrypt0(bytes: &[u8]) -> Result<(), SealedProblem> {
    let mut decoder = Decoder::new(bytes);
    if decoder.datatype()? == Type::Tag {
        let tag = decoder.tag()?;
        if tag != ENCRYPT0 {
            return Err(SealedProblem::Tag(tag.as_u64()));
        }
    }
    if decoder.datatype()? != Type::Array || decoder.array()? != Some(3) {
        return Err(SealedProblem::NotThree);
    }
    let mut labels = Vec::new();
    let protected = byte_string(&mut decoder, SealedProblem::Protected)?;
    if !protected.is_empty() {
        let mut inner = Decoder::new(protected);
        headers(&mut inner, &mut labels, SealedProblem::Protected)?;
        if inner.position() != protected.len() {
            return Err(SealedProblem::Protected);
        }
    }
    headers(&mut decoder, &mut labels, SealedProblem::Unprotected)?;
    if byte_string(&mut decoder, SealedProblem::Ciphertext)?.is_empty() {
        return Err(SealedProblem::Ciphertext);
    }
    match bytes.len() - decoder.position() {
        0 => Ok(()),
        length => Err(SealedProblem::Trailing(length)),
    }
}

fn byte_string<'b>(decoder: &mut Decoder<'b>, otherwise: SealedProblem) -> Result<&'b [u8], SealedProblem> {
    if decoder.datatype()? == Type::Bytes { Ok(decoder.bytes()?) } else { Err(otherwise) }
}

fn headers<'b>(
    decoder: &mut Decoder<'b>,
    labels: &mut Vec<Label<'b>>,
    otherwise: SealedProblem,
) -> Result<(), SealedProblem> {
    if !matches!(decoder.datatype()?, Type::Map | Type::MapIndef) {
        return Err(otherwise);
    }
    let length = decoder.map()?;
    wellformed::items(decoder, length, |decoder| header(decoder, labels))
}

fn header<'b>(decoder: &mut Decoder<'b>, labels: &mut Vec<Label<'b>>) -> Result<(), SealedProblem> {
    let (label, shown) = match decoder.datatype()? {
        Type::String => {
            let text = decoder.str()?;
            (Label::Text(text), text.chars().take(40).collect())
        }
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::Int => {
            let number = i128::from(decoder.int()?);
            (Label::Integer(number), number.to_string())
        }
        _ => return Err(SealedProblem::Label),
    };
    if labels.contains(&label) {
        return Err(SealedProblem::DuplicateHeader(shown));
    }
    if labels.len() >= MAX_HEADERS {
        return Err(SealedProblem::ManyHeaders);
    }
    labels.push(label);
    Ok(wellformed::skip(decoder, MAX_NESTING)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Protected {1: 24}, which is ChaCha20-Poly1305; unprotected {4: h'01', 5: 12 bytes of IV}; 17 bytes of ciphertext.
    fn sealed() -> Vec<u8> {
        let head = b"\xd0\x83\x44\xa1\x01\x18\x18\xa2\x04\x41\x01\x05\x4c";
        [&head[..], &[7; 12], &[0x51], &[9; 17]].concat()
    }

    #[test]
    fn takes_it_with_and_without_tag() {
        assert_eq!(check_encrypt0(&sealed()), Ok(()));
        assert_eq!(check_encrypt0(&sealed()[1..]), Ok(()));
        assert_eq!(check_encrypt0(b"\x83\x40\xa0\x41\x00"), Ok(()));
        for end in 0..sealed().len() {
            assert!(check_encrypt0(&sealed()[..end]).is_err(), "cut to {end} bytes");
        }
    }

    #[test]
    fn names_what_is_wrong() {
        let cases: [(&[u8], SealedProblem); 12] = [
            (b"\x83\x40\xa0\x41\x00\x00", SealedProblem::Trailing(1)),
            (b"\xd1\x83\x40\xa0\x41\x00", SealedProblem::Tag(17)),
            (b"\x84\x40\xa0\x41\x00\x80", SealedProblem::NotThree),
            (b"\x9f\x40\xa0\x41\x00\xff", SealedProblem::NotThree),
            (b"\xa0", SealedProblem::NotThree),
            (b"\x83\xa0\xa0\x41\x00", SealedProblem::Protected),
            (b"\x83\x42\xa0\x00\xa0\x41\x00", SealedProblem::Protected),
            (b"\x83\x40\x40\x41\x00", SealedProblem::Unprotected),
            (b"\x83\x40\xa1\x40\x00\x41\x00", SealedProblem::Label),
            (b"\x83\x43\xa1\x01\x18\xa0\x41\x00", SealedProblem::Cbor(String::new())),
            (b"\x83\x43\xa1\x01\x03\xa1\x01\x03\x41\x00", SealedProblem::DuplicateHeader("1".into())),
            (b"\x83\x40\xa0\xf6", SealedProblem::Ciphertext),
        ];
        for (bytes, expected) in cases {
            let found = check_encrypt0(bytes).unwrap_err();
            match expected {
                SealedProblem::Cbor(_) => {
                    assert!(matches!(found, SealedProblem::Cbor(_)), "{bytes:x?}: {found}")
                }
                expected => assert_eq!(found, expected, "{bytes:x?}"),
            }
        }
        assert_eq!(check_encrypt0(b"\x83\x40\xa0\x40"), Err(SealedProblem::Ciphertext));
    }

    #[test]
    fn bounds_headers_and_nesting() {
        let nested =
            |levels: usize| [&b"\x83\x40\xa1\x09"[..], &vec![0x81; levels], b"\x00\x41\x00"].concat();
        assert_eq!(check_encrypt0(&nested(MAX_NESTING)), Ok(()));
        assert!(matches!(check_encrypt0(&nested(MAX_NESTING + 1)), Err(SealedProblem::Cbor(_))));
        let headers: Vec<u8> = (0..=MAX_HEADERS as u8).flat_map(|label| [0x18, 100 + label, 0x00]).collect();
        let many = [&b"\x83\x40\xb8\x21"[..], &headers, b"\x41\x00"].concat();
        assert_eq!(check_encrypt0(&many), Err(SealedProblem::ManyHeaders));
    }

    proptest! {
        #[test]
        fn any_bytes_get_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = check_encrypt0(&[b"\x83\x40", &bytes[..]].concat());
            prop_assert!(check_encrypt0(&[&sealed()[..], &bytes[..], &[0]].concat()).is_err());
        }
    }
}
