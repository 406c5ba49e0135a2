//! Beginning and ending an AT Protocol stream.
//!
//! Owns the cursor rules' consequences: where a stream starts, what precedes its first event, and which requests get an
//! error frame instead. Specification: "Connection" and "Sequence Numbers". Tested by `server/tests/atproto.rs`.

use std::{rc::Rc, sync::Arc};

use tailwater_core::{Cursor, CursorError, EncodingId, FeedState, Start};
use tailwater_wire::{
    atproto::{
        cursor::{Decision, Semantics, Window, decide},
        errors::{self, Notice, Spelling},
        request::{self, Form},
    },
    websocket::{
        frame,
        handshake::{self, Accept, HandshakeError},
    },
};

use crate::{
    auth,
    config::{AtprotoExposure, CursorSemantics, Dialect, OnOutdated},
    feeds::FeedEntry,
    http::{Reply, Request, Response},
    limits::Replay,
    shard::protocol::{Farewell, Patience, StreamProtocol, StreamStart, Transport},
};

/// An empty ping.
const PING: &[u8] = &[0x89, 0x00];

/// A stream's form, as the sweep has to know it.
struct AtprotoStream {
    form: Form,
    nsid: String,
}

impl StreamProtocol for AtprotoStream {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Cbor => "atproto-v0",
            Form::Json => "xrpc.v1.json",
        }
    }

    fn transport(&self) -> Transport {
        Transport::WebSocket
    }

    fn heartbeat(&self) -> &'static [u8] {
        PING
    }

    fn binding(&self) -> Option<Dialect> {
        Some(Dialect::Atproto)
    }

    fn farewell(&self, reason: Farewell) -> Vec<u8> {
        let mut out = Vec::new();
        match reason {
            Farewell::Restart => {
                frame::close(&mut out, errors::CLOSE_RESTART, "restarting");
            }
            Farewell::TooSlow | Farewell::LeftWindow => self.refuse(&mut out, &Notice::ConsumerTooSlow),
            Farewell::Deleted => frame::close(&mut out, CLOSE_GOING_AWAY, "the stream was deleted"),
            Farewell::Damaged => self.refuse(
                &mut out,
                &Notice::Error {
                    error: "InternalServerError".to_owned(),
                    message: "The stream cannot be read beyond this point.".to_owned(),
                },
            ),
        }
        out
    }
}

/// 1001: what was served here is gone for good. The reference client does not come back, and need not.
const CLOSE_GOING_AWAY: u16 = 1001;

impl AtprotoStream {
    /// An error frame and the close that follows it.
    fn refuse(&self, out: &mut Vec<u8>, notice: &Notice) {
        notice.write_message(self.spelling(), out);
        notice.write_close(out);
    }

    fn spelling(&self) -> Spelling<'_> {
        match self.form {
            Form::Cbor => Spelling::Cbor,
            Form::Json => Spelling::Json { nsid: &self.nsid },
        }
    }
}

/// Answers a request for the stream of `feed`.
pub(super) async fn begin(request: Request<'_>, feed: Arc<FeedEntry>, nsid: &str) -> Reply {
    if let Err(denied) = auth::require_read(&request, &feed) {
        return Response::from(denied).into();
    }
    let accept = match handshake::check(request.head) {
        Ok(accept) => accept,
        Err(error) => return no_stream(&error).into(),
    };
    let stream = AtprotoStream { form: request::choose_form(request.head), nsid: nsid.to_owned() };
    let mut prelude = switching(&request, &accept, &stream);
    match open(&request, &feed, &stream).await {
        Ok(Opening { cursor, outdated, replay }) => {
            if outdated {
                Notice::OutdatedCursor.write_message(stream.spelling(), &mut prelude);
            }
            let encoding = cursor.encoding();
            let protocol = Rc::new(stream);
            let patience = Patience::Usual;
            Reply::Stream(Box::new(StreamStart { feed, encoding, protocol, cursor, prelude, replay, patience }))
        }
        Err(Refusal::Stream(notice)) => {
            stream.refuse(&mut prelude, &notice);
            Reply::Last(prelude)
        }
        Err(Refusal::Http(response)) => response.into(),
    }
}

/// A stream that can begin.
struct Opening {
    cursor: Cursor,
    outdated: bool,
    replay: Option<Replay>,
}

/// A stream that cannot.
enum Refusal {
    /// Said on the stream itself, which ends with it.
    Stream(Notice),
    /// Said instead of opening the stream.
    Http(Response),
}

impl From<Notice> for Refusal {
    fn from(notice: Notice) -> Self {
        Self::Stream(notice)
    }
}

impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Self::Http(response)
    }
}

