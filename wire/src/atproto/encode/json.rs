//! The JSON form: a text message of one object (subprotocol `xrpc.v1.json`).
//!
//! `{"$type":"message","payload":{"$type":"<nsid>#commit", ...}}`, the payload's fields in the order of the v0 form,
//! links and bytes as `$link` and `$bytes`.

use std::borrow::Cow;

use tailwater_core::{BodyFormat, Encoder, Event};

use super::super::frame::{header_type, split};
use super::payload::{message_type, write_payload};
use crate::dag_cbor::{CborError, MapReader, to_json};
use crate::json;
use crate::websocket::frame::{self, Opcode};

/// The encoding `atproto-json` of one endpoint, whose name is part of every message.
#[derive(Clone, Debug)]
pub struct AtprotoJson {
    nsid: Box<str>,
}

impl AtprotoJson {
    /// The name of the encoding.
    pub const NAME: &str = "atproto-json";

    /// The encoding for an endpoint.
    pub fn new(nsid: &str) -> Self {
        Self { nsid: nsid.into() }
    }

    fn write_message(&self, message_type: &str, payload: &[u8], out: &mut Vec<u8>) -> Result<(), CborError> {
        out.extend_from_slice(b"{\"$type\":\"message\",\"payload\":{\"$type\":");
        let prefix = if message_type.starts_with('#') { &self.nsid } else { "" };
        json::write_str(out, &[prefix, message_type].concat());
        for entry in MapReader::new(payload, 0)? {
            let (key, value) = entry?;
            if key != "$type" {
                out.push(b',');
                json::write_str(out, key);
                out.push(b':');
                to_json(value, out)?;
            }
        }
        out.extend_from_slice(b"}}");
        Ok(())
    }
}

impl Encoder for AtprotoJson {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// Appends nothing for a stored frame that is damaged or has no type: it has no JSON form.
    fn encode(&self, event: &Event<'_>, _previous_seq: Option<u64>, out: &mut Vec<u8>) {
        let Some((message_type, payload)) = parts(event) else { return };
        let start = out.len();
        let mut written = Ok(());
        frame::frame_with(out, Opcode::Text, |out| written = self.write_message(&message_type, &payload, out));
        if written.is_err() {
            out.truncate(start);
        }
    }
}

/// The type and the payload object of an event.
fn parts<'a>(event: &Event<'a>) -> Option<(Cow<'a, str>, Cow<'a, [u8]>)> {
    if event.format == BodyFormat::AtprotoFrame {
        let (header, payload) = split(event.body)?;
        return Some((header_type(header)?.into(), payload.into()));
    }
    let mut payload = Vec::with_capacity(event.body.len() + 64);
    write_payload(event, &mut payload);
    Some((message_type(event), payload.into()))
}
