//! The plain streams: NDJSON and SSE over HTTP, JSON and DAG-CBOR over WebSocket.
//!
//! Owns where a stream starts and how it ends. Never encodes an event. Tested by `server/tests/native/`.

use std::{rc::Rc, sync::Arc};

use tailwater_core::{Cursor, CursorError, EncodingId, FeedState, Start};
use tailwater_wire::{
    http1::{LAST_CHUNK, ResponseHead},
    json,
    native::request::{Format, ReadRequest, ReadStart, parse_read},
    ndjson, sse,
    websocket::{
        frame,
        handshake::{self, HandshakeError},
    },
};

use super::{find, page};
use crate::{
    auth,
    feeds::FeedEntry,
    http::{Reply, Request, Response},
    shard::protocol::{Farewell, Patience, StreamProtocol, StreamStart, Transport},
};

/// One empty line as a chunk of its own: NDJSON readers skip it.
const BLANK_LINE_CHUNK: &[u8] = b"1\r\n\n\r\n";

/// An SSE comment as a chunk of its own: readers skip it.
const COMMENT_CHUNK: &[u8] = b"3\r\n:\n\n\r\n";

/// An empty ping.
const PING: &[u8] = &[0x89, 0x00];

/// The forms a native stream can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Ndjson,
    Sse,
    WsJson,
    WsCbor,
}

impl Form {
    fn of(read: &ReadRequest, websocket: bool) -> Self {
        match (websocket, read.format) {
            (true, Format::Cbor) => Self::WsCbor,
            (true, _) => Self::WsJson,
            (false, Format::Sse) => Self::Sse,
            (false, _) => Self::Ndjson,
        }
    }

    fn encoding(self, request: &Request<'_>) -> EncodingId {
        let encodings = &request.shard.appliance.encodings;
        match self {
            Self::Ndjson => encodings.native_ndjson,
            Self::Sse => encodings.native_sse,
            Self::WsJson => encodings.native_ws_json,
            Self::WsCbor => encodings.native_ws_cbor,
        }
    }
}

impl StreamProtocol for Form {
    fn name(&self) -> &'static str {
        "native"
    }

    fn transport(&self) -> Transport {
        match self {
            Self::Ndjson | Self::Sse => Transport::Chunked,
            Self::WsJson | Self::WsCbor => Transport::WebSocket,
        }
    }

    fn heartbeat(&self) -> &'static [u8] {
        match self {
            Self::Ndjson => BLANK_LINE_CHUNK,
            Self::Sse => COMMENT_CHUNK,
            Self::WsJson | Self::WsCbor => PING,
        }
    }

    fn farewell(&self, reason: Farewell) -> Vec<u8> {
        let (code, error, message) = words(reason);
        let mut out = Vec::new();
        match self {
            Self::WsJson | Self::WsCbor => frame::close(&mut out, code, message),
            // A restart ends the body in order; readers come back with the cursor they have.
            Self::Ndjson | Self::Sse if reason == Farewell::Restart => out.extend_from_slice(LAST_CHUNK),
            Self::Ndjson => {
                ndjson::line_chunk(&mut out, &error_object(error, message));
                out.extend_from_slice(LAST_CHUNK);
            }
            Self::Sse => {
                sse::block_chunk(&mut out, None, Some("error"), &error_object(error, message));
                out.extend_from_slice(LAST_CHUNK);
            }
        }
        out
    }
}

/// Close code, error name and message of each way a stream can end.
fn words(reason: Farewell) -> (u16, &'static str, &'static str) {
    match reason {
        Farewell::Restart => (1012, "Restarting", "The server restarts."),
        Farewell::TooSlow => (1008, "ConsumerTooSlow", "The reader stayed below the floor rate while far behind."),
        Farewell::LeftWindow => (1008, "CursorTooOld", "The reader's position is no longer retained."),
        Farewell::Deleted => (1001, "FeedNotFound", "The feed was deleted."),
        Farewell::Damaged => (1011, "InternalServerError", "The feed cannot be read beyond this point."),
    }
}

fn error_object(error: &str, message: &str) -> Vec<u8> {
    let mut object = Vec::new();
    json::write_error(&mut object, error, message);
    object
}

