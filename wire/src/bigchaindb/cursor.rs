//! What `since_height` means, given what the feed holds, as one pure function.
//!
//! The stream begins behind the height named: `since_height=7` is for a client that has seen block 7 and wants all that
//! followed. 0 is for one that has seen nothing: it gets everything that is still held. Since a block is one event, and
//! its height the event's seq, a height is a cursor.

/// What a feed holds at the moment of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The height of the oldest block still held; `next_height` if there is none.
    pub first_height: u64,
    /// The next block will have at least this height.
    pub next_height: u64,
}

/// Where a stream starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// With the next block.
    Live,
    /// With the first block whose height is at least this.
    From(u64),
    /// Nowhere: blocks that the client wants are gone, and it must not believe that it got them all.
    TooOld {
        /// The height asked for.
        since_height: u64,
        /// The oldest block still held.
        first_height: u64,
    },
    /// Nowhere: a block the client says it has seen does not exist yet.
    Future {
        /// The height asked for.
        since_height: u64,
        /// The newest block; 0 if there has never been one.
        last_height: u64,
    },
}

/// Decides where a stream starts. Without `since_height` it is live, as the protocol has always been.
pub fn decide(since_height: Option<u64>, window: Window) -> Decision {
    let Window { first_height, next_height } = window;
    match since_height {
        None => Decision::Live,
        Some(0) => Decision::From(first_height),
        Some(since_height) if since_height >= next_height => {
            Decision::Future { since_height, last_height: next_height.saturating_sub(1) }
        }
        Some(since_height) if since_height + 1 < first_height => Decision::TooOld { since_height, first_height },
        Some(since_height) => Decision::From(since_height + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::Decision::{From, Future, Live, TooOld};
    use super::*;

    fn check(first_height: u64, next_height: u64, table: &[(u64, Decision)]) {
        let window = Window { first_height, next_height };
        assert_eq!(decide(None, window), Live);
        for (since_height, expected) in table {
            assert_eq!(decide(Some(*since_height), window), *expected, "{since_height} {window:?}");
        }
    }

    #[test]
    fn a_feed_that_holds_blocks_5_to_9() {
        let too_old = |since_height| TooOld { since_height, first_height: 5 };
        let future = |since_height| Future { since_height, last_height: 9 };
        check(
            5,
            10,
            &[
                (0, From(5)),
                (1, too_old(1)),
                (3, too_old(3)),
                (4, From(5)),
                (5, From(6)),
                (8, From(9)),
                (9, From(10)),
                (10, future(10)),
                (u64::MAX, future(u64::MAX)),
            ],
        );
    }

    #[test]
    fn a_feed_that_never_held_a_block() {
        check(1, 1, &[(0, From(1)), (1, Future { since_height: 1, last_height: 0 })]);
    }

    #[test]
    fn a_feed_that_holds_no_block_any_more() {
        check(
            10,
            10,
            &[
                (0, From(10)),
                (8, TooOld { since_height: 8, first_height: 10 }),
                (9, From(10)),
                (10, Future { since_height: 10, last_height: 9 }),
            ],
        );
    }
}
