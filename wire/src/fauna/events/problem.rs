//! How a stream ends with an error, in the words of the original.

use std::borrow::Cow;

use crate::fauna::fql::{Detail, FqlError};
use crate::fauna::value::{Moment, Value};

/// Why a stream ends. A server that only goes down says nothing of the kind: it ends the response, and drivers come
/// back.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamProblem {
    /// Too much to replay.
    ReplayVolumeExceeded,
    /// The client is too slow.
    Overflow,
    /// What was asked for is no longer held.
    InvalidStartTime {
        /// From when on it was asked for, in microseconds since the Unix epoch.
        start_us: u64,
    },
    /// The secret is no longer valid.
    PermissionLoss,
    /// Something is broken.
    Internal(String),
    /// A function of the source failed.
    Function(FqlError),
}

impl StreamProblem {
    /// The code programs compare.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ReplayVolumeExceeded => "stream_replay_volume_exceeded",
            Self::Overflow => "stream_overflow",
            Self::InvalidStartTime { .. } => "invalid_stream_start_time",
            Self::PermissionLoss => "permission_loss",
            Self::Internal(_) => "internal_error",
            Self::Function(error) => error.code,
        }
    }

    /// What is wrong.
    pub fn message(&self) -> Cow<'_, str> {
        match self {
            Self::ReplayVolumeExceeded => "Too many events to replay. Recreate the stream and try again.".into(),
            Self::Overflow => "Too many events to process.".into(),
            Self::InvalidStartTime { start_us } => {
                let start = Moment::from_us(*start_us);
                format!("Stream start time {start} is too far in the past. Recreate the stream and try again.").into()
            }
            Self::PermissionLoss => "Stream authentication is no longer valid.".into(),
            Self::Internal(message) => message.into(),
            Self::Function(error) => error.failure_message().into(),
        }
    }

    /// The value given to `abort`.
    pub fn abort(&self) -> Option<&Value> {
        match self {
            Self::Function(FqlError { detail: Detail::Abort(value), .. }) => Some(value),
            _ => None,
        }
    }
}
