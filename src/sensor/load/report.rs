//! What a load counts, by device and in all.
//!
//! Always true: accepted + refused + unsent = planned, once a load has ended; what was not answered is unsent, even if
//! the node took it.

use hdrhistogram::{Counter, Histogram};
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest latency that is told apart: an hour. Longer ones count as this.
const LONGEST_MICROSECONDS: u64 = 3_600_000_000;

/// Significant digits of a latency.
const DIGITS: u8 = 3;

/// What one device counts.
pub(super) struct Tally {
    pub(super) accepted: u64,
    pub(super) known: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) errors: u64,
    pub(super) busy: u64,
    pub(super) requests: u64,
    /// Of each accepted transaction, in microseconds.
    latencies: Histogram<u32>,
    /// The last error, in words.
    pub(super) last_error: Option<String>,
}

/// What a load came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Transactions that were to be sent.
    pub planned: u64,
    /// Transactions that the node has acknowledged: they are on its disk.
    pub accepted: u64,
    /// Those among them that it had already, from a request whose answer was lost. Of a batch a node does not say.
    pub known: u64,
    /// Transactions that it refused for good, by the last part of the problem's type.
    pub refused: BTreeMap<String, u64>,
    /// Transactions without a verdict: not sent, or sent and not answered.
    pub unsent: u64,
    /// Requests without an answer that could be used.
    pub errors: u64,
    /// Times that a transaction was put off with 503, 429 or 408 and handed in again.
    pub busy: u64,
    /// Requests in all.
    pub requests: u64,
    /// Devices that sent.
    pub devices: usize,
    /// From the first request to the last answer.
    pub sending: Duration,
    /// Before: keys and enrolments.
    pub enrolling: Duration,
    /// Before: signing, when it was done beforehand.
    pub signing: Duration,
    /// Processor time that this process spent while it sent, where the system tells.
    pub processor: Option<Duration>,
    /// Latencies of the accepted transactions.
    pub latency: Latency,
    /// An error, in words, if there was one.
    pub last_error: Option<String>,
}

/// Latencies in milliseconds: from when a request was to be sent until its answer was read. Zero when there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Half of the transactions took at most this long.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// 999 of a thousand.
    pub p99_9: f64,
    /// The longest.
    pub max: f64,
}

impl Report {
    /// Transactions that were refused, for whatever reason.
    pub fn refused_in_all(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Accepted transactions a second; zero when nothing was sent.
    pub fn accepted_per_second(&self) -> f64 {
        let seconds = self.sending.as_secs_f64();
        if seconds > 0.0 { self.accepted as f64 / seconds } else { 0.0 }
    }

    /// Adds up what the devices counted.
    pub(super) fn of(planned: u64, tallies: &[Tally]) -> Self {
        let mut report = Self { planned, devices: tallies.len(), ..Self::default() };
        let mut latencies: Histogram<u64> = histogram();
        for tally in tallies {
            report.accepted += tally.accepted;
            report.known += tally.known;
            report.errors += tally.errors;
            report.busy += tally.busy;
            report.requests += tally.requests;
            for (reason, count) in &tally.refused {
                *report.refused.entry(reason.clone()).or_default() += count;
            }
            for value in tally.latencies.iter_recorded() {
                latencies.saturating_record_n(value.value_iterated_to(), u64::from(value.count_at_value()));
            }
            report.last_error = report.last_error.or_else(|| tally.last_error.clone());
        }
        report.unsent = planned.saturating_sub(report.accepted + report.refused_in_all());
        report.latency = Latency::of(&latencies);
        report
    }
}

impl Latency {
    fn of(microseconds: &Histogram<u64>) -> Self {
        let at = |quantile| microseconds.value_at_quantile(quantile) as f64 / 1000.0;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: microseconds.max() as f64 / 1000.0,
        }
    }
}

impl Tally {
    pub(super) fn new() -> Self {
        Self {
            accepted: 0,
            known: 0,
            refused: BTreeMap::new(),
            errors: 0,
            busy: 0,
            requests: 0,
            latencies: histogram(),
            last_error: None,
        }
    }

    pub(super) fn accept(&mut self, latency: Duration, is_new: bool) {
        self.accepted += 1;
        self.known += u64::from(!is_new);
        self.latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(LONGEST_MICROSECONDS));
    }

    pub(super) fn refuse(&mut self, reason: &str) {
        match self.refused.get_mut(reason) {
            Some(count) => *count += 1,
            None => {
                self.refused.insert(reason.to_owned(), 1);
            }
        }
    }

    pub(super) fn fail(&mut self, error: impl ToString) {
        self.errors += 1;
        self.last_error = Some(error.to_string());
    }
}

fn histogram<T: Counter>() -> Histogram<T> {
    Histogram::new_with_bounds(1, LONGEST_MICROSECONDS, DIGITS)
        .expect("1 < 3.6e9 and 3 digits are within the bounds of the histogram")
}

/// Processor time of this process so far, from `/proc/self/stat`, which counts hundredths of a second on every Linux.
pub(super) fn processor_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    processor_time_in(&text)
}

/// User and system time are the fields 14 and 15; the name in field 2 may hold spaces and parentheses.
fn processor_time_in(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_add_up_and_latencies_are_those_of_all() {
        let mut first = Tally::new();
        for milliseconds in 1..=990 {
            first.accept(Duration::from_millis(milliseconds), true);
        }
        first.refuse("pow");
        first.fail("the node is gone");
        let mut second = Tally::new();
        for milliseconds in 991..=1_000 {
            second.accept(Duration::from_millis(milliseconds), milliseconds % 2 == 0);
        }
        second.refuse("pow");
        second.refuse("parents");
        let report = Report { sending: Duration::from_secs(2), ..Report::of(1_010, &[first, second]) };
        assert_eq!((report.accepted, report.known, report.refused_in_all()), (1_000, 5, 3));
        assert_eq!((report.unsent, report.errors, report.refused["pow"]), (7, 1, 2));
        assert_eq!(report.accepted_per_second(), 500.0);
        assert_eq!(report.last_error.as_deref(), Some("the node is gone"));
        let Latency { p50, p90, p99, p99_9, max } = report.latency;
        for (found, expected) in [(p50, 500.0), (p90, 900.0), (p99, 990.0), (p99_9, 999.0), (max, 1_000.0)] {
            assert!((found - expected).abs() <= expected * 0.001, "{found} is not {expected}");
        }
    }

    #[test]
    fn nothing_sent_is_no_division_by_zero() {
        let report = Report::of(5, &[]);
        assert_eq!((report.accepted_per_second(), report.unsent, report.latency.max), (0.0, 5, 0.0));
    }

    #[test]
    fn an_endless_latency_counts_as_the_longest() {
        let mut tally = Tally::new();
        tally.accept(Duration::MAX, true);
        assert!(Report::of(1, &[tally]).latency.max >= 3_600_000.0);
    }

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0 1";
        assert_eq!(processor_time_in(stat), Some(Duration::from_millis(1_750)));
        assert_eq!(processor_time_in("7 (a) S 1 2"), None);
    }
}
