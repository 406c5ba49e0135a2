//! What a subscription request asks for.

use crate::http1::{Head, Query};
use crate::websocket::handshake;

/// The path in front of every endpoint's name.
const PREFIX: &str = "/xrpc/";
/// The subprotocol of the JSON form.
pub const JSON_SUBPROTOCOL: &str = "xrpc.v1.json";
/// The longest name of an endpoint.
const NSID_BYTES_MAX: usize = 317;
/// Cursors end where integers stop being exact in a 64-bit float.
const CURSOR_MAX: u64 = tailwater_core::SEQ_MAX;

/// The `cursor` parameter of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CursorParam {
    /// None: start with the next event.
    Live,
    /// Start here; 0 is the oldest event there is.
    At(u64),
}

/// The `cursor` parameter is no cursor; to be answered by `InvalidRequest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCursor {
    /// Given more than once.
    #[error("cursor is given more than once")]
    Repeated,
    /// Not an integer.
    #[error("cursor is not an integer")]
    NotAnInteger,
    /// Above 2^53-1.
    #[error("cursor is larger than {CURSOR_MAX}")]
    TooLarge,
}

/// How a subscriber receives events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Binary messages of two DAG-CBOR objects: the protocol's v0, which everybody speaks.
    Cbor,
    /// Text messages of one JSON object, for clients that offer the subprotocol `xrpc.v1.json`.
    Json,
}

impl Form {
    /// The value of `Sec-WebSocket-Protocol` in the answer, if there is to be one.
    pub fn subprotocol(self) -> Option<&'static str> {
        match self {
            Self::Cbor => None,
            Self::Json => Some(JSON_SUBPROTOCOL),
        }
    }
}

/// The endpoint a path names: `com.example.sub` of `/xrpc/com.example.sub`, with or without a slash at the end.
/// `None` if the path is another one or the name is no NSID.
pub fn nsid(path: &str) -> Option<&str> {
    let name = path.strip_prefix(PREFIX)?;
    let name = name.strip_suffix('/').unwrap_or(name);
    is_nsid(name).then_some(name)
}

/// Whether this is a namespaced identifier: at least three segments of letters, digits and hyphens.
pub fn is_nsid(name: &str) -> bool {
    let is_segment = |segment: &str| {
        !segment.is_empty() && segment.len() <= 63 && segment.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= NSID_BYTES_MAX && name.split('.').all(is_segment) && name.split('.').count() >= 3
}

/// Reads the `cursor` parameter. Missing and empty mean live, anything below 0 means 0.
///
/// # Errors
/// See [`InvalidCursor`].
pub fn parse_cursor(query: &Query<'_>) -> Result<CursorParam, InvalidCursor> {
    let mut values = query.all("cursor");
    let text = values.next().unwrap_or_default();
    if values.next().is_some() {
        return Err(InvalidCursor::Repeated);
    }
    if text.is_empty() {
        return Ok(CursorParam::Live);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(InvalidCursor::NotAnInteger);
    }
    if digits.len() < text.len() {
        return Ok(CursorParam::At(0));
    }
    digits.parse().ok().filter(|seq| *seq <= CURSOR_MAX).map(CursorParam::At).ok_or(InvalidCursor::TooLarge)
}

/// Chooses the form by the subprotocols the client offers. Unknown offers are ignored, as every server does.
pub fn choose_form(head: &Head) -> Form {
    let json = handshake::offered_subprotocols(head).any(|offer| offer == JSON_SUBPROTOCOL);
    if json { Form::Json } else { Form::Cbor }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{HeadLimits, parse_head};

    #[test]
    fn cursors() {
        use CursorParam::{At, Live};
        let table = [
            ("", Ok(Live)),
            ("cursor=", Ok(Live)),
            ("other=1", Ok(Live)),
            ("cursor=0", Ok(At(0))),
            ("cursor=-1", Ok(At(0))),
            ("cursor=-99999999999999999999", Ok(At(0))),
            ("cursor=8&x=y", Ok(At(8))),
            ("cursor=007", Ok(At(7))),
            ("cursor=9007199254740991", Ok(At(CURSOR_MAX))),
            ("cursor=9007199254740992", Err(InvalidCursor::TooLarge)),
            ("cursor=99999999999999999999", Err(InvalidCursor::TooLarge)),
            ("cursor=abc", Err(InvalidCursor::NotAnInteger)),
            ("cursor=1.5", Err(InvalidCursor::NotAnInteger)),
            ("cursor=1e3", Err(InvalidCursor::NotAnInteger)),
            ("cursor=%2B1", Err(InvalidCursor::NotAnInteger)),
            ("cursor=-", Err(InvalidCursor::NotAnInteger)),
            ("cursor=--1", Err(InvalidCursor::NotAnInteger)),
            ("cursor=1&cursor=2", Err(InvalidCursor::Repeated)),
            ("cursor=&cursor=", Err(InvalidCursor::Repeated)),
        ];
        for (query, expected) in table {
            assert_eq!(parse_cursor(&Query::parse(query)), expected, "{query}");
        }
    }

    #[test]
    fn forms() {
        let form = |fields: &str| {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            choose_form(&parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0)
        };
        let json = ["xrpc.v1.json", "xrpc.v1.cbor, xrpc.v1.json", "a\r\nSec-WebSocket-Protocol: xrpc.v1.json"];
        for offer in json {
            assert_eq!(form(&format!("Sec-WebSocket-Protocol: {offer}\r\n")), Form::Json, "{offer}");
        }
        for offer in ["", "Sec-WebSocket-Protocol: xrpc.v1.cbor\r\n", "Sec-WebSocket-Protocol: XRPC.v1.json\r\n"] {
            assert_eq!(form(offer), Form::Cbor, "{offer}");
        }
        assert_eq!((Form::Cbor.subprotocol(), Form::Json.subprotocol()), (None, Some("xrpc.v1.json")));
    }

    #[test]
    fn endpoints() {
        let repos = "com.atproto.sync.subscribeRepos";
        for path in [format!("/xrpc/{repos}"), format!("/xrpc/{repos}/")] {
            assert_eq!(nsid(&path), Some(repos));
        }
        for path in ["/xrpc/", "/xrpc/_health", "/xrpc/a.b", "/xrpc/a..c", "/xrpc/a.b.c/d", "/xrpc/a.b.c%20", "/a.b.c"]
        {
            assert_eq!(nsid(path), None, "{path}");
        }
    }
}
