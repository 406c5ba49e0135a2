//! From an event of a feed to an event of a stream.
//!
//! | before | after | shown |
//! | --- | --- | --- |
//! | not in the source | in it | `add` with the document |
//! | in it | in it | `update` with the document |
//! | in it | not in it, or deleted | `remove` with the document as it was |
//! | not in it | not in it | nothing |
//!
//! Whether a document is in the source is decided by the source's conditions. A function that fails makes an `error` of
//! the event. What is appended depends on nothing but the arguments, so that frames can be built again.

use tailwater_core::{BodyFormat, Event};

use super::condition::touches;
use super::cursor::Cursor;
use super::document::View;
use super::events::{self, EventType, Stats, StreamProblem, write_data, write_error};
use super::fql::FqlError;
use super::source::Source;
use crate::http1::chunk_with;

/// The kind of event that ends a document. Every other kind makes the document what its body says.
pub const KIND_DELETE: &str = "delete";
/// The kind of event that makes a document what its body says.
pub const KIND_PUT: &str = "put";

/// An event of a collection's feed, and what its document was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The document that the last event of the same key before this one left behind, if it left one. How it is found is
    /// the caller's business; it must be the same whenever the frame is built.
    pub before: Option<BeforeDocument<'a>>,
}

/// A document as it was before an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeforeDocument<'a> {
    /// The time of the event that made it so, in microseconds since the Unix epoch.
    pub time_us: u64,
    /// How to read the body.
    pub format: BodyFormat,
    /// The body of that event.
    pub body: &'a [u8],
}

/// What was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Nothing: the source does not show this event.
    Nothing,
    /// An event with data.
    Data(EventType),
    /// An `error` event: the stream ends after it.
    Error,
}

/// Appends what a source shows of a change, without the end of the line. `uid` is that of [`Cursor::uid`].
pub fn write_event(change: &Change<'_>, source: &Source, uid: u64, out: &mut Vec<u8>) -> Written {
    let event = &change.event;
    let view = View::of_event(source.collection(), event);
    if source.document().is_some_and(|id| id != view.id()) {
        return Written::Nothing;
    }
    // Events without a key are documents of their own: none of them was there before.
    let before = change.before.filter(|_| !event.key.is_empty());
    let before = before.map(|before| view.with_body(before.time_us, before.format, before.body));
    let after = (event.kind != KIND_DELETE).then_some(view);
    let cursor = Cursor { uid, time_us: event.time_us, seq: event.seq };
    let start = out.len();
    match write_shown(before.as_ref(), after.as_ref(), source, &cursor, out) {
        Ok(written) => written,
        Err(error) => {
            out.truncate(start);
            let bytes = after.as_ref().or(before.as_ref()).map_or(0, View::body_bytes);
            write_error(&StreamProblem::Function(error.without_place()), &Stats::of_document(bytes), out);
            Written::Error
        }
    }
}

/// Appends what a source shows of a change as a line of a stream.
pub fn write_line(change: &Change<'_>, source: &Source, uid: u64, out: &mut Vec<u8>) -> Written {
    let written = write_event(change, source, uid, out);
    if written != Written::Nothing {
        out.extend_from_slice(events::LINE_END);
    }
    written
}

/// Appends what a source shows of a change as one HTTP chunk of one line.
pub fn write_chunk(change: &Change<'_>, source: &Source, uid: u64, out: &mut Vec<u8>) -> Written {
    let mut written = Written::Nothing;
    chunk_with(out, |out| written = write_line(change, source, uid, out));
    written
}

fn write_shown(
    before: Option<&View<'_>>,
    after: Option<&View<'_>>,
    source: &Source,
    cursor: &Cursor,
    out: &mut Vec<u8>,
) -> Result<Written, FqlError> {
    if !touches(source.fields(), before, after) {
        return Ok(Written::Nothing);
    }
    let plan = source.plan();
    let is_in = |view: Option<&View<'_>>| view.map_or(Ok(false), |view| plan.contains(view));
    let (event_type, view) = match (is_in(after)?, is_in(before)?, after, before) {
        (true, false, Some(after), _) => (EventType::Add, after),
        (true, true, Some(after), _) => (EventType::Update, after),
        (false, true, _, Some(before)) => (EventType::Remove, before),
        _ => return Ok(Written::Nothing),
    };
    let stats = Stats::of_document(view.body_bytes());
    let mut data = Ok(());
    out.reserve(view.body_bytes() + 512);
    write_data(event_type, cursor, &stats, out, |out| data = plan.write(view, out));
    data.map(|()| Written::Data(event_type))
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
