//! Times: RFC 3339 text and microseconds since the Unix epoch.

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// The last microsecond of the year 9999, where RFC 3339 ends.
const US_MAX: u64 = 253_402_300_799_999_999;

/// The microseconds of a time like `2026-07-04T14:38:08.085Z`, any offset; `None` if it is malformed or before 1970.
pub fn parse_us(text: &str) -> Option<u64> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    u64::try_from(time.unix_timestamp_nanos().div_euclid(1000)).ok()
}

/// Bytes of a time with microseconds.
pub(crate) const TEXT_BYTES: usize = 27;

/// Appends a time in UTC with microseconds: `2026-07-04T14:38:08.085434Z`. Times beyond the year 9999 are written as
/// its last microsecond.
pub fn write_us(out: &mut Vec<u8>, time_us: u64) {
    out.extend_from_slice(text_us(&mut [0; TEXT_BYTES], time_us).as_bytes());
}

/// The same in a place of its own.
pub(crate) fn text_us(text: &mut [u8; TEXT_BYTES], time_us: u64) -> &str {
    let time_us = time_us.min(US_MAX);
    let time = OffsetDateTime::from_unix_timestamp((time_us / 1_000_000) as i64).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = time.to_calendar_date();
    let (hour, minute, second) = time.to_hms();
    *text = *b"0000-00-00T00:00:00.000000Z";
    for (number, place) in [
        (year as u32, 0..4),
        (u8::from(month).into(), 5..7),
        (day.into(), 8..10),
        (hour.into(), 11..13),
        (minute.into(), 14..16),
        (second.into(), 17..19),
        ((time_us % 1_000_000) as u32, 20..26),
    ] {
        put_digits(&mut text[place], number);
    }
    std::str::from_utf8(text).unwrap_or_default()
}

/// Fills `place` with the last digits of a number.
pub(crate) fn put_digits(place: &mut [u8], number: u32) {
    let mut left = number;
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(time_us: u64) -> String {
        let mut out = Vec::new();
        write_us(&mut out, time_us);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn golden_times() {
        let table = [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2026-07-04T14:38:08.085434Z", 1_783_175_888_085_434),
            ("9999-12-31T23:59:59.999999Z", US_MAX),
        ];
        for (text, time_us) in table {
            assert_eq!(written(time_us), text);
            assert_eq!(parse_us(text), Some(time_us));
        }
        assert_eq!(written(u64::MAX), written(US_MAX));
    }

    #[test]
    fn reads_every_offset_and_precision() {
        for text in ["2026-07-04T14:38:08Z", "2026-07-04T16:38:08+02:00", "2026-07-04T14:38:08.000000999Z"] {
            assert_eq!(parse_us(text), Some(1_783_175_888_000_000), "{text}");
        }
        for text in ["", "yesterday", "2026-07-04", "2026-13-04T14:38:08Z", "1969-12-31T23:59:59Z"] {
            assert_eq!(parse_us(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(time_us in 0..=US_MAX) {
            prop_assert_eq!(parse_us(&written(time_us)), Some(time_us));
        }
    }
}
