//! One cursor of a connection: which frames it reads, and what holds it up.
//!
//! Owns what is remembered per subscription. Most connections have exactly one, kept within the
//! [`Subscriber`](super::subscriber::Subscriber); one that carries many keeps them in a [`Session`](super::session::Session).
//! Never sends. Tested by `server/tests/`.

use tailwater_core::Cursor;

use super::{groups::GroupId, slots::Token};
use crate::limits::Replay;

/// Names one of a connection's readings for as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadingId {
    /// The connection's only one.
    Only,
    /// One of those of a session.
    OfMany(Token),
}

/// A connection and one of its readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) token: Token,
    pub(crate) reading: ReadingId,
}

/// One cursor in one group.
pub(crate) struct Reading {
    pub(crate) group: GroupId,
    /// Absent while a task moves it to another segment.
    pub(crate) cursor: Option<Cursor>,
    /// In its group's waiting list.
    pub(crate) waiting: bool,
    /// The next range is being brought into memory.
    pub(crate) populating: bool,
    /// The next range was just brought into memory, as far as that was possible.
    pub(crate) populated: bool,
    /// Ends at the next frame boundary.
    pub(crate) leaving: bool,
    /// Waits for news and is never sent frames.
    pub(crate) for_news: bool,
    /// In the line of its session.
    pub(crate) in_line: bool,
    /// Held until the tail is reached.
    pub(crate) replay: Option<Box<Replay>>,
}

impl Reading {
    pub(crate) fn new(group: GroupId, cursor: Cursor, replay: Option<Replay>) -> Self {
        Self {
            group,
            cursor: Some(cursor),
            waiting: false,
            populating: false,
            populated: false,
            leaving: false,
            for_news: false,
            in_line: false,
            replay: replay.map(Box::new),
        }
    }

    /// The last event that was sent to its end, will have been once the frame that was begun is finished, or was passed over.
    pub(crate) fn last_seq(&self) -> Option<u64> {
        let cursor = self.cursor.as_ref()?;
        let next_seq = cursor.next_seq();
        Some(if cursor.at_boundary() { next_seq.saturating_sub(1) } else { next_seq })
    }

    /// Whether what is sent next belongs to another frame than what was sent last.
    pub(crate) fn at_boundary(&self) -> bool {
        self.cursor.as_ref().is_none_or(Cursor::at_boundary)
    }
}
