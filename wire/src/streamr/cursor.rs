//! What a resend or a query means, given what the feed holds: pure functions in two steps.
//!
//! [`plan`] turns the wish into offsets where it can. What it cannot know, which offset the Nth last message has or the
//! first one of a time, is looked up by the caller, and [`between`] makes offsets of what was found. Nobody ever gets
//! more than what was there when the request was met.

/// The most messages of [`Selection::Last`].
pub const LAST_COUNT_MAX: u32 = 100_000;

/// Which stored messages are wanted. Both ends of everything are inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Nothing was asked for.
    Nothing,
    /// All there are.
    All,
    /// From an offset on.
    From {
        /// The first offset.
        from: u64,
    },
    /// From one offset to another.
    Range {
        /// The first offset.
        from: u64,
        /// The last offset.
        to: u64,
    },
    /// So many of the newest.
    Last {
        /// How many; more than [`LAST_COUNT_MAX`] is that many.
        count: u64,
    },
    /// Beginning with the first message at or after a time.
    FromTime {
        /// Milliseconds since the Unix epoch.
        ms: u64,
    },
    /// Beginning with the first message at or after a time, ending with the last one at or before another.
    TimeRange {
        /// The first millisecond since the Unix epoch.
        from_ms: u64,
        /// The last one.
        to_ms: u64,
    },
}

/// What a feed holds that holds something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The offset of the oldest message still held.
    pub first: u64,
    /// The offset of the newest one.
    pub last: u64,
    /// The offset the message before the oldest had, if there ever was one.
    pub before_first: Option<u64>,
}

/// What is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: the answer is `no_resend`, or an empty list.
    Nothing,
    /// Every message with an offset in this range. A [`Selection::Range`] may fall between two messages: nothing then.
    Offsets {
        /// The first offset, not below the window's.
        from: u64,
        /// The last offset, not above the window's.
        to: u64,
    },
    /// So many of the newest: look up the offset of the first of them, then see [`between`].
    Last {
        /// How many, at least 1.
        count: u32,
    },
    /// Look up the first message at or after `from_us` and the last one at or before `to_us` (without it, the newest),
    /// then see [`between`].
    Times {
        /// Microseconds since the Unix epoch.
        from_us: u64,
        /// Microseconds since the Unix epoch.
        to_us: Option<u64>,
    },
}

/// Decides what is to be sent; `window` is `None` if the feed holds nothing.
pub fn plan(selection: Selection, window: Option<Window>) -> Plan {
    let Some(window) = window else { return Plan::Nothing };
    match selection {
        Selection::Nothing | Selection::Last { count: 0 } => Plan::Nothing,
        Selection::All => between(Some(window.first), Some(window.last)),
        Selection::From { from } => between(Some(from.max(window.first)), Some(window.last)),
        Selection::Range { from, to } if fills_lost_gap(from, to, window) => {
            between(Some(window.first), Some(window.first))
        }
        Selection::Range { from, to } => between(Some(from.max(window.first)), Some(to.min(window.last))),
        Selection::Last { count } => Plan::Last { count: count.min(LAST_COUNT_MAX.into()) as u32 },
        Selection::FromTime { ms } => Plan::Times { from_us: start_us(ms), to_us: None },
        Selection::TimeRange { from_ms, to_ms } => {
            Plan::Times { from_us: start_us(from_ms), to_us: Some(start_us(to_ms).saturating_add(999)) }
        }
    }
}

/// The plan for what was looked up: the first and the last offset, each `None` if there is no such message.
pub fn between(from: Option<u64>, to: Option<u64>) -> Plan {
    match (from, to) {
        (Some(from), Some(to)) if from <= to => Plan::Offsets { from, to },
        _ => Plan::Nothing,
    }
}

/// Whether a client wants the messages up to the one before the oldest, all of which are gone.
///
/// That is a client that was away for long, got the oldest message just now and found a gap before it. Told that there
/// is nothing, it looks at that message again, finds the same gap and asks again, without a pause and without an end.
/// Sent the oldest message itself, it goes on from there.
fn fills_lost_gap(from: u64, to: u64, window: Window) -> bool {
    from <= to && window.before_first == Some(to) && to < window.first
}

