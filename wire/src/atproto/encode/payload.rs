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
    let body = cbor_body(event);
    let is_message = event.kind.starts_with('#') && MapReader::new(&body, 0).is_ok();
    let start = out.len();
    if !is_message || with_seq(&body, event.seq, out).is_err() {
        out.truncate(start);
        write_wrapped(event, &body, out);
    }
}

/// The body as one DAG-CBOR value; null if there is none.
fn cbor_body<'a>(event: &Event<'a>) -> Cow<'a, [u8]> {
    let mut body = Vec::new();
    match event.format {
        BodyFormat::DagCbor | BodyFormat::AtprotoFrame if !event.body.is_empty() => return event.body.into(),
        BodyFormat::Json if from_json(event.body, Numbers::Lossy, &mut body).is_ok() => return body.into(),
        _ => body.clear(),
    }
    write::null(&mut body);
    body.into()
}

fn write_wrapped(event: &Event<'_>, body: &[u8], out: &mut Vec<u8>) {
    let mut time_text = Vec::new();
    time::write_us(&mut time_text, event.time_us);
    write::map(out, 4);
    write::text(out, "key");
    write::text(out, event.key);
    write::text(out, "seq");
    write::unsigned(out, event.seq);
    write::text(out, "body");
    out.extend_from_slice(body);
    write::text(out, "time");
    write::text(out, &String::from_utf8_lossy(&time_text));
}
