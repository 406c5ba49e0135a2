//! A stream of events over HTTP/2: lines of a frame log become what DATA frames carry.
//!
//! Owns the way from a cursor to the peer's windows. The lines are [lent](super::transport::Link::lend) to the connection and
//! sent from where they lie. An event stands in a DATA frame of its own, whole if it fits into one, for that is what one driver
//! needs; another is sent as many in a frame as there are, since it loses those that come apart. Tested by
//! `server/tests/fauna/http2.rs`.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_lite::future;
use h2::{Reason, SendStream};
use tailwater_core::{Cursor, CursorError, Step};
use tailwater_wire::fauna::{
    client::Framing,
    events::{Stats, line, write_error, write_status},
};

use super::{
    super::stream::{Following, Opened, last_words, pause_ms, status_behind},
    transport::Link,
};
use crate::{
    config::Serve,
    feeds::FeedEntry,
    shard::{
        Shard,
        protocol::Farewell,
        watch::{News, Watch},
    },
};

/// The largest DATA frame: what every peer takes.
const FRAME_BYTES_MAX: usize = 16_384;
/// How long a window that is too small for an event is waited for before the event is split.
const SPLIT: Duration = Duration::from_millis(500);

/// Why a stream is over.
#[derive(Debug)]
pub(super) struct Over;

/// Where DATA frames go.
pub(super) struct Sink {
    send: RefCell<SendStream<Bytes>>,
    link: Rc<Link>,
    floor: Floor,
    pace: Cell<Pace>,
    stuck: Box<dyn Fn()>,
    /// What is read, up to which seq, and how far it may be behind.
    reading: RefCell<Option<Reading>>,
}

/// What a peer takes at least while it holds the stream up and is far behind.
#[derive(Clone, Copy)]
pub(super) struct Floor {
    bytes: u64,
    window: Duration,
}

impl Floor {
    pub(super) fn of(serve: &Serve) -> Self {
        let bytes = serve.floor_rate_bytes_per_s * serve.floor_window_ms / 1_000;
        Self { bytes, window: Duration::from_millis(serve.floor_window_ms) }
    }
}

/// What it has taken, since when.
#[derive(Clone, Copy)]
struct Pace {
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn begin() -> Self {
        Self { since: Instant::now(), bytes: 0 }
    }
}

struct Reading {
    history: Arc<FeedEntry>,
    from_seq: u64,
    lag_max: u64,
}

impl Sink {
    /// `stuck` is called when the peer stays below the floor, and is far behind.
    pub(super) fn new(send: SendStream<Bytes>, link: Rc<Link>, floor: Floor, stuck: impl Fn() + 'static) -> Self {
        Self {
            send: RefCell::new(send),
            link,
            floor,
            pace: Cell::new(Pace::begin()),
            stuck: Box::new(stuck),
            reading: RefCell::new(None),
        }
    }

    /// Whether a peer that holds the stream up has been below the floor.
    fn is_too_slow(&self) -> bool {
        let Pace { since, bytes } = self.pace.get();
        if since.elapsed() < self.floor.window {
            return false;
        }
        self.pace.set(Pace::begin());
        bytes < self.floor.bytes && self.is_behind()
    }

    /// Lets the stream go. Its window is as good as closed, so nothing can be said but this, which needs none.
    fn let_go(&self) -> Over {
        self.send.borrow_mut().send_reset(Reason::ENHANCE_YOUR_CALM);
        (self.stuck)();
        Over
    }

    /// Whether the peer has an answer waiting, or is further behind than it may be.
    fn is_behind(&self) -> bool {
        let is_far =
            |reading: &Reading| reading.history.feed().last_seq().saturating_sub(reading.from_seq) > reading.lag_max;
        self.reading.borrow().as_ref().is_none_or(is_far)
    }

    fn note(&self, from_seq: u64) {
        if let Some(reading) = &mut *self.reading.borrow_mut() {
            reading.from_seq = from_seq;
        }
    }

