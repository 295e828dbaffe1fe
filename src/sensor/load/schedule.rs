//! When the requests of a load are to be sent.

use std::time::{Duration, Instant};

/// When a device's requests are to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// From one request of a device to its next, and from the start to its first; `None`: each when the one before it
    /// is answered.
    times: Option<(Duration, Duration)>,
}

/// What counts as never, for the clock cannot tell much later times.
const NEVER: Duration = Duration::from_secs(1 << 32);

impl Schedule {
    /// The requests of all devices are spread evenly: `rate` transactions a second, `batch` in a request, or as many as
    /// a device sends in all.
    pub(super) fn new(rate: Option<f64>, batch: u64, devices: usize, device: usize) -> Self {
        let times = rate.map(|rate| {
            let apart = batch as f64 / rate;
            // A rate of less than one a century is one that never comes.
            let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(NEVER);
            (seconds(apart * devices as f64), seconds(apart * device as f64))
        });
        Self { times }
    }

    /// When a device's request number `number` is due, if that is fixed.
    pub(super) fn due(self, start: Instant, number: u32) -> Option<Instant> {
        self.times.map(|(apart, first)| start + apart.saturating_mul(number).saturating_add(first).min(NEVER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spread_over_time_and_devices() {
        let start = Instant::now();
        let due = |device, number| {
            let due = Schedule::new(Some(1_000.0), 50, 4, device).due(start, number);
            due.map(|due| (due - start).as_millis())
        };
        assert_eq!([due(0, 0), due(1, 0), due(3, 0)], [Some(0), Some(50), Some(150)]);
        assert_eq!([due(0, 1), due(3, 1), due(0, 10)], [Some(200), Some(350), Some(2_000)]);
        assert_eq!(Schedule::new(None, 50, 4, 1).due(start, 3), None);
        assert_eq!(Schedule::new(Some(f64::MIN_POSITIVE), 1, 1, 1).due(start, 3), Some(start + NEVER));
    }
}
