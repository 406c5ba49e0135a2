//! A stream of events over HTTP/2: frames of HTTP/1.1 become DATA frames, one for each event.
//!
//! Owns the way from a cursor to the peer's windows. The frames are those that subscribers over HTTP/1.1 are sent; what they
//! carry is copied for each stream here. An event stands in a DATA frame of its own, whole if it fits into one, for that is
//! what one driver needs; another is sent as many in a frame as there are, since it loses those that come apart. Tested by
//! `server/tests/fauna/http2.rs`.

use std::{cell::RefCell, future::Future, future::poll_fn, rc::Rc, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_lite::future;
use h2::{Reason, SendStream};
use tailwater_core::{Cursor, CursorError, Step};
use tailwater_wire::fauna::{
    client::Framing,
    events::{Stats, line, write_error, write_status},
};

use super::super::stream::{Following, Opened, last_words, status_behind};
use crate::{
    feeds::FeedEntry,
    shard::{
        Shard, breathe,
        protocol::Farewell,
        watch::{News, Watch},
    },
};

/// The largest DATA frame: what every peer takes.
const FRAME_BYTES_MAX: usize = 16_384;
/// Bytes of frames that are taken from the log at once; one event is always taken.
const TAKEN_BYTES: usize = 64 << 10;
/// Bytes of a chunk's head that are looked at.
const CHUNK_HEAD_BYTES: usize = 18;
/// How long a window that is too small for an event is waited for before the event is split.
const SPLIT: Duration = Duration::from_millis(500);

/// Why a stream is over.
#[derive(Debug)]
pub(super) struct Over;

/// Where DATA frames go.
pub(super) struct Sink {
    send: RefCell<SendStream<Bytes>>,
    patience: Duration,
    stuck: Box<dyn Fn()>,
    /// What is read, up to which seq, and how far it may be behind.
    reading: RefCell<Option<Reading>>,
}

struct Reading {
    history: Arc<FeedEntry>,
    from_seq: u64,
    lag_max: u64,
}

impl Sink {
    /// `stuck` is called when the peer takes nothing for as long as `patience`, and is far behind.
    pub(super) fn new(send: SendStream<Bytes>, patience: Duration, stuck: impl Fn() + 'static) -> Self {
        Self { send: RefCell::new(send), patience, stuck: Box::new(stuck), reading: RefCell::new(None) }
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
            self.send.borrow_mut().send_data(frame, ends && bytes.is_empty()).map_err(|_| Over)?;
        }
        Ok(())
    }

    fn end(&self) {
        // A peer that has gone needs no end.
        let _gone = self.send.borrow_mut().send_data(Bytes::new(), true);
    }

    /// Waits until so many bytes may be sent; fewer only if more never come.
    async fn capacity(&self, wanted: usize) -> Result<usize, Over> {
        self.send.borrow_mut().reserve_capacity(wanted);
        let has = || self.send.borrow().capacity().min(wanted);
        let mut waited = Duration::ZERO;
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
            if is_late && has() > 0 {
                break;
            }
            waited += if is_late { SPLIT } else { Duration::ZERO };
            if waited >= self.patience && self.is_behind() {
                self.send.borrow_mut().send_reset(Reason::ENHANCE_YOUR_CALM);
                (self.stuck)();
                return Err(Over);
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
    let mut cursor = cursor;
    loop {
        if shard.draining() || history.is_deleted() {
            let farewell = if shard.draining() { Farewell::Restart } else { Farewell::Deleted };
            return say_farewell(sink, farewell).await;
        }
        sink.note(cursor.next_seq());
        let events = take(&mut cursor, client.framing()).await;
        if !events.is_empty() {
            for event in events {
                shard.count_sent(event.len());
                sink.send(event, false).await?;
            }
            breathe().await;
            continue;
        }
        match cursor.step() {
            Step::More => {}
            Step::AtTail => {
                replay = None;
                wait(sink, &database, &watch, &mut cursor, beat).await?;
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

/// The next events, without the framing of HTTP/1.1, as they are to be sent.
async fn take(cursor: &mut Cursor, framing: Framing) -> Vec<Bytes> {
    let head = cursor.ready(CHUNK_HEAD_BYTES);
    let Some(first) = chunk_bytes(head) else { return Vec::new() };
    let bytes_max = TAKEN_BYTES.max(first);
    if !cursor.resident(bytes_max) {
        let job = cursor.populate_job(bytes_max);
        glommio::executor().spawn_blocking(move || job.run()).await;
    }
    let ready = cursor.ready(bytes_max);
    let (events, used) = events(ready, framing);
    cursor.advance(used);
    events
}

/// The events of whole chunks, and how many bytes those have.
fn events(chunks: &[u8], framing: Framing) -> (Vec<Bytes>, usize) {
    let mut lines = BytesMut::with_capacity(chunks.len());
    let (mut events, mut used) = (Vec::new(), 0);
    while let Some(bytes) = chunk_bytes(&chunks[used..])
        && let Some(chunk) = chunks.get(used..used + bytes)
    {
        let payload = payload(chunk);
        let is_apart = framing == Framing::One || lines.len() + payload.len() > FRAME_BYTES_MAX;
        if is_apart && !lines.is_empty() {
            events.push(lines.split().freeze());
        }
        lines.extend_from_slice(payload);
        used += bytes;
    }
    if !lines.is_empty() {
        events.push(lines.freeze());
    }
    (events, used)
}

/// How many bytes the chunk has that begins so; `None` if that cannot be told yet.
fn chunk_bytes(begins: &[u8]) -> Option<usize> {
    let digits = begins.iter().take(CHUNK_HEAD_BYTES).position(|byte| *byte == b'\r')?;
    let size = std::str::from_utf8(&begins[..digits]).ok().and_then(|size| usize::from_str_radix(size, 16).ok())?;
    Some(digits + 2 + size + 2)
}

/// What a whole chunk carries.
fn payload(chunk: &[u8]) -> &[u8] {
    let head = chunk.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    chunk.get(head..chunk.len() - 2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use tailwater_wire::http1::chunk;

    use super::*;

    fn chunks(lines: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        lines.iter().for_each(|line| chunk(&mut out, line.as_bytes()));
        out
    }

    #[test]
    fn chunks_become_events() {
        let log = chunks(&["{\"a\":1}\r\n", "{}\r\n"]);
        let (one, used) = events(&log, Framing::One);
        assert_eq!((one, used), (vec![Bytes::from("{\"a\":1}\r\n"), Bytes::from("{}\r\n")], log.len()));
        let (many, used) = events(&log, Framing::Many);
        assert_eq!((many, used), (vec![Bytes::from("{\"a\":1}\r\n{}\r\n")], log.len()));
        for end in 0..log.len() {
            let (events, used) = events(&log[..end], Framing::One);
            assert_eq!(events.len(), usize::from(end >= 14), "a chunk that is not whole waits: {end}");
            assert_eq!(used, 14 * events.len());
        }
    }

    #[test]
    fn events_are_not_split_to_fill_a_frame() {
        let long = "x".repeat(10_000);
        let log = chunks(&[&long, "y", &long, "z"]);
        let sizes: Vec<usize> = events(&log, Framing::Many).0.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [10_001, 10_001]);
    }
}
