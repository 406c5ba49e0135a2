//! Streams of frames: how they beat and end.
//!
//! Owns the words of `continuous`, of `eventsource`, and of objects that are sent row by row. Never sends an event. Tested by
//! `server/tests/couchdb/changes_streams.rs` and `changes_ends.rs`.

use std::{sync::Arc, time::Duration};

use tailwater_core::{Cursor, CursorError, Start, Step};
use tailwater_wire::{
    couchdb::{
        changes::{
            Feed, Patience, Response, Wording,
            response::{BEAT, beat},
        },
        errors::{Problem, Refusal},
    },
    http1::LAST_CHUNK,
};

use super::{
    super::{Database, scripts::View},
    ask::Ask,
    encodings::Encoding,
    passing::Passing,
};
use crate::{
    config::Dialect,
    feeds::FeedEntry,
    filters::Lease,
    http::Request,
    limits::Replay,
    shard::{
        protocol::{self, Farewell, StreamProtocol, Transport},
        views::ViewId,
        watch::Watch,
    },
};

/// Events to catch up with that take one of the address's places for replays.
const REPLAY_EVENTS: u64 = 1_000;

/// How long a view is waited for before the head is sent.
const SETTLING: Duration = Duration::from_millis(500);

/// One way of streaming changes.
pub(super) struct Changes {
    name: String,
    feed: Feed,
    wording: Wording,
    entry: Arc<FeedEntry>,
    database: Arc<Database>,
    view: Option<Arc<View>>,
    /// Of a selector. It lasts as long as the group of those who read this encoding.
    _lease: Option<Lease>,
}

impl Changes {
    /// For those who ask the same.
    pub(super) fn new(ask: &Ask, view: Option<Arc<View>>, lease: Option<Lease>) -> Self {
        let kind = match ask.changes.feed {
            Feed::Normal => "normal",
            Feed::Longpoll => "longpoll",
            Feed::Continuous => "continuous",
            Feed::EventSource => "eventsource",
        };
        Self {
            name: named(&format!("couchdb-{kind}"), view.as_deref()),
            feed: ask.changes.feed,
            wording: ask.changes.wording,
            entry: ask.entry.clone(),
            database: ask.database.clone(),
            view,
            _lease: lease,
        }
    }

    fn end(&self, last_seq: u64, pending: u64) -> Vec<u8> {
        let mut out = Vec::new();
        Response::new(self.feed, self.wording).end(&self.database.token(last_seq), pending, &mut out);
        out
    }

    /// Rows behind a seq, as far as that is known in memory.
    fn pending(&self, last_seq: u64) -> u64 {
        self.database.kept.count(last_seq, self.entry.feed().last_seq())
    }
}

/// Readers of a view are a group of their own.
pub(super) fn named(name: &str, view: Option<&View>) -> String {
    match view {
        Some(view) => format!("{name}-{}", view.id()),
        None => name.to_owned(),
    }
}

/// The bytes that cut an answer off whose head has been sent.
pub(super) fn cut(refusal: impl Into<Refusal>) -> Vec<u8> {
    let mut out = Vec::new();
    refusal.into().write_chunk(&mut out);
    out
}

/// Why an answer ends in its middle.
pub(super) fn reason(farewell: Farewell) -> Refusal {
    match farewell {
        Farewell::Restart => Refusal::new(503, "service_unavailable", "The server restarts."),
        Farewell::TooSlow => Refusal::new(503, "service_unavailable", "The changes were not read fast enough."),
        Farewell::LeftWindow => Refusal::new(410, "gone", "The next change is no longer kept."),
        Farewell::Deleted => Problem::DatabaseMissing.into(),
        Farewell::Damaged => {
            Refusal::new(500, "internal_server_error", "The database cannot be read beyond this point.")
        }
    }
}

impl StreamProtocol for Changes {
    fn name(&self) -> &str {
        &self.name
    }

    fn transport(&self) -> Transport {
        Transport::Chunked
    }

