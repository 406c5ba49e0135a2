//! Stored messages for one subscription.
//!
//! Owns the way from a wish to the messages that meet it, a piece at a time: the next piece is made when the one before has
//! been sent. The messages carry the subscription's name, so they are written for this one reader, but of the frames that are
//! there for everybody. Tested by `server/tests/streamr/resend.rs`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tailwater_core::{Bounds, Cursor, CursorError, EncodingId, Feed, ReadError, Start, Step};
use tailwater_wire::streamr::{
    cursor::{Plan, Selection, Window, between, plan},
    encode::{messages, write_unicast},
    request::{Resend, Token},
};

use super::meter::Meter;
use crate::appliance::Appliance;

/// Bytes of messages that are written at once; more if one is longer.
const PIECE_BYTES: usize = 128 << 10;

/// The log shows an event a moment before its frame; how long it may be, and how often to look.
const MOMENT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(1);

/// Why there are no more messages.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResendError {
    /// The log does not say which they are.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Their frames cannot be had.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// There is an event, and nothing has been made of it.
    #[error("what is stored behind offset {offset} is not there to be sent")]
    Missing {
        /// The last offset that was sent, or the one before the first.
        offset: u64,
    },
}

/// Messages of a feed, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) from: u64,
    /// The last offset.
    pub(super) to: u64,
    /// How many at most.
    pub(super) count_max: u64,
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

/// What is still to be sent.
pub(super) struct Wanted {
    feed: Arc<Feed>,
    cursor: Cursor,
    /// The last offset, and how many messages at most.
    to: u64,
    left: u64,
    sub: Option<Token>,
    meter: Arc<Meter>,
    /// Bytes of frames in which the next message ends.
    reach: usize,
}

impl Wanted {
    /// What a selection means now; `None` when that is nothing.
    pub(super) async fn find(
        appliance: &Appliance,
        feed: &Arc<Feed>,
        resend: &Resend<'_>,
    ) -> Result<Option<Self>, ResendError> {
        let (log, selection) = (feed.clone(), resend.selection);
        let found = glommio::executor().spawn_blocking(move || look_up(&log, selection)).await?;
        let Some(run) = found else { return Ok(None) };
        let cursor = cursor(feed, appliance.encodings.streamr_json, run.from, run.to).await?;
        let mut wanted = Self {
            feed: feed.clone(),
            cursor,
            to: run.to,
            left: run.count_max,
            sub: resend.sub.clone(),
            meter: appliance.streamr.clone(),
            reach: PIECE_BYTES,
        };
        Ok(wanted.has_more().await?.then_some(wanted))
    }

    /// Whether there are more messages. The next of them are in memory then.
    pub(super) async fn has_more(&mut self) -> Result<bool, ResendError> {
        let began = Instant::now();
        self.reach = PIECE_BYTES;
        while self.left > 0 {
            if !self.cursor.ready(1).is_empty() {
                return self.reach_message().await.map(|()| true);
            }
            match self.cursor.step() {
                Step::More => {}
                Step::Done => return Ok(false),
                Step::NeedSegment | Step::Gone => self.fetch().await?,
                Step::AtTail if began.elapsed() > MOMENT => return Err(self.missing()),
                Step::AtTail => glommio::timer::sleep(LOOK).await,
            }
        }
        Ok(false)
    }

    /// Sees to it that a whole message is in memory.
    async fn reach_message(&mut self) -> Result<(), ResendError> {
        loop {
            if !self.cursor.resident(self.reach) {
                let job = self.cursor.populate_job(self.reach);
                glommio::executor().spawn_blocking(move || job.run()).await;
            }
            let frames = self.cursor.ready(self.reach);
            if messages(frames).next().is_some() {
                return Ok(());
            }
            if frames.len() < self.reach {
                return Err(self.missing());
            }
            self.reach *= 2;
        }
    }

    /// Goes on in the next segment. What retention has taken meanwhile is left out.
    async fn fetch(&mut self) -> Result<(), CursorError> {
        match self.feed.next_segment(&mut self.cursor).await {
            Err(CursorError::Gone { first_seq }) => {
                self.cursor = cursor(&self.feed, self.cursor.encoding(), first_seq, self.to).await?;
                Ok(())
            }
            fetched => fetched,
        }
    }

    /// Appends the next messages; at least one where [`has_more`](Self::has_more) has said that there are.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        let begin = out.len();
        // Frames that are shared say nothing of a subscription: what is written is a little longer.
        out.reserve(self.reach + self.reach / 4);
        let (mut events, mut used) = (0, 0);
        for (message, end) in messages(self.cursor.ready(self.reach)) {
            write_unicast(out, self.sub.as_ref(), message);
            (events, used) = (events + 1, end);
            if events == self.left || out.len() >= begin + PIECE_BYTES {
                break;
            }
        }
        self.cursor.advance(used);
        self.left -= events;
        self.meter.resent(events, (out.len() - begin) as u64);
    }

    fn missing(&self) -> ResendError {
        ResendError::Missing { offset: self.cursor.next_seq().saturating_sub(1) }
    }
}

async fn cursor(feed: &Feed, encoding: EncodingId, from: u64, to: u64) -> Result<Cursor, CursorError> {
    let bounds = Bounds { stop_after: Some(to), ..Bounds::default() };
    Ok(feed.cursor(encoding, Start::Seq(from)).await?.bounded(bounds))
}
