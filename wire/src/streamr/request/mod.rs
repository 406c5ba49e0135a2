//! Requests: a client's WebSocket message, taken apart and checked.
//!
//! A message is a JSON object with a `type`. Members nobody knows are passed over: clients send all of a subscription's
//! options with every request. What is understood beyond the original is `ack`, see [`Incoming::ack`].

mod limits;
mod members;
pub(super) mod number;
mod publish;
mod resend;
mod subscribe;
mod timestamp;
mod token;
mod value;

use std::borrow::Cow;

pub use limits::RequestLimits;
pub use publish::{KIND, Publish};
pub(super) use publish::{check_stream, compact_content, parse_pkey};
pub use resend::Resend;
pub use subscribe::{Subscribe, Unsubscribe};
pub use timestamp::{TIME_MS_MAX, parse_ms};
pub use token::Token;

use self::members::Members;
use self::value::Value;
use super::errors::{StreamrError, quoted};

/// What a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request<'a> {
    /// Store a message.
    Publish(Publish<'a>),
    /// Send every message of a partition from now on.
    Subscribe(Subscribe<'a>),
    /// Send no more of them.
    Unsubscribe(Unsubscribe<'a>),
    /// Send stored messages once.
    Resend(Resend<'a>),
}

/// Who a client says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// A key: `authKey`, or `Authorization: token KEY`.
    pub key: Option<Cow<'a, str>>,
    /// A session's token: `sessionToken`, or `Authorization: Bearer TOKEN`.
    pub session_token: Option<Cow<'a, str>>,
}

/// A message that has been read, whether it can be met or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming<'a> {
    /// Who sent it.
    pub credentials: Credentials<'a>,
    /// Whether it has the key `sessionToken`: see [`ErrorStyle`](super::errors::ErrorStyle::after_request).
    pub has_session_token: bool,
    /// Set by a publish with the member `ack`. It wants exactly one answer that repeats this value:
    /// [`Control::Stored`](super::encode::Control::Stored) or [`Control::Refused`](super::encode::Control::Refused).
    pub ack: Option<Token>,
    /// The request, or why it is refused.
    pub request: Result<Request<'a>, StreamrError>,
}

/// Reads a message.
pub fn parse_message<'a>(text: &'a str, limits: &RequestLimits) -> Incoming<'a> {
    let mut members = match Members::parse(text, limits.message_bytes_max) {
        Ok(members) => members,
        Err(error) => return Incoming::unreadable(error),
    };
    let credentials = members.credentials();
    let has_session_token = members.has_session_token;
    let kind = members.kind.take();
    let (ack, request) = match kind.as_ref().map(Value::display) {
        Some("publish") => match Token::of_scalar("ack", members.ack.take(), limits) {
            Ok(ack) => (ack, Publish::parse(members, limits).map(Request::Publish)),
            Err(error) => (None, Err(error)),
        },
        Some("subscribe") => (None, Subscribe::parse(members, limits).map(Request::Subscribe)),
        Some("unsubscribe") => (None, Unsubscribe::parse(members, limits).map(Request::Unsubscribe)),
        Some("resend") => (None, Resend::parse(members, limits).map(Request::Resend)),
        other => (None, Err(StreamrError::UnknownType(quoted(other.unwrap_or("undefined"))))),
    };
    Incoming { credentials, has_session_token, ack, request }
}

impl Incoming<'_> {
    fn unreadable(error: StreamrError) -> Self {
        Self { credentials: Credentials::default(), has_session_token: false, ack: None, request: Err(error) }
    }
}

#[cfg(test)]
mod tests;
