//! Every refusal: its text, its status over HTTP, and its two spellings over WebSocket.
//!
//! Texts are those of the original server where it has one. Old clients show a bare string and print `[object Object]`
//! for an object; new ones read an object and report a bare string as malformed. [`ErrorStyle`] is the choice.

use crate::http1::Query;
use crate::json::{self, JsonError};
use crate::websocket::frame::{self, Opcode};

/// The longest part of a request that a text repeats, in bytes.
const QUOTED_BYTES_MAX: usize = 100;

/// How a client reads the payload of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorStyle {
    /// `"text"`: clients below 1.0.
    #[default]
    Text,
    /// `{"error":"text"}`: clients from 1.0 on.
    Object,
}

impl ErrorStyle {
    /// The style of a client that connects with this query string: only new clients name a `controlLayerVersion`.
    pub fn of_query(query: &Query<'_>) -> Self {
        if query.get("controlLayerVersion").is_some() { Self::Object } else { Self::Text }
    }

    /// The style from a request on: only new clients send a `sessionToken`.
    pub fn after_request(self, has_session_token: bool) -> Self {
        if has_session_token { Self::Object } else { self }
    }
}

/// Why content is not accepted. It reads as the end of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentProblem {
    /// There is none, or it is not a string.
    #[error("")]
    Missing,
    /// Not UTF-8.
    #[error(" (not valid UTF-8)")]
    Utf8,
    /// Not JSON. Clients that get such content crash, or ask for it again without a pause.
    #[error(" ({0})")]
    Json(#[from] JsonError),
    /// `null`: no client survives it, since all of them look up a key in it.
    #[error(" (null is no message)")]
    Null,
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamrError {
    /// A message that is not JSON.
    #[error("Message is not valid JSON: {0}")]
    NotJson(#[from] JsonError),
    /// A message that is JSON of another form, such as the arrays of control layer 1.
    #[error("Message is not a JSON object; only requests of control layer version 0 are understood")]
    NotARequest,
    /// A `type` that is not known.
    #[error("Unknown request type: {0}")]
    UnknownType(String),
    /// A message above the limit.
    #[error("Message is larger than {bytes_max} bytes")]
    MessageTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A member of the wrong type.
    #[error("Field \"{name}\" is not {expected}")]
    InvalidField {
        /// The member.
        name: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A member above its limit.
    #[error("Field \"{name}\" is longer than {bytes_max} bytes")]
    FieldTooLong {
        /// The member.
        name: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// A partition that is no number from 0 to 99.
    #[error("Invalid partition: {0}")]
    InvalidPartition(String),
    /// A time that cannot be read.
    #[error("Invalid timestamp: {0}")]
    InvalidTimestamp(String),
    /// A time to live that is no number.
    #[error("Invalid ttl: {0}")]
    InvalidTtl(String),
    /// A publish request without a stream.
    #[error("Publish request is missing the stream id!")]
    PublishWithoutStream,
    /// A publish request whose message is not accepted.
    #[error("Message must be stringified JSON!{0}")]
    Content(ContentProblem),
    /// A body to publish that is not accepted.
    #[error("No request body or invalid request body.{0}")]
    Body(ContentProblem),
    /// Content above the limit.
    #[error("Message content is larger than {bytes_max} bytes")]
    ContentTooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// A publisher whose key does not allow it to write.
    #[error("You are not allowed to write to stream {stream}")]
    WriteNotAllowed {
        /// The stream.
        stream: String,
    },
    /// A publisher without a valid key.
    #[error("Authentication failed while trying to publish to stream {stream}")]
    PublishUnauthenticated {
        /// The stream.
        stream: String,
    },
    /// Publishing failed for another reason.
    #[error("Publish request failed: {reason}")]
    PublishFailed {
        /// The reason.
        reason: String,
    },
    /// Publishing failed because there is no room for it.
    #[error("Publish request failed: {reason}")]
    StorageFull {
        /// The reason.
        reason: String,
    },
    /// A subscribe request without a stream.
    #[error("Error: stream id not defined. Are you using an outdated client?")]
    SubscribeWithoutStream,
    /// A subscriber whose key does not allow it to read.
    #[error("Not authorized to subscribe to stream {stream} and partition {partition}")]
    SubscribeNotAuthorized {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
    },
    /// One subscription more than the limit.
    #[error("Not subscribed: a connection has at most {count_max} subscriptions")]
    TooManySubscriptions {
        /// The limit.
        count_max: usize,
    },
    /// An unsubscribe request for what is not subscribed.
    #[error("Not subscribed")]
    NotSubscribed {
        /// The request, as JSON; the object style repeats it.
        request: String,
    },
    /// A resend request that cannot be met.
    #[error("Failed to request resend from stream {stream} and partition {partition}: {reason}")]
    ResendFailed {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
        /// The reason.
        reason: String,
    },
    /// There is no such stream.
    #[error("Stream {stream} not found.")]
    StreamNotFound {
        /// The stream.
        stream: String,
    },
    /// The stream has no such partition.
    #[error("Partition {partition} of stream {stream} not found.")]
    PartitionNotFound {
        /// The stream.
        stream: String,
        /// The partition.
        partition: u32,
    },
    /// An `Authorization` header of another form.
    #[error("Authorization header malformed. Should be of form \"token authKey\".")]
    AuthorizationMalformed,
    /// A key that does not allow what is asked for.
    #[error("Authentication failed.")]
    AuthenticationFailed,
    /// No key where one is needed, or one nobody knows.
    #[error("Request failed.")]
    RequestFailed,
    /// A login without a key.
    #[error("Login request is missing the \"apiKey\"")]
    LoginWithoutKey,
    /// A path whose partition is no number.
    #[error("Path parameter \"partition\" not a number: {0}")]
    PathPartition(String),
    /// A query parameter that is no number.
    #[error("Query parameter \"{name}\" not a number: {value}")]
    NotANumber {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// A query without a beginning.
    #[error("Query parameter \"fromOffset\" or \"fromTimestamp\" required.")]
    FromRequired,
    /// Two parameters that say the same in two ways.
    #[error("Query parameters \"{0}\" and \"{1}\" cannot be used simultaneously.")]
    Twice(&'static str, &'static str),
    /// A beginning and an end of two kinds.
    #[error("Using query parameters \"{0}\" and \"{1}\" together is not yet supported.")]
    Mixed(&'static str, &'static str),
    /// An unknown form of the answer.
    #[error("Invalid value for query parameter \"wrapper\": {0}")]
    Wrapper(String),
    /// Stored messages cannot be read.
    #[error("Failed to fetch data!")]
    FetchFailed,
    /// A fault of the server's own.
    #[error("Internal error, sorry")]
    Internal,
    /// The server starts, stops, or has too much to do.
    #[error("Server not ready. Please try again shortly.")]
    NotReady,
}

impl StreamrError {
    /// The status to answer with over HTTP.
    pub fn status(&self) -> u16 {
        match self {
            Self::WriteNotAllowed { .. } | Self::RequestFailed => 401,
            Self::PublishUnauthenticated { .. } | Self::SubscribeNotAuthorized { .. } | Self::AuthenticationFailed => {
                403
            }
            Self::StreamNotFound { .. } | Self::PartitionNotFound { .. } => 404,
            Self::MessageTooLarge { .. } | Self::ContentTooLarge { .. } => 413,
            Self::TooManySubscriptions { .. } => 429,
            Self::PublishFailed { .. } | Self::ResendFailed { .. } | Self::FetchFailed | Self::Internal => 500,
            Self::NotReady => 503,
            Self::StorageFull { .. } => 507,
            _ => 400,
        }
    }

    /// Appends the refusal as a WebSocket message, `[0,7,"",payload]`.
    pub fn write_message(&self, style: ErrorStyle, out: &mut Vec<u8>) {
        frame::frame_with(out, Opcode::Text, |out| self.write_json(style, out));
    }

    /// Appends the JSON of that message.
    pub fn write_json(&self, style: ErrorStyle, out: &mut Vec<u8>) {
        out.extend_from_slice(b"[0,7,\"\",");
        match style {
            ErrorStyle::Text => json::write_str(out, &self.to_string()),
            ErrorStyle::Object => self.write_object(out),
        }
        out.push(b']');
    }

    fn write_object(&self, out: &mut Vec<u8>) {
        self.write_body(out);
        if let Self::NotSubscribed { request } = self {
            out.pop();
            out.extend_from_slice(b",\"request\":");
            out.extend_from_slice(request.as_bytes());
            out.push(b'}');
        }
    }

    /// Appends the body of an HTTP error, `{"error":"text"}`.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"error\":");
        json::write_str(out, &self.to_string());
        out.push(b'}');
    }
}

/// A piece of a request, short enough to be repeated in a text.
pub(super) fn quoted(text: &str) -> String {
    let kept = &text[..text.floor_char_boundary(QUOTED_BYTES_MAX)];
    if kept.len() < text.len() { format!("{kept}...") } else { text.to_owned() }
}

#[cfg(test)]
#[path = "errors_tests.rs"]
mod tests;
