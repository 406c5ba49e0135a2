//! Following an upstream: one stream after another, from where the feed ends, for as long as the shard runs.
//!
//! Owns reconnection and the way of a frame from the upstream to the log. What has arrived is stored together: one append
//! covers everything that is there. Tested by `server/tests/mirror.rs`.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_tungstenite::tungstenite::{self, Message};
use futures_lite::{FutureExt, StreamExt, future};
use tailwater_core::{AppendError, Batch, SeqMode};
use tailwater_wire::native::request::push_frame;

use super::{
    Mirror,
    connect::{Connection, connect},
    intake::{Intake, Verdict},
};
use crate::{config::MirrorStart, feeds::FeedEntry, shard::Shard};

/// Bytes of frames that are stored with one append.
const BATCH_BYTES_MAX: usize = 1 << 20;

/// An upstream that is silent this long is pinged.
const SILENCE: Duration = Duration::from_secs(30);

/// How one stream ended.
enum Ended {
    /// Open it again.
    Retry(String),
    /// Only an operator can help.
    Stop(String),
    /// The feed is closed: the appliance stops, or the feed was deleted.
    Closed,
}

/// Follows until the shard drains or the mirror stops.
pub(super) async fn follow(shard: Rc<Shard>, mirror: Arc<Mirror>, entry: Arc<FeedEntry>) {
    let mut pause = Backoff::new(mirror.config.backoff_ms_min, mirror.config.backoff_ms_max);
    while !shard.draining() {
        mirror.status.connecting();
        match one_stream(&shard, &mirror, &entry, &mut pause).await {
            Ended::Closed => {
                mirror.status.stopped("the feed is closed".to_owned());
                return;
            }
            Ended::Stop(reason) => {
                tracing::error!(feed = entry.feed().name(), %reason, "the mirror has stopped");
                mirror.status.stopped(reason);
                return;
            }
            Ended::Retry(reason) => {
                tracing::warn!(feed = entry.feed().name(), %reason, "the mirror's stream ended");
                mirror.status.waiting(reason);
                glommio::timer::sleep(pause.next()).await;
            }
        }
    }
}

async fn one_stream(shard: &Shard, mirror: &Mirror, entry: &FeedEntry, pause: &mut Backoff) -> Ended {
    let feed = entry.feed();
    let here = (feed.next_seq() > feed.options().first_seq).then(|| feed.last_seq());
    let cursor = match (here, mirror.config.start) {
        // Upstreams differ on whether the cursor's own event comes again. Asking for the last one suits both: it is
        // dropped when it does.
        (Some(last_seq), _) => Some(last_seq),
        (None, MirrorStart::At(cursor)) => Some(cursor),
        (None, MirrorStart::Live) => None,
    };
    let mut connection = match connect(&mirror.config, cursor).await {
        Ok(connection) => connection,
        Err(error) => return Ended::Retry(error.to_string()),
    };
    mirror.status.following();
    let mut intake = Intake::new(here, mirror.config.frame_bytes_max as usize);
    while !shard.draining() {
        match take(&mut connection, &mut intake, mirror, entry).await {
            Ok(true) => pause.reset(),
            Ok(false) => {}
            Err(ended) => return ended,
        }
    }
    Ended::Closed
}

/// Waits for a message and stores it with all that came along. True when something was stored.
async fn take(
    connection: &mut Connection,
    intake: &mut Intake,
    mirror: &Mirror,
    entry: &FeedEntry,
) -> Result<bool, Ended> {
    let mut batch = Batch::new();
    let mut outcome = match next_or_ping(connection).await? {
        Some(message) => admit(message, intake, mirror, &mut batch),
        None => return Ok(false),
    };
    while outcome.is_ok() && batch.byte_len() < BATCH_BYTES_MAX {
        match future::poll_once(connection.next()).await {
            Some(message) => outcome = received(message).and_then(|it| admit(it, intake, mirror, &mut batch)),
            None => break,
        }
    }
    // What came before a message that ends the stream is stored all the same.
    let stored = store(batch, mirror, entry).await?;
    outcome.map(|()| stored)
}

