//! The v0 form: a binary message of two DAG-CBOR objects.

use tailwater_core::{BodyFormat, Encoder, Event};

use super::payload::{message_type, write_payload};
use crate::dag_cbor::write;
use crate::websocket::frame::{self, Opcode};

/// The encoding `atproto-cbor`.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtprotoCbor;

impl Encoder for AtprotoCbor {
    fn name(&self) -> &str {
        "atproto-cbor"
    }

    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        match event.format {
            BodyFormat::AtprotoFrame => frame::binary(out, event.body),
            BodyFormat::DagCbor | BodyFormat::Json => frame::frame_with(out, Opcode::Binary, |out| {
                write_header(&message_type(event), out);
                write_payload(event, out);
            }),
        }
    }
}

/// Appends the header of a message. Its keys are in canonical order, `t` before `op`, on which clients insist.
pub(in crate::atproto) fn write_header(message_type: &str, out: &mut Vec<u8>) {
    write::map(out, 2);
    write::text(out, "t");
    write::text(out, message_type);
    write::text(out, "op");
    write::unsigned(out, 1);
}
