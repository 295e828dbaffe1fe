//! Reading a recording's time column: numbers of milliseconds or seconds, or date-times.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::senml::Time;

/// How a time column is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Numbers of milliseconds.
    Milliseconds,
    /// Numbers of seconds.
    Seconds,
    /// RFC 3339, or `YYYY-MM-DD HH:MM:SS[.fff]`, which means UTC.
    DateTime,
}

impl TimeUnit {
    /// How an error names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Milliseconds => "milliseconds",
            Self::Seconds => "seconds",
            Self::DateTime => "RFC 3339 or `YYYY-MM-DD HH:MM:SS.fff` in UTC",
        }
    }

    /// Reads a time; none when the text is not one. Rounded to the microsecond.
    pub(super) fn read(self, text: &str) -> Option<Time> {
        let scale = match self {
            Self::Milliseconds => 1e3,
            Self::Seconds => 1.0,
            Self::DateTime => return date_time(text),
        };
        let number: f64 = text.parse().ok()?;
        Time::from_seconds(number / scale).ok()
    }

    /// Whether a time in this unit says when it was, and not only how long after another: a date-time does, and a
    /// number from 2^28 s on, which SenML takes for seconds since 1970.
    pub(super) fn is_absolute(self, time: Time) -> bool {
        self == Self::DateTime || !time.is_relative()
    }

    /// The unit that a column's name states; `Err` when the name is a time's but its first value must tell.
    ///
    /// Names are compared in lower case, with `_` for all that is not a letter or digit: `Time [ms]` is `time_ms`.
    /// `timer` counts milliseconds, as Arduino's and HeartPy's timers do.
    pub(super) fn of_column(name: &str) -> Option<Result<Self, ToldByValue>> {
        let words: Vec<String> = name
            .split(|character: char| !character.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        match words.join("_").as_str() {
            "ms" | "millis" | "milliseconds" | "timer" | "timer_ms" | "time_ms" | "timestamp_ms"
            | "elapsed_ms" => Some(Ok(Self::Milliseconds)),
            "s" | "sec" | "secs" | "seconds" | "timer_s" | "time_s" | "timestamp_s" | "elapsed_s"
            | "elapsed" => Some(Ok(Self::Seconds)),
            "datetime" | "date_time" => Some(Ok(Self::DateTime)),
            "time" | "timestamp" | "t" => Some(Err(ToldByValue)),
            _ => None,
        }
    }
}

/// The name says time, but not of which unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToldByValue;

impl ToldByValue {
    /// Seconds, as in SenML, when the column's first value is a number; else date-times.
    pub(super) fn unit(&self, first: &str) -> TimeUnit {
        if first.parse::<f64>().is_ok() { TimeUnit::Seconds } else { TimeUnit::DateTime }
    }
}

fn date_time(text: &str) -> Option<Time> {
    let timestamp = match text.parse::<Timestamp>() {
        Ok(timestamp) => timestamp,
        // A date alone would silently mean midnight.
        Err(_) if !text.contains(':') => return None,
        Err(_) => TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?,
    };
    Some(Time::from_microseconds(timestamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_unit() {
        for (name, unit) in [
            ("timer", TimeUnit::Milliseconds),
            ("Time [ms]", TimeUnit::Milliseconds),
            ("ms", TimeUnit::Milliseconds),
            ("Seconds", TimeUnit::Seconds),
            ("Time (s)", TimeUnit::Seconds),
            ("datetime", TimeUnit::DateTime),
            ("Date Time", TimeUnit::DateTime),
        ] {
            assert_eq!(TimeUnit::of_column(name), Some(Ok(unit)), "{name}");
        }
        assert_eq!(TimeUnit::of_column("Time"), Some(Err(ToldByValue)));
        assert_eq!(TimeUnit::of_column("hr"), None);
        assert_eq!(TimeUnit::of_column(""), None);
        assert_eq!(ToldByValue.unit("12.5"), TimeUnit::Seconds);
        assert_eq!(ToldByValue.unit("2016-11-24 13:58:58"), TimeUnit::DateTime);
    }

    #[test]
    fn reads_times_to_the_microsecond() {
        let us = |unit: TimeUnit, text: &str| unit.read(text).map(Time::microseconds);
        assert_eq!(us(TimeUnit::Milliseconds, "8.54790319355"), Some(8_548));
        assert_eq!(us(TimeUnit::Seconds, "1700000000.123"), Some(1_700_000_000_123_000));
        for text in
            ["2016-11-24 13:58:58.081000", "2016-11-24T13:58:58.081Z", "2016-11-24T15:58:58.081+02:00"]
        {
            assert_eq!(us(TimeUnit::DateTime, text), Some(1_479_995_938_081_000), "{text}");
        }
        assert_eq!(us(TimeUnit::DateTime, "2016-11-24 13:59:00"), Some(1_479_995_940_000_000));
        for text in ["", "2016-11-24", "13:58:58", "24.11.2016 13:58", "2016-02-30 00:00:00", "12"] {
            assert_eq!(us(TimeUnit::DateTime, text), None, "{text}");
        }
        for text in ["", "x", "nan", "inf", "1e400", "1e300"] {
            assert_eq!(us(TimeUnit::Seconds, text), None, "{text}");
        }
    }
}
