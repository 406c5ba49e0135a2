//! Requests of the native API: publish bodies and the parameters of a read.

mod error;
mod frames;
mod limits;
mod ndjson;
mod read;

pub use error::{FrameProblem, LineProblem, PublishError};
pub use frames::{parse_frames, push_frame};
pub use limits::{OverLimit, PublishLimits};
pub use ndjson::parse_ndjson;
pub use read::{Format, LIMIT_DEFAULT, LIMIT_MAX, ReadRequest, ReadStart, RequestError, parse_read};

/// The content type of [`parse_ndjson`].
pub const NDJSON: &str = "application/x-ndjson";
/// The content type of [`parse_frames`].
pub const FRAMES: &str = "application/vnd.tailwater.frames";

/// Whether text can stand in a line of a stream: kinds become SSE event names.
fn has_control(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_control())
}
