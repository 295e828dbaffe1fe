//! The door's check of what a reading contains, by its CoAP Content-Format.
//!
//! Replicas never look into a reading; only the HTTP door does, where a client can be told what is wrong.
//! A sealed body is checked in structure alone: nobody here holds its key.

mod cose;

use crate::senml;

pub use cose::SealedProblem;

/// SenML in JSON (RFC 8428, section 12.3).
pub const SENML_JSON: u16 = 110;

/// SenML in CBOR (RFC 8428, section 12.3).
pub const SENML_CBOR: u16 = 112;

/// COSE_Encrypt0, a body sealed at the device (RFC 9052, section 5.2).
pub const COSE_ENCRYPT0: u16 = 16;

/// Records in one reading. What fits a body would at worst resolve to several times as many, each with a long name.
pub const MAX_READING_RECORDS: usize = 2_048;

const _: () = assert!(MAX_READING_RECORDS <= senml::limits::MAX_RECORDS);

/// Why a reading's content is refused, or cannot be shown.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContentError {
    /// The content format is not one of a reading; HTTP 415.
    #[error(
        "content format {format} is not a reading's: use {SENML_JSON} (SenML JSON), {SENML_CBOR} (SenML CBOR) \
         or {COSE_ENCRYPT0} (a sealed body, COSE_Encrypt0)"
    )]
    Unsupported {
        /// The content format that the header states.
        format: u16,
    },
    /// The content is not what its format says; HTTP 422.
    #[error("the content is not well formed: {0}")]
    Malformed(#[from] Malformed),
    /// The content is sealed: only who holds the key can read its records.
    #[error("the content is sealed: ask the patient for a grant to read it")]
    Sealed,
}

/// What is wrong with a content of a known format.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// It is not the SenML that it claims to be.
    #[error(transparent)]
    Senml(#[from] senml::Error),
    /// It has more than [`MAX_READING_RECORDS`].
    #[error("{count} records, more than {MAX_READING_RECORDS} in one reading: send several readings")]
    ManyRecords {
        /// Its records.
        count: usize,
    },
    /// It is not a COSE_Encrypt0.
    #[error("not a COSE_Encrypt0: {0}")]
    Sealed(#[from] SealedProblem),
}

/// Checks a reading's content, without the salt before it.
///
/// # Errors
/// [`ContentError::Unsupported`] or [`ContentError::Malformed`].
pub fn check(content_format: u16, content: &[u8]) -> Result<(), ContentError> {
    match content_format {
        COSE_ENCRYPT0 => Ok(cose::check_encrypt0(content).map_err(Malformed::from)?),
        _ => pack(content_format, content).map(drop),
    }
}

/// The records of a reading's content, resolved against the transaction's timestamp in milliseconds since the
/// Unix epoch.
///
/// # Errors
/// [`ContentError::Sealed`] when the content is well formed but sealed; otherwise as [`check`].
pub fn records(
    content_format: u16,
    content: &[u8],
    timestamp_ms: u64,
) -> Result<Vec<senml::Record>, ContentError> {
    if content_format == COSE_ENCRYPT0 {
        check(content_format, content)?;
        return Err(ContentError::Sealed);
    }
    Ok(pack(content_format, content)?.resolve(timestamp_ms))
}

fn pack(content_format: u16, content: &[u8]) -> Result<senml::Pack, ContentError> {
    let pack = match content_format {
        SENML_JSON => senml::parse_json(content),
        SENML_CBOR => senml::parse_cbor(content),
        format => return Err(ContentError::Unsupported { format }),
    };
    let pack = pack.map_err(Malformed::from)?;
    match pack.records().len() {
        count if count > MAX_READING_RECORDS => Err(Malformed::ManyRecords { count }.into()),
        _ => Ok(pack),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_unsupported_from_malformed() {
        let json = br#"[{"n":"urn:dev:x:hr","u":"beat/min","v":61}]"#;
        assert_eq!(check(SENML_JSON, json), Ok(()));
        for format in [0, 50, 60, 111, 113, 96, u16::MAX] {
            assert_eq!(check(format, json), Err(ContentError::Unsupported { format }));
            assert_eq!(records(format, json, 0), Err(ContentError::Unsupported { format }));
        }
        assert!(matches!(check(SENML_CBOR, json), Err(ContentError::Malformed(Malformed::Senml(_)))));
        assert!(matches!(check(COSE_ENCRYPT0, json), Err(ContentError::Malformed(Malformed::Sealed(_)))));
        assert!(matches!(check(SENML_JSON, b""), Err(ContentError::Malformed(_))));
    }

    #[test]
    fn records_take_the_transactions_time() {
        let cbor = b"\x81\xa3\x00\x62hr\x02\x18\x3d\x06\x21";
        assert_eq!(check(SENML_CBOR, cbor), Ok(()));
        let records = records(SENML_CBOR, cbor, 1_700_000_000_000).unwrap();
        assert_eq!((records[0].name(), records[0].time().milliseconds()), ("hr", 1_699_999_998_000));
    }

    #[test]
    fn bounds_the_records_of_a_reading() {
        let pack = |count: usize| format!(r#"[{{"bn":"a","v":1}}{}]"#, r#",{"v":1}"#.repeat(count - 1));
        assert_eq!(check(SENML_JSON, pack(MAX_READING_RECORDS).as_bytes()), Ok(()));
        let count = MAX_READING_RECORDS + 1;
        let refused = ContentError::Malformed(Malformed::ManyRecords { count });
        assert_eq!(check(SENML_JSON, pack(count).as_bytes()), Err(refused));
    }

    #[test]
    fn a_sealed_reading_has_no_records_to_show() {
        assert_eq!(records(COSE_ENCRYPT0, b"\x83\x40\xa0\x41\x00", 0), Err(ContentError::Sealed));
        assert!(matches!(records(COSE_ENCRYPT0, b"\x83\x40\xa0", 0), Err(ContentError::Malformed(_))));
    }
}
