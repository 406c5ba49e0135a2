//! The decoder of one connection's stream, whatever it is made of: bytes in, [`Item`]s out.

use crate::decode::{
    DecodeError, Message, bigchaindb, chunked::BodyDecoder, couchdb, dag_cbor, fauna, http_head::ResponseHead, json,
    lines::LineDecoder, sse::SseDecoder, streamr, websocket, websocket::WebSocketDecoder,
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
    /// JSON, of the dialect that begins its messages as this one begins.
    Json,
}

impl Encoding {
    /// Reads the checked fields of `payload`.
    pub fn message(self, payload: &[u8]) -> Result<Message<'_>, DecodeError> {
        match self {
            Self::DagCbor => dag_cbor::message(payload),
            Self::Json => match Dialect::of(payload) {
                Dialect::Plain => json::message(payload),
                Dialect::Streamr => streamr::message(payload),
                Dialect::Bigchaindb => bigchaindb::message(payload),
                Dialect::Couchdb => couchdb::message(payload),
                Dialect::Fauna => fauna::message(payload),
            },
        }
    }
}

/// Whose JSON a message is. Servers write the members of a message in a fixed order, and no two dialects begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    /// Native, or the `xrpc.v1.json` envelope.
    Plain,
    Streamr,
    Bigchaindb,
    Couchdb,
    Fauna,
}

impl Dialect {
    const BEGINNINGS: [(&'static [u8], Self); 5] = [
        (b"[", Self::Streamr),
        (br#"{"height":"#, Self::Bigchaindb),
        (br#"{"seq":""#, Self::Couchdb),
        (br#"{"last_seq":"#, Self::Couchdb),
        (br#"{"type":"#, Self::Fauna),
    ];

    fn of(payload: &[u8]) -> Self {
        let known = Self::BEGINNINGS.iter().find(|(beginning, _)| payload.starts_with(beginning));
        known.map_or(Self::Plain, |(_, dialect)| *dialect)
    }
}

/// The decoder of one stream.
#[derive(Debug)]
pub enum StreamDecoder {
    /// WebSocket frames.
    WebSocket(WebSocketDecoder),
    /// One JSON document a line; empty lines are heartbeats.
    Ndjson(BodyDecoder, LineDecoder),
    /// Server-sent events with JSON data; those without data are heartbeats.
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
                            if !data.is_empty() {
                                sink(Item::Payload(Encoding::Json, data));
                            }
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
