//! What a device's signals are called in SenML.
//!
//! A name is a device URN (RFC 9039) with the signal as its last identifier: `urn:dev:weft:<device id>:<signal>`.
//! The subtypes that RFC 9039 defines do not fit a device that is its key: `mac` and `ow` number hardware, `org`,
//! `os` and `ops` need an enterprise number of the owner's. Its grammar (section 3.2, `otherbody`) leaves room for
//! further subtypes; `weft` is written as one and is not registered with IANA. The device id is lower-case, as such
//! an identifier must be to be compared byte by byte, and ties the name to the key that signed the reading.

use crate::senml::{Name, Problem};
use weft_tangle::DeviceId;

/// The full name of a device's signal.
///
/// # Errors
/// [`Problem::Name`] for a signal that is empty or has other characters than letters, digits and `-` `.` `_`.
pub(super) fn full_name(device: &DeviceId, signal: &str) -> Result<Name, Problem> {
    if !is_signal(signal) {
        return Err(Problem::Name { name: signal.chars().take(40).collect() });
    }
    Name::new(format!("urn:dev:weft:{device}:{signal}"))
}

/// A signal's name made of a recording's column: what no name may have becomes `_`. `None` when nothing is left.
pub(super) fn signal_of_column(column: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' };
    let replaced: String = column.chars().map(plain).collect();
    let parts: Vec<&str> = replaced.split('_').filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("_"))
}

/// RFC 9039: an identifier, then components, each after one `_`; so no part is empty.
fn is_signal(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    text.split('_').all(|part| !part.is_empty() && part.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signals_name_is_a_device_urn() {
        let device = DeviceId::from_bytes([0; 32]);
        let name = full_name(&device, "heart_rate").unwrap();
        assert_eq!(name.as_str(), format!("urn:dev:weft:{}:heart_rate", "0".repeat(52)));
        for bad in ["", "_", "a__b", "hr_", "h r", "a:b", "a/b", "h\u{e4}", &"x".repeat(200)] {
            assert!(full_name(&device, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn columns_become_signals() {
        let cases = [
            ("HR (bpm)", "HR_bpm"),
            ("spo2", "spo2"),
            ("%SpO2", "SpO2"),
            ("a - b", "a_-_b"),
            ("\u{e4}x", "x"),
        ];
        for (column, signal) in cases {
            assert_eq!(signal_of_column(column).as_deref(), Some(signal));
            assert!(is_signal(signal));
        }
        assert_eq!(signal_of_column("(%)"), None);
    }
}
