//! Beats per minute from a pulse wave, by the moving-average threshold of HeartPy.
//!
//! P. van Gent, H. Farah, N. van Nes, B. van Arem: "Analysing noisy driver physiology real-time using off-the-shelf
//! sensors: heart rate analysis software from the Taking the Fast Lane project", Journal of Open Research Software
//! 7:32 (2019). A peak is the highest sample of each stretch above the moving average over 0.75 s. The average is
//! raised in steps; the step whose beats are the most regular, at a rate that a heart has, is taken. Intervals far
//! from the mean are then left out. Two things differ: the wave's minimum counts as zero, so that a wave around zero
//! works too; and regularity is the deviation as a part of the mean, so that counting each beat twice does not win.

use std::time::Duration;

/// Samples of a wave: over two hours at 117 Hz, and 8 MiB.
pub const MAX_SAMPLES: usize = 1 << 20;

/// Beats per minute that a step may give to be taken, as in HeartPy.
pub const PLAUSIBLE_PER_MINUTE: std::ops::RangeInclusive<f64> = 40.0..=180.0;

/// Seconds below which a beat's second wave looks as regular as beats do.
pub const MIN_SECONDS: f64 = 5.0;

const WINDOW_SECONDS: f64 = 0.75;

/// By how much of its mean the moving average is raised, in percent: HeartPy's steps.
const RAISES: [f64; 18] = [
    5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0, 150.0, 200.0,
    300.0,
];

/// Fewer intervals say nothing about regularity.
const MIN_INTERVALS: usize = 3;

/// Intervals are left out when farther from the mean than this part of it, and than [`TOLERATED_SECONDS`].
const TOLERATED_PART: f64 = 0.3;
const TOLERATED_SECONDS: f64 = 0.3;

/// The heart beats found in a wave.
#[derive(Debug, Clone, PartialEq)]
pub struct Beats {
    /// The samples at which a beat peaks, ascending, those of intervals left out included.
    pub peaks: Vec<usize>,
    /// Beats per minute: 60 s through the mean of the intervals that were kept.
    pub per_minute: f64,
}

/// Why no beats were found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BeatsError {
    /// The sample rate is not a positive number that resolves beats.
    #[error("a pulse wave at {hertz} Hz shows no beats: take at least 10 samples a second")]
    SampleRate {
        /// Samples per second.
        hertz: f64,
    },
    /// The wave is shorter than [`MIN_SECONDS`].
    #[error("{seconds} s of wave: take at least {MIN_SECONDS} s, so that beats can be told from noise")]
    TooShort {
        /// Its length in seconds.
        seconds: f64,
    },
    /// There are more samples than [`MAX_SAMPLES`].
    #[error("{samples} samples, more than {MAX_SAMPLES}: take a part of the wave")]
    TooLong {
        /// How many.
        samples: usize,
    },
    /// A sample is not finite.
    #[error("sample {index} is not a finite number: leave it out")]
    NotFinite {
        /// Its place, counted from 0.
        index: usize,
    },
    /// No threshold gives regular beats at a plausible rate.
    #[error("no regular beats between 40 and 180 a minute: take a longer or a cleaner part of the wave")]
    NoBeats,
}

/// Finds the beats of a wave of equally spaced samples.
///
/// # Errors
/// [`BeatsError`] when the input is unusable or holds no regular beats.
pub fn detect(wave: &[f64], hertz: f64) -> Result<Beats, BeatsError> {
    if !(hertz.is_finite() && hertz >= 10.0) {
        return Err(BeatsError::SampleRate { hertz });
    }
    if wave.len() > MAX_SAMPLES {
        return Err(BeatsError::TooLong { samples: wave.len() });
    }
    let seconds = wave.len() as f64 / hertz;
    if seconds < MIN_SECONDS {
        return Err(BeatsError::TooShort { seconds });
    }
    if let Some(index) = wave.iter().position(|sample| !sample.is_finite()) {
        return Err(BeatsError::NotFinite { index });
    }
    let lowest = wave.iter().copied().fold(f64::INFINITY, f64::min);
    let wave: Vec<f64> = wave.iter().map(|sample| sample - lowest).collect();
    let average = moving_average(&wave, hertz);
    let raise = mean(&average);
    let fits = RAISES.iter().filter_map(|percent| fit(&wave, &average, raise * percent / 100.0, hertz));
    let best = fits.min_by(|a, b| a.irregularity.total_cmp(&b.irregularity)).ok_or(BeatsError::NoBeats)?;
    let kept = without_outliers(&intervals(&best.peaks, hertz));
    if kept.is_empty() {
        return Err(BeatsError::NoBeats);
    }
    Ok(Beats { peaks: best.peaks, per_minute: 60.0 / mean(&kept) })
}

/// The mean rate, in samples per second, of samples at these offsets; none for fewer than two or without a span.
pub fn sample_rate(offsets: &[Duration]) -> Option<f64> {
    let span = offsets.last()?.checked_sub(*offsets.first()?)?.as_secs_f64();
    (span > 0.0).then(|| (offsets.len() - 1) as f64 / span)
}

struct Fit {
    peaks: Vec<usize>,
    /// The intervals' standard deviation as a part of their mean.
    irregularity: f64,
}

