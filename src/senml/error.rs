//! Why a pack was refused. An error names the record, counted from 0, and says what to do about it.

use super::limits::*;

/// A pack that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The pack as a whole is wrong.
    #[error("{0}")]
    Pack(Problem),
    /// One record is wrong.
    #[error("record {index}: {problem}")]
    Record {
        /// The record's place in the pack, counted from 0.
        index: usize,
        /// What is wrong with it.
        problem: Problem,
    },
}

/// What is wrong with a pack, a record, or a part of one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The encoded pack exceeds [`MAX_PACK_BYTES`].
    #[error("the pack has {length} bytes, more than {MAX_PACK_BYTES}: split it")]
    TooLong {
        /// Its bytes.
        length: usize,
    },
    /// The pack has more than [`MAX_RECORDS`].
    #[error("more than {MAX_RECORDS} records: split the pack")]
    TooManyRecords,
    /// The pack has no record.
    #[error("an empty pack: send at least one record")]
    Empty,
    /// The bytes are not JSON, or not the JSON of a pack.
    #[error("not SenML JSON ({detail}): send an array of objects, in UTF-8, with nothing after it")]
    Json {
        /// What the JSON reader says, with line and column.
        detail: String,
    },
    /// The bytes are not CBOR, or not the CBOR of a pack.
    #[error("not SenML CBOR ({detail}): send one array of definite length that holds maps")]
    Cbor {
        /// What the CBOR reader says.
        detail: String,
    },
    /// Something follows the pack.
    #[error("{length} bytes follow the pack: send the pack alone")]
    Trailing {
        /// How many bytes.
        length: usize,
    },
    /// A label occurs twice in a record.
    #[error("`{label}` occurs twice: give it once")]
    DuplicateLabel {
        /// The label.
        label: String,
    },
    /// A record has more than [`MAX_FIELDS`].
    #[error("more than {MAX_FIELDS} fields in one record: leave out the extensions")]
    TooManyFields,
    /// A label is longer than [`MAX_LABEL_BYTES`].
    #[error("a label of more than {MAX_LABEL_BYTES} bytes: shorten it")]
    LongLabel,
    /// An extension's value nests deeper than [`MAX_NESTING`].
    #[error("`{label}` nests more than {MAX_NESTING} levels: flatten it")]
    TooDeep {
        /// The extension's label.
        label: String,
    },
    /// A label that ends in `_` demands an extension that is not known here (RFC 8428, section 4.4).
    #[error("`{label}` must be understood and is not known here: leave it out")]
    MustUnderstand {
        /// The label.
        label: String,
    },
    /// CBOR spells a label as text that RFC 8428 numbers.
    #[error("label `{label}` is text: in CBOR it is the integer {number}")]
    TextLabel {
        /// The label as text.
        label: &'static str,
        /// The integer to use (RFC 8428, table 4).
        number: i8,
    },
    /// A field has a value of the wrong type.
    #[error("`{label}` must be {expected}, not {found}")]
    WrongType {
        /// The field's label.
        label: &'static str,
        /// The type that RFC 8428 gives the field.
        expected: &'static str,
        /// The type that was there.
        found: &'static str,
    },
    /// A number is not finite, or its sum with the base is not.
    #[error("`{label}` is not a finite number: leave the record out if nothing was measured")]
    NotFinite {
        /// The field's label.
        label: &'static str,
    },
    /// The pack is of a version that is not known here, or its records disagree (RFC 8428, section 4.4).
    #[error("`bver` is {version}, but {expected} is needed here: send version 10 or leave `bver` out")]
    Version {
        /// The version that the record states.
        version: u64,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// Base name and name together break RFC 8428, section 4.5.1.
    #[error(
        "the name `{name}` must be 1 to {MAX_NAME_BYTES} of A-Z a-z 0-9 - : . / _ and begin with a letter or digit"
    )]
    Name {
        /// The name, cut to its first characters.
        name: String,
    },
    /// A unit is empty, too long, or holds control characters.
    #[error(
        "the unit must be 1 to {MAX_UNIT_BYTES} bytes of printable text: use one from the SenML registry"
    )]
    Unit,
    /// A record has neither a value nor a sum.
    #[error("neither a value nor a sum: give one of `v`, `vs`, `vb`, `vd`, or `s`")]
    NoValue,
    /// A record has more than one value.
    #[error("more than one value: give one of `v`, `vs`, `vb`, `vd` and make further records of the others")]
    ManyValues,
    /// A string or data value exceeds [`MAX_VALUE_BYTES`].
    #[error("`{label}` has {length} bytes, more than {MAX_VALUE_BYTES}: anchor a document instead")]
    LongValue {
        /// The field's label.
        label: &'static str,
        /// Its bytes.
        length: usize,
    },
    /// A data value is not base64url without padding (RFC 4648, section 5).
    #[error("`vd` must be base64url without padding")]
    Base64,
    /// A time, alone or with its base, is too far from the epoch to keep microseconds.
    #[error("a time of {seconds} s cannot be kept: give seconds since 1970, or up to 2^28 s from now")]
    Time {
        /// The time in seconds.
        seconds: f64,
    },
    /// An update time is negative.
    #[error("`ut` must not be negative")]
    UpdateTime,
}

/// A text cut to what an error message can carry.
pub(super) fn excerpt(text: &str) -> String {
    const SHOWN: usize = 40;
    text.chars().take(SHOWN).collect()
}
