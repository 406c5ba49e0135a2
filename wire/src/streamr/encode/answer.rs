//! Events as the body of an HTTP answer: a JSON array of messages.

use tailwater_core::Event;

use super::message::{StreamrJson, WriteJson, write_content, write_offset, write_plain};
use crate::json::{write_str, write_u64};

/// The form of a message, the parameter `wrapper`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrapper {
    /// An array, as over WebSocket.
    #[default]
    Array,
    /// An object with named members.
    Object,
}

/// The form of its content, the parameter `content`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// JSON in a string, as over WebSocket.
    #[default]
    Text,
    /// JSON.
    Json,
}

/// Writes the body message by message, into whichever buffer is at hand.
#[derive(Debug)]
pub struct AnswerWriter {
    encoder: StreamrJson,
    wrapper: Wrapper,
    content: Content,
    is_begun: bool,
}

impl AnswerWriter {
    /// A body of messages of one partition.
    pub fn new(encoder: StreamrJson, wrapper: Wrapper, content: Content) -> Self {
        Self { encoder, wrapper, content, is_begun: false }
    }

    /// Appends a message.
    pub fn push(&mut self, event: &Event<'_>, previous_seq: Option<u64>, out: &mut Vec<u8>) {
        out.push(if self.is_begun { b',' } else { b'[' });
        self.is_begun = true;
        let write: WriteJson = match self.content {
            Content::Text => write_str,
            Content::Json => write_plain,
        };
        match self.wrapper {
            Wrapper::Array => self.encoder.write_array(event, previous_seq, write, out),
            Wrapper::Object => self.write_object(event, previous_seq, write, out),
        }
    }

    /// Appends the end of the body.
    pub fn finish(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.is_begun { b"]" } else { b"[]" });
    }

    fn write_object(&self, event: &Event<'_>, previous_seq: Option<u64>, write: WriteJson, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"version\":28,\"streamId\":");
        write_str(out, &self.encoder.stream);
        out.extend_from_slice(b",\"partition\":");
        write_u64(out, self.encoder.partition.into());
        out.extend_from_slice(b",\"timestamp\":");
        write_u64(out, event.time_us / 1000);
        out.extend_from_slice(b",\"ttl\":0,\"offset\":");
        write_u64(out, event.seq);
        out.extend_from_slice(b",\"previousOffset\":");
        write_offset(previous_seq, out);
        out.extend_from_slice(b",\"contentType\":27,\"content\":");
        write_content(event, write, out);
        out.push(b'}');
    }
}
