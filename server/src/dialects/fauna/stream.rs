//! `/stream/1`: a stream of events.
//!
//! Owns where a stream begins, how it beats, and how it ends. Never encodes an event. Tested by `server/tests/fauna/`.

use std::{borrow::Cow, sync::Arc};

use tailwater_core::{Bounds, Cursor, CursorError, EncodingId, Start};
use tailwater_wire::{
    fauna::{
        client::{Client, End},
        cursor::{self, Endpoint},
        encode::EndAtError,
        errors::ApiError,
        events::{Stats, StreamProblem, line, line_chunk, write_error, write_status},
        request::{StreamRequest, Verifier, parse_stream},
    },
    http1::LAST_CHUNK,
};

use super::{
    Database,
    answer::Answer,
    call::Call,
    database::Begins,
    source::{self, Followed},
    visit::Visit,
};
use crate::{
    config::Serve,
    filters::Lease,
    limits::Replay,
    shard::protocol::{Farewell, StreamProtocol, Transport},
};

/// Events to catch up with that take one of the address's places for replays.
const REPLAY_EVENTS: u64 = 1_000;

/// How long a stream goes on before the end of a server that stops, in milliseconds: some drivers come back at once after an
/// end, again and again, and shall not do so more than twice a second.
const PAUSE_MS: u64 = 500;

/// A stream that may begin.
pub(super) struct Opened {
    /// Whatever precedes the events of the frames: whole lines.
    pub(super) lines: Vec<Vec<u8>>,
    /// `None` for a stream that has come to its end already.
    pub(super) following: Option<Following>,
}

/// What a stream reads.
pub(super) struct Following {
    pub(super) database: Arc<Database>,
    pub(super) encoding: EncodingId,
    pub(super) cursor: Cursor,
    pub(super) replay: Option<Replay>,
    pub(super) lease: Lease,
    pub(super) client: Client,
}

/// Answers a request for a stream.
pub(super) async fn answer(call: &Call<'_>, visit: &Visit, body: Vec<u8>) -> Result<Answer, ApiError> {
    let database = &visit.database;
    database.settled().await?;
    let asked = parse_stream(&body, Verifier { key: database.token_key(), uid: database.uid() })?;
    let opened = match place(database, &asked).await? {
        Begins::After(start) => open(call, database, &asked, start).await?,
        Begins::TooOld(start_us) => too_old(database, start_us),
    };
    Ok(Answer::Stream(Box::new(opened)))
}

/// Where the stream begins.
async fn place(database: &Arc<Database>, asked: &StreamRequest) -> Result<Begins, ApiError> {
    let (database, asked) = (database.clone(), asked.clone());
    let placing = move || {
        let collection = asked.token.source.collection();
        if !database.has_collection(collection)? {
            return Err(ApiError::collection_gone(Endpoint::Stream, collection));
        }
        database.begins(asked.start, asked.token.start, Endpoint::Stream)
    };
    glommio::executor().spawn_blocking(placing).await
}

async fn open(
    call: &Call<'_>,
    database: &Arc<Database>,
    asked: &StreamRequest,
    start: cursor::Cursor,
) -> Result<Opened, ApiError> {
    let source = &asked.token.source;
    let replay = replay_place(call, database, start)?;
    let Followed { lease, errors } = source::follow(call, database, source).await?;
    let from = start.seq + 1;
    let history = database.history().feed();
    let cursor = history.cursor(lease.encoding(), Start::Seq(from)).await.map_err(|error| unreadable(&error))?;
    // Frames had to be built: meanwhile the window may have moved on.
    if let Begins::TooOld(start_us) =
        place(database, &StreamRequest { start: cursor::Start::Cursor(start), ..asked.clone() }).await?
    {
        return Ok(too_old(database, start_us));
    }
    let skip = source.can_fail().then(|| -> Arc<dyn tailwater_core::Skip> { Arc::new(EndAtError { errors, from }) });
    let cursor = match skip {
        Some(skip) => cursor.bounded(Bounds { skip: Some((skip, u64::MAX)), stop_after: None }),
        None => cursor,
    };
    let (database, client) = (database.clone(), call.client());
    let following = Following { database, encoding: lease.encoding(), cursor, replay, lease, client };
    Ok(Opened { lines: vec![status(start)], following: Some(following) })
}

