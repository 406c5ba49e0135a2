//! Answers: whole ones, and those that become streams.
//!
//! Owns the fields that all of them share. Never sends. Tested by `server/tests/fauna/`.

use tailwater_wire::fauna::{cors, errors::ApiError, events::CONTENT_TYPE};

use super::stream::Opened;

/// The fields of an answer besides those of HTTP itself.
pub(super) type Fields = Vec<(&'static str, String)>;

/// What becomes of a request.
pub(super) enum Answer {
    Whole(Whole),
    Stream(Box<Opened>),
}

/// A complete answer.
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) fields: Fields,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A complete answer of JSON.
    pub(super) fn json(status: u16, body: Vec<u8>) -> Self {
        Self::Whole(Whole::json(status, body))
    }

    /// The answer to a browser that asks what a page may do.
    pub(super) fn preflight() -> Self {
        let fields = vec![
            ("Access-Control-Allow-Methods", cors::ALLOW_METHODS.to_owned()),
            ("Access-Control-Allow-Headers", cors::ALLOW_HEADERS.to_owned()),
            ("Access-Control-Max-Age", cors::MAX_AGE_S.to_string()),
        ];
        Self::Whole(Whole { status: 200, content_type: "text/plain", fields, body: Vec::new() })
    }

    /// The same with another field; streams have none of their own.
    pub(super) fn field(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Whole(whole) = &mut self {
            whole.fields.push((name, value.to_owned()));
        }
        self
    }
}

impl Whole {
    fn json(status: u16, body: Vec<u8>) -> Self {
        let again = matches!(status, 429 | 503).then(|| ("Retry-After", "1".to_owned()));
        Self { status, content_type: CONTENT_TYPE, fields: again.into_iter().collect(), body }
    }
}

impl From<ApiError> for Whole {
    fn from(error: ApiError) -> Self {
        let mut body = Vec::new();
        error.write_body(&mut body);
        Self::json(error.status, body)
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::Whole(error.into())
    }
}

/// What every answer to a page of another origin has. Secrets are sent by the page itself, so no origin is more trusted than
/// another.
pub(super) fn page_fields(origin: Option<&str>) -> Fields {
    match origin {
        None => Fields::new(),
        Some(origin) => vec![
            ("Access-Control-Allow-Origin", origin.to_owned()),
            ("Access-Control-Allow-Credentials", "true".to_owned()),
            ("Access-Control-Expose-Headers", cors::EXPOSE_HEADERS.to_owned()),
            ("Vary", "Origin".to_owned()),
        ],
    }
}
