//! What a load's transactions say: the vital signs of one moment, as a bedside monitor would send them.
//!
//! Always true: with header, signature, nonce and salt such a reading makes a transaction of 2.8 KB.

use crate::senml::{Problem, Record, Time, Value, write_compact_json};
use crate::sensor::naming::full_name;
use weft_tangle::DeviceId;

/// The signs, their units, their least values, and in how many steps of which size they vary.
const SIGNS: [(&str, &str, f64, u64, f64); 4] = [
    ("hr", "beat/min", 58.0, 40, 1.0),
    ("rr", "1/min", 11.0, 9, 1.0),
    ("spo2", "%", 94.0, 6, 1.0),
    ("temperature", "Cel", 36.1, 17, 0.1),
];

/// The content of a device's reading number `number`: SenML in JSON, at the transaction's time.
pub(super) fn content(device: &DeviceId, number: u64) -> Result<Vec<u8>, Problem> {
    let record = |&(name, unit, least, steps, step): &(&str, &str, f64, u64, f64)| {
        let value = least + (number % steps) as f64 * step;
        let value = Value::Number((value * 10.0).round() / 10.0);
        Record::new(full_name(device, name)?, value, Time::NOW)?.with_unit(unit)
    };
    let records: Result<Vec<Record>, Problem> = SIGNS.iter().map(record).collect();
    Ok(write_compact_json(&records?).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_tangle::content_format::SENML_JSON;

    /// Header, signature and nonce, and the salt.
    const AROUND: usize = 2_588 + 16;

    #[test]
    fn a_transaction_of_it_has_2_8_kilobytes_and_passes_the_door() {
        let device = DeviceId::from_bytes([7; 32]);
        for number in [0, 1, 39, 612, u64::MAX] {
            let content = content(&device, number).unwrap();
            let bytes = AROUND + content.len();
            assert!((2_780..2_850).contains(&bytes), "{bytes}: {}", String::from_utf8_lossy(&content));
            let records = crate::content::records(SENML_JSON, &content, 1_700_000_000_000).unwrap();
            assert_eq!(records.len(), SIGNS.len());
        }
    }

    #[test]
    fn values_vary_within_what_a_living_body_shows() {
        let device = DeviceId::from_bytes([7; 32]);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..2_000 {
            let content = content(&device, number).unwrap();
            for record in crate::content::records(SENML_JSON, &content, 1_700_000_000_000).unwrap() {
                let name = record.name().rsplit(':').next().unwrap().to_owned();
                let value = record.number().unwrap();
                assert_eq!(crate::sensor::signals::unit_of(&name, value, value), record.unit());
            }
            seen.insert(content);
        }
        assert!(seen.len() > 1_000, "{} different readings", seen.len());
    }
}
