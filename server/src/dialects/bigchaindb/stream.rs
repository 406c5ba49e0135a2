//! Beginning and ending a stream: of transactions, of those a filter shows, of blocks.
//!
//! Owns where a stream starts and why it does not. What clients send is skipped, up to a limit. Never encodes an event.
//! Tested by `server/tests/bigchaindb/`.

use std::{rc::Rc, sync::Arc};

use tailwater_core::{Cursor, CursorError, Encoder, EncodingId, FeedState, Start};
use tailwater_wire::{
    bigchaindb::{
        INBOUND_BYTES_MAX,
        cursor::{Decision, Window, decide},
        encode::BigchaindbFiltered,
        errors::{self, Refusal},
        filter::Filter,
        request::{Stream, StreamRequest, parse_stream},
    },
    websocket::{
        frame,
        handshake::{self, Accept, HandshakeError},
    },
};

use super::{
    current_chain,
    refusals::{refused, stream_denied},
    who,
};
use crate::{
    config::Dialect,
    feeds::FeedEntry,
    filters::Lease,
    http::{Reply, Request},
    limits::Replay,
    shard::protocol::{Farewell, Patience, StreamProtocol, StreamStart, Transport},
};

/// An empty ping.
const PING: &[u8] = &[0x89, 0x00];

/// The close code of a stream whose feed is gone for good.
const CLOSE_GOING_AWAY: u16 = 1001;
/// The close code of a stream that cannot be read on.
const CLOSE_INTERNAL: u16 = 1011;

/// `Retry-After` of a stream that cannot begin now.
const RETRY_AFTER_S: &str = "5";

/// A stream, as the sweep has to know it.
struct BigchaindbStream {
    /// Of a filter. It lasts as long as the group of those who read this encoding.
    _lease: Option<Lease>,
}

impl StreamProtocol for BigchaindbStream {
    fn name(&self) -> &'static str {
        "bigchaindb"
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn heartbeat(&self) -> &'static [u8] {
        PING
    }

    fn skipped_bytes_max(&self) -> u32 {
        INBOUND_BYTES_MAX as u32
    }

    fn binding(&self) -> Option<Dialect> {
        Some(Dialect::Bigchaindb)
    }

    fn farewell(&self, reason: Farewell) -> Vec<u8> {
        let (code, reason) = match reason {
            Farewell::Restart => (errors::CLOSE_RESTART, "restarting"),
            Farewell::TooSlow => (errors::CLOSE_TOO_SLOW, "too slow"),
            Farewell::LeftWindow => (errors::CLOSE_TOO_SLOW, "the next block is no longer held"),
            Farewell::Deleted => (CLOSE_GOING_AWAY, "the chain was deleted"),
            Farewell::Damaged => (CLOSE_INTERNAL, "the chain cannot be read beyond this point"),
        };
        let mut out = Vec::new();
        frame::close(&mut out, code, reason);
        out
    }
}

/// Answers a request for a stream.
pub(super) async fn begin(request: Request<'_>, stream: Stream) -> Reply {
    match open(&request, stream).await {
        Ok(start) => Reply::Stream(Box::new(start)),
        Err(refusal) => {
            let status = refusal.status;
            let response = refused(refusal);
            let is_over_soon = matches!(status, 429 | 503);
            if is_over_soon { response.header("Retry-After", RETRY_AFTER_S) } else { response }.into()
        }
    }
}

async fn open(request: &Request<'_>, stream: Stream) -> Result<StreamStart, Refusal> {
    let accept = check_handshake(request)?;
    let chain = current_chain(request).ok_or_else(|| Refusal::stream(404))?;
    let feed = chain.entry().clone();
    let who = who(request);
    if !who.may_read(&feed) {
        return Err(stream_denied(&who));
    }
    let asked = parse_stream(&request.head.query(), stream).map_err(|error| Refusal::stream_parameter(&error))?;
    let start = place(&feed, &asked)?;
    let replay = replay_place(request, start)?;
    let (encoding, lease) = encoding(request, stream, asked.filter.clone()).await?;
    let cursor = feed.feed().cursor(encoding, start).await.map_err(|error| unreadable(&error))?;
    check_start(&feed, &asked, start, &cursor)?;
    let protocol = Rc::new(BigchaindbStream { _lease: lease });
    let (prelude, patience) = (switching(request, &accept), Patience::Usual);
    Ok(StreamStart { feed, encoding, protocol, cursor, prelude, replay, patience })
}

