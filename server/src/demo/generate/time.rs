//! Times as the AT Protocol writes them: RFC 3339 texts and TIDs. Tested here.

const DAY_S: u64 = 86_400;
const MONTH_DAYS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/// The sortable base 32 of TIDs.
const TID_ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
/// Digits of a TID.
const TID_CHARS: u32 = 13;

/// `2026-07-04T14:38:08.999Z`, from microseconds since the Unix epoch.
pub(super) fn rfc3339(time_us: u64) -> String {
    let (seconds, millis) = (time_us / 1_000_000, time_us / 1_000 % 1_000);
    let (year, month, day) = date(seconds / DAY_S);
    let (hour, minute, second) = (seconds % DAY_S / 3_600, seconds % 3_600 / 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of the month, from days since the Unix epoch.
fn date(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    while days >= year_days(year) {
        days -= year_days(year);
        year += 1;
    }
    let mut month = 0;
    while days >= month_days(year, month) {
        days -= month_days(year, month);
        month += 1;
    }
    (year, month + 1, days + 1)
}

fn year_days(year: u64) -> u64 {
    365 + u64::from(is_leap(year))
}

fn month_days(year: u64, month: usize) -> u64 {
    MONTH_DAYS[month] + u64::from(month == 1 && is_leap(year))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Gives out TIDs, each higher than the one before.
#[derive(Clone, Debug)]
pub(super) struct TidClock {
    last: u64,
    clock_id: u64,
}

impl TidClock {
    /// A clock with this id, of which ten bits count.
    pub fn new(clock_id: u64) -> Self {
        Self { last: 0, clock_id: clock_id & 0x3ff }
    }

    /// The TID of a time, or the next one when the clock has already given that out.
    pub fn tid(&mut self, time_us: u64) -> String {
        self.last = tid_number(time_us, self.clock_id).max(self.last + 1);
        tid_text(self.last)
    }
}

/// The TID of a time, which may lie in the past.
pub(super) fn tid(time_us: u64, clock_id: u64) -> String {
    tid_text(tid_number(time_us, clock_id))
}

fn tid_number(time_us: u64, clock_id: u64) -> u64 {
    (time_us << 10 | clock_id & 0x3ff) & (u64::MAX >> 1)
}

fn tid_text(number: u64) -> String {
    (0..TID_CHARS).rev().map(|digit| char::from(TID_ALPHABET[(number >> (5 * digit) & 31) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (time_us, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999_000, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000_999, "2000-03-01T00:00:00.000Z"),
            (1_783_175_888_085_434, "2026-07-04T14:38:08.085Z"),
            (4_102_444_799_000_000, "2099-12-31T23:59:59.000Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(time_us), text);
        }
    }

    #[test]
    fn tids_rise_even_when_time_does_not() {
        let mut clock = TidClock::new(7);
        let tids = [1_783_175_888_085_434, 1_783_175_888_085_434, 5, 1_783_175_888_085_435].map(|time| clock.tid(time));
        assert!(tids.is_sorted_by(|a, b| a < b), "{tids:?}");
        assert_eq!(tids[0].len(), 13);
        assert_eq!(tid(0, 0), "2222222222222");
        assert_eq!(tid(1_783_175_888_085_434, 7), tids[0]);
    }
}
