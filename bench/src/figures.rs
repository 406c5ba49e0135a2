//! The arithmetic of comparisons: medians over rounds, ratios between two sides, and how figures are written.
//!
//! Owns numbers only and never measures. A machine that is shared with others is noisy, so a figure is the median over rounds with its
//! smallest and largest, and a ratio is that of the two medians with the smallest and largest of a single round. Tests are
//! below.

use serde::Serialize;

/// One figure over all rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// The median; the mean of the two in the middle when their number is even.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Figure {
    /// The figure of `rounds`; zeros when there is none.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = rounds.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (sorted.first(), sorted.last()) else {
            return Self::default();
        };
        Self { median: middle(&sorted), min: *min, max: *max }
    }

    /// This figure in another unit, `factor` of which make one of the old.
    pub fn scaled(self, factor: f64) -> Self {
        Self { median: self.median * factor, min: self.min * factor, max: self.max * factor }
    }
}

fn middle(sorted: &[f64]) -> f64 {
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}

/// `ours` over `theirs` when both were measured in every round, in turn: the ratio of the medians, and the extremes of the
/// rounds' own ratios.
pub fn ratio_of_rounds(ours: &[f64], theirs: &[f64]) -> Figure {
    let by_round = Figure::of(ours.iter().zip(theirs).map(|(ours, theirs)| ratio(*ours, *theirs)));
    let medians = ratio(Figure::of(ours.iter().copied()).median, Figure::of(theirs.iter().copied()).median);
    Figure { median: medians, ..by_round }
}

/// `part / whole`; 0 when the whole is nothing.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// A share of one as people write it: `97 %`, `0.31 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = if percent.abs() >= 10.0 || percent == percent.trunc() { 0 } else { 2 };
    format!("{percent:.digits$} %")
}

/// Bytes as people write them: `512`, `64 KiB`, `1.5 MiB`.
pub fn bytes(count: f64) -> String {
    let units = [(1024.0 * 1024.0 * 1024.0, "GiB"), (1024.0 * 1024.0, "MiB"), (1024.0, "KiB")];
    match units.iter().find(|(size, _)| count >= *size) {
        Some((size, unit)) => format!("{} {unit}", short(count / size)),
        None => short(count),
    }
}

/// A number with three significant digits or all before the point: `0.914`, `4.31`, `87.2`, `1234`.
pub fn short(number: f64) -> String {
    let digits = match number.abs() {
        size if size >= 100.0 || size == size.trunc() => 0,
        size if size >= 10.0 => 1,
        size if size >= 1.0 => 2,
        _ => 3,
    };
    format!("{number:.digits$}")
}

/// `median (min .. max)`.
pub fn with_range(figure: Figure) -> String {
    format!("{} ({} .. {})", short(figure.median), short(figure.min), short(figure.max))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_extremes() {
        let table = [
            (vec![], (0.0, 0.0, 0.0)),
            (vec![3.0], (3.0, 3.0, 3.0)),
            (vec![9.0, 1.0, 2.0], (2.0, 1.0, 9.0)),
            (vec![4.0, 1.0, 2.0, 100.0], (3.0, 1.0, 100.0)),
        ];
        for (rounds, (median, min, max)) in table {
            assert_eq!(Figure::of(rounds.iter().copied()), Figure { median, min, max }, "{rounds:?}");
        }
        let halved = Figure::of([2.0, 4.0, 8.0]).scaled(0.5);
        assert_eq!(halved, Figure { median: 2.0, min: 1.0, max: 4.0 });
    }

    #[test]
    fn ratios_are_of_medians_and_extremes_of_rounds() {
        // Rounds: 1.0, 0.5, 0.9; medians: 9 and 10.
        let ratio = ratio_of_rounds(&[10.0, 4.0, 9.0], &[10.0, 8.0, 10.0]);
        assert_eq!(ratio, Figure { median: 0.9, min: 0.5, max: 1.0 });
        assert_eq!(ratio_of_rounds(&[1.0], &[0.0]), Figure::default());
        assert_eq!(ratio_of_rounds(&[], &[]), Figure::default());
    }

    #[test]
    fn shares() {
        for (share, expected) in [(0.974, "97 %"), (1.0, "100 %"), (0.0031, "0.31 %"), (0.0, "0 %"), (-0.25, "-25 %")] {
            assert_eq!(percent(share), expected, "{share}");
        }
    }

    #[test]
    fn figures_in_words() {
        let table = [
            (0.0, "0"),
            (0.9136, "0.914"),
            (4.314, "4.31"),
            (87.25, "87.2"),
            (512.0, "512"),
            (1234.5, "1234"),
            (2.0, "2"),
            (-0.25, "-0.250"),
        ];
        for (number, expected) in table {
            assert_eq!(short(number), expected, "{number}");
        }
        let sizes = [
            (516.0, "516"),
            (65536.0, "64 KiB"),
            (1536.0 * 1024.0, "1.50 MiB"),
            (3.0 * 1024.0 * 1024.0 * 1024.0, "3 GiB"),
        ];
        for (count, expected) in sizes {
            assert_eq!(bytes(count), expected, "{count}");
        }
        assert_eq!(with_range(Figure { median: 0.93, min: 0.905, max: 1.0 }), "0.930 (0.905 .. 1)");
    }
}
