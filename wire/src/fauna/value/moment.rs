//! Times and dates, and their text: ISO 8601 as the protocol's own library writes it, with no, three, six or nine
//! digits behind the second.

use std::fmt;

use ::time::format_description::well_known::Rfc3339;
use ::time::{Date, Month, OffsetDateTime};

use crate::time::put_digits;

const NS_PER_US: i128 = 1000;

/// A point in time, in nanoseconds since the Unix epoch, within the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i128);

impl Moment {
    /// The time `time_us` microseconds after the Unix epoch; beyond the year 9999, its last microsecond.
    pub fn from_us(time_us: u64) -> Self {
        const US_MAX: u64 = 253_402_300_799_999_999;
        Self(i128::from(time_us.min(US_MAX)) * NS_PER_US)
    }

    /// Microseconds since the Unix epoch, rounded down.
    pub fn us(self) -> i64 {
        // Within the years 0 to 9999 they fit.
        self.0.div_euclid(NS_PER_US) as i64
    }

    /// Reads a time such as `2024-03-21T12:35:18.680Z`, with any offset.
    pub fn parse(text: &str) -> Option<Self> {
        let time = OffsetDateTime::parse(text, &Rfc3339).ok()?.to_offset(::time::UtcOffset::UTC);
        (0..=9999).contains(&time.year()).then(|| Self(time.unix_timestamp_nanos()))
    }

    /// The day in UTC.
    pub fn day(self) -> Day {
        Day(self.utc().date())
    }

    fn utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(self.0).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// Its text, in a place for it.
    fn text(self, place: &mut [u8; TEXT_BYTES_MAX]) -> &str {
        let time = self.utc();
        let (hour, minute, second, nanosecond) = time.to_hms_nano();
        *place = *b"0000-00-00T00:00:00.000000000Z";
        Day(time.date()).put(place.first_chunk_mut().expect("a time begins with a day"));
        for (number, at) in [(hour, 11), (minute, 14), (second, 17)] {
            put_digits(&mut place[at..at + 2], number.into());
        }
        let (digits, number) = match nanosecond {
            0 => (0, 0),
            ns if ns % 1_000_000 == 0 => (3, ns / 1_000_000),
            ns if ns % 1000 == 0 => (6, ns / 1000),
            ns => (9, ns),
        };
        put_digits(&mut place[POINT + 1..][..digits], number);
        let end = if digits == 0 { POINT } else { POINT + 1 + digits };
        place[end] = b'Z';
        std::str::from_utf8(&place[..=end]).unwrap_or_default()
    }

    /// Appends its text.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text(&mut [0; TEXT_BYTES_MAX]).as_bytes());
    }
}

/// Bytes of a time with nine digits behind the second.
const TEXT_BYTES_MAX: usize = 30;
/// Where the point is, or the `Z` if there is none.
const POINT: usize = 19;
/// Bytes of a day.
const DAY_BYTES: usize = 10;

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; TEXT_BYTES_MAX]))
    }
}

/// A day of the years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// Reads a day such as `2024-03-21`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |range: std::ops::Range<usize>| -> Option<u16> {
            let part = text.get(range)?;
            part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten()
        };
        if text.len() != 10 || text.as_bytes()[4] != b'-' || text.as_bytes()[7] != b'-' {
            return None;
        }
        let month = Month::try_from(u8::try_from(digits(5..7)?).ok()?).ok()?;
        Date::from_calendar_date(digits(0..4)?.into(), month, u8::try_from(digits(8..10)?).ok()?).ok().map(Self)
    }

    /// Puts its digits where they belong.
    fn put(self, place: &mut [u8; DAY_BYTES]) {
        let (year, month, day) = self.0.to_calendar_date();
        put_digits(&mut place[..4], year.unsigned_abs());
        put_digits(&mut place[5..7], u8::from(month).into());
        put_digits(&mut place[8..], day.into());
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = *b"0000-00-00";
        self.put(&mut place);
        f.write_str(std::str::from_utf8(&place).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_have_as_many_digits_as_they_need() {
        let table = [
            (0, "1970-01-01T00:00:00Z"),
            (1_711_024_518_680_000, "2024-03-21T12:35:18.680Z"),
            (1_711_024_518_680_001, "2024-03-21T12:35:18.680001Z"),
            (1_711_024_518_000_000, "2024-03-21T12:35:18Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ];
        for (time_us, text) in table {
            assert_eq!(Moment::from_us(time_us).to_string(), text);
            assert_eq!(Moment::parse(text), Some(Moment::from_us(time_us)));
        }
        assert_eq!(Moment::from_us(1_711_024_518_680_001).us(), 1_711_024_518_680_001);
        let before = Moment::parse("1969-12-31T23:59:59.123456789Z").unwrap();
        assert_eq!((before.to_string(), before.us()), ("1969-12-31T23:59:59.123456789Z".into(), -876_544));
        assert_eq!(Moment::parse("2024-03-21T14:35:18+02:00"), Moment::parse("2024-03-21T12:35:18Z"));
    }

    #[test]
    fn no_times_and_no_days() {
        for text in ["", "now", "2024-03-21", "2024-13-21T12:35:18Z", "2024-03-21T12:35:18", "12024-03-21T12:35:18Z"] {
            assert_eq!(Moment::parse(text), None, "{text}");
        }
        for text in ["", "2024-3-21", "2024-02-30", "2024-13-01", "2024/03/21", "+024-03-21", "2024-03-21T", "ä024-3-1"]
        {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Day::parse("0001-02-03").unwrap().to_string(), "0001-02-03");
        assert_eq!(Moment::from_us(1_711_024_518_680_000).day(), Day::parse("2024-03-21").unwrap());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(time_us in 0..=253_402_300_799_999_999_u64) {
            prop_assert_eq!(Moment::parse(&Moment::from_us(time_us).to_string()), Some(Moment::from_us(time_us)));
        }
    }
}
