//! Why a publish body is refused, and where the mistake is.

use tailwater_core::{DraftError, SEQ_MAX};

use super::limits::OverLimit;
use crate::atproto::frame::FrameError;
use crate::json::JsonError;

/// Why a publish body is refused. Nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no event in it.
    #[error("the body holds no event")]
    Empty,
    /// A line of NDJSON is wrong.
    #[error("line {line}: {problem}")]
    Line {
        /// The line, from 1; blank lines count.
        line: usize,
        /// What is wrong with it.
        problem: LineProblem,
    },
    /// A frame is wrong.
    #[error("frame {index} (at byte {offset} of the body): {problem}")]
    Frame {
        /// The frame, from 0.
        index: usize,
        /// Where its length prefix starts in the body.
        offset: usize,
        /// What is wrong with it.
        problem: FrameProblem,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineProblem {
    /// Not UTF-8.
    #[error("not valid UTF-8")]
    Utf8,
    /// Not JSON; the offset counts from the start of the line.
    #[error("not valid JSON: {0}")]
    Json(#[from] JsonError),
    /// JSON, but no object.
    #[error("an event is a JSON object {{\"kind\",\"key\",\"time\"?,\"body\"}}")]
    NotAnObject,
    /// An unknown key.
    #[error("unknown key {0:?}; an event has \"kind\", \"key\", \"time\" and \"body\"")]
    UnknownKey(String),
    /// A key for the second time.
    #[error("{0:?} is given twice")]
    Duplicate(&'static str),
    /// A key that must be there.
    #[error("{0:?} is missing")]
    Missing(&'static str),
    /// A value of the wrong type.
    #[error("{0:?} is not {1}")]
    Type(&'static str, &'static str),
    /// An empty kind, or one with control characters.
    #[error("\"kind\" is empty or has control characters")]
    Kind,
    /// Over a limit of this publisher.
    #[error(transparent)]
    Limit(#[from] OverLimit),
    /// Over a limit of the log.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

/// What is wrong with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameProblem {
    /// The body ends inside the frame or its length prefix.
    #[error("the body ends {missing} bytes too early")]
    Truncated {
        /// How many bytes are missing.
        missing: usize,
    },
    /// Not a frame; offsets count from the start of the frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// An error frame, or one with an unknown `op`.
    #[error("\"op\" of the header is {0}; only regular messages (1) are events")]
    Op(i64),
    /// No `t`, or one that is no kind.
    #[error("\"t\" of the header is missing, empty or has control characters")]
    Type,
    /// No usable `seq`, but seqs are to be kept.
    #[error("the payload has no \"seq\" from 1 to {SEQ_MAX}, but seqs are to be preserved")]
    NoSeq,
    /// A `seq` that does not increase.
    #[error("seq {seq} does not follow seq {last}")]
    SeqOrder {
        /// The seq of the frame before.
        last: u64,
        /// The seq of this frame.
        seq: u64,
    },
    /// Over a limit of this publisher.
    #[error(transparent)]
    Limit(#[from] OverLimit),
    /// Over a limit of the log.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

impl PublishError {
    /// The status to answer with: 413 if a limit on size is exceeded, otherwise 400.
    pub fn status(&self) -> u16 {
        if self.is_too_large() { 413 } else { 400 }
    }

    /// A stable name for the error body.
    pub fn code(&self) -> &'static str {
        match self {
            _ if self.is_too_large() => "TooLarge",
            Self::Empty => "EmptyRequest",
            Self::Line { .. } => "InvalidLine",
            Self::Frame { .. } => "InvalidFrame",
        }
    }

    fn is_too_large(&self) -> bool {
        use {FrameProblem as Frame, LineProblem as Line};
        let draft = match self {
            Self::Frame { problem: Frame::Frame(FrameError::TooLarge { .. }), .. }
            | Self::Frame { problem: Frame::Limit(OverLimit::Event { .. }), .. }
            | Self::Line { problem: Line::Limit(OverLimit::Event { .. }), .. } => return true,
            Self::Frame { problem: Frame::Draft(error), .. } => error,
            Self::Line { problem: Line::Draft(error), .. } => error,
            _ => return false,
        };
        matches!(draft, DraftError::BodyTooLarge { .. } | DraftError::BatchFull)
    }
}
