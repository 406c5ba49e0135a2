//! What one event of a publish body may measure.

use tailwater_core::KEY_BYTES_MAX;

use crate::{atproto::frame::FRAME_BYTES_MAX, json};

/// The limits on one event. Those of the log hold besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishLimits {
    /// Bytes of a line's body without whitespace, or of a whole frame.
    pub event_bytes_max: usize,
    /// Bytes of a key.
    pub key_bytes_max: usize,
    /// Levels of nesting in a line's body, or in either object of a frame. Never more than 128 are accepted.
    pub depth_max: usize,
}

impl Default for PublishLimits {
    /// As much as the log and the formats allow.
    fn default() -> Self {
        Self { event_bytes_max: FRAME_BYTES_MAX, key_bytes_max: KEY_BYTES_MAX, depth_max: json::DEPTH_MAX }
    }
}

/// A limit that an event exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    /// [`PublishLimits::event_bytes_max`].
    #[error("the event has {bytes} bytes; at most {bytes_max} are allowed")]
    Event {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// [`PublishLimits::key_bytes_max`].
    #[error("the key has {bytes} bytes; at most {bytes_max} are allowed")]
    Key {
        /// Its length.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// [`PublishLimits::depth_max`], in a frame.
    #[error("nested deeper than {depth_max} levels")]
    Depth {
        /// The limit.
        depth_max: usize,
    },
}

impl PublishLimits {
    pub(super) fn check_event(&self, bytes: usize) -> Result<(), OverLimit> {
        let bytes_max = self.event_bytes_max;
        if bytes > bytes_max { Err(OverLimit::Event { bytes, bytes_max }) } else { Ok(()) }
    }

    pub(super) fn check_key(&self, key: &str) -> Result<(), OverLimit> {
        let (bytes, bytes_max) = (key.len(), self.key_bytes_max);
        if bytes > bytes_max { Err(OverLimit::Key { bytes, bytes_max }) } else { Ok(()) }
    }
}