fn check_handshake(request: &Request<'_>) -> Result<Accept, Refusal> {
    let head = request.head;
    handshake::check(head).map_err(|error| match error {
        // The original takes HEAD for GET without an upgrade.
        HandshakeError::Method if head.method() == "HEAD" => {
            Refusal::stream_handshake(HandshakeError::NotUpgrade, head)
        }
        error => Refusal::stream_handshake(error, head),
    })
}

/// Where the stream starts, given what the feed holds now.
fn place(feed: &FeedEntry, asked: &StreamRequest) -> Result<Start, Refusal> {
    let feed = feed.feed();
    let window = Window { first_height: feed.first_seq(), next_height: feed.next_seq() };
    match decide(asked.since_height, window) {
        Decision::Live => Ok(Start::Tail),
        Decision::From(height) => Ok(Start::Seq(height)),
        // What a damaged feed can still show may end before what its readers have seen.
        Decision::Future { last_height, .. } if matches!(feed.state(), FeedState::Failed { .. }) => {
            let why = format!("The chain is damaged on this server and cannot be read beyond {last_height}");
            Err(Refusal::stream_because(503, &why))
        }
        decision => Err(Refusal::stream_start(decision).unwrap_or_else(|| Refusal::stream(400))),
    }
}

/// Frames had to be built, or there is a gap: either way the window may begin later than it did, and blocks the client wants
/// may be gone.
fn check_start(feed: &FeedEntry, asked: &StreamRequest, start: Start, cursor: &Cursor) -> Result<(), Refusal> {
    match start {
        Start::Seq(height) if height < cursor.next_seq() => place(feed, asked).map(drop),
        _ => Ok(()),
    }
}

fn replay_place(request: &Request<'_>, start: Start) -> Result<Option<Replay>, Refusal> {
    if start == Start::Tail {
        return Ok(None);
    }
    let peer = request.inbound.socket().peer();
    let why = "Your address replays as many streams at once as it may. Wait until one has caught up.";
    request.shard.appliance.places.replay(peer).map(Some).ok_or_else(|| Refusal::stream_because(429, why))
}

async fn encoding(
    request: &Request<'_>,
    stream: Stream,
    filter: Filter,
) -> Result<(EncodingId, Option<Lease>), Refusal> {
    let encodings = &request.shard.appliance.encodings;
    match stream {
        Stream::Blocks => Ok((encodings.bigchaindb_blocks, None)),
        Stream::Transactions if filter.is_empty() => Ok((encodings.bigchaindb_transactions, None)),
        Stream::Transactions => {
            let lease = lease(request, filter).await?;
            Ok((lease.encoding(), Some(lease)))
        }
    }
}

async fn lease(request: &Request<'_>, filter: Filter) -> Result<Lease, Refusal> {
    let encoder: Arc<dyn Encoder> = Arc::new(BigchaindbFiltered::new(filter));
    let why =
        "As many different filters are in use as may be (bigchaindb.filters_max). Use one of them, or try again later.";
    let appliance = &request.shard.appliance;
    let leased = appliance.filters.lease_on_shard(appliance, encoder).await;
    leased.ok_or_else(|| Refusal::stream_because(429, why))
}

fn switching(request: &Request<'_>, accept: &Accept) -> Vec<u8> {
    let mut out = Vec::new();
    handshake::write_switching(&mut out, accept, &request.date, None, tailwater_wire::SERVER, &[]);
    out
}

fn unreadable(error: &CursorError) -> Refusal {
    tracing::error!(%error, "a stream could not begin");
    Refusal::stream_because(503, "The chain cannot be read right now. Try again later.")
}
