//! What a cursor means, given what the feed holds: the connection-time rules of the specification as one pure function.

use super::request::CursorParam;

/// Whether a subscriber wants the event its cursor names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Semantics {
    /// `seq >= cursor`, as the specification says: no client loses anything, some see one event twice.
    #[default]
    Inclusive,
    /// `seq > cursor`, as the reference PDS and relay do.
    Exclusive,
}

/// What a feed holds at the moment of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The oldest event still held; `next_seq` if there is none.
    pub first_seq: u64,
    /// The next event will have at least this seq.
    pub next_seq: u64,
}

/// Where a subscription starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// With the next event.
    Live,
    /// With the first event whose seq is at least `seq`.
    From {
        /// Never below the window's first.
        seq: u64,
        /// Events between cursor and window may be missing: `#info OutdatedCursor` goes first.
        outdated: bool,
    },
    /// Nowhere: the cursor names an event that does not exist yet, to be answered by `FutureCursor`.
    Future,
}

/// Decides where a subscription starts.
///
/// A cursor one above the last event is legal under inclusive semantics ("the next one, please") and in the future
/// under exclusive ones. 0 means the oldest event, and is never outdated.
pub fn decide(cursor: CursorParam, semantics: Semantics, window: Window) -> Decision {
    let Window { first_seq, next_seq } = window;
    let wanted = match (cursor, semantics) {
        (CursorParam::Live, _) => return Decision::Live,
        (CursorParam::At(0), _) => return Decision::From { seq: first_seq, outdated: false },
        (CursorParam::At(seq), Semantics::Inclusive) => seq,
        (CursorParam::At(seq), Semantics::Exclusive) => seq.saturating_add(1),
    };
    if wanted > next_seq {
        return Decision::Future;
    }
    Decision::From { seq: wanted.max(first_seq), outdated: wanted < first_seq }
}

#[cfg(test)]
mod tests {
    use super::Semantics::{Exclusive, Inclusive};
    use super::*;

    const FUTURE: Decision = Decision::Future;

    fn from(seq: u64) -> Decision {
        Decision::From { seq, outdated: false }
    }

    fn outdated(seq: u64) -> Decision {
        Decision::From { seq, outdated: true }
    }

    fn check(first_seq: u64, next_seq: u64, semantics: Semantics, table: &[(u64, Decision)]) {
        let window = Window { first_seq, next_seq };
        assert_eq!(decide(CursorParam::Live, semantics, window), Decision::Live);
        for (cursor, expected) in table {
            let decision = decide(CursorParam::At(*cursor), semantics, window);
            assert_eq!(decision, *expected, "{cursor} {semantics:?} {window:?}");
        }
    }

    #[test]
    fn a_feed_that_holds_events_5_to_9() {
        check(
            5,
            10,
            Inclusive,
            &[
                (0, from(5)),
                (1, outdated(5)),
                (4, outdated(5)),
                (5, from(5)),
                (8, from(8)),
                (9, from(9)),
                (10, from(10)),
                (11, FUTURE),
                (u64::MAX, FUTURE),
            ],
        );
        check(
            5,
            10,
            Exclusive,
            &[
                (0, from(5)),
                (3, outdated(5)),
                (4, from(5)),
                (8, from(9)),
                (9, from(10)),
                (10, FUTURE),
                (u64::MAX, FUTURE),
            ],
        );
    }

    #[test]
    fn a_feed_that_never_held_anything() {
        check(1, 1, Inclusive, &[(0, from(1)), (1, from(1)), (2, FUTURE)]);
        check(1, 1, Exclusive, &[(0, from(1)), (1, FUTURE)]);
        check(100, 100, Inclusive, &[(0, from(100)), (99, outdated(100)), (100, from(100)), (101, FUTURE)]);
        check(100, 100, Exclusive, &[(98, outdated(100)), (99, from(100)), (100, FUTURE)]);
    }

    #[test]
    fn a_feed_that_holds_nothing_any_more() {
        check(10, 10, Inclusive, &[(0, from(10)), (9, outdated(10)), (10, from(10)), (11, FUTURE)]);
        check(10, 10, Exclusive, &[(8, outdated(10)), (9, from(10)), (10, FUTURE)]);
    }
}