    /// Does something for as long as the peer wants the stream.
    pub(super) async fn until_reset<T>(&self, doing: impl Future<Output = T>) {
        let reset = async {
            let _reason = poll_fn(|cx| self.send.borrow_mut().poll_reset(cx)).await;
        };
        let doing = async {
            doing.await;
        };
        future::or(doing, reset).await;
    }

    /// Sends bytes in as few frames as the peer takes.
    pub(super) async fn send(&self, mut bytes: Bytes, ends: bool) -> Result<(), Over> {
        while !bytes.is_empty() {
            let count = self.capacity(bytes.len().min(FRAME_BYTES_MAX)).await?;
            let frame = bytes.split_to(count.min(bytes.len()));
            let Pace { since, bytes: taken } = self.pace.get();
            self.pace.set(Pace { since, bytes: taken + frame.len() as u64 });
            self.send.borrow_mut().send_data(frame, ends && bytes.is_empty()).map_err(|_| Over)?;
        }
        Ok(())
    }

    fn stream(&self) -> u32 {
        self.send.borrow().stream_id().as_u32()
    }

    /// Sends events from where they lie.
    async fn send_events(&self, events: Events, framing: Framing) -> Result<(), Over> {
        let Events { mut bytes, ends } = events;
        self.link.lend(self.stream(), bytes.clone());
        self.send.borrow_mut().reserve_capacity(bytes.len());
        let mut from = 0;
        for end in frame_ends(&ends, framing) {
            self.send(bytes.split_to(end - from), false).await?;
            from = end;
        }
        Ok(())
    }

    /// Nothing is about to be sent.
    fn rest(&self) {
        self.link.give_back(self.stream());
    }

    fn end(&self) {
        // A peer that has gone needs no end.
        let _gone = self.send.borrow_mut().send_data(Bytes::new(), true);
    }

    /// Waits until so many bytes may be sent; fewer only if more never come.
    async fn capacity(&self, wanted: usize) -> Result<usize, Over> {
        let has = || self.send.borrow().capacity().min(wanted);
        if has() < wanted {
            self.send.borrow_mut().reserve_capacity(wanted);
        }
        while has() < wanted {
            let growing = async {
                let grown = poll_fn(|cx| self.send.borrow_mut().poll_capacity(cx)).await;
                if matches!(grown, Some(Ok(_))) { Ok(false) } else { Err(Over) }
            };
            let waiting = async {
                glommio::timer::sleep(SPLIT).await;
                Ok(true)
            };
            let is_late = future::or(growing, waiting).await?;
            if has() < wanted && self.is_too_slow() {
                return Err(self.let_go());
            }
            if is_late && has() > 0 {
                break;
            }
        }
        Ok(has())
    }
}

/// Sends a stream to its end.
pub(super) async fn stream(shard: &Rc<Shard>, sink: &Sink, opened: Opened) {
    let Opened { lines, following } = opened;
    if let Some(following) = &following {
        sink.reading.replace(Some(reading(shard, following)));
    }
    let _counted = shard.count_stream();
    for line in lines {
        if sink.send(Bytes::from(line), false).await.is_err() {
            return;
        }
    }
    let Some(following) = following else { return sink.end() };
    let _is_over = follow(shard, sink, following).await;
}

fn reading(shard: &Shard, following: &Following) -> Reading {
    let lag_max = shard.appliance.config.serve.floor_lag_events;
    Reading { history: following.database.history().clone(), from_seq: following.cursor.next_seq(), lag_max }
}

