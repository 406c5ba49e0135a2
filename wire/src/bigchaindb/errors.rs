//! What the server says when it refuses, over HTTP and in front of a stream, and how streams end.
//!
//! The protocol has two voices: the web API refuses with JSON objects, the stream's own server with a line of plain text.
//! Both are kept, whichever port a request came in on. The protocol has no message for the end of a stream; a close
//! code and a reason are all a client gets.

use super::cursor::Decision;
use super::request::ParameterError;
use super::search::SearchError;
use super::transaction::TransactionError;
use crate::http1::{Head, HttpDate, ResponseHead, reason};
use crate::json;
use crate::websocket::HandshakeError;

/// The content type of the web API.
pub const JSON: &str = "application/json";
/// The content type of refusals in front of a stream.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// The close code of a client that reads too slowly, or whose position is no longer held.
pub const CLOSE_TOO_SLOW: u16 = 1008;
/// The close code of a server that goes down and will be back.
pub const CLOSE_RESTART: u16 = 1012;

/// The words behind a status as the web API has them.
pub fn web_reason(status: u16) -> &'static str {
    match status {
        202 => "ACCEPTED",
        400 => "BAD REQUEST",
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        404 => "NOT FOUND",
        405 => "METHOD NOT ALLOWED",
        409 => "CONFLICT",
        413 => "REQUEST ENTITY TOO LARGE",
        429 => "TOO MANY REQUESTS",
        500 => "INTERNAL SERVER ERROR",
        503 => "SERVICE UNAVAILABLE",
        507 => "INSUFFICIENT STORAGE",
        status => reason(status),
    }
}

/// A refusal on its way to becoming a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// [`JSON`] or [`TEXT`].
    pub content_type: &'static str,
    /// The whole body.
    pub body: String,
    /// Fields that belong to this refusal.
    pub headers: &'static [(&'static str, &'static str)],
}

impl Refusal {
    /// A refusal by the web API: `{"message":<message>,"status":<status>}`.
    pub fn web(status: u16, message: &str) -> Self {
        let mut body = b"{\"message\":".to_vec();
        json::write_str(&mut body, message);
        body.extend_from_slice(b",\"status\":");
        json::write_u64(&mut body, status.into());
        body.extend_from_slice(b"}\n");
        Self::json(status, body)
    }

    /// The web API knows no such thing.
    pub fn web_not_found() -> Self {
        Self::web(404, "Not found")
    }

    /// The web API knows the path, but not with this method. `headers` has the field `Allow`.
    pub fn web_method(headers: &'static [(&'static str, &'static str)]) -> Self {
        Self { headers, ..Self::web(405, "The method is not allowed for the requested URL.") }
    }

    /// The web API refuses a parameter. Its object has no status, and says which parameter it was.
    pub fn web_parameter(error: &ParameterError) -> Self {
        let mut body = b"{\"message\": ".to_vec();
        if let Some(name) = error.name() {
            body.extend_from_slice(format!("{{\"{name}\": ").as_bytes());
        }
        json::write_str(&mut body, &error.to_string());
        body.extend_from_slice(if error.name().is_some() { b"}}\n" } else { b"}\n" });
        Self::json(400, body)
    }

    /// A refusal in front of a stream: the status and its reason, such as `404: Not Found`.
    pub fn stream(status: u16) -> Self {
        Self::stream_because(status, reason(status))
    }

    /// The same with words of our own.
    pub fn stream_because(status: u16, why: &str) -> Self {
        Self { status, content_type: TEXT, body: format!("{status}: {why}"), headers: &[] }
    }

    /// A request for a stream that cannot become a WebSocket.
    pub fn stream_handshake(error: HandshakeError, head: &Head) -> Self {
        let header = |name| head.header(name).unwrap_or("None");
        let body = match error {
            HandshakeError::Method => return Self { headers: &[("Allow", "GET,HEAD")], ..Self::stream(405) },
            HandshakeError::HttpVersion => return Self::stream(505),
            HandshakeError::Body => return Self::stream_because(400, &error.to_string()),
            HandshakeError::NotUpgrade => {
                format!("No WebSocket UPGRADE hdr: {}\n Can \"Upgrade\" only to \"WebSocket\".", header("upgrade"))
            }
            HandshakeError::ConnectionToken => format!("No CONNECTION upgrade hdr: {}", header("connection")),
            HandshakeError::Version => {
                format!("Unsupported version: {}", head.header("sec-websocket-version").unwrap_or_default())
            }
            HandshakeError::Key => match head.header("sec-websocket-key") {
                Some(key) => format!("Handshake error: '{key}'"),
                None => "Handshake error: None".to_owned(),
            },
        };
        Self { status: 400, content_type: TEXT, body, headers: &[] }
    }

    /// A stream whose parameters are wrong.
    pub fn stream_parameter(error: &ParameterError) -> Self {
        let name = error.name().map(|name| format!("{name}: ")).unwrap_or_default();
        Self::stream_because(400, &format!("{name}{error}"))
    }

    /// A stream that cannot start where it should. `None` if it can.
    pub fn stream_start(decision: Decision) -> Option<Self> {
        match decision {
            Decision::Live | Decision::From(_) => None,
            Decision::TooOld { since_height, first_height } => Some(Self::stream_because(
                410,
                &format!(
                    "since_height: Blocks after {since_height} are gone, the oldest one held is {first_height}; 0 asks for \
                     all that are held"
                ),
            )),
            Decision::Future { since_height, last_height } => Some(Self::stream_because(
                400,
                &format!("since_height: {since_height} is in the future, the newest block is {last_height}"),
            )),
        }
    }

    fn json(status: u16, body: Vec<u8>) -> Self {
        let body = String::from_utf8(body).expect("JSON made of strings is UTF-8");
        Self { status, content_type: JSON, body, headers: &[] }
    }

    /// The words behind the status, which drivers show: those of the web API are capitals.
    pub fn reason(&self) -> &'static str {
        if self.content_type == JSON { web_reason(self.status) } else { reason(self.status) }
    }

    /// Appends the whole response. `extra` holds fields that do not come from the refusal: `Connection`, CORS.
    pub fn write(&self, out: &mut Vec<u8>, date: &HttpDate, extra: &[(&str, &str)]) {
        let head = ResponseHead::with_reason(out, self.status, self.reason(), date);
        head.headers(self.headers).headers(extra).body(self.content_type, self.body.as_bytes());
    }
}

impl From<&SearchError> for Refusal {
    fn from(error: &SearchError) -> Self {
        Self::web(400, &error.to_string())
    }
}

impl From<&TransactionError> for Refusal {
    fn from(error: &TransactionError) -> Self {
        Self::web(error.status(), &error.to_string())
    }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
