//! `publish`: a message to be stored. The HTTP API makes the same of its parameters.

use std::borrow::Cow;

use tailwater_core::{BodyFormat, Draft};

use super::members::Members;
use super::value::Value;
use super::{RequestLimits, StreamrError, quoted, timestamp};
use crate::json;
use crate::streamr::errors::ContentProblem;

/// The kind of every event that is published over this protocol.
pub const KIND: &str = "put";

/// A message to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// The stream's id.
    pub stream: Cow<'a, str>,
    /// The partition key; without one any partition will do.
    pub pkey: Option<Cow<'a, str>>,
    /// Milliseconds since the Unix epoch; without one the time of its arrival counts.
    pub time_ms: Option<u64>,
    /// The content, as compact JSON.
    pub content: Vec<u8>,
}

impl<'a> Publish<'a> {
    pub(super) fn parse(members: Members<'a>, limits: &RequestLimits) -> Result<Self, StreamrError> {
        let stream = parse_stream(members.stream, limits, StreamrError::PublishWithoutStream)?;
        let time_ms = parse_time(members.ts)?;
        let Some(Value::Text(msg)) = members.msg else {
            return Err(StreamrError::Content(ContentProblem::Missing));
        };
        let content = compact_content(&msg, limits, StreamrError::Content)?;
        let pkey = match members.pkey {
            Some(Value::Nested(_) | Value::Bool(true)) => {
                return Err(StreamrError::InvalidField { name: "pkey", expected: "a string" });
            }
            pkey => parse_pkey(pkey.map(Value::into_text), limits)?,
        };
        Ok(Self { stream, pkey, time_ms, content })
    }

    /// The event to append; `now_us` is its time if the publisher gave none.
    pub fn draft(&self, now_us: u64) -> Draft<'_> {
        Draft {
            seq: None,
            time_us: self.time_ms.map_or(now_us, |ms| ms.saturating_mul(1000)),
            kind: KIND,
            key: self.pkey.as_deref().unwrap_or_default(),
            format: BodyFormat::Json,
            body: &self.content,
        }
    }
}

/// Takes the id of a stream; `missing` is the answer if there is none.
pub(super) fn parse_stream<'a>(
    value: Option<Value<'a>>,
    limits: &RequestLimits,
    missing: StreamrError,
) -> Result<Cow<'a, str>, StreamrError> {
    match value {
        None => Err(missing),
        Some(value) if value.is_falsy() => Err(missing),
        Some(Value::Text(stream)) => check_stream(stream, limits),
        Some(_) => Err(StreamrError::InvalidField { name: "stream", expected: "a string" }),
    }
}

pub(in crate::streamr) fn check_stream<'a>(
    stream: Cow<'a, str>,
    limits: &RequestLimits,
) -> Result<Cow<'a, str>, StreamrError> {
    let bytes_max = limits.stream_bytes_max;
    if stream.len() > bytes_max { Err(StreamrError::FieldTooLong { name: "stream", bytes_max }) } else { Ok(stream) }
}

/// Checks a partition key; an empty one is none.
pub(in crate::streamr) fn parse_pkey<'a>(
    pkey: Option<Cow<'a, str>>,
    limits: &RequestLimits,
) -> Result<Option<Cow<'a, str>>, StreamrError> {
    let bytes_max = limits.key_bytes_max;
    match pkey.filter(|pkey| !pkey.is_empty()) {
        Some(pkey) if pkey.len() > bytes_max => Err(StreamrError::FieldTooLong { name: "pkey", bytes_max }),
        pkey => Ok(pkey),
    }
}

/// What JavaScript takes for false is no time, as in the original.
fn parse_time(value: Option<Value<'_>>) -> Result<Option<u64>, StreamrError> {
    let Some(value) = value.filter(|value| !value.is_falsy()) else { return Ok(None) };
    let ms = match &value {
        Value::Number(_) => value.as_number().and_then(timestamp::from_number),
        Value::Text(text) => timestamp::parse_ms(text),
        Value::Bool(_) | Value::Nested(_) => None,
    };
    ms.map(Some).ok_or_else(|| StreamrError::InvalidTimestamp(quoted(value.display())))
}

/// Checks content and takes the whitespace out of it; `refuse` makes an error of what is wrong with it.
pub(in crate::streamr) fn compact_content(
    text: &str,
    limits: &RequestLimits,
    refuse: fn(ContentProblem) -> StreamrError,
) -> Result<Vec<u8>, StreamrError> {
    let mut content = Vec::with_capacity(text.len());
    json::compact(text, limits.depth_max, &mut content).map_err(|error| refuse(error.into()))?;
    let bytes_max = limits.content_bytes_max;
    match &content[..] {
        b"null" => Err(refuse(ContentProblem::Null)),
        _ if content.len() > bytes_max => Err(StreamrError::ContentTooLarge { bytes_max }),
        _ => Ok(content),
    }
}
