//! Timestamps as text (`2026-07-04T12:00:00.123Z`) to and from microseconds since the Unix epoch.

/// Microseconds since the Unix epoch; `None` when `text` is no RFC 3339 timestamp between 1970 and 9999.
pub fn to_unix_us(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if !text.is_ascii() || bytes.len() < 20 || separators.iter().any(|(at, b)| bytes[*at] != *b) {
        return None;
    }
    if !matches!(bytes[10], b'T' | b't' | b' ') {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hour, minute, second) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    let in_range = (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_us, zone) = fraction(&text[19..])?;
    let offset_s = zone_offset_s(zone)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset_s;
    u64::try_from(seconds * 1_000_000 + fraction_us).ok()
}

/// The timestamp with milliseconds, in UTC.
pub fn from_unix_us(us: u64) -> String {
    let (days, in_day_ms) = (us / 86_400_000_000, us / 1_000 % 86_400_000);
    let (year, month, day) = civil_from_days(i64::try_from(days).unwrap_or(i64::MAX));
    let (s, ms) = (in_day_ms / 1_000, in_day_ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{ms:03}Z", s / 3_600, s / 60 % 60, s % 60)
}

fn number(text: &str) -> Option<i64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The microseconds of an optional fraction, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let value = number(rest.get(..digits.min(6))?)?;
    let scale = 10i64.pow(6 - u32::try_from(digits.min(6)).ok()?);
    (digits > 0).then_some((value * scale, &rest[digits..]))
}

fn zone_offset_s(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = zone[1..].split_once(':')?;
    let well_formed = hours.len() == 2 && minutes.len() == 2;
    well_formed.then_some(sign * (number(hours)? * 3_600 + number(minutes)? * 60))
}

/// Days since 1970-01-01 of a date in the proleptic Gregorian calendar (years counted from March).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12 + 1;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_timestamps() {
        let table = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-07-04T12:00:00.123Z", Some(1_783_166_400_123_000)),
            ("2024-02-29T23:59:59.9999999Z", Some(1_709_251_199_999_999)),
            ("2000-03-01T00:00:00.5+01:30", Some(951_863_400_500_000)),
            ("1969-12-31T23:59:59Z", None),
            ("2026-07-04T12:00:00", None),
            ("2026-07-04T12:00:00.Z", None),
            ("2026-13-04T12:00:00Z", None),
            ("2026-07-04T12:00:00+1:30", None),
            ("2026-07-04T+2:00:00Z", None),
            ("ä026-07-04T12:00:00Z", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(to_unix_us(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn round_trip(ms in 0u64..253_402_300_800_000) {
            prop_assert_eq!(to_unix_us(&from_unix_us(ms * 1_000)), Some(ms * 1_000));
        }

        #[test]
        fn any_text_is_answered(text in "\\PC*") {
            let _ = to_unix_us(&text);
        }
    }
}
