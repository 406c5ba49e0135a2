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

/// Writes the body message by message.
#[derive(Debug)]
pub struct AnswerWriter<'a> {
    out: &'a mut Vec<u8>,
    encoder: &'a StreamrJson,
    wrapper: Wrapper,
    content: Content,
    is_empty: bool,
}

impl<'a> AnswerWriter<'a> {
    /// Starts a body of messages of one partition.
    pub fn new(out: &'a mut Vec<u8>, encoder: &'a StreamrJson, wrapper: Wrapper, content: Content) -> Self {
        out.push(b'[');
        Self { out, encoder, wrapper, content, is_empty: true }
    }

    /// Appends a message.
    pub fn push(&mut self, event: &Event<'_>, previous_seq: Option<u64>) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        let write: WriteJson = match self.content {
            Content::Text => write_str,
            Content::Json => write_plain,
        };
        match self.wrapper {
            Wrapper::Array => self.encoder.write_array(event, previous_seq, write, self.out),
            Wrapper::Object => self.write_object(event, previous_seq, write),
        }
    }

    /// Bytes in the buffer so far.
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    /// Ends the body.
    pub fn finish(self) {
        self.out.push(b']');
    }

    fn write_object(&mut self, event: &Event<'_>, previous_seq: Option<u64>, write: WriteJson) {
        let out = &mut *self.out;
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