async fn store(batch: Batch, mirror: &Mirror, entry: &FeedEntry) -> Result<bool, Ended> {
    if batch.is_empty() {
        return Ok(false);
    }
    let (frames, bytes) = (batch.len(), batch.byte_len());
    match entry.feed().append(batch, SeqMode::Preserve).await {
        Ok(appended) => {
            mirror.status.stored(frames, bytes, appended.last_seq);
            Ok(true)
        }
        Err(AppendError::Closed) => Err(Ended::Closed),
        Err(error @ (AppendError::Overloaded { .. } | AppendError::ReadOnly { .. })) => {
            Err(Ended::Retry(error.to_string()))
        }
        Err(error) => Err(Ended::Stop(error.to_string())),
    }
}

/// The next message; `None` when only a ping was sent because the upstream has been silent.
async fn next_or_ping(connection: &mut Connection) -> Result<Option<Message>, Ended> {
    for pinged in [false, true] {
        let waiting = async { Some(connection.next().await) };
        let silence = async {
            glommio::timer::sleep(SILENCE).await;
            None
        };
        match waiting.or(silence).await {
            Some(message) => return received(message).map(Some),
            None if pinged => break,
            None => send_ping(connection).await?,
        }
    }
    Err(Ended::Retry(format!("the upstream was silent for {} s and answered no ping", 2 * SILENCE.as_secs())))
}

async fn send_ping(connection: &mut Connection) -> Result<(), Ended> {
    let ping = Message::Ping(tungstenite::Bytes::new());
    connection.send(ping).await.map_err(|error| Ended::Retry(error.to_string()))
}

fn received(message: Option<Result<Message, tungstenite::Error>>) -> Result<Message, Ended> {
    match message {
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(Ended::Retry(error.to_string())),
        None => Err(Ended::Retry("the upstream closed the connection".to_owned())),
    }
}

/// Judges a message and puts it into the batch.
fn admit(message: Message, intake: &mut Intake, mirror: &Mirror, batch: &mut Batch) -> Result<(), Ended> {
    let frame = match message {
        Message::Binary(frame) => frame,
        Message::Close(close) => {
            let reason = close.map_or_else(|| "without a reason".to_owned(), |close| close.to_string());
            return Err(Ended::Retry(format!("the upstream closed the stream: {reason}")));
        }
        Message::Text(_) => return Err(Ended::Stop("the upstream sends text, not AT Protocol frames".to_owned())),
        _ => return Ok(()),
    };
    match intake.judge(&frame) {
        Verdict::Keep(seq) => {
            if let Err(error) = push_frame(batch, &frame, SeqMode::Preserve, now_us(), &mirror.limits) {
                tracing::error!(feed = %mirror.config.feed, seq, %error, "a frame of the upstream was dropped");
                mirror.status.refused();
            }
        }
        Verdict::Duplicate => mirror.status.duplicate(),
        Verdict::Refuse(reason) => {
            tracing::error!(feed = %mirror.config.feed, %reason, "a frame of the upstream was dropped");
            mirror.status.refused();
        }
        Verdict::Gap => {
            tracing::error!(feed = %mirror.config.feed, "the upstream no longer has everything since our last event");
            mirror.status.gap();
        }
        Verdict::Notice => {}
        Verdict::Retry(reason) => return Err(Ended::Retry(reason)),
        Verdict::Stop(reason) => return Err(Ended::Stop(reason)),
    }
    Ok(())
}

fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// Pauses that double from a shortest to a longest, each spread at random so that many mirrors do not return at once.
struct Backoff {
    min_ms: u64,
    max_ms: u64,
    next_ms: u64,
}

impl Backoff {
    fn new(min_ms: u64, max_ms: u64) -> Self {
        Self { min_ms, max_ms, next_ms: min_ms }
    }

    /// The next pause: between half of the current step and all of it.
    fn next(&mut self) -> Duration {
        let step_ms = self.next_ms;
        self.next_ms = (step_ms * 2).min(self.max_ms);
        Duration::from_millis(rand::random_range(step_ms / 2..=step_ms))
    }

    /// The stream works again.
    fn reset(&mut self) {
        self.next_ms = self.min_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let mut backoff = Backoff::new(100, 1_000);
        for step_ms in [100, 200, 400, 800, 1_000, 1_000] {
            let pause_ms = backoff.next().as_millis() as u64;
            assert!((step_ms / 2..=step_ms).contains(&pause_ms), "{pause_ms} of {step_ms}");
        }
        backoff.reset();
        assert!(backoff.next().as_millis() <= 100);
    }
}
