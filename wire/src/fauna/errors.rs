//! What the server says when it refuses: the error object of all three endpoints.
//!
//! `{"error":{"code","message"}}`, with codes and sentences of the original wherever it has some. One driver needs both
//! fields and takes the status for the kind of error.

use super::cursor::Endpoint;
use super::request::PAGE_SIZE_MAX;
use super::tagged::write_str;
use super::token::TokenError;

/// A refusal: an HTTP status and an error object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code programs compare.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
}

impl ApiError {
    /// Any refusal.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request", message)
    }

    /// A request's body is wrong in the given way.
    pub fn invalid_body(problem: impl std::fmt::Display) -> Self {
        Self::invalid_request(format!("Invalid request body: {problem}"))
    }

    /// The same, in the words of an endpoint: those of feeds end with a full stop.
    pub(crate) fn invalid_body_of(endpoint: Endpoint, problem: impl std::fmt::Display) -> Self {
        Self::invalid_body(format_args!("{problem}{}", if endpoint == Endpoint::Feed { "." } else { "" }))
    }

    /// A request's header is wrong.
    pub fn invalid_header(name: &str, problem: impl std::fmt::Display) -> Self {
        Self::invalid_request(format!("Invalid header '{name}': {problem}"))
    }

    /// There is no body.
    pub fn no_body() -> Self {
        Self::invalid_request("No request body provided")
    }

    /// The body is too large.
    pub fn body_too_large() -> Self {
        Self::new(413, "request_size_exceeded", "Request entity is too large")
    }

    /// No secret, or a wrong one, on `/stream/1` and `/feed/1`.
    pub fn unauthorized() -> Self {
        Self::new(401, "unauthorized", "Invalid token, unable to authenticate request")
    }

    /// No secret, or a wrong one, on `/query/1`. The answer has [`WWW_AUTHENTICATE`] besides.
    pub fn unauthorized_query() -> Self {
        Self::new(401, "unauthorized", "Access token required")
    }

    /// A secret that does not allow it.
    pub fn forbidden() -> Self {
        Self::new(403, "forbidden", "Access denied")
    }

    /// A secret that is good, for a database that was switched off. `feed` is what it was.
    pub fn switched_off(feed: &str) -> Self {
        let what =
            format!("The feed {feed:?} is not bound to Fauna any more; whoever administers it can bind it again.");
        Self::new(410, "forbidden", format!("Your account has been disabled. {what}"))
    }

    /// Another method than `POST`.
    pub fn method_not_allowed() -> Self {
        Self::new(405, "method_not_allowed", "Method not allowed")
    }

    /// No such endpoint.
    pub fn not_found() -> Self {
        Self::new(404, "not_found", "Not found")
    }

    /// Too much at once.
    pub fn limit_exceeded() -> Self {
        Self::new(429, "limit_exceeded", "Too many pending requests")
    }

    /// The server has no time.
    pub fn service_time_out() -> Self {
        Self::new(503, "time_out", "The service timed out")
    }

    /// Something is broken.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "internal_error", message)
    }

    /// A stream that shall begin before its token was made.
    pub fn before_token() -> Self {
        Self::invalid_request("Invalid stream start time: Stream start time can not be before the stream create time.")
    }

    /// A cursor that is none, or of another feed.
    pub fn invalid_cursor(endpoint: Endpoint) -> Self {
        Self::invalid_body_of(endpoint, super::cursor::InvalidCursor)
    }

    /// A token that is none, or of another database.
    pub fn token(endpoint: Endpoint, error: TokenError) -> Self {
        match (error, endpoint) {
            (TokenError::Invalid, endpoint) => Self::invalid_body_of(endpoint, error),
            (TokenError::Foreign, Endpoint::Stream) => {
                Self::invalid_request(format!("Error evaluating provided stream, {error}"))
            }
            (TokenError::Foreign, Endpoint::Feed) => {
                Self::invalid_request(format!("Error evaluating provided event source, {error}"))
            }
        }
    }

    /// A token of a collection that no longer exists.
    pub fn collection_gone(endpoint: Endpoint, collection: &str) -> Self {
        let what = if endpoint == Endpoint::Stream { "stream" } else { "event source" };
        Self::invalid_request(format!("Error evaluating provided {what}, Unbound variable `{collection}`"))
    }

    pub(crate) fn start_and_cursor(endpoint: Endpoint) -> Self {
        Self::invalid_body_of(endpoint, "can not provide both `start_ts` and `cursor`")
    }

    pub(crate) fn missing(key: &str) -> Self {
        Self::invalid_body(format_args!("Value for key {key} not found."))
    }

    pub(crate) fn page_too_small() -> Self {
        Self::invalid_body("page size must be greater than zero.")
    }

    pub(crate) fn page_too_large() -> Self {
        Self::invalid_body(format_args!("page size can not be greater than {PAGE_SIZE_MAX}."))
    }

    /// Appends `{"error":{"code","message"}}`.
    pub fn write_body(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"error\":{\"code\":");
        write_str(self.code, out);
        out.extend_from_slice(b",\"message\":");
        write_str(&self.message, out);
        out.extend_from_slice(b"}}");
    }
}

