//! What a handler gives back: a response, a stream, or the last bytes of a connection.
//!
//! Owns the response headers every answer shares. Never sends. Tested by `server/tests/http/`.

use std::borrow::Cow;

use serde::Serialize;
use tailwater_wire::http1::{Head, HttpDate, ResponseHead, Version, reason};

use super::Body;
use crate::{
    dialects::fauna::http2::Upgraded,
    shard::protocol::{ConversationStart, StreamStart},
};

/// A handler's decision.
pub(crate) enum Reply {
    /// A complete answer.
    Response(Response),
    /// An answer whose body is made while it is sent.
    Body(Box<Body>),
    /// The connection becomes a subscriber.
    Stream(Box<StreamStart>),
    /// The connection takes further requests and carries any number of streams.
    Conversation(Box<ConversationStart>),
    /// The connection speaks HTTP/2 from now on, and this request is its first there.
    Http2(Box<Upgraded>),
    /// These bytes, then the end of the connection.
    Last(Vec<u8>),
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

/// A complete answer with a body of known length.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    reason: &'static str,
    headers: Vec<(&'static str, String)>,
    content_type: Cow<'static, str>,
    body: Vec<u8>,
    close: bool,
    any_origin: bool,
}

impl Response {
    pub(crate) fn new(status: u16, content_type: impl Into<Cow<'static, str>>, body: Vec<u8>) -> Self {
        let (reason, content_type) = (reason(status), content_type.into());
        Self { status, reason, headers: Vec::new(), content_type, body, close: false, any_origin: true }
    }

    /// A JSON body.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(error) => Self::error(500, "InternalServerError", &error.to_string()),
        }
    }

    /// `{"error","message"}`, the error form of the native API and of XRPC alike.
    pub(crate) fn error(status: u16, error: &str, message: &str) -> Self {
        let mut body = Vec::new();
        tailwater_wire::json::write_error(&mut body, error, message);
        Self::new(status, "application/json", body)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Another reason phrase than the usual one.
    pub(crate) fn reason(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }

    /// Pages of which origins may read it is said by a header of its own.
    pub(crate) fn own_origins(mut self) -> Self {
        self.any_origin = false;
        self
    }

    /// The connection ends with this answer.
    pub(crate) fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    pub(crate) fn closes(&self) -> bool {
        self.close
    }

    /// The answer to `request` on the wire.
    pub(crate) fn write(&self, out: &mut Vec<u8>, request: &Head, date: &HttpDate, close: bool) {
        let mut head = self.head(out, date, close);
        if !close && request.version() == Version::Http10 {
            head = head.header("Connection", "keep-alive");
        }
        if request.method() == "HEAD" {
            head.body_head_only(&self.content_type, self.body.len() as u64);
        } else {
            head.body(&self.content_type, &self.body);
        }
    }

    /// The answer to bytes that were no request; the connection ends with it.
    pub(crate) fn write_without_request(&self, out: &mut Vec<u8>, date: &HttpDate) {
        self.head(out, date, true).body(&self.content_type, &self.body);
    }

    fn head<'o>(&self, out: &'o mut Vec<u8>, date: &HttpDate, close: bool) -> ResponseHead<'o> {
        let mut head = ResponseHead::with_reason(out, self.status, self.reason, date);
        if self.any_origin {
            head = head.header("Access-Control-Allow-Origin", "*");
        }
        for (name, value) in &self.headers {
            head = head.header(name, value);
        }
        if close { head.close() } else { head }
    }
}
