//! A recording that nobody's body made, and that says so: for demonstrations and tests.
//!
//! The same seed and length give the same bytes on every machine: integers decide everything, and no function of
//! the platform's mathematics library is called.

use std::fmt::Write as _;

/// Seconds of a synthetic recording: a day, some 2 MB.
pub const MAX_SECONDS: u32 = 86_400;

/// A signal of the synthetic recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// The column's name.
    pub column: &'static str,
    /// The unit, by its name in the SenML units registry. `/` is a ratio: 0.97 is what clinicians call 97 %.
    pub unit: &'static str,
}

/// The signals, in the order of the columns after the time.
pub const SIGNALS: [Signal; 4] = [
    Signal { column: "heart_rate", unit: "beat/min" },
    Signal { column: "respiratory_rate", unit: "1/min" },
    Signal { column: "temperature", unit: "Cel" },
    Signal { column: "spo2", unit: "/" },
];

/// How a signal moves, in thousandths of its unit: an adult at rest.
struct Motion {
    rest: i64,
    low: i64,
    high: i64,
    /// The largest step of the slow drift in a second.
    drift: i64,
    /// The largest noise on one sample.
    noise: i64,
    /// What the sensor resolves.
    step: i64,
    /// Digits after the point.
    digits: usize,
}

const MOTIONS: [Motion; 4] = [
    Motion { rest: 68_000, low: 52_000, high: 104_000, drift: 700, noise: 900, step: 100, digits: 1 },
    Motion { rest: 14_500, low: 10_000, high: 22_000, drift: 150, noise: 300, step: 100, digits: 1 },
    Motion { rest: 36_800, low: 36_300, high: 37_400, drift: 4, noise: 20, step: 10, digits: 2 },
    Motion { rest: 975, low: 940, high: 995, drift: 1, noise: 3, step: 1, digits: 3 },
];

/// Writes `seconds` rows at 1 Hz, at most [`MAX_SECONDS`], as CSV: a note that it is synthetic, a header, then
/// `seconds` since the beginning and a value for each of [`SIGNALS`].
pub fn csv(seed: u64, seconds: u32) -> String {
    let mut text = format!("# synthetic: made by weft from seed {seed}; no person was measured\nseconds");
    for signal in &SIGNALS {
        text.push(',');
        text.push_str(signal.column);
    }
    text.push('\n');
    let mut random = SplitMix64(seed);
    let mut levels = MOTIONS.map(|motion| motion.rest);
    for second in 0..seconds.min(MAX_SECONDS) {
        text.push_str(&second.to_string());
        for (level, motion) in levels.iter_mut().zip(&MOTIONS) {
            // A pull back to rest makes the drift wander without running away.
            let pull = (motion.rest - *level) / 50;
            *level = (*level + pull + random.within(motion.drift)).clamp(motion.low, motion.high);
            let seen = (*level + random.within(motion.noise)).clamp(motion.low, motion.high);
            push_value(&mut text, seen / motion.step * motion.step, motion.digits);
        }
        text.push('\n');
    }
    text
}

fn push_value(text: &mut String, thousandths: i64, digits: usize) {
    let fraction = thousandths % 1000 / 10i64.pow(3 - digits as u32);
    write!(text, ",{}.{fraction:0digits$}", thousandths / 1000).expect("writing to a string cannot fail");
}

/// Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014. Not for secrets.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from -bound to bound. The bias of the remainder is far below what a noise could show.
    fn within(&mut self, bound: i64) -> i64 {
        let span = bound.unsigned_abs() * 2 + 1;
        (self.next() % span) as i64 - bound
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Recording};
    use super::*;

    #[test]
    fn reads_back_as_a_plausible_recording_that_says_it_is_synthetic() {
        let text = csv(7, 600);
        let recording = Recording::open(text.as_bytes(), &Options::default()).unwrap();
        assert!(recording.notes()[0].starts_with("synthetic"));
        assert!(recording.columns().iter().eq(SIGNALS.iter().map(|signal| signal.column)));
        let samples: Vec<_> = recording.map(Result::unwrap).collect();
        assert_eq!((samples.len(), samples[599].offset.as_secs()), (600, 599));
        assert!(samples.iter().all(|sample| sample.absolute.is_none()));
        for (signal, motion) in MOTIONS.iter().enumerate() {
            let values: Vec<f64> = samples.iter().map(|sample| sample.values[signal].1).collect();
            let bounds = motion.low as f64 / 1000.0..=motion.high as f64 / 1000.0;
            assert!(values.iter().all(|value| bounds.contains(value)));
            assert!(values.iter().any(|value| *value != values[0]), "column {signal} stands still");
        }
    }

    /// The generator's first numbers from seed 0, as its authors publish them.
    #[test]
    fn the_generator_is_the_published_one() {
        let mut random = SplitMix64(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn the_seed_decides_and_the_length_is_bounded() {
        assert_eq!(csv(1, 50), csv(1, 50));
        assert_ne!(csv(1, 50), csv(2, 50));
        assert!(csv(1, 60).starts_with(&csv(1, 50)));
        assert_eq!(csv(1, u32::MAX).lines().count(), MAX_SECONDS as usize + 2);
    }
}