/// `GET /v1/feeds/{feed}/events`
pub(super) async fn begin(request: Request<'_>, name: &str) -> Reply {
    let feed = match find(&request, name) {
        Ok(feed) => feed,
        Err(response) => return response.into(),
    };
    if let Err(denied) = auth::require_read(&request, &feed) {
        return Response::from(denied).into();
    }
    let websocket = handshake::is_upgrade(request.head);
    let read = match parse_read(request.head, websocket) {
        Ok(read) => read,
        Err(error) => return Response::error(error.status(), error.code(), &error.to_string()).into(),
    };
    let start = match place(&feed, read.start) {
        Ok(start) => start,
        Err(response) => return response.into(),
    };
    if !websocket && read.format == Format::Json {
        return page::page(&feed, start, read.limit).await.into();
    }
    let reply = stream(request, feed.clone(), Form::of(&read, websocket), start).await;
    // Making a cursor takes its time. What was retained before may have gone by then, and nothing is skipped without a word.
    match (reply, place(&feed, read.start)) {
        (Reply::Stream(_), Err(gone)) => gone.into(),
        (reply, _) => reply,
    }
}

async fn stream(request: Request<'_>, feed: Arc<FeedEntry>, form: Form, start: Start) -> Reply {
    let prelude = match head(&request, form) {
        Ok(prelude) => prelude,
        Err(response) => return response.into(),
    };
    let replay = match start {
        Start::Tail => None,
        Start::Seq(_) => {
            let peer = request.inbound.socket().peer();
            match request.shard.appliance.places.replay(peer) {
                Some(replay) => Some(replay),
                None => return too_many_replays().into(),
            }
        }
    };
    let encoding = form.encoding(&request);
    match feed.feed().cursor(encoding, start).await {
        Ok(cursor) => started(feed, encoding, form, cursor, prelude, replay),
        Err(error) => unreadable(&error).into(),
    }
}

fn started(
    feed: Arc<FeedEntry>,
    encoding: EncodingId,
    form: Form,
    cursor: Cursor,
    prelude: Vec<u8>,
    replay: Option<crate::limits::Replay>,
) -> Reply {
    let (protocol, patience) = (Rc::new(form), Patience::Usual);
    Reply::Stream(Box::new(StreamStart { feed, encoding, protocol, cursor, prelude, replay, patience }))
}

/// The answer's head.
fn head(request: &Request<'_>, form: Form) -> Result<Vec<u8>, Response> {
    let mut out = Vec::new();
    let content_type = match form {
        Form::Ndjson => "application/x-ndjson",
        Form::Sse => "text/event-stream",
        Form::WsJson | Form::WsCbor => {
            let accept = handshake::check(request.head).map_err(|error| no_stream(&error))?;
            handshake::write_switching(&mut out, &accept, &request.date, None, tailwater_wire::SERVER, &[]);
            return Ok(out);
        }
    };
    if request.head.version() == tailwater_wire::http1::Version::Http10 {
        let message = "A stream needs HTTP/1.1, because it is sent in chunks. Use format=json for pages.";
        return Err(Response::error(505, "HttpVersionNotSupported", message));
    }
    ResponseHead::new(&mut out, 200, &request.date)
        .header("Access-Control-Allow-Origin", "*")
        .header("Cache-Control", "no-cache")
        .header("Content-Type", content_type)
        .header("X-Accel-Buffering", "no")
        .chunked()
        .finish();
    Ok(out)
}

/// Where a stream or page starts, or why it cannot: nothing is skipped without a word.
fn place(entry: &FeedEntry, start: ReadStart) -> Result<Start, Response> {
    let feed = entry.feed();
    let (first_seq, next_seq) = (feed.first_seq(), feed.next_seq());
    match start {
        ReadStart::Live => Ok(Start::Tail),
        ReadStart::From(0) => Ok(Start::Seq(first_seq)),
        ReadStart::From(seq) if seq < first_seq => {
            let message = format!("Events before seq {first_seq} are no longer retained. Use cursor=0 for the oldest.");
            Err(Response::error(410, "CursorTooOld", &message))
        }
        ReadStart::From(seq) if seq > next_seq && matches!(feed.state(), FeedState::Failed { .. }) => {
            let message = format!("The feed is damaged and cannot be read beyond seq {}.", feed.last_seq());
            Err(Response::error(503, "ServiceUnavailable", &message))
        }
        ReadStart::From(seq) if seq > next_seq => {
            let message = format!("The next event will have seq {next_seq}; the cursor {seq} is beyond it.");
            Err(Response::error(400, "FutureCursor", &message))
        }
        ReadStart::From(seq) => Ok(Start::Seq(seq)),
    }
}

fn too_many_replays() -> Response {
    let message = "Your address replays as many streams at once as it may. Wait until one has caught up.";
    Response::error(429, "RateLimitExceeded", message).header("Retry-After", "5")
}

fn no_stream(error: &HandshakeError) -> Response {
    let mut response = Response::error(error.status(), error.code(), &error.to_string());
    for (name, value) in error.headers() {
        response = response.header(name, *value);
    }
    response
}

fn unreadable(error: &CursorError) -> Response {
    tracing::error!(%error, "a stream could not begin");
    Response::error(503, "ServiceUnavailable", "The feed cannot be read right now. Try again later.")
}