/// The header of a 401 on `/query/1`.
pub const WWW_AUTHENTICATE: (&str, &str) = ("WWW-Authenticate", "Bearer");

#[cfg(test)]
mod tests {
    use super::*;

    /// Every status, code and sentence of the contract but those of queries, which are errors of FQL.
    #[test]
    fn golden_errors() {
        use Endpoint::{Feed, Stream};
        let invalid = |message: &str| (400, "invalid_request", format!("Invalid request body: {message}"));
        let request = |message: &str| (400, "invalid_request", message.to_owned());
        let table = [
            (
                ApiError::unauthorized(),
                (401, "unauthorized", "Invalid token, unable to authenticate request".to_owned()),
            ),
            (ApiError::unauthorized_query(), (401, "unauthorized", "Access token required".to_owned())),
            (ApiError::missing("token"), invalid("Value for key token not found.")),
            (ApiError::token(Stream, TokenError::Invalid), invalid("invalid event source provided")),
            (ApiError::token(Feed, TokenError::Invalid), invalid("invalid event source provided.")),
            (ApiError::invalid_cursor(Stream), invalid("invalid event cursor provided")),
            (ApiError::invalid_cursor(Feed), invalid("invalid event cursor provided.")),
            (ApiError::start_and_cursor(Stream), invalid("can not provide both `start_ts` and `cursor`")),
            (ApiError::start_and_cursor(Feed), invalid("can not provide both `start_ts` and `cursor`.")),
            (
                ApiError::before_token(),
                request("Invalid stream start time: Stream start time can not be before the stream create time."),
            ),
            (ApiError::page_too_small(), invalid("page size must be greater than zero.")),
            (ApiError::page_too_large(), invalid("page size can not be greater than 16000.")),
            (ApiError::no_body(), request("No request body provided")),
            (
                ApiError::token(Stream, TokenError::Foreign),
                request("Error evaluating provided stream, the event source belongs to another database"),
            ),
            (
                ApiError::token(Feed, TokenError::Foreign),
                request("Error evaluating provided event source, the event source belongs to another database"),
            ),
            (ApiError::collection_gone(Stream, "A"), request("Error evaluating provided stream, Unbound variable `A`")),
            (ApiError::forbidden(), (403, "forbidden", "Access denied".to_owned())),
            (
                ApiError::switched_off("a"),
                (
                    410,
                    "forbidden",
                    "Your account has been disabled. The feed \"a\" is not bound to Fauna any more; whoever administers it \
                     can bind it again."
                        .to_owned(),
                ),
            ),
            (ApiError::limit_exceeded(), (429, "limit_exceeded", "Too many pending requests".to_owned())),
            (ApiError::body_too_large(), (413, "request_size_exceeded", "Request entity is too large".to_owned())),
            (ApiError::internal("broken"), (500, "internal_error", "broken".to_owned())),
            (ApiError::service_time_out(), (503, "time_out", "The service timed out".to_owned())),
        ];
        for (error, (status, code, message)) in table {
            assert_eq!((error.status, error.code, error.message), (status, code, message));
        }
    }

    #[test]
    fn golden_body() {
        let mut out = Vec::new();
        ApiError::invalid_body("Unexpected string value '\"'.").write_body(&mut out);
        let expected =
            r#"{"error":{"code":"invalid_request","message":"Invalid request body: Unexpected string value '\"'."}}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
