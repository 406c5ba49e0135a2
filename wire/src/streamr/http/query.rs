//! `GET /api/v1/streams/{stream}/data/partitions/{partition}/{last|from|range}`: which messages, in which form.

use super::super::cursor::Selection;
use super::super::encode::{Content, Wrapper};
use super::super::errors::{StreamrError, quoted};
use super::super::request::number;
use super::QueryKind;
use crate::http1::Query;

const FROM_OFFSET: &str = "fromOffset";
const FROM_TIMESTAMP: &str = "fromTimestamp";
const TO_OFFSET: &str = "toOffset";
const TO_TIMESTAMP: &str = "toTimestamp";

/// What a query asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataQuery {
    /// Which messages.
    pub selection: Selection,
    /// Their form.
    pub wrapper: Wrapper,
    /// The form of their content.
    pub content: Content,
}

/// Reads the partition in a path. Any number is one; whether the stream has it is another matter.
///
/// # Errors
/// [`StreamrError::PathPartition`]
pub fn parse_partition(text: &str) -> Result<u32, StreamrError> {
    let number = number::parse(text).filter(|number| *number >= 0.0);
    number.map(|number| number as u32).ok_or_else(|| StreamrError::PathPartition(quoted(text)))
}

/// Reads the parameters of a query.
///
/// # Errors
/// In the order in which the original finds them: a parameter that is no number, none to begin with, two for the same
/// end, ends of two kinds; last an unknown wrapper.
pub fn parse_query(kind: QueryKind, query: &Query<'_>) -> Result<DataQuery, StreamrError> {
    let selection = match kind {
        QueryKind::Last => Selection::Last { count: number_of(query, "count")?.unwrap_or(1) },
        QueryKind::From => Bounds::parse(query, false)?.select()?,
        QueryKind::Range => Bounds::parse(query, true)?.select()?,
    };
    let is_json = query.get("content").is_some_and(|content| content.eq_ignore_ascii_case("json"));
    let content = if is_json { Content::Json } else { Content::Text };
    Ok(DataQuery { selection, wrapper: parse_wrapper(query)?, content })
}

/// The ends of a range, in offsets or in milliseconds.
struct Bounds {
    from_offset: Option<u64>,
    from_ms: Option<u64>,
    to_offset: Option<u64>,
    to_ms: Option<u64>,
}

impl Bounds {
    /// Without `has_end` the parameters of the end mean nothing.
    fn parse(query: &Query<'_>, has_end: bool) -> Result<Self, StreamrError> {
        let end = |name| if has_end { number_of(query, name) } else { Ok(None) };
        Ok(Self {
            from_offset: number_of(query, FROM_OFFSET)?,
            from_ms: number_of(query, FROM_TIMESTAMP)?,
            to_offset: end(TO_OFFSET)?,
            to_ms: end(TO_TIMESTAMP)?,
        })
    }

    fn select(&self) -> Result<Selection, StreamrError> {
        match (self.from_offset, self.from_ms, self.to_offset, self.to_ms) {
            (None, None, ..) => Err(StreamrError::FromRequired),
            (Some(_), Some(_), ..) => Err(StreamrError::Twice(FROM_OFFSET, FROM_TIMESTAMP)),
            (.., Some(_), Some(_)) => Err(StreamrError::Twice(TO_OFFSET, TO_TIMESTAMP)),
            (Some(_), None, None, Some(_)) => Err(StreamrError::Mixed(FROM_OFFSET, TO_TIMESTAMP)),
            (None, Some(_), Some(_), None) => Err(StreamrError::Mixed(FROM_TIMESTAMP, TO_OFFSET)),
            (Some(from), None, None, None) => Ok(Selection::From { from }),
            (Some(from), None, Some(to), None) => Ok(Selection::Range { from, to }),
            (None, Some(ms), None, None) => Ok(Selection::FromTime { ms }),
            (None, Some(from_ms), None, Some(to_ms)) => Ok(Selection::TimeRange { from_ms, to_ms }),
        }
    }
}

fn number_of(query: &Query<'_>, name: &'static str) -> Result<Option<u64>, StreamrError> {
    let Some(text) = query.get(name) else { return Ok(None) };
    match number::parse(text) {
        Some(number) => Ok(Some(number::to_u64(number))),
        None => Err(StreamrError::NotANumber { name, value: quoted(text) }),
    }
}

fn parse_wrapper(query: &Query<'_>) -> Result<Wrapper, StreamrError> {
    match query.get("wrapper").unwrap_or_default() {
        "" => Ok(Wrapper::Array),
        text if text.eq_ignore_ascii_case("array") => Ok(Wrapper::Array),
        text if text.eq_ignore_ascii_case("object") => Ok(Wrapper::Object),
        text => Err(StreamrError::Wrapper(quoted(text))),
    }
}
