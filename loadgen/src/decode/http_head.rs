//! The head of an HTTP/1.1 answer, and the error name in the body of a refusal.

use crate::decode::{DecodeError, chunked::BodyDecoder};

/// A longer line is no name for a refusal.
const SENTENCE_BYTES_MAX: usize = 200;

/// Longest head that is read.
pub const HEAD_BYTES_MAX: usize = 16 << 10;

const HEADERS_MAX: usize = 64;

/// What matters of an answer's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// Bytes of the head, including the empty line.
    pub bytes: usize,
    /// `Content-Length`.
    pub content_length: Option<u64>,
    /// `Transfer-Encoding` is `chunked`.
    pub is_chunked: bool,
    /// `Content-Type`, lower-case.
    pub content_type: String,
    /// `Connection` has `close`.
    pub closes: bool,
    /// `Upgrade` is `websocket` and `Connection` has `upgrade`.
    pub upgrades: bool,
    /// `Sec-WebSocket-Accept`.
    pub accept: Option<String>,
    /// `Sec-WebSocket-Extensions` or a repeated accept header: things nobody asked for.
    pub has_extensions: bool,
}

impl ResponseHead {
    /// Parses the head at the beginning of `input`; `None` while it is not complete.
    pub fn parse(input: &[u8]) -> Result<Option<Self>, DecodeError> {
        let refuse = |reason: String| DecodeError::new("HTTP head", reason);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let bytes = match response.parse(input) {
            Ok(httparse::Status::Complete(bytes)) => bytes,
            Ok(httparse::Status::Partial) if input.len() < HEAD_BYTES_MAX => return Ok(None),
            Ok(httparse::Status::Partial) => {
                return Err(refuse(format!("longer than {HEAD_BYTES_MAX} bytes")));
            }
            Err(error) => return Err(refuse(error.to_string())),
        };
        let mut head = Self { status: response.code.unwrap_or(0), bytes, ..Self::default() };
        let (mut connection_upgrade, mut upgrade_websocket) = (false, false);
        for header in response.headers.iter() {
            let value = String::from_utf8_lossy(header.value);
            let value = value.trim();
            match header.name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    let length = value.parse().map_err(|_| refuse(format!("Content-Length is {value:?}")))?;
                    head.content_length = Some(length);
                }
                "transfer-encoding" => head.is_chunked = has_token(value, "chunked"),
                "content-type" => head.content_type = value.to_ascii_lowercase(),
                "connection" => {
                    head.closes |= has_token(value, "close");
                    connection_upgrade |= has_token(value, "upgrade");
                }
                "upgrade" => upgrade_websocket |= has_token(value, "websocket"),
                "sec-websocket-accept" => {
                    head.has_extensions |= head.accept.is_some();
                    head.accept = Some(value.to_owned());
                }
                "sec-websocket-extensions" => head.has_extensions = true,
                _ => {}
            }
        }
        head.upgrades = connection_upgrade && upgrade_websocket;
        Ok(Some(head))
    }

    /// The decoder for the body that follows (RFC 9112, section 6.3).
    pub fn body(&self) -> BodyDecoder {
        match (self.is_chunked, self.content_length) {
            _ if matches!(self.status, 100..=199 | 204 | 304) => BodyDecoder::sized(0),
            (true, _) => BodyDecoder::chunked(),
            (false, Some(length)) => BodyDecoder::sized(length),
            (false, None) => BodyDecoder::until_close(),
        }
    }
}

fn has_token(value: &str, token: &str) -> bool {
    value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token))
}

/// How a refusal is named in reports: `429 RateLimitExceeded`, or by the sentence that is its body, or by the status alone.
pub fn refusal_name(status: u16, body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        error: String,
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(Refusal { error }) => format!("{status} {error}"),
        Err(_) => sentence(body).map_or(status.to_string(), |said| format!("{status}: {said}")),
    }
}

/// The only line of a body that is one of plain text.
fn sentence(body: &[u8]) -> Option<&str> {
    let said = std::str::from_utf8(body).ok()?.trim();
    let is_one = !said.is_empty() && said.len() <= SENTENCE_BYTES_MAX && !said.contains(char::is_control);
    (is_one && !said.starts_with(['{', '[', '<'])).then_some(said)
}
