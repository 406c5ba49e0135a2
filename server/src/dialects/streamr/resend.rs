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

use super::meter::Meter;

/// Bytes of messages that are made at once.
const PIECE_BYTES_MAX: usize = 128 << 10;

/// Events that are looked at for one piece.
const PIECE_EVENTS_MAX: usize = 4_096;

/// Messages of a feed, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) from: u64,
    /// The last offset.
    pub(super) to: u64,
    /// How many at most.
    pub(super) count_max: u64,
}

/// What is still to be sent.
pub(super) struct Wanted {
    feed: Arc<Feed>,
    encoder: Arc<StreamrJson>,
    sub: Option<Token>,
    run: Run,
    meter: Arc<Meter>,
}

/// Messages, and what remains.
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    pub(super) rest: Option<Wanted>,
}

/// Looks up what a selection means now; `None` when that is nothing. Blocks.
pub(super) fn look_up(feed: &Feed, selection: Selection) -> Result<Option<Run>, ReadError> {
    // The log is asked, not the feed: its last seq follows a moment after subscribers may have seen the message.
    let Some(last) = feed.seq_of_last(1)? else {
        return Ok(None);
    };
    let window = Window { first: feed.first_seq(), last, before_first: feed.seq_before_first() };
    let mut count_max = u64::MAX;
    let found = match plan(selection, Some(window)) {
        Plan::Last { count } => {
            count_max = count.into();
            let first = feed.seq_of_last(count_max)?;
            // More may have come meanwhile: the last one of just now can lie before it.
            between(first, feed.seq_of_last(1)?)
        }
        Plan::Times { from_us, to_us } => {
            let to = to_us.map_or(Ok(Some(last)), |to_us| feed.last_seq_until(to_us))?;
            between(feed.first_seq_since(from_us)?, to)
        }
        known => known,
    };
    match found {
        Plan::Offsets { from, to } => Ok(Some(Run { from, to, count_max })),
        _ => Ok(None),
    }
}

impl Wanted {
    pub(super) fn new(
        feed: Arc<Feed>,
        encoder: Arc<StreamrJson>,
        sub: Option<Token>,
        run: Run,
        meter: Arc<Meter>,
    ) -> Self {
        Self { feed, encoder, sub, run, meter }
    }

    /// Makes the next messages. Blocks.
    pub(super) fn piece(mut self) -> Result<Piece, ReadError> {
        let mut bytes = Vec::new();
        let (mut events, mut content_bytes, mut is_over) = (0, 0, false);
        let mut reader = self.feed.read(self.run.from);
        while !is_over && events < PIECE_EVENTS_MAX && bytes.len() < PIECE_BYTES_MAX {
            let next = if self.run.count_max > 0 { reader.next_with_previous().transpose()? } else { None };
            let Some((event, previous_seq)) = next.filter(|(event, _)| event.seq <= self.run.to) else {
                is_over = true;
                continue;
            };
            write_unicast(&mut bytes, self.sub.as_ref(), |out| self.encoder.write_message(&event, previous_seq, out));
            self.run = Run { from: event.seq + 1, count_max: self.run.count_max - 1, ..self.run };
            events += 1;
            content_bytes += event.body.len() as u64;
        }
        self.meter.resent(events as u64, content_bytes);
        Ok(Piece { bytes, rest: (!is_over).then_some(self) })
    }
}
