//! `GET /v1/feeds/{feed}/events`: which form, from where, how much.

use super::super::cursor::{self, InvalidCursor};
use crate::http1::{Head, Query};

/// Events in a page if the request does not say.
pub const LIMIT_DEFAULT: u32 = 100;
/// Most events in a page.
pub const LIMIT_MAX: u32 = 10_000;

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A chunked stream of JSON lines.
    Ndjson,
    /// A stream of server-sent events.
    Sse,
    /// Over HTTP one page as a JSON object, over WebSocket a stream of JSON text messages.
    Json,
    /// Over WebSocket a stream of DAG-CBOR binary messages.
    Cbor,
}

/// Where to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadStart {
    /// With the next event.
    Live,
    /// With the first event whose seq is at least this; 0 is the oldest there is.
    From(u64),
}

/// The parameters of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadRequest {
    /// The form of the answer.
    pub format: Format,
    /// Where to start.
    pub start: ReadStart,
    /// Most events in a page; of no meaning to a stream.
    pub limit: u32,
}

/// Why the parameters are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// An unknown format, or one that does not fit the transport.
    #[error("format {given:?} is not one of {allowed}")]
    Format {
        /// As given.
        given: String,
        /// What is possible here.
        allowed: &'static str,
    },
    /// `cursor`, or `Last-Event-ID`, is malformed.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// `limit` is malformed or out of range.
    #[error("limit is an integer from 1 to {LIMIT_MAX}")]
    Limit,
    /// `limit` on a stream.
    #[error("limit belongs to format=json; a stream has no end")]
    LimitOnStream,
    /// A parameter for the second time.
    #[error("{0} is given more than once")]
    Repeated(&'static str),
}

impl RequestError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        400
    }

    /// A stable name for the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Cursor(_) => "InvalidCursor",
            _ => "InvalidRequest",
        }
    }
}

/// Reads the parameters of a read over HTTP or WebSocket.
///
/// Without `format`, HTTP gives server-sent events to whoever accepts `text/event-stream` and lines to everybody else,
/// WebSocket gives JSON. Without `cursor`, streams are live and a page starts with the oldest event; an SSE client that
/// reconnects continues behind its `Last-Event-ID`, which is newer than the `cursor` in its URL.
///
/// # Errors
/// See [`RequestError`]. Unknown parameters are ignored.
pub fn parse_read(head: &Head, websocket: bool) -> Result<ReadRequest, RequestError> {
    let query = head.query();
    let format = parse_format(single(&query, "format")?, head, websocket)?;
    let is_page = format == Format::Json && !websocket;
    let limit = match single(&query, "limit")? {
        Some(_) if !is_page => return Err(RequestError::LimitOnStream),
        Some(text) => parse_limit(text)?,
        None => LIMIT_DEFAULT,
    };
    let last_event = head.header("last-event-id").filter(|id| format == Format::Sse && !id.is_empty());
    let start = match (last_event, single(&query, "cursor")?) {
        (Some(last), _) => ReadStart::From(cursor::after(last)?),
        (None, Some(text)) => ReadStart::From(cursor::parse(text)?),
        (None, None) if is_page => ReadStart::From(0),
        (None, None) => ReadStart::Live,
    };
    Ok(ReadRequest { format, start, limit })
}

fn single<'q>(query: &'q Query<'_>, name: &'static str) -> Result<Option<&'q str>, RequestError> {
    if query.count(name) > 1 { Err(RequestError::Repeated(name)) } else { Ok(query.get(name)) }
}

fn parse_format(given: Option<&str>, head: &Head, websocket: bool) -> Result<Format, RequestError> {
    let refuse = |given: &str, allowed| Err(RequestError::Format { given: given.to_owned(), allowed });
    match (given, websocket) {
        (None | Some("json"), true) => Ok(Format::Json),
        (Some("cbor"), true) => Ok(Format::Cbor),
        (Some(given), true) => refuse(given, "json and cbor (over a WebSocket)"),
        (None, false) if accepts_sse(head) => Ok(Format::Sse),
        (None | Some("ndjson"), false) => Ok(Format::Ndjson),
        (Some("sse"), false) => Ok(Format::Sse),
        (Some("json"), false) => Ok(Format::Json),
        (Some(given), false) => refuse(given, "ndjson, sse and json (cbor needs a WebSocket)"),
    }
}

fn accepts_sse(head: &Head) -> bool {
    let media_type = |range: &str| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    head.tokens("accept").any(|range| media_type(range) == "text/event-stream")
}

fn parse_limit(text: &str) -> Result<u32, RequestError> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let limit = digits.then(|| text.parse().ok()).flatten();
    limit.filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or(RequestError::Limit)
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
