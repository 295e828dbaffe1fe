//! Units of vital signs that are known by name, from the SenML units registry (RFC 8428, section 12.1).
//!
//! A wrong unit is worse than none. So a unit is given only when the value is one that the sign can have in it: a
//! body of 98.6 is not in degrees Celsius, and a pulse wave that its column calls `hr` does not count beats.

use std::ops::RangeInclusive;

/// A vital sign under its usual names, in lower case without separators.
struct Sign {
    names: &'static [&'static str],
    unit: &'static str,
    possible: RangeInclusive<f64>,
}

const SIGNS: [Sign; 5] = [
    Sign { names: &["hr", "heartrate", "pulse", "pulserate"], unit: "beat/min", possible: 10.0..=350.0 },
    Sign {
        names: &["rr", "resp", "resprate", "respiratoryrate", "respirationrate", "breathingrate"],
        unit: "1/min",
        possible: 1.0..=150.0,
    },
    Sign { names: &["temp", "temperature", "bodytemperature"], unit: "Cel", possible: 10.0..=50.0 },
    // A ratio up to 1, or the percentage of it: no living body has a saturation that could be either.
    Sign { names: &["spo2", "sao2", "oxygensaturation"], unit: "/", possible: 0.0..=1.0 },
    Sign { names: &["spo2", "sao2", "oxygensaturation"], unit: "%", possible: 1.001..=100.0 },
];

/// A rate that is measured more often than this is no rate but the wave that it is derived from.
pub(super) const RATE_SAMPLES_PER_SECOND: f64 = 10.0;

/// The unit in which a signal of this name has all values from `least` to `greatest`, if it is known.
pub fn unit_of(name: &str, least: f64, greatest: f64) -> Option<&'static str> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let fits = |sign: &&Sign| {
        sign.names.contains(&plain.as_str())
            && sign.possible.contains(&least)
            && sign.possible.contains(&greatest)
    };
    SIGNS.iter().find(fits).map(|sign| sign.unit)
}

/// Whether a signal of this name counts events a minute.
pub(super) fn is_rate(name: &str) -> bool {
    unit_of(name, 60.0, 60.0).is_some_and(|unit| unit.ends_with("/min"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_given_where_the_values_can_be_in_it() {
        let table = [
            ("hr", 61.0, Some("beat/min")),
            ("Heart_Rate", 61.0, Some("beat/min")),
            ("hr", 515.0, None),
            ("rr", 14.0, Some("1/min")),
            ("rr", 812.0, None),
            ("temperature", 36.8, Some("Cel")),
            ("temperature", 98.6, None),
            ("SpO2", 0.97, Some("/")),
            ("spo2", 97.0, Some("%")),
            ("spo2", 970.0, None),
            ("glucose", 5.0, None),
        ];
        for (name, value, unit) in table {
            assert_eq!(unit_of(name, value, value), unit, "{name}={value}");
        }
        assert_eq!(unit_of("spo2", 0.5, 97.0), None);
        assert_eq!(unit_of("hr", 50.0, 400.0), None);
        assert!(
            is_rate("hr") && is_rate("rr") && !is_rate("spo2") && !is_rate("temperature") && !is_rate("ecg")
        );
    }
}
