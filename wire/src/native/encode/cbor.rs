//! The form that carries DAG-CBOR: binary messages.

use tailwater_core::{BodyFormat, Encoder, Event};

use crate::atproto::frame::split;
use crate::dag_cbor::{Numbers, from_json, write};
use crate::websocket::frame::{self, Opcode};

/// The encoding `native-ws-cbor`: one binary message of one map with the keys `key`, `seq`, `body`, `kind`, `time`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeWsCbor;

impl Encoder for NativeWsCbor {
    fn name(&self) -> &str {
        "native-ws-cbor"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        frame::frame_with(out, Opcode::Binary, |out| write_event(event, out));
    }
}

fn write_event(event: &Event<'_>, out: &mut Vec<u8>) {
    write::map(out, 5);
    write::text(out, "key");
    write::text(out, event.key);
    write::text(out, "seq");
    write::unsigned(out, event.seq);
    write::text(out, "body");
    write_body(event, out);
    write::text(out, "kind");
    write::text(out, event.kind);
    write::text(out, "time");
    write::unsigned(out, event.time_us);
}

/// An empty body is null, and so is one that does not keep to its format.
fn write_body(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    match event.format {
        BodyFormat::DagCbor => out.extend_from_slice(event.body),
        BodyFormat::AtprotoFrame => out.extend_from_slice(split(event.body).unwrap_or_default().1),
        BodyFormat::Json if from_json(event.body, Numbers::Lossy, out).is_err() => out.truncate(start),
        BodyFormat::Json => {}
    }
    if out.len() == start {
        write::null(out);
    }
}
