//! Which of a recording's columns is the time, and which are signals.

use super::when::{TimeUnit, ToldByValue};
use super::{MAX_COLUMNS, Options, RecordingError};

/// The columns by their places in a row.
pub(super) struct Columns {
    /// The names of the signals.
    pub(super) names: Vec<String>,
    /// The place of each signal in a row.
    pub(super) places: Vec<usize>,
    /// The place of the time.
    pub(super) time: usize,
    /// How to read the time.
    pub(super) unit: Result<TimeUnit, ToldByValue>,
    /// Fields in a row.
    pub(super) width: usize,
}

impl Columns {
    /// Reads the header. The time is the column that the options name, else the first with a time's name; further
    /// columns with a time's name are no signals and are left out.
    pub(super) fn of(
        header: &csv::StringRecord,
        line: u64,
        options: &Options,
    ) -> Result<Self, RecordingError> {
        let count = header.len();
        if count > MAX_COLUMNS {
            return Err(RecordingError::ManyColumns { line, count });
        }
        for (place, name) in header.iter().enumerate() {
            if name.is_empty() || header.iter().take(place).any(|other| other == name) {
                return Err(RecordingError::ColumnName { line, column: place + 1, name: name.to_owned() });
            }
        }
        let is_time = |name: &str| match &options.time_column {
            Some(chosen) => name == chosen,
            None => TimeUnit::of_column(name).is_some(),
        };
        let Some(time) = header.iter().position(is_time) else {
            let found = header.iter().collect::<Vec<_>>().join(", ");
            return Err(RecordingError::NoTimeColumn { line, found });
        };
        let named = TimeUnit::of_column(&header[time]).unwrap_or(Err(ToldByValue));
        let unit = options.time_unit.map_or(named, Ok);
        let signal = |place: &usize| *place != time && TimeUnit::of_column(&header[*place]).is_none();
        let places: Vec<usize> = (0..count).filter(signal).collect();
        if places.is_empty() {
            return Err(RecordingError::NoSignal { line });
        }
        let names = places.iter().map(|place| header[*place].to_owned()).collect();
        Ok(Self { names, places, time, unit, width: count })
    }
}
