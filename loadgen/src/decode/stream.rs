//! The decoder of one connection's stream, whatever it is made of: bytes in, [`Item`]s out.

use crate::decode::{
    DecodeError, Message, chunked::BodyDecoder, dag_cbor, http_head::ResponseHead, json, lines::LineDecoder,
    sse::SseDecoder, websocket, websocket::WebSocketDecoder,
};

/// One thing a stream says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A message, with its encoding.
    Payload(Encoding, &'a [u8]),
    /// A ping, to be answered with its payload.
    Ping(&'a [u8]),
    /// The server closes the WebSocket, with this code and reason.
    Close(Option<u16>, &'a str),
    /// The body of the HTTP answer is complete.
    BodyEnd,
}

/// How a message is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// DAG-CBOR: a native event, or an AT Protocol header and payload.
    DagCbor,
    /// JSON: a native event, or the `xrpc.v1.json` envelope.
    Json,
}

impl Encoding {
    /// Reads the checked fields of `payload`.
    pub fn message(self, payload: &[u8]) -> Result<Message<'_>, DecodeError> {
        match self {
            Self::DagCbor => dag_cbor::message(payload),
            Self::Json => json::message(payload),
        }
    }
}

/// The decoder of one stream.
#[derive(Debug)]
pub enum StreamDecoder {
    /// WebSocket frames.
    WebSocket(WebSocketDecoder),
    /// One JSON document a line; empty lines are heartbeats.
    Ndjson(BodyDecoder, LineDecoder),
    /// Server-sent events with JSON data.
    Sse(BodyDecoder, LineDecoder, SseDecoder),
}

impl StreamDecoder {
    /// The decoder of an upgraded connection.
    pub fn web_socket(message_bytes_max: usize) -> Self {
        Self::WebSocket(WebSocketDecoder::new(message_bytes_max))
    }

    /// The decoder of a streamed answer with this head.
    pub fn http(head: &ResponseHead, message_bytes_max: usize) -> Self {
        let (body, lines) = (head.body(), LineDecoder::new(message_bytes_max));
        if head.content_type.starts_with("text/event-stream") {
            return Self::Sse(body, lines, SseDecoder::new(message_bytes_max));
        }
        Self::Ndjson(body, lines)
    }

    /// Takes the next bytes of the connection and gives every item completed by them to `sink`.
    pub fn feed(&mut self, input: &[u8], sink: &mut dyn FnMut(Item<'_>)) -> Result<(), DecodeError> {
        match self {
            Self::WebSocket(decoder) => decoder.feed(input, &mut |item| match item {
                websocket::Item::Binary(bytes) => sink(Item::Payload(Encoding::DagCbor, bytes)),
                websocket::Item::Text(bytes) => sink(Item::Payload(Encoding::Json, bytes)),
                websocket::Item::Ping(bytes) => sink(Item::Ping(bytes)),
                websocket::Item::Pong(_) => {}
                websocket::Item::Close(code, reason) => sink(Item::Close(code, reason)),
            }),
            Self::Ndjson(body, lines) => {
                body.feed(input, &mut |piece| {
                    lines.feed(piece, &mut |line| {
                        if !line.is_empty() {
                            sink(Item::Payload(Encoding::Json, line));
                        }
                        Ok(())
                    })
                })?;
                end_of_body(body, sink);
                Ok(())
            }
            Self::Sse(body, lines, events) => {
                body.feed(input, &mut |piece| {
                    lines.feed(piece, &mut |line| {
                        events.line(line, &mut |data| {
                            sink(Item::Payload(Encoding::Json, data));
                            Ok(())
                        })
                    })
                })?;
                end_of_body(body, sink);
                Ok(())
            }
        }
    }
}

fn end_of_body(body: &BodyDecoder, sink: &mut dyn FnMut(Item<'_>)) {
    if body.is_done() {
        sink(Item::BodyEnd);
    }
}