    fn heartbeat(&self) -> &'static [u8] {
        beat(self.feed, self.wording)
    }

    fn binding(&self) -> Option<Dialect> {
        Some(Dialect::Couchdb)
    }

    fn farewell(&self, reason: Farewell) -> Vec<u8> {
        self.farewell_after(reason, None)
    }

    fn farewell_after(&self, farewell: Farewell, last_seq: Option<u64>) -> Vec<u8> {
        let in_order = matches!(farewell, Farewell::Restart | Farewell::Deleted);
        match (self.feed, last_seq) {
            // Part of what was asked for would be taken for the whole.
            (Feed::Normal, _) => cut(reason(farewell)),
            // The client comes back by itself, with what it had last.
            (Feed::EventSource, _) => [BEAT, LAST_CHUNK].concat(),
            (Feed::Longpoll | Feed::Continuous, Some(last_seq)) if in_order => {
                self.end(last_seq, self.pending(last_seq))
            }
            (Feed::Longpoll | Feed::Continuous, _) => cut(reason(farewell)),
        }
    }

    fn ended(&self, last_seq: u64) -> Vec<u8> {
        if let Some(error) = self.view.as_ref().and_then(|view| view.failure(last_seq + 1)) {
            return cut(error);
        }
        match self.feed {
            // What has come since is not part of it.
            Feed::Normal => self.end(last_seq, 0),
            _ => self.end(last_seq, self.pending(last_seq)),
        }
    }

    fn view(&self) -> Option<ViewId> {
        self.view.as_ref().map(|view| view.id())
    }
}

/// What a client's patience is to a stream.
pub(super) fn patience(patience: Patience) -> protocol::Patience {
    match patience {
        Patience::HeartbeatMs(ms) => protocol::Patience::BeatMs(ms as u32),
        Patience::TimeoutMs(ms) => protocol::Patience::EndMs(ms as u32),
    }
}

/// Where a reader of frames starts: behind `ask.after`. Up to `to`, what was superseded is passed over.
pub(super) async fn cursor(
    ask: &Ask,
    encoding: &Encoding,
    view: Option<&Arc<View>>,
    to: u64,
    stop_after: Option<u64>,
) -> Result<Cursor, Refusal> {
    let cursor =
        ask.entry.feed().cursor(encoding.id, Start::Seq(ask.after + 1)).await.map_err(|error| unreadable(&error))?;
    let kept = ask.database.kept.clone();
    if let Some(view) = view {
        let seat = view.join(ask.after + 1, to.max(ask.after), &kept);
        return Ok(cursor.bounded(Passing { seat, kept, kept_to: to }.bounds(stop_after)));
    }
    if to <= ask.after && stop_after.is_none() {
        return Ok(cursor);
    }
    Ok(cursor.bounded(tailwater_core::Bounds { skip: Some((kept, to)), stop_after }))
}

/// Waits a little for a view to know what there is, so that a function that fails is answered with a status.
pub(super) async fn settle(request: &Request<'_>, ask: &Ask, view: &Arc<View>, to: u64) -> Result<(), Refusal> {
    let from = ask.after + 1;
    let _seat = view.join(from, to, &ask.database.kept);
    let is_settled = || view.next_open(from) > to || view.failure(view.next_open(from)).is_some();
    Watch::new(request.shard.clone(), ask.entry.clone()).until(is_settled, SETTLING).await;
    let open = view.next_open(from);
    match view.failure(open).filter(|_| open <= to) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Whether a cursor has something to read now.
pub(super) fn is_ready(cursor: &mut Cursor) -> bool {
    loop {
        if !cursor.ready(1).is_empty() {
            return true;
        }
        if cursor.step() != Step::More {
            return false;
        }
    }
}

/// A place for a replay, where there is much to catch up with.
pub(super) fn replay(request: &Request<'_>, ask: &Ask, to: u64) -> Result<Option<Replay>, Refusal> {
    if to.saturating_sub(ask.after) <= REPLAY_EVENTS {
        return Ok(None);
    }
    let peer = request.inbound.socket().peer();
    request.shard.appliance.places.replay(peer).map(Some).ok_or_else(|| {
        let why = "Your address catches up on as many feeds at once as it may. Wait until one is there.";
        Refusal::new(429, "too_many_requests", why).with_header("Retry-After", "5")
    })
}

pub(super) fn unreadable(error: &CursorError) -> Refusal {
    tracing::error!(%error, "a feed of changes could not begin");
    Refusal::new(503, "service_unavailable", "The database cannot be read right now. Try again later.")
}
