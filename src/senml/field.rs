//! The fields of RFC 8428, table 1, with their JSON labels and CBOR integers.

/// A field that RFC 8428 defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    BaseVersion,
    BaseName,
    BaseTime,
    BaseUnit,
    BaseValue,
    BaseSum,
    Name,
    Unit,
    Value,
    Text,
    Bool,
    Data,
    Sum,
    Time,
    UpdateTime,
}

/// Each field with its label in JSON and its integer in CBOR (RFC 8428, table 4).
const FIELDS: [(Field, &str, i8); 15] = [
    (Field::BaseVersion, "bver", -1),
    (Field::BaseName, "bn", -2),
    (Field::BaseTime, "bt", -3),
    (Field::BaseUnit, "bu", -4),
    (Field::BaseValue, "bv", -5),
    (Field::BaseSum, "bs", -6),
    (Field::Name, "n", 0),
    (Field::Unit, "u", 1),
    (Field::Value, "v", 2),
    (Field::Text, "vs", 3),
    (Field::Bool, "vb", 4),
    (Field::Data, "vd", 8),
    (Field::Sum, "s", 5),
    (Field::Time, "t", 6),
    (Field::UpdateTime, "ut", 7),
];

impl Field {
    /// The field with this label.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        FIELDS.iter().find(|entry| entry.1 == label).map(|entry| entry.0)
    }

    /// The field with this CBOR integer.
    pub(super) fn of_number(number: i64) -> Option<Self> {
        FIELDS.iter().find(|entry| i64::from(entry.2) == number).map(|entry| entry.0)
    }

    /// The label in JSON.
    pub(super) fn label(self) -> &'static str {
        FIELDS[self as usize].1
    }

    /// The integer in CBOR.
    pub(super) fn number(self) -> i8 {
        FIELDS[self as usize].2
    }

    /// A bit of its own in a set of fields.
    pub(super) fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A field's value as either encoding delivers it.
#[derive(Debug)]
pub(super) enum Datum {
    Text(String),
    Unsigned(u64),
    Number(f64),
    Bool(bool),
    Bytes(Vec<u8>),
    /// A null, array, map or other thing that no field takes; the text is its name.
    Other(&'static str),
}

impl Datum {
    /// What it is, for an error.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Unsigned(_) | Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Bytes(_) => "bytes",
            Self::Other(kind) => kind,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_enum() {
        for (place, (field, label, number)) in FIELDS.into_iter().enumerate() {
            assert_eq!(field as usize, place);
            assert_eq!(Field::of_label(label), Some(field));
            assert_eq!(Field::of_number(i64::from(number)), Some(field));
        }
    }
}