fn start_us(ms: u64) -> u64 {
    ms.saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Selection::{All, From, FromTime, Last, Nothing, Range, TimeRange};
    use super::*;

    const WINDOW: Window = Window { first: 5, last: 20, before_first: Some(3) };

    fn offsets(from: u64, to: u64) -> Plan {
        Plan::Offsets { from, to }
    }

    #[test]
    fn a_feed_that_holds_5_to_20() {
        let table = [
            (Nothing, Plan::Nothing),
            (All, offsets(5, 20)),
            (From { from: 0 }, offsets(5, 20)),
            (From { from: 5 }, offsets(5, 20)),
            (From { from: 20 }, offsets(20, 20)),
            (From { from: 21 }, Plan::Nothing),
            (From { from: u64::MAX }, Plan::Nothing),
            (Range { from: 7, to: 9 }, offsets(7, 9)),
            (Range { from: 0, to: 5 }, offsets(5, 5)),
            (Range { from: 19, to: 1000 }, offsets(19, 20)),
            (Range { from: 9, to: 9 }, offsets(9, 9)),
            (Range { from: 9, to: 8 }, Plan::Nothing),
            (Range { from: 21, to: 30 }, Plan::Nothing),
            (Range { from: 1, to: 2 }, Plan::Nothing),
            (Range { from: 1, to: 4 }, Plan::Nothing),
            (Last { count: 0 }, Plan::Nothing),
            (Last { count: 2 }, Plan::Last { count: 2 }),
            (Last { count: 100_000 }, Plan::Last { count: 100_000 }),
            (Last { count: u64::MAX }, Plan::Last { count: LAST_COUNT_MAX }),
            (FromTime { ms: 7 }, Plan::Times { from_us: 7000, to_us: None }),
            (FromTime { ms: u64::MAX }, Plan::Times { from_us: u64::MAX, to_us: None }),
            (TimeRange { from_ms: 7, to_ms: 8 }, Plan::Times { from_us: 7000, to_us: Some(8999) }),
        ];
        for (selection, expected) in table {
            assert_eq!(plan(selection, Some(WINDOW)), expected, "{selection:?}");
            assert_eq!(plan(selection, None), Plan::Nothing, "{selection:?}");
        }
    }

    /// Told that there is nothing, every client from 0.9.3 to 1.0.2 asked again at once, 40,000 times a second.
    #[test]
    fn a_gap_that_cannot_be_filled_is_closed_by_the_oldest_message() {
        assert_eq!(plan(Range { from: 1, to: 3 }, Some(WINDOW)), offsets(5, 5));
        assert_eq!(plan(Range { from: 3, to: 3 }, Some(WINDOW)), offsets(5, 5));
        assert_eq!(plan(Range { from: 4, to: 3 }, Some(WINDOW)), Plan::Nothing);
        let from_the_start = Window { before_first: None, ..WINDOW };
        assert_eq!(plan(Range { from: 1, to: 3 }, Some(from_the_start)), Plan::Nothing);
    }

    #[test]
    fn what_was_looked_up() {
        assert_eq!(between(Some(3), Some(3)), offsets(3, 3));
        for (from, to) in [(Some(4), Some(3)), (None, Some(3)), (Some(3), None), (None, None)] {
            assert_eq!(between(from, to), Plan::Nothing);
        }
    }

    proptest! {
        #[test]
        fn a_plan_never_leaves_the_window(from in any::<u64>(), to in any::<u64>(), first in 1_u64..1000, len in 0_u64..1000) {
            let window = Window { first, last: first + len, before_first: (first > 1).then(|| first - 1) };
            for selection in [From { from }, Range { from, to }, Range { from: from % 2000, to: to % 2000 }] {
                match plan(selection, Some(window)) {
                    Plan::Offsets { from, to } => prop_assert!(window.first <= from && from <= to && to <= window.last),
                    other => prop_assert_eq!(other, Plan::Nothing),
                }
            }
        }
    }
}