/// A place for a replay, where there is much to catch up with.
fn replay_place(call: &Call<'_>, database: &Database, start: cursor::Cursor) -> Result<Option<Replay>, ApiError> {
    if database.position().seq.saturating_sub(start.seq) <= REPLAY_EVENTS {
        return Ok(None);
    }
    let why = "Your address replays as many streams at once as it may. Wait until one has caught up.";
    let refused = || ApiError::new(429, "limit_exceeded", why);
    call.shard.appliance.places.replay(call.peer).map(Some).ok_or_else(refused)
}

fn too_old(database: &Database, start_us: u64) -> Opened {
    let lines = vec![status(database.position()), problem(&StreamProblem::InvalidStartTime { start_us })];
    Opened { lines, following: None }
}

fn status(at: cursor::Cursor) -> Vec<u8> {
    let mut out = Vec::new();
    line(&mut out, |out| write_status(&at, &Stats::default(), out));
    out
}

/// The line of an error.
fn problem(problem: &StreamProblem) -> Vec<u8> {
    let mut out = Vec::new();
    line(&mut out, |out| write_error(problem, &Stats::default(), out));
    out
}

fn unreadable(error: &CursorError) -> ApiError {
    tracing::error!(%error, "a Fauna stream could not begin");
    ApiError::internal("The database's events cannot be read.")
}

/// The status of a reader that stands behind `last_seq`, if that is where everything is that is known: its time is known then,
/// and neither runs ahead.
pub(super) fn status_behind(database: &Database, last_seq: u64) -> Option<cursor::Cursor> {
    Some(database.position()).filter(|position| position.seq == last_seq)
}

/// What a stream says before the appliance ends it; nothing where the client shall come back.
pub(super) fn last_words(farewell: Farewell) -> Option<StreamProblem> {
    match farewell {
        Farewell::Restart => None,
        Farewell::TooSlow => Some(StreamProblem::Overflow),
        Farewell::LeftWindow => Some(StreamProblem::ReplayVolumeExceeded),
        Farewell::Deleted => Some(StreamProblem::PermissionLoss),
        Farewell::Damaged => Some(StreamProblem::Internal("The database cannot be read beyond this point.".to_owned())),
    }
}

/// How long a stream that ends without an error goes on before it does, in milliseconds: the contract's trap T8. At most a
/// quarter of the time there is to stop.
pub(super) fn pause_ms(serve: &Serve) -> u64 {
    PAUSE_MS.min(serve.drain_timeout_ms / 4)
}

/// A stream over HTTP/1.1, as the sweep has to know it.
pub(super) struct FaunaStream {
    database: Arc<Database>,
    end: End,
    pause_ms: u64,
    /// It lasts as long as the group of those who read this encoding.
    _lease: Lease,
}

impl FaunaStream {
    pub(super) fn new(database: Arc<Database>, client: Client, lease: Lease, serve: &Serve) -> Self {
        let end = client.end();
        // Who is cut off comes back when it likes.
        let pause_ms = if end == End::Clean { pause_ms(serve) } else { 0 };
        Self { database, end, pause_ms, _lease: lease }
    }
}

impl StreamProtocol for FaunaStream {
    fn name(&self) -> &str {
        match self.end {
            End::Clean => "fauna",
            End::Abort => "fauna-abort",
        }
    }

    fn transport(&self) -> Transport {
        Transport::Chunked
    }

    /// Nothing that is no status: some drivers fail at anything else.
    fn heartbeat(&self) -> &'static [u8] {
        b""
    }

    fn beat(&self, last_seq: Option<u64>) -> Option<Cow<'static, [u8]>> {
        let at = status_behind(&self.database, last_seq?)?;
        let mut out = Vec::new();
        line_chunk(&mut out, |out| write_status(&at, &Stats::default(), out));
        Some(out.into())
    }

    fn pause_ms(&self) -> u64 {
        self.pause_ms
    }

    fn farewell(&self, farewell: Farewell) -> Vec<u8> {
        let mut out = Vec::new();
        match last_words(farewell) {
            Some(problem) => line_chunk(&mut out, |out| write_error(&problem, &Stats::default(), out)),
            // An end in the middle of the body: these come back only after one.
            None if self.end == End::Abort => return out,
            None => {}
        }
        out.extend_from_slice(LAST_CHUNK);
        out
    }

    /// Behind an error of the source.
    fn ended(&self, _last_seq: u64) -> Vec<u8> {
        LAST_CHUNK.to_vec()
    }
}
