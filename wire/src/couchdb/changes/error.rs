//! What is wrong with a request for changes, in CouchDB's words.

use crate::couchdb::selector::SelectorError;
use crate::couchdb::selector::project::FieldsError;
use crate::couchdb::text::BodyError;

/// Why a request is refused. All have status 400 but those of a selector that have their own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChangesError {
    /// `feed`
    #[error("Supported `feed` types: normal, continuous, live, longpoll, eventsource")]
    Feed,
    /// `since`, `last-event-id` or `Last-Event-ID`
    #[error("Malformed sequence supplied in 'since' parameter.")]
    Since,
    /// `since`, of the form of a time
    #[error("invalid_time_format")]
    SinceTime,
    /// `limit`, no number
    #[error("The limit parameter should be a non-negative integer")]
    LimitType,
    /// `limit`, negative
    #[error("The limit value should be a non-negative integer")]
    LimitValue,
    /// `heartbeat`, neither a number nor `true`
    #[error("Invalid heartbeat value. Expecting a positive integer value (in milliseconds).")]
    HeartbeatType,
    /// `heartbeat`, 0 or negative
    #[error("The heartbeat value should be a positive integer (in milliseconds).")]
    HeartbeatValue,
    /// `timeout`, no number
    #[error("The timeout parameter should be a non-negative integer")]
    TimeoutType,
    /// `timeout`, negative
    #[error("The timeout value should be a non-negative integer")]
    TimeoutValue,
    /// `style`
    #[error("The style parameter should be main_only or all_docs")]
    Style,
    /// `seq_interval`
    #[error("invalid_seq_interval")]
    SeqInterval,
    /// `filter=_x`
    #[error("unknown builtin filter name")]
    BuiltinFilter,
    /// `filter`, not two names
    #[error("`filter` must be of the form `designname/filtername`")]
    FilterName,
    /// `filter=_view` without `view`
    #[error("`view` filter parameter is not provided.")]
    ViewMissing,
    /// `view`, not two names
    #[error("`view` must be of the form `designname/viewname`")]
    ViewName,
    /// `doc_ids`
    #[error("`doc_ids` filter parameter is not a list of doc ids.")]
    DocIds,
    /// `doc_ids`, more than the limit
    #[error("`doc_ids` has more than {0} ids.")]
    TooManyDocIds(usize),
    /// `filter=_selector` with GET
    #[error("Selector must be specified in POST payload")]
    SelectorMethod,
    /// `selector`, missing or no object
    #[error("Selector error: expected a JSON object")]
    SelectorType,
    /// `fields`, no array
    #[error("Selector error: fields must be JSON array")]
    FieldsType,
    /// `selector`
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// `fields`
    #[error(transparent)]
    Fields(#[from] FieldsError),
    /// The body
    #[error(transparent)]
    Body(#[from] BodyError),
}

impl ChangesError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Selector(error) => error.status(),
            _ => 400,
        }
    }

    /// The name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Selector(error) if error.status() != 400 => error.code(),
            _ => "bad_request",
        }
    }
}
