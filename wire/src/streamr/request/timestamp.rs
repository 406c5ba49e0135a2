//! Times as publishers give them: milliseconds, in a number or a string, or a date.
//!
//! Dates are those of JavaScript's `Date.parse` that are met in practice: ISO 8601 from the day on, RFC 3339, and what
//! `Date.toUTCString` writes. A time without an offset is taken for UTC.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::number;
use crate::time::parse_us;

/// The last millisecond whose microseconds are exact in a 64-bit float: in the year 2255.
pub const TIME_MS_MAX: u64 = tailwater_core::SEQ_MAX / 1000;

/// The milliseconds since the Unix epoch that a text spells; `None` if it spells no time, or one before 1970 or after
/// [`TIME_MS_MAX`].
pub fn parse_ms(text: &str) -> Option<u64> {
    match number::parse(text) {
        Some(number) => from_number(number),
        None => parse_date(text.trim()).filter(|ms| *ms <= TIME_MS_MAX),
    }
}

/// The milliseconds a number stands for, without a fraction.
pub(super) fn from_number(number: f64) -> Option<u64> {
    (0.0..=TIME_MS_MAX as f64).contains(&number).then(|| number::to_u64(number))
}

fn parse_date(text: &str) -> Option<u64> {
    if let Some(us) = parse_us(&complete(text)?) {
        return Some(us / 1000);
    }
    let time = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    u64::try_from(time.unix_timestamp()).ok()?.checked_mul(1000)
}

/// An ISO date or time as RFC 3339 wants it: with a time of day, with seconds, with an offset that has a colon. Other
/// text stays what it is.
fn complete(text: &str) -> Option<String> {
    let (date, rest) = text.split_at_checked(10)?;
    let clock = rest.strip_prefix(['T', 't', ' ']).unwrap_or(rest);
    let at = clock.find(['Z', 'z', '+', '-']).unwrap_or(clock.len());
    let (clock, offset) = clock.split_at(at);
    let clock = match clock.len() {
        0 => "00:00:00".to_owned(),
        5 => format!("{clock}:00"),
        _ => clock.to_owned(),
    };
    let offset = match offset.split_at_checked(3) {
        Some((hours, minutes)) if minutes.len() == 2 => format!("{hours}:{minutes}"),
        _ if offset.is_empty() => "Z".to_owned(),
        _ => offset.to_owned(),
    };
    Some(format!("{date}T{clock}{offset}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_dates() {
        let noon = 1_491_048_000_000;
        let table = [
            ("1491048000000", noon),
            ("1491048000000.75", noon),
            ("1.491048e12", noon),
            ("0", 0),
            ("9007199254740", TIME_MS_MAX),
            ("2017-04-01", noon - 12 * 3_600_000),
            ("2017-04-01T12:00", noon),
            ("2017-04-01T12:00:00", noon),
            ("2017-04-01 12:00:00.250", noon + 250),
            ("2017-04-01T12:00:00Z", noon),
            ("2017-04-01T12:00:00.123Z", noon + 123),
            ("2017-04-01T12:00:00.1239999Z", noon + 123),
            ("2017-04-01T14:00:00+02:00", noon),
            ("2017-04-01T14:00+0200", noon),
            ("2017-04-01t12:00:00z", noon),
            (" 2017-04-01T12:00:00Z ", noon),
            ("Sat, 01 Apr 2017 12:00:00 GMT", noon),
        ];
        for (text, ms) in table {
            assert_eq!(parse_ms(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        let table = [
            "",
            " ",
            "x",
            "yesterday",
            "-1",
            "9007199254741",
            "1e300",
            "1969-12-31",
            "2017-02-30",
            "2017-13-01",
            "2017-04-01T25:00",
            "2017-04-01Tnoon",
            "2300-01-01",
            "2017-04-0",
            "ääääääääää",
            "Sat, 01 Apr 1960 12:00:00 GMT",
        ];
        for text in table {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), date in "[0-9TZ:+ .-]{0,30}") {
            let _ = (parse_ms(&text), parse_ms(&date));
        }
    }
}
