//! The payload object of an event that did not come as a frame.

use std::borrow::Cow;

use tailwater_core::{BodyFormat, Event};

use super::super::payload::with_seq;
use crate::dag_cbor::{MapReader, Numbers, from_json, write};
use crate::time;

/// The type of an event's message.
pub(super) fn message_type<'a>(event: &Event<'a>) -> Cow<'a, str> {
    if event.kind.starts_with('#') { event.kind.into() } else { format!("#{}", event.kind).into() }
}

/// Appends the payload object.
pub(super) fn write_payload(event: &Event<'_>, out: &mut Vec<u8>) {
    // Room for the body and what stands around it.
    out.reserve(event.body.len() + event.key.len() + 100);
    let start = out.len();
    if !event.kind.starts_with('#') || !write_message(event, out) {
        out.truncate(start);
        write_wrapped(event, out);
    }
}

/// Appends a body that is a map, with the event's seq in it; false, and anything, if it is none.
fn write_message(event: &Event<'_>, out: &mut Vec<u8>) -> bool {
    let mut body = Vec::new();
    write_body(event, &mut body);
    MapReader::new(&body, 0).is_ok() && with_seq(&body, event.seq, out).is_ok()
}

/// Appends the body as one DAG-CBOR value; null if there is none.
fn write_body(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    match event.format {
        BodyFormat::DagCbor | BodyFormat::AtprotoFrame if !event.body.is_empty() => out.extend_from_slice(event.body),
        BodyFormat::Json if from_json(event.body, Numbers::Lossy, out).is_ok() => {}
        _ => {
            out.truncate(start);
            write::null(out);
        }
    }
}

fn write_wrapped(event: &Event<'_>, out: &mut Vec<u8>) {
    write::map(out, 4);
    write::text(out, "key");
    write::text(out, event.key);
    write::text(out, "seq");
    write::unsigned(out, event.seq);
    write::text(out, "body");
    write_body(event, out);
    write::text(out, "time");
    write::text(out, time::text_us(&mut [0; time::TEXT_BYTES], event.time_us));
}
