//! Numbers with their units: counts, sizes and durations, parsed from text and written back.
//!
//! Owns the spellings (`64MiB`, `10GB`, `1h30m`, `500ms`) and the sentences about a number that is not one of them.
//! Knows no keys. Tested here, tables and a round trip over all numbers.

use std::ops::RangeInclusive;

use super::mistake::Wrong;

/// What the number of a setting counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things. Digits only.
    Count,
    /// Bytes. A plain number is bytes.
    Bytes,
    /// Milliseconds, in a key that ends in `_ms`. A plain number is milliseconds.
    Millis,
    /// Milliseconds, in a key that does not name its unit, so that the value must.
    Duration,
}

/// Sizes from the largest to the smallest; the first that divides a number writes it.
const BYTE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// Durations from the longest to the shortest, in milliseconds; the first that divides a number writes it.
const DURATION_UNITS: [(&str, u64); 6] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Unit {
    /// Reads text such as `4096`, `64MiB` or `1h30m`.
    pub fn parse(self, text: &str) -> Result<u64, Wrong> {
        let parsed = match self {
            Self::Count => digits(text),
            Self::Bytes => digits(text).or_else(|| bytes(text)),
            Self::Millis => digits(text).or_else(|| millis(text)),
            Self::Duration => millis(text),
        };
        parsed.ok_or_else(|| self.not_one(&format!("the text {text:?}"), text))
    }

    /// The mistake for a value that is no number of this unit; `found` describes the value.
    pub fn not_one(self, found: &str, text: &str) -> Wrong {
        let (expected, remedy) = match self {
            Self::Count => ("a whole number", "give digits only".to_owned()),
            Self::Bytes => ("a size", bytes_remedy(text)),
            Self::Millis => {
                ("a duration", "give milliseconds, or a text such as \"500ms\", \"30s\" or \"24h\"".to_owned())
            }
            Self::Duration => {
                ("a duration with its unit", "give a text such as \"30s\", \"90min\", \"24h\" or \"7d\"".to_owned())
            }
        };
        Wrong::new(format!("expected {expected}, found {found}"), remedy)
    }

    /// `number` when it lies in `range`.
    pub fn check(self, number: u64, range: &RangeInclusive<u64>) -> Result<u64, Wrong> {
        if range.contains(&number) { Ok(number) } else { Err(self.out_of_range(&self.show(number), range)) }
    }

    /// The mistake for a number outside `range`; `shown` is the number as the operator knows it.
    pub fn out_of_range(self, shown: &str, range: &RangeInclusive<u64>) -> Wrong {
        let (least, most) = (self.show(*range.start()), self.show(*range.end()));
        Wrong::new(format!("{shown} is out of range"), format!("give a value from {least} to {most}"))
    }

    /// `number` in its largest unit that loses nothing: `64MiB`, `90s`.
    pub fn show(self, number: u64) -> String {
        let units: &[(&str, u64)] = match self {
            Self::Count => &[],
            Self::Bytes => &BYTE_UNITS,
            Self::Millis | Self::Duration => &DURATION_UNITS,
        };
        match units.iter().find(|(_, size)| number >= *size && number.is_multiple_of(*size)) {
            Some((name, size)) => format!("{}{name}", number / size),
            None => number.to_string(),
        }
    }
}

/// Digits, with underscores between them as TOML allows.
fn digits(text: &str) -> Option<u64> {
    let (first, last) = (text.chars().next()?, text.chars().next_back()?);
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '_');
    if plain && first != '_' && last != '_' { text.replace('_', "").parse().ok() } else { None }
}

/// A number and one unit, case ignored: nobody who writes `64mb` means millibits.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let (_, size) = BYTE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    digits(number)?.checked_mul(*size)
}

/// `64M` is refused, because it is written for either of two sizes; say which two.
fn bytes_remedy(text: &str) -> String {
    let general = || "give bytes, or a text such as \"64KiB\", \"64MiB\" or \"10GB\"".to_owned();
    let Some((number, unit)) = split(text) else { return general() };
    match unit.to_ascii_uppercase().as_str() {
        prefix @ ("K" | "M" | "G" | "T") => {
            format!("say which: \"{number}{prefix}B\" (thousands) or \"{number}{prefix}iB\" (1024s)")
        }
        _ => general(),
    }
}

/// One or more numbers with a unit each, from the longest to the shortest: `1h30m`, `1d 12h`.
fn millis(text: &str) -> Option<u64> {
    let (mut rest, mut total, mut previous_size) = (text.trim(), 0_u64, u64::MAX);
    while !rest.is_empty() {
        let (number, after) = split(rest)?;
        let unit_len = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(unit_len);
        let (_, size) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
        if *size >= previous_size {
            return None;
        }
        total = total.checked_add(digits(number)?.checked_mul(*size)?)?;
        (rest, previous_size) = (next.trim_start(), *size);
    }
    (previous_size != u64::MAX).then_some(total)
}

/// The digits at the start of `text`, and what follows them.
fn split(text: &str) -> Option<(&str, &str)> {
    let digits_len = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let (number, unit) = text.split_at(digits_len);
    (!number.is_empty()).then(|| (number, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64_000", Some(64_000)),
            ("64KiB", Some(65_536)),
            ("64 mib", Some(67_108_864)),
            ("10GB", Some(10_000_000_000)),
            ("16777215TiB", Some(16_777_215 << 40)),
            ("16777216TiB", None),
            ("64M", None),
            ("1.5GiB", None),
            ("MiB", None),
            ("_1", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(Unit::Bytes.parse(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("5min", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            ("1d 12h", Some(129_600_000)),
            ("30m1h", None),
            ("5m5min", None),
            ("5M", None),
            ("5y", None),
            ("h", None),
            ("", None),
            ("300000000000000000d", None),
        ] {
            assert_eq!(Unit::Duration.parse(text).ok(), expected, "{text:?}");
        }
        assert_eq!(Unit::Millis.parse("250").ok(), Some(250));
        assert_eq!(Unit::Duration.parse("250").ok(), None, "a key without a unit needs one in its value");
    }

    #[test]
    fn an_ambiguous_size_is_told_apart() {
        let wrong = Unit::Bytes.parse("64m").expect_err("64m may mean either");
        assert_eq!(wrong.remedy, "say which: \"64MB\" (thousands) or \"64MiB\" (1024s)");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(number: u64) {
            for unit in [Unit::Count, Unit::Bytes, Unit::Millis] {
                prop_assert_eq!(unit.parse(&unit.show(number)).ok(), Some(number));
            }
        }

        #[test]
        fn no_text_panics(text in ".{0,12}") {
            for unit in [Unit::Count, Unit::Bytes, Unit::Millis, Unit::Duration] {
                let _ = unit.parse(&text);
            }
        }
    }
}
