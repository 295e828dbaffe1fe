//! An axis of a chart: what it spans, where its marks stand, and where a value lies on it.
//!
//! Always true: an axis spans something, its marks ascend and lie within it, and every value that it was made of does.

/// Marks that a linear axis has at most.
const MARKS: f64 = 6.0;

/// How an axis is divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scale {
    /// From zero, evenly.
    Linear,
    /// In powers of ten.
    Logarithmic,
}

/// An axis.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// The axis that spans these values; what cannot be shown on it is left out.
    pub(super) fn of(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let usable = |value: &f64| value.is_finite() && (scale == Scale::Linear || *value > 0.0);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(usable) {
            (low, high) = (low.min(value), high.max(value));
        }
        match scale {
            Scale::Linear => {
                let high = if high > 0.0 { high } else { 1.0 };
                let step = step(high / MARKS);
                // A value of a tenth of a step above a mark still needs no further one.
                let marks = (high / step - 1e-9).ceil().max(1.0);
                Self { scale, low: 0.0, high: marks * step, step }
            }
            Scale::Logarithmic => {
                let (low, high) = if low <= high { (low, high) } else { (1.0, 10.0) };
                let [low, mut high] = [low.log10().floor(), high.log10().ceil()];
                if high <= low {
                    high = low + 1.0;
                }
                Self { scale, low, high, step: 1.0 }
            }
        }
    }

    /// Where a value lies: 0 at the beginning, 1 at the end; nowhere what is not on the axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let value = match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => value.log10(),
        };
        let place = (value - self.low) / (self.high - self.low);
        (-1e-9..=1.0 + 1e-9).contains(&place).then(|| place.clamp(0.0, 1.0))
    }

    /// Values at which marks stand.
    pub(super) fn marks(&self) -> Vec<f64> {
        let count = ((self.high - self.low) / self.step).round() as i32;
        let at = |mark: i32| self.low + f64::from(mark) * self.step;
        (0..=count)
            .map(|mark| match self.scale {
                Scale::Linear => at(mark),
                Scale::Logarithmic => 10f64.powf(at(mark)),
            })
            .collect()
    }
}

/// The next of 1, 2, 5, 10, ... that is not below.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0].map(|part| part * power).into_iter().find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// A number in as few digits as its size needs, thousands apart.
pub(super) fn written(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        size => (1.0 - size.log10().floor()).min(9.0) as usize,
    };
    let text = format!("{number:.digits$}");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let part = part.trim_end_matches('0');
    let mut spaced = String::new();
    for (at, digit) in whole.chars().enumerate() {
        let behind = whole.len() - at;
        if at > 0 && behind % 3 == 0 && !spaced.ends_with('-') {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    if part.is_empty() { spaced } else { format!("{spaced}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_its_values_and_few_marks() {
        for scale in [Scale::Linear, Scale::Logarithmic] {
            for high in [0.003, 0.2, 1.0, 7.0, 60.0, 61.0, 4_999.0, 1e9] {
                let values = [high / 40.0, high / 3.0, high];
                let axis = Axis::of(scale, values.into_iter());
                let marks = axis.marks();
                assert!(marks.is_sorted() && (2..=8).contains(&marks.len()), "{scale:?} {high}: {marks:?}");
                let places: Vec<_> = values.into_iter().map(|value| axis.place(value).unwrap()).collect();
                assert!(places.is_sorted() && places[2] > 0.5, "{scale:?} {high}: {places:?}");
                assert!(marks.iter().all(|mark| axis.place(*mark).is_some()));
            }
        }
    }

    #[test]
    fn what_cannot_be_shown_is_nowhere() {
        let axis = Axis::of(Scale::Logarithmic, [0.0, 5.0, f64::NAN].into_iter());
        assert_eq!(axis.marks(), [1.0, 10.0]);
        assert_eq!((axis.place(0.0), axis.place(f64::NAN), axis.place(1_000.0)), (None, None, None));
        let empty = Axis::of(Scale::Linear, std::iter::empty());
        assert_eq!((empty.marks().first(), empty.marks().last()), (Some(&0.0), Some(&1.0)));
        assert_eq!(Axis::of(Scale::Logarithmic, std::iter::empty()).marks(), [1.0, 10.0]);
    }

    #[test]
    fn numbers_are_short() {
        let found = [0.0, 0.0523, 0.5, 1.25, 12.34, 999.6, 12_345.6, -1_200.0].map(written);
        assert_eq!(found, ["0", "0.052", "0.5", "1.25", "12.3", "1,000", "12,346", "-1,200"]);
    }
}