async fn open(request: &Request<'_>, feed: &FeedEntry, stream: &AtprotoStream) -> Result<Opening, Refusal> {
    let exposure = feed.exposure();
    // Since it was found, it may have been bound to another endpoint.
    let Some(binding) = exposure.atproto.as_ref().filter(|_| exposure.is_atproto(&stream.nsid)) else {
        return Err(Response::error(501, "MethodNotImplemented", "The stream is not bound any more.").into());
    };
    let mut start = place(request, feed, binding)?;
    let replay = replay_place(request, &start)?;
    let cursor = feed.feed().cursor(encoding(request, stream), start.at).await;
    let cursor = cursor.map_err(|error| unreadable(request, &error))?;
    if matches!(start.at, Start::Seq(seq) if seq < cursor.next_seq()) {
        // Frames had to be built, or there is a gap: either way the window may begin later than it did.
        start = place(request, feed, binding)?;
    }
    Ok(Opening { cursor, outdated: start.outdated, replay })
}

/// Where a stream starts.
struct Place {
    at: Start,
    outdated: bool,
}

/// Applies the cursor rules to the feed as it is now.
fn place(request: &Request<'_>, feed: &FeedEntry, binding: &AtprotoExposure) -> Result<Place, Notice> {
    let cursor =
        request::parse_cursor(&request.head.query()).map_err(|error| Notice::InvalidRequest(error.to_string()))?;
    let feed = feed.feed();
    let window = Window { first_seq: feed.first_seq(), next_seq: feed.next_seq() };
    match decide(cursor, semantics(binding.cursor_semantics), window) {
        Decision::Live => Ok(Place { at: Start::Tail, outdated: false }),
        Decision::From { outdated: true, .. } if binding.on_outdated == OnOutdated::Fail => Err(Notice::Error {
            error: "CursorTooOld".to_owned(),
            message: format!("The oldest event still held has seq {}.", window.first_seq),
        }),
        Decision::From { seq, outdated } => Ok(Place { at: Start::Seq(seq), outdated }),
        // What a damaged feed can still show may end before what its readers have seen.
        Decision::Future if matches!(feed.state(), FeedState::Failed { .. }) => Err(Notice::Error {
            error: "InternalServerError".to_owned(),
            message: "The stream is damaged on this server and cannot be read up to your cursor.".to_owned(),
        }),
        Decision::Future => Err(Notice::FutureCursor),
    }
}

fn semantics(semantics: CursorSemantics) -> Semantics {
    match semantics {
        CursorSemantics::Inclusive => Semantics::Inclusive,
        CursorSemantics::Exclusive => Semantics::Exclusive,
    }
}

fn switching(request: &Request<'_>, accept: &Accept, stream: &AtprotoStream) -> Vec<u8> {
    let suffix = &request.shard.appliance.config.atproto.server_header_suffix;
    let server = format!("{} {suffix}", tailwater_wire::SERVER);
    let mut out = Vec::new();
    let subprotocol = stream.form.subprotocol();
    handshake::write_switching(&mut out, accept, &request.date, subprotocol, server.trim_end(), &[]);
    out
}

fn encoding(request: &Request<'_>, stream: &AtprotoStream) -> EncodingId {
    let appliance = &request.shard.appliance;
    match stream.form {
        Form::Cbor => appliance.encodings.atproto_cbor,
        Form::Json => appliance.encodings.atproto_json,
    }
}

fn replay_place(request: &Request<'_>, place: &Place) -> Result<Option<Replay>, Response> {
    match place.at {
        Start::Tail => Ok(None),
        Start::Seq(_) => {
            let peer = request.inbound.socket().peer();
            request.shard.appliance.places.replay(peer).map(Some).ok_or_else(|| too_many_replays(request))
        }
    }
}

fn too_many_replays(request: &Request<'_>) -> Response {
    let message = "Your address replays as many streams at once as it may. Wait until one has caught up.";
    Response::error(429, "RateLimitExceeded", message).header("Retry-After", retry_after_s(request))
}

fn retry_after_s(request: &Request<'_>) -> String {
    request.shard.appliance.config.atproto.retry_after_ms.div_ceil(1_000).to_string()
}

fn no_stream(error: &HandshakeError) -> Response {
    let mut response = Response::error(error.status(), error.code(), &error.to_string());
    for (name, value) in error.headers() {
        response = response.header(name, *value);
    }
    response
}

fn unreadable(request: &Request<'_>, error: &CursorError) -> Response {
    tracing::error!(%error, "a stream could not begin");
    Response::error(503, "ServiceUnavailable", "The stream cannot be read right now. Try again later.")
        .header("Retry-After", retry_after_s(request))
}
