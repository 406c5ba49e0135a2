//! The opening handshake (RFC 6455, section 4.2): checking the request, writing the `101`.

use tungstenite::handshake::derive_accept_key;

use crate::http1::{BodyKind, Head, HttpDate, ResponseHead, Version};

/// The value of `Sec-WebSocket-Accept` for a request that passed [`check`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accept(String);

impl Accept {
    /// The value as sent, 28 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a request cannot become a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The method is not `GET`.
    #[error("a WebSocket is opened with GET")]
    Method,
    /// The request is not HTTP/1.1.
    #[error("a WebSocket is opened over HTTP/1.1")]
    HttpVersion,
    /// There is no `Upgrade: websocket`.
    #[error("this is a WebSocket endpoint; send \"Upgrade: websocket\"")]
    NotUpgrade,
    /// `Connection` does not list `Upgrade`.
    #[error("the Connection header does not list \"Upgrade\"; a proxy may have removed it")]
    ConnectionToken,
    /// `Sec-WebSocket-Version` is not 13.
    #[error("only version 13 of the WebSocket protocol is supported")]
    Version,
    /// `Sec-WebSocket-Key` is missing, repeated or not 16 bytes in base64.
    #[error("Sec-WebSocket-Key is not one value of 16 bytes in base64")]
    Key,
    /// The request has a body.
    #[error("a request that opens a WebSocket has no body")]
    Body,
}

impl HandshakeError {
    /// The status to answer with: 400, 405, 426 or 505.
    pub fn status(&self) -> u16 {
        match self {
            Self::Method => 405,
            Self::HttpVersion => 505,
            Self::NotUpgrade | Self::ConnectionToken | Self::Version => 426,
            Self::Key | Self::Body => 400,
        }
    }

    /// A stable name for the error body.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Method => "MethodNotAllowed",
            Self::HttpVersion => "VersionNotSupported",
            Self::NotUpgrade | Self::ConnectionToken => "UpgradeRequired",
            Self::Version => "UnsupportedWebSocketVersion",
            Self::Key | Self::Body => "InvalidRequest",
        }
    }

    /// The fields that belong to the answer.
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("Allow", "GET")],
            Self::NotUpgrade | Self::ConnectionToken | Self::Version => {
                &[("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13")]
            }
            Self::HttpVersion | Self::Key | Self::Body => &[],
        }
    }
}

/// Whether the client asks for a WebSocket at all (`Upgrade: websocket`). Says nothing about the rest of the request.
pub fn is_upgrade(head: &Head) -> bool {
    head.has_token("upgrade", "websocket")
}

/// Checks a request that wants a WebSocket and derives the accept value.
///
/// # Errors
/// The first rule of RFC 6455, 4.2.1 that the request breaks.
pub fn check(head: &Head) -> Result<Accept, HandshakeError> {
    let ensure = |holds: bool, error| if holds { Ok(()) } else { Err(error) };
    ensure(head.method() == "GET", HandshakeError::Method)?;
    ensure(head.version() == Version::Http11, HandshakeError::HttpVersion)?;
    ensure(is_upgrade(head), HandshakeError::NotUpgrade)?;
    ensure(head.has_token("connection", "upgrade"), HandshakeError::ConnectionToken)?;
    ensure(head.header("sec-websocket-version").map(str::trim) == Some("13"), HandshakeError::Version)?;
    ensure(matches!(head.body_kind(), BodyKind::None | BodyKind::Length(0)), HandshakeError::Body)?;
    let key = single(head, "sec-websocket-key").filter(|key| is_key(key)).ok_or(HandshakeError::Key)?;
    Ok(Accept(derive_accept_key(key.as_bytes())))
}

fn single<'a>(head: &'a Head, name: &'a str) -> Option<&'a str> {
    let mut values = head.header_all(name);
    let value = values.next()?;
    values.next().is_none().then(|| value.trim())
}

fn is_key(key: &str) -> bool {
    data_encoding::BASE64.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == 16)
}

/// The subprotocols the client offers, in its order of preference. They are case-sensitive.
pub fn offered_subprotocols(head: &Head) -> impl Iterator<Item = &str> {
    head.tokens("sec-websocket-protocol")
}

/// Writes the `101 Switching Protocols` that ends the handshake. `subprotocol` must be one the client offered.
pub fn write_switching(
    out: &mut Vec<u8>,
    accept: &Accept,
    date: &HttpDate,
    subprotocol: Option<&str>,
    server: &str,
    extra: &[(&str, &str)],
) {
    let head = ResponseHead::with_server(out, 101, date, server)
        .headers(&[("Upgrade", "websocket"), ("Connection", "Upgrade")])
        .header("Sec-WebSocket-Accept", accept.as_str());
    let head = match subprotocol {
        Some(subprotocol) => head.header("Sec-WebSocket-Protocol", subprotocol),
        None => head,
    };
    head.headers(extra).finish();
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
