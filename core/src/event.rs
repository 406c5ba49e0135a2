//! What an event is: the unit every other module stores, reads and encodes.
//!
//! Owns the event's shape and its limits; never touches bytes on disk. The limits are enforced by [`crate::Batch::push`],
//! whose tests cover them.

/// The largest sequence number: 2^53 - 1, the largest integer that JSON clients read without loss.
pub const SEQ_MAX: u64 = (1 << 53) - 1;

/// The longest event kind, in bytes.
pub const KIND_BYTES_MAX: usize = 64;

/// The longest event key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;

/// The largest event body, in bytes.
pub const BODY_BYTES_MAX: usize = 5_000_000;

/// How the bytes of [`Event::body`] are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyFormat {
    /// One JSON value, UTF-8.
    Json,
    /// One DAG-CBOR value.
    DagCbor,
    /// An AT Protocol event stream frame exactly as captured: the DAG-CBOR header object, then the payload object.
    AtprotoFrame,
}

impl BodyFormat {
    /// Every format, in the order of its code on disk.
    pub const ALL: [BodyFormat; 3] = [BodyFormat::Json, BodyFormat::DagCbor, BodyFormat::AtprotoFrame];

    /// The format's code on disk: 0, 1 or 2.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The format with this code on disk.
    pub fn from_code(code: u8) -> Option<BodyFormat> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// A committed event, borrowed from the mapped log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Position in the feed: `1..=SEQ_MAX`, strictly increasing, gaps allowed, never reused.
    pub seq: u64,
    /// Time of the event in microseconds since the Unix epoch, as its publisher gave it.
    pub time_us: u64,
    /// `put`, `delete` or the dialect's own type; at most [`KIND_BYTES_MAX`] bytes.
    pub kind: &'a str,
    /// What the event is about; at most [`KEY_BYTES_MAX`] bytes, may be empty.
    pub key: &'a str,
    /// How to read the body.
    pub format: BodyFormat,
    /// The body; at most [`BODY_BYTES_MAX`] bytes, may be empty.
    pub body: &'a [u8],
}

/// An event on its way in: like [`Event`], but its seq may still be the feed's to assign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft<'a> {
    /// The seq to keep under [`crate::SeqMode::Preserve`]; ignored under [`crate::SeqMode::Assign`].
    pub seq: Option<u64>,
    /// Microseconds since the Unix epoch.
    pub time_us: u64,
    /// See [`Event::kind`].
    pub kind: &'a str,
    /// See [`Event::key`].
    pub key: &'a str,
    /// See [`Event::format`].
    pub format: BodyFormat,
    /// See [`Event::body`].
    pub body: &'a [u8],
}