async fn follow(shard: &Rc<Shard>, sink: &Sink, following: Following) -> Result<(), Over> {
    let Following { database, cursor, mut replay, client, lease: _lease, .. } = following;
    let history = database.history().clone();
    let watch = Watch::new(shard.clone(), history.clone());
    let beat = Duration::from_millis(shard.appliance.config.fauna.status_interval_ms);
    let bytes_max = shard.appliance.config.serve.send_bytes_max as usize;
    let mut cursor = cursor;
    loop {
        if shard.draining() {
            // Those who come back at once would find the server still there, and be ended again.
            glommio::timer::sleep(Duration::from_millis(pause_ms(&shard.appliance.config.serve))).await;
            return say_farewell(sink, Farewell::Restart).await;
        }
        if history.is_deleted() {
            return say_farewell(sink, Farewell::Deleted).await;
        }
        sink.note(cursor.next_seq());
        shard.stream_turn().await;
        let events = take(&mut cursor, bytes_max).await;
        if !events.ends.is_empty() {
            sink.send_events(events, client.framing()).await?;
            continue;
        }
        match cursor.step() {
            Step::More => {}
            Step::AtTail => {
                replay = None;
                wait(sink, &database, &watch, &mut cursor, beat).await?;
                // Until now there was nothing to take.
                sink.pace.set(Pace::begin());
            }
            Step::NeedSegment => match history.feed().next_segment(&mut cursor).await {
                Ok(()) => {}
                Err(CursorError::Gone { .. }) => return say_farewell(sink, Farewell::LeftWindow).await,
                Err(error) => {
                    tracing::error!(%error, "a stream ends because its next segment cannot be read");
                    return say_farewell(sink, Farewell::Damaged).await;
                }
            },
            Step::Gone => return say_farewell(sink, Farewell::LeftWindow).await,
            Step::Done => {
                drop(replay);
                sink.end();
                return Ok(());
            }
        }
    }
}

/// Waits at the tail, and says so now and then.
async fn wait(
    sink: &Sink,
    database: &super::super::Database,
    watch: &Watch,
    cursor: &mut Cursor,
    beat: Duration,
) -> Result<(), Over> {
    let at = RefCell::new(cursor);
    let has_news = || {
        let mut cursor = at.borrow_mut();
        !cursor.ready(1).is_empty() || cursor.step() != Step::AtTail
    };
    while watch.until(has_news, beat).await == News::Silence {
        sink.rest();
        let last_seq = at.borrow().next_seq().saturating_sub(1);
        if let Some(status) = status_behind(database, last_seq) {
            let mut out = Vec::new();
            line(&mut out, |out| write_status(&status, &Stats::default(), out));
            sink.send(Bytes::from(out), false).await?;
        }
    }
    Ok(())
}

async fn say_farewell(sink: &Sink, farewell: Farewell) -> Result<(), Over> {
    if let Some(problem) = last_words(farewell) {
        let mut out = Vec::new();
        line(&mut out, |out| write_error(&problem, &Stats::default(), out));
        sink.send(Bytes::from(out), false).await?;
    }
    sink.end();
    Ok(())
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.rest();
    }
}

/// Events that are to be sent.
struct Events {
    bytes: Bytes,
    /// Where each ends.
    ends: Vec<usize>,
}

/// The next events; one is always taken.
async fn take(cursor: &mut Cursor, bytes_max: usize) -> Events {
    if !cursor.resident(bytes_max) {
        let job = cursor.populate_job(bytes_max);
        glommio::executor().spawn_blocking(move || job.run()).await;
    }
    let mut ends = Vec::new();
    let bytes = Bytes::from_owner(cursor.lend(bytes_max, &mut ends));
    cursor.advance(bytes.len());
    Events { bytes, ends }
}

/// Where DATA frames end that carry events which end there.
fn frame_ends(events: &[usize], framing: Framing) -> impl Iterator<Item = usize> {
    let mut from = 0;
    events.iter().enumerate().filter_map(move |(at, end)| {
        let fits = |next: &usize| framing == Framing::Many && next - from <= FRAME_BYTES_MAX;
        if events.get(at + 1).is_some_and(fits) {
            return None;
        }
        from = *end;
        Some(*end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_not_split_to_fill_a_frame() {
        let table: [(&[usize], &[usize]); 5] = [
            (&[], &[]),
            (&[7], &[7]),
            (&[10_000, 10_001, 20_001, 20_002], &[10_001, 20_002]),
            (&[16_384, 16_385, 32_768], &[16_384, 32_768]),
            (&[20_000, 20_001, 60_000], &[20_000, 20_001, 60_000]),
        ];
        for (events, many) in table {
            assert_eq!(frame_ends(events, Framing::Many).collect::<Vec<_>>(), many);
            assert_eq!(frame_ends(events, Framing::One).collect::<Vec<_>>(), events);
        }
    }
}
