//! `POST /api/v1/streams/{stream}/data?ts=&pkey=`: the body is the content of one message.

use std::borrow::Cow;

use super::super::errors::{ContentProblem, StreamrError, quoted};
use super::super::request::{Publish, RequestLimits, check_stream, compact_content, number, parse_ms, parse_pkey};
use crate::http1::Query;

/// Makes a message of a request. A `ttl` is checked, as the original does, and then means nothing.
///
/// # Errors
/// The body is not JSON, or something is over a limit or cannot be read.
pub fn parse_produce<'a>(
    stream: &'a str,
    query: &'a Query<'_>,
    body: &[u8],
    limits: &RequestLimits,
) -> Result<Publish<'a>, StreamrError> {
    let stream = check_stream(Cow::Borrowed(stream), limits)?;
    if body.is_empty() {
        return Err(StreamrError::Body(ContentProblem::Missing));
    }
    if let Some(ttl) = given(query, "ttl") {
        number::parse(ttl).filter(|ttl| *ttl != 0.0).ok_or_else(|| StreamrError::InvalidTtl(quoted(ttl)))?;
    }
    let time_ms = given(query, "ts")
        .map(|ts| parse_ms(ts).ok_or_else(|| StreamrError::InvalidTimestamp(quoted(ts))))
        .transpose()?;
    let text = simdutf8::basic::from_utf8(body).map_err(|_| StreamrError::Body(ContentProblem::Utf8))?;
    let content = compact_content(text, limits, StreamrError::Body)?;
    let pkey = parse_pkey(given(query, "pkey").map(Cow::Borrowed), limits)?;
    Ok(Publish { stream, pkey, time_ms, content })
}

fn given<'q>(query: &'q Query<'_>, name: &str) -> Option<&'q str> {
    query.get(name).filter(|value| !value.is_empty())
}
