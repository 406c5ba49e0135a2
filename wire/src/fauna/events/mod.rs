//! The events of a stream and a page: lines of JSON.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `stats` | what an event cost |
//! | `problem` | how a stream ends with an error |
//! | `write` | the lines themselves |
//!
//! ```text
//! {"type":"status","txn_ts":1710968002310000,"cursor":"...","stats":{...}}
//! {"type":"add","data":{"@doc":{...}},"txn_ts":...,"cursor":"...","stats":{...}}         update and remove likewise
//! {"type":"error","error":{"code":"...","message":"..."},"stats":{...}}
//! ```
//!
//! Keys, their order and that there are no others is the contract: one driver ends its stream silently at a key it does
//! not know. A line ends with CR LF and is never empty: two drivers fail at a blank line.

mod problem;
mod stats;
mod write;

pub use problem::StreamProblem;
pub use stats::Stats;
pub use write::{EventType, line, line_chunk, write_data, write_error, write_status};

/// What ends a line.
pub const LINE_END: &[u8] = b"\r\n";

/// The content type of a stream, and of every answer.
pub const CONTENT_TYPE: &str = "application/json;charset=utf-8";

/// The header that names a stream: any integer.
pub const STREAM_ID_HEADER: &str = "x-fauna-stream-id";

/// How many events of data a stream replays before it is refused with
/// [`StreamProblem::ReplayVolumeExceeded`]: the limit of the original.
pub const REPLAY_EVENTS_MAX: u64 = 128;

/// How often a stream shows a status, in milliseconds, if nothing else is configured: as the original does.
pub const STATUS_INTERVAL_MS: u64 = 5 * 60 * 1000;
