//! What the vectors say of readings is what the door says of their content. The ledger itself never looks into one.

use super::text;
use serde_json::Value;
use weft_tangle::limits::{BODY_OFFSET, SALT_BYTES};

#[test]
fn readings_of_the_vectors_are_taken_or_refused_for_their_content() {
    let set: Value = serde_json::from_str(&text("spec/vectors/verdicts.json")).expect("vectors are JSON");
    let rows = set["rows"].as_array().expect("there are rows");
    let (mut taken, mut refused) = (0, 0);
    for row in rows {
        let expected = match row["refused"].as_str() {
            None => None,
            Some(slug @ ("content" | "unsupported-media-type")) => Some(slug),
            Some(_) => continue,
        };
        let Some(wire) = row["wire"].as_str() else { continue };
        let wire = data_encoding::HEXLOWER.decode(wire.as_bytes()).expect("bytes are in hexadecimal");
        let format = u16::from_be_bytes([wire[2], wire[3]]);
        let found = weft::content::check(format, &wire[BODY_OFFSET + SALT_BYTES..]);
        let found = found.err().map(|refusal| match refusal {
            weft::content::ContentError::Unsupported { .. } => "unsupported-media-type",
            _ => "content",
        });
        assert_eq!(found, expected, "{}", row["name"]);
        *(if expected.is_none() { &mut taken } else { &mut refused }) += 1;
    }
    assert!(taken >= 2 && refused >= 5, "{taken} and {refused} rows are of readings");
}
