//! Response heads and whole responses.
//!
//! It owns how a response is spelled; which one is right is decided elsewhere. The date is passed in (one per second
//! is enough for a whole shard).

use std::time::{Duration, UNIX_EPOCH};

use crate::{SERVER, json};

/// The interim response to `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The last second an HTTP date can name (9999-12-31T23:59:59Z).
const UNIX_S_MAX: u64 = 253_402_300_799;

/// A date in the form of RFC 9110, 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpDate([u8; 29]);

impl HttpDate {
    /// The date of a point in time, in seconds since the Unix epoch (at most the year 9999).
    pub fn from_unix_s(seconds: u64) -> Self {
        let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(UNIX_S_MAX)));
        let mut bytes = [b' '; 29];
        bytes.copy_from_slice(text.as_bytes());
        Self(bytes)
    }

    /// The date as it goes into the `Date` header.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Writes the head of a response, field by field; end it with [`finish`](Self::finish) or [`body`](Self::body).
#[derive(Debug)]
pub struct ResponseHead<'o> {
    out: &'o mut Vec<u8>,
}

impl<'o> ResponseHead<'o> {
    /// Starts a response: status line, `Server` (Tailwater's own), `Date`.
    pub fn new(out: &'o mut Vec<u8>, status: u16, date: &HttpDate) -> Self {
        Self::with_server(out, status, date, SERVER)
    }

    /// The same with a `Server` value of the caller's choice.
    pub fn with_server(out: &'o mut Vec<u8>, status: u16, date: &HttpDate, server: &str) -> Self {
        Self::begin(out, status, reason(status), date, server)
    }

    /// The same as [`new`](Self::new) with a reason phrase of the caller's choice.
    pub fn with_reason(out: &'o mut Vec<u8>, status: u16, reason: &str, date: &HttpDate) -> Self {
        Self::begin(out, status, reason, date, SERVER)
    }

    fn begin(out: &'o mut Vec<u8>, status: u16, reason: &str, date: &HttpDate, server: &str) -> Self {
        out.extend_from_slice(b"HTTP/1.1 ");
        out.extend_from_slice(itoa::Buffer::new().format(status).as_bytes());
        out.push(b' ');
        out.extend_from_slice(reason.as_bytes());
        out.extend_from_slice(b"\r\n");
        Self { out }.header("Server", server).header("Date", date.as_str())
    }

    /// Adds a field. Control characters in the value become spaces, so that no value can end the field.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b": ");
        self.out.extend(value.bytes().map(|b| if b.is_ascii_control() { b' ' } else { b }));
        self.out.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a field with a number as its value.
    pub fn header_u64(self, name: &str, value: u64) -> Self {
        self.header(name, itoa::Buffer::new().format(value))
    }

    /// Adds several fields.
    pub fn headers(self, fields: &[(&str, &str)]) -> Self {
        fields.iter().fold(self, |head, (name, value)| head.header(name, value))
    }

    /// The body will be chunked.
    pub fn chunked(self) -> Self {
        self.header("Transfer-Encoding", "chunked")
    }

    /// The connection closes after this response.
    pub fn close(self) -> Self {
        self.header("Connection", "close")
    }

    /// Ends the head.
    pub fn finish(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    /// Ends the head with the length of `body` and appends `body`.
    pub fn body(self, content_type: &str, body: &[u8]) {
        let head = self.header("Content-Type", content_type).header_u64("Content-Length", body.len() as u64);
        head.out.extend_from_slice(b"\r\n");
        head.out.extend_from_slice(body);
    }

    /// Ends the head as [`body`](Self::body) does, without a body: the answer to `HEAD`.
    pub fn body_head_only(self, content_type: &str, body_bytes: u64) {
        self.header("Content-Type", content_type).header_u64("Content-Length", body_bytes).finish();
    }
}

/// Writes a whole response with the body `{"error":<error>,"message":<message>}`.
pub fn write_json_error(
    out: &mut Vec<u8>,
    status: u16,
    date: &HttpDate,
    error: &str,
    message: &str,
    extra: &[(&str, &str)],
) {
    let mut body = Vec::with_capacity(64 + message.len());
    json::write_error(&mut body, error, message);
    ResponseHead::new(out, status, date).headers(extra).body("application/json", &body);
}

/// The reason phrase of a status.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(out: Vec<u8>) -> String {
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_spelled_as_the_rfc_shows() {
        assert_eq!(HttpDate::from_unix_s(784_111_777).as_str(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(HttpDate::from_unix_s(u64::MAX).as_str(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }

    #[test]
    fn golden_error_response() {
        let mut out = Vec::new();
        write_json_error(
            &mut out,
            429,
            &HttpDate::from_unix_s(0),
            "TooMany",
            "wait \"a\" bit",
            &[("Retry-After", "3")],
        );
        let expected = format!(
            "HTTP/1.1 429 Too Many Requests\r\nServer: {SERVER}\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
             Retry-After: 3\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n\
             {{\"error\":\"TooMany\",\"message\":\"wait \\\"a\\\" bit\"}}"
        );
        assert_eq!(text(out), expected);
    }

    #[test]
    fn a_value_cannot_end_its_field() {
        let mut out = Vec::new();
        ResponseHead::with_server(&mut out, 200, &HttpDate::from_unix_s(0), "x\r\nEvil: 1").chunked().close().finish();
        let out = text(out);
        assert!(out.contains("Server: x  Evil: 1\r\n") && out.ends_with("Connection: close\r\n\r\n"), "{out}");
    }
}
