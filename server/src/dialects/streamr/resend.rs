//! Stored messages for one subscription.
//!
//! Owns the way from a wish to the messages that meet it, a piece at a time: the next piece is made when the one before has
//! been sent. The messages carry the subscription's name, so they are made for this one reader, on the blocking pool.
//! Tested by `server/tests/streamr/resend.rs`.

use std::sync::Arc;

use tailwater_core::{Feed, ReadError};
use tailwater_wire::streamr::{
    cursor::{Plan, Selection, Window, between, plan},
    encode::{StreamrJson, write_unicast},
    request::Token,
};

/// Bytes of messages that are made at once.
const PIECE_BYTES_MAX: usize = 128 << 10;

/// Events that are looked at for one piece.
const PIECE_EVENTS_MAX: usize = 4_096;

/// What is still to be sent.
pub(super) struct Wanted {
    feed: Arc<Feed>,
    encoder: Arc<StreamrJson>,
    sub: Option<Token>,
    from: u64,
    to: u64,
}

/// Messages, and what remains.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) rest: Option<Wanted>,
}

/// Looks up what a selection means now; `None` when that is nothing. Blocks.
pub(super) fn look_up(feed: &Feed, selection: Selection) -> Result<Option<(u64, u64)>, ReadError> {
    let last = feed.last_seq();
    let window = (feed.event_count() > 0 && feed.first_seq() <= last).then(|| Window {
        first: feed.first_seq(),
        last,
        before_first: feed.seq_before_first(),
    });
    let found = match plan(selection, window) {
        Plan::Last { count } => between(feed.seq_of_last(count.into())?, Some(last)),
        Plan::Times { from_us, to_us } => {
            let to = to_us.map_or(Ok(Some(last)), |to_us| feed.last_seq_until(to_us))?;
            between(feed.first_seq_since(from_us)?, to)
        }
        known => known,
    };
    match found {
        Plan::Offsets { from, to } => Ok(Some((from, to))),
        _ => Ok(None),
    }
}

impl Wanted {
    pub(super) fn new(feed: Arc<Feed>, encoder: Arc<StreamrJson>, sub: Option<Token>, (from, to): (u64, u64)) -> Self {
        Self { feed, encoder, sub, from, to }
    }

    /// Makes the next messages. Blocks.
    pub(super) fn piece(mut self) -> Result<Piece, ReadError> {
        let mut bytes = Vec::new();
        let mut reader = self.feed.read(self.from);
        for _ in 0..PIECE_EVENTS_MAX {
            let Some(next) = reader.next_with_previous() else {
                return Ok(Piece { bytes, rest: None });
            };
            let (event, previous_seq) = next?;
            if event.seq > self.to {
                return Ok(Piece { bytes, rest: None });
            }
            write_unicast(&mut bytes, self.sub.as_ref(), |out| self.encoder.write_message(&event, previous_seq, out));
            self.from = event.seq + 1;
            if bytes.len() >= PIECE_BYTES_MAX {
                break;
            }
        }
        Ok(Piece { bytes, rest: Some(self) })
    }
}