fn fit(wave: &[f64], average: &[f64], raise: f64, hertz: f64) -> Option<Fit> {
    let peaks = peaks(wave, average, raise);
    let per_minute = peaks.len() as f64 * 60.0 * hertz / wave.len() as f64;
    let intervals = intervals(&peaks, hertz);
    let plausible = PLAUSIBLE_PER_MINUTE.contains(&per_minute) && intervals.len() >= MIN_INTERVALS;
    plausible.then(|| Fit { peaks, irregularity: deviation(&intervals) / mean(&intervals) })
}

/// The highest sample of each stretch above the raised average.
fn peaks(wave: &[f64], average: &[f64], raise: f64) -> Vec<usize> {
    let mut peaks = Vec::new();
    let mut highest: Option<usize> = None;
    for (place, (sample, average)) in wave.iter().zip(average).enumerate() {
        if *sample > average + raise {
            if highest.is_none_or(|best| *sample > wave[best]) {
                highest = Some(place);
            }
        } else {
            peaks.extend(highest.take());
        }
    }
    peaks.extend(highest);
    peaks
}

/// The mean of the window around each sample; at the ends, of the part of it that there is.
fn moving_average(wave: &[f64], hertz: f64) -> Vec<f64> {
    let half = (WINDOW_SECONDS * hertz / 2.0) as usize;
    let mut sums = Vec::with_capacity(wave.len() + 1);
    sums.push(0.0);
    for (place, sample) in wave.iter().enumerate() {
        sums.push(sums[place] + sample);
    }
    let mean_around = |place: usize| {
        let (from, to) = (place.saturating_sub(half), (place + half + 1).min(wave.len()));
        (sums[to] - sums[from]) / (to - from) as f64
    };
    (0..wave.len()).map(mean_around).collect()
}

/// Seconds between peaks.
fn intervals(peaks: &[usize], hertz: f64) -> Vec<f64> {
    peaks.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / hertz).collect()
}

fn without_outliers(intervals: &[f64]) -> Vec<f64> {
    let mean = mean(intervals);
    let tolerated = (TOLERATED_PART * mean).max(TOLERATED_SECONDS);
    intervals.iter().copied().filter(|interval| (interval - mean).abs() < tolerated).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    (numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / numbers.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up pulse: a steep systolic wave, a dicrotic wave of a third of its height, a breath-like drift.
    fn wave(per_minute: f64, hertz: f64, seconds: f64, base: f64) -> Vec<f64> {
        let bump = |phase: f64, at: f64, width: f64| (-((phase - at) / width).powi(2)).exp();
        (0..(hertz * seconds) as usize)
            .map(|place| {
                let time = place as f64 / hertz;
                let phase = (time * per_minute / 60.0).fract();
                let drift = 30.0 * (time * 0.25 * std::f64::consts::TAU).sin();
                base + drift + 200.0 * bump(phase, 0.25, 0.08) + 65.0 * bump(phase, 0.6, 0.09)
            })
            .collect()
    }

    #[test]
    fn finds_a_known_rate() {
        for per_minute in [42.0, 55.0, 72.0, 97.3, 120.0, 160.0] {
            for base in [0.0, 500.0, -1000.0] {
                let beats = detect(&wave(per_minute, 117.0, 60.0, base), 117.0).unwrap();
                assert!(
                    (beats.per_minute - per_minute).abs() < 0.5,
                    "{per_minute}, {base}: {}",
                    beats.per_minute
                );
                assert!(beats.peaks.len().abs_diff(per_minute as usize) <= 1);
            }
        }
    }

    #[test]
    fn one_missing_and_one_false_beat_hardly_matter() {
        let mut wave = wave(72.0, 100.0, 60.0, 500.0);
        for (from, to) in [(1500, 1583), (3990, 4010)] {
            let flat = if from == 1500 { 450.0 } else { 720.0 };
            wave[from..to].fill(flat);
        }
        let beats = detect(&wave, 100.0).unwrap();
        assert!((beats.per_minute - 72.0).abs() < 1.0, "{}", beats.per_minute);
    }

    #[test]
    fn refuses_what_has_no_beats() {
        assert_eq!(detect(&[], 100.0), Err(BeatsError::TooShort { seconds: 0.0 }));
        assert_eq!(detect(&[5.0; 6000], 100.0), Err(BeatsError::NoBeats));
        assert_eq!(detect(&wave(72.0, 100.0, 2.0, 0.0), 100.0), Err(BeatsError::TooShort { seconds: 2.0 }));
        assert_eq!(detect(&wave(300.0, 100.0, 60.0, 0.0), 100.0), Err(BeatsError::NoBeats));
        assert_eq!(detect(&[f64::NAN; 600], 100.0), Err(BeatsError::NotFinite { index: 0 }));
        assert!(matches!(detect(&[1.0], f64::NAN), Err(BeatsError::SampleRate { .. })));
        assert!(matches!(detect(&vec![1.0; MAX_SAMPLES + 1], 100.0), Err(BeatsError::TooLong { .. })));
    }

    #[test]
    fn the_rate_is_of_the_gaps_between_samples() {
        let offsets: Vec<_> = (0..101).map(|place| Duration::from_millis(place * 10)).collect();
        assert_eq!(sample_rate(&offsets), Some(100.0));
        assert_eq!(sample_rate(&offsets[..1]), None);
        assert_eq!(sample_rate(&[Duration::ZERO; 3]), None);
    }
}
