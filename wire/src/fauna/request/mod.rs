//! What requests ask for.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `body` | bodies as JSON, and what their members may be |
//! | `follow` | the bodies of `/stream/1` and `/feed/1` |
//! | `query` | the body of `/query/1` |
//! | `headers` | the headers of `/query/1` and `/feed/1` |
//!
//! No content type is asked for: one driver sends none.

mod body;
mod follow;
mod headers;
mod query;

pub use follow::{FeedRequest, StreamRequest, Verifier, parse_feed, parse_stream};
pub use headers::{QUERY_TIMEOUT_MS_DEFAULT, QUERY_TIMEOUT_MS_MAX, QueryHeaders};
pub use query::{QueryRequest, parse_query};

/// The largest body that any of the endpoints takes.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// How many events a page has, if the request does not say.
pub const PAGE_SIZE_DEFAULT: usize = 16;

/// The most events that a page can have.
pub const PAGE_SIZE_MAX: usize = 16_000;

/// The paths of the three endpoints, all of them for `POST`.
pub mod path {
    /// Streams of events.
    pub const STREAM: &str = "/stream/1";
    /// Pages of events.
    pub const FEED: &str = "/feed/1";
    /// Queries.
    pub const QUERY: &str = "/query/1";
}
