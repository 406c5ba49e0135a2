//! The forms that carry JSON: lines, server-sent events, text messages.

use tailwater_core::{BodyFormat, Encoder, Event};

use crate::atproto::frame::split;
use crate::dag_cbor::to_json;
use crate::http1::chunk_with;
use crate::json::{write_str, write_u64};
use crate::websocket::frame::{self, Opcode};

/// The encoding `native-ndjson`: one HTTP chunk of one line.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeNdjson;

/// The encoding `native-sse`: one HTTP chunk of one server-sent event, with `seq` as its id and the kind as its name.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeSse;

/// The encoding `native-ws-json`: one text message.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeWsJson;

impl Encoder for NativeNdjson {
    fn name(&self) -> &str {
        "native-ndjson"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        chunk_with(out, |out| {
            write_event(event, out);
            out.push(b'\n');
        });
    }
}

impl Encoder for NativeSse {
    fn name(&self) -> &str {
        "native-sse"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        chunk_with(out, |out| {
            out.extend_from_slice(b"id: ");
            write_u64(out, event.seq);
            out.extend_from_slice(b"\nevent: ");
            // A line end in a kind would forge a field; publishing refuses it, this keeps it from ever mattering.
            out.extend(event.kind.bytes().filter(|b| !matches!(b, b'\n' | b'\r')));
            out.extend_from_slice(b"\ndata: ");
            write_event(event, out);
            out.extend_from_slice(b"\n\n");
        });
    }
}

impl Encoder for NativeWsJson {
    fn name(&self) -> &str {
        "native-ws-json"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        frame::frame_with(out, Opcode::Text, |out| write_event(event, out));
    }
}

/// Appends `{"seq","time","kind","key","body"}`, on one line.
pub fn write_event(event: &Event<'_>, out: &mut Vec<u8>) {
    out.reserve(event.body.len() + event.key.len() + 128);
    out.extend_from_slice(b"{\"seq\":");
    write_u64(out, event.seq);
    out.extend_from_slice(b",\"time\":");
    write_u64(out, event.time_us);
    out.extend_from_slice(b",\"kind\":");
    write_str(out, event.kind);
    out.extend_from_slice(b",\"key\":");
    write_str(out, event.key);
    out.extend_from_slice(b",\"body\":");
    write_body(event, out);
    out.push(b'}');
}

/// Appends an event's body as JSON. An empty body is `null`, and so is one that does not keep to its format.
pub(crate) fn write_body(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let written = match event.format {
        BodyFormat::Json => {
            out.extend_from_slice(event.body);
            !event.body.is_empty()
        }
        BodyFormat::DagCbor => to_json(event.body, out).is_ok(),
        BodyFormat::AtprotoFrame => split(event.body).is_some_and(|(_, payload)| to_json(payload, out).is_ok()),
    };
    if !written {
        out.truncate(start);
        out.extend_from_slice(b"null");
    }
}
