//! Refusals: a status, a stable name, a sentence. The body, `{"error","message"}`, is also that of XRPC.

use std::borrow::Cow;

use super::request::{PublishError, RequestError};
use crate::http1::{BodyError, HeadError, HttpDate, write_json_error};
use crate::json;
use crate::websocket::HandshakeError;

/// A refusal on its way to becoming a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// A stable name that programs can compare: `FeedNotFound`.
    pub error: Cow<'static, str>,
    /// What was wrong, where, and what to do about it.
    pub message: String,
    /// Fields that belong to this refusal.
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// A refusal without further fields.
    pub fn new(status: u16, error: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { status, error: error.into(), message: message.into(), headers: Vec::new() }
    }

    /// The same with one more field.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Appends the whole response. `extra` holds fields that do not come from the refusal: `Connection`, CORS.
    pub fn write(&self, out: &mut Vec<u8>, date: &HttpDate, extra: &[(&str, &str)]) {
        let own = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let fields: Vec<(&str, &str)> = own.chain(extra.iter().copied()).collect();
        write_json_error(out, self.status, date, &self.error, &self.message, &fields);
    }

    /// Appends the body alone.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        json::write_error(out, &self.error, &self.message);
    }
}

macro_rules! refusals {
    ($($error:ty),*) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::new(error.status(), error.code(), error.to_string())
            }
        }
    )*};
}

refusals!(HeadError, BodyError, PublishError, RequestError);

impl From<HandshakeError> for Refusal {
    fn from(error: HandshakeError) -> Self {
        let fields = error.headers().iter().map(|(name, value)| (*name, (*value).to_owned()));
        Self { headers: fields.collect(), ..Self::new(error.status(), error.code(), error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_own_fields_and_takes_others() {
        let mut out = Vec::new();
        let refusal = Refusal::from(HandshakeError::Version).with_header("X-A", "1");
        refusal.write(&mut out, &HttpDate::from_unix_s(0), &[("Connection", "close")]);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{text}");
        assert!(text.contains("\r\nSec-WebSocket-Version: 13\r\nX-A: 1\r\nConnection: close\r\n"), "{text}");
        let body = r#"{"error":"UnsupportedWebSocketVersion","message":"only version 13 of the WebSocket protocol is supported"}"#;
        assert!(text.ends_with(body), "{text}");
    }
}
