//! An event as a message: the encoding `streamr-json`, a text message `[0,0,"",[28,...]]`.
//!
//! What is the same for all messages of a partition is written once, when the encoder is made. The content goes from
//! the event's body into the frame in one pass.

use tailwater_core::{BodyFormat, Encoder, Event};

use crate::json::{write_str, write_u64};
use crate::native::encode::write_body;
use crate::websocket::frame::{self, Opcode};

/// What stands before the message in every broadcast.
pub(super) const BROADCAST: &[u8] = b"[0,0,\"\",";
/// The content of an event without a body, such as a deletion. It would be `null`, but clients look up a key in whatever
/// they get, and in `null` they cannot.
const NO_CONTENT: &str = "{}";

/// Appends JSON text in one of two spellings: as a string ([`write_str`]) or as it is ([`write_plain`]).
pub(super) type WriteJson = fn(&mut Vec<u8>, &str);

/// The encoding `streamr-json` of one partition of a stream.
#[derive(Clone, Debug)]
pub struct StreamrJson {
    pub(super) stream: Box<str>,
    pub(super) partition: u32,
    /// The message up to its timestamp.
    prefix: Box<[u8]>,
}

impl StreamrJson {
    /// The name of the encoding.
    pub const NAME: &str = "streamr-json";

    /// The encoding of a partition.
    pub fn new(stream: &str, partition: u32) -> Self {
        let mut prefix = b"[28,".to_vec();
        write_str(&mut prefix, stream);
        prefix.push(b',');
        write_u64(&mut prefix, partition.into());
        prefix.push(b',');
        Self { stream: stream.into(), partition, prefix: prefix.into() }
    }

    /// Appends the message alone, `[28,...]`, its content spelled by `write`.
    pub(super) fn write_array(
        &self,
        event: &Event<'_>,
        previous_seq: Option<u64>,
        write: WriteJson,
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&self.prefix);
        write_u64(out, event.time_us / 1000);
        out.extend_from_slice(b",0,");
        write_u64(out, event.seq);
        out.push(b',');
        write_offset(previous_seq, out);
        out.extend_from_slice(b",27,");
        write_content(event, write, out);
        out.push(b']');
    }
}

impl Encoder for StreamrJson {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn encode(&self, event: &Event<'_>, previous_seq: Option<u64>, out: &mut Vec<u8>) {
        // Room for an escape in every eighth place, which JSON in a string has, and for numbers and brackets.
        out.reserve(event.body.len() + event.body.len() / 8 + self.prefix.len() + 100);
        frame::frame_with(out, Opcode::Text, |out| {
            out.extend_from_slice(BROADCAST);
            self.write_array(event, previous_seq, write_str, out);
            out.push(b']');
        });
    }
}

/// Appends an offset, or `null` if there is none.
pub(super) fn write_offset(seq: Option<u64>, out: &mut Vec<u8>) {
    match seq {
        Some(seq) => write_u64(out, seq),
        None => out.extend_from_slice(b"null"),
    }
}

/// Appends the content, spelled by `write`.
pub(super) fn write_content(event: &Event<'_>, write: WriteJson, out: &mut Vec<u8>) {
    if event.format == BodyFormat::Json {
        return write(out, content_of(event.body));
    }
    let mut json = Vec::with_capacity(event.body.len() * 2);
    write_body(event, &mut json);
    write(out, content_of(&json));
}

/// Appends JSON text as it is.
pub(super) fn write_plain(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

fn content_of(json: &[u8]) -> &str {
    match simdutf8::basic::from_utf8(json) {
        Ok("" | "null") | Err(_) => NO_CONTENT,
        Ok(content) => content,
    }
}
