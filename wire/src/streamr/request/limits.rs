//! What one request may measure.

use tailwater_core::KEY_BYTES_MAX;

use crate::json;

/// The limits on one request. Those of the log hold besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Bytes of a whole WebSocket message. Content is escaped in it, so this is more than twice the content's limit.
    pub message_bytes_max: usize,
    /// Bytes of a stream's id.
    pub stream_bytes_max: usize,
    /// Bytes of a message's content without whitespace.
    pub content_bytes_max: usize,
    /// Bytes of a partition key.
    pub key_bytes_max: usize,
    /// Bytes of what is sent back to the client as it came: the `sub` of a resend, the `ack` of a publish.
    pub token_bytes_max: usize,
    /// Levels of nesting in a message's content. Never more than 128 are accepted.
    pub depth_max: usize,
}

impl Default for RequestLimits {
    /// Content up to 1024 KiB as the original takes it.
    fn default() -> Self {
        Self {
            message_bytes_max: (2 << 20) + (64 << 10),
            stream_bytes_max: 256,
            content_bytes_max: 1 << 20,
            key_bytes_max: KEY_BYTES_MAX,
            token_bytes_max: 256,
            depth_max: json::DEPTH_MAX,
        }
    }
}
