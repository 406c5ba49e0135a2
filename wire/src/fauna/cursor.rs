//! Cursors, and what one means given what a feed holds, as pure functions.
//!
//! To clients a cursor is opaque. Inside it says which database it is of, and after which event to go on: the time
//! clients see (`txn_ts`) can be that of many events, the seq is not.

use data_encoding::BASE64URL_NOPAD;

use super::errors::ApiError;

/// The form of a cursor's bytes.
const VERSION: u8 = 1;
const UID_BYTES: usize = 8;
/// An integer of 64 bits takes at most this many bytes.
const VARINT_BYTES_MAX: usize = 10;

/// A position in a feed: everything up to `seq` has been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Whose seqs they are: the caller's number for the database or feed. Where a feed is deleted and made anew, another
    /// number makes the cursors of the old one foreign.
    pub uid: u64,
    /// The time of the last event seen, in microseconds since the Unix epoch.
    pub time_us: u64,
    /// The seq of the last event seen; 0 if none has been.
    pub seq: u64,
}

/// A text that is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid event cursor provided")]
pub struct InvalidCursor;

impl Cursor {
    /// The text clients see.
    pub fn to_text(&self) -> String {
        let mut text = Vec::new();
        self.write(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }

    /// Appends the text clients see, without quotes. It has no character that JSON would escape.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut bytes = [0; 1 + UID_BYTES + 2 * VARINT_BYTES_MAX];
        bytes[0] = VERSION;
        bytes[1..=UID_BYTES].copy_from_slice(&self.uid.to_be_bytes());
        let end = put_varint(self.time_us, &mut bytes, 1 + UID_BYTES);
        let end = put_varint(self.seq, &mut bytes, end);
        let start = out.len();
        out.resize(start + BASE64URL_NOPAD.encode_len(end), 0);
        BASE64URL_NOPAD.encode_mut(&bytes[..end], &mut out[start..]);
    }

    /// Reads what [`to_text`](Self::to_text) gives, and nothing else.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidCursor> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| InvalidCursor)?;
        let cursor = Self::from_bytes(&bytes).ok_or(InvalidCursor)?;
        if cursor.to_text() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (uid, rest) = bytes.strip_prefix(&[VERSION])?.split_first_chunk::<UID_BYTES>()?;
        let (time_us, rest) = read_varint(rest)?;
        let (seq, rest) = read_varint(rest)?;
        rest.is_empty().then_some(Self { uid: u64::from_be_bytes(*uid), time_us, seq })
    }
}

/// Writes `number` at `at`; returns where it ends.
fn put_varint(number: u64, bytes: &mut [u8], mut at: usize) -> usize {
    let mut left = number;
    while left >= 0x80 {
        bytes[at] = left as u8 | 0x80;
        left >>= 7;
        at += 1;
    }
    bytes[at] = left as u8;
    at + 1
}

fn read_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let len = 1 + bytes.iter().take(VARINT_BYTES_MAX).position(|byte| *byte < 0x80)?;
    let (own, rest) = bytes.split_at(len);
    let number = own.iter().rev().try_fold(0_u64, |number, byte| {
        let shifted = number.checked_mul(0x80)?;
        Some(shifted | u64::from(byte & 0x7f))
    })?;
    Some((number, rest))
}

/// Where a request wants to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Where its token begins.
    Token,
    /// Behind the event of a cursor.
    Cursor(Cursor),
    /// Behind a time, in microseconds since the Unix epoch.
    Time(u64),
}

/// Which endpoint asks: they differ in what a time excludes, and in whether one may begin before the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `/stream/1`
    Stream,
    /// `/feed/1`
    Feed,
}

/// What a feed holds at the moment of the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Whose seqs they are: see [`Cursor::uid`].
    pub uid: u64,
    /// The oldest event still held; `next_seq` if there is none.
    pub first_seq: u64,
    /// The next event will have at least this seq.
    pub next_seq: u64,
    /// Every event of this time or later is still held, in microseconds since the Unix epoch; 0 if none was ever dropped.
    pub complete_from_us: u64,
}

/// Where a request begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Behind this cursor.
    After(Cursor),
    /// With the first event that the search wants: the feed must be searched by time.
    Search(Search),
    /// Events from this time on, in microseconds since the Unix epoch, are gone: `status` and the error
    /// `invalid_stream_start_time`, then the end.
    TooOld(u64),
    /// Nowhere.
    Refuse(ApiError),
}

/// A search by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    /// Events after this time are wanted.
    pub after_us: u64,
    /// Events at this very time are wanted too, but for the first: a feed counts within a transaction.
    pub rest_of_transaction: bool,
}

impl Search {
    /// Whether the search ends at an event of this time, given the time of the event before it in the feed.
    pub fn wants(&self, time_us: u64, previous_time_us: Option<u64>) -> bool {
        let is_rest = time_us == self.after_us && previous_time_us == Some(time_us);
        time_us > self.after_us || (self.rest_of_transaction && is_rest)
    }

    /// Where the search has ended, if `last_seq` is the seq before the event it ended at, or of the feed's last event
    /// if there was none.
    pub fn found(&self, uid: u64, last_seq: u64) -> Cursor {
        Cursor { uid, time_us: self.after_us, seq: last_seq }
    }
}

/// Decides where a request begins. `token` is where its token begins.
pub fn decide(start: Start, token: Cursor, endpoint: Endpoint, window: Window) -> Decision {
    match start {
        Start::Token => after(token, window, endpoint),
        Start::Cursor(cursor) if endpoint == Endpoint::Stream && cursor.uid == token.uid && cursor.seq < token.seq => {
            Decision::Refuse(ApiError::before_token())
        }
        Start::Cursor(cursor) => after(cursor, window, endpoint),
        Start::Time(time_us) if endpoint == Endpoint::Stream && time_us < token.time_us => {
            Decision::Refuse(ApiError::before_token())
        }
        Start::Time(time_us) if time_us < window.complete_from_us => Decision::TooOld(time_us),
        Start::Time(after_us) => Decision::Search(Search { after_us, rest_of_transaction: endpoint == Endpoint::Feed }),
    }
}

fn after(cursor: Cursor, window: Window, endpoint: Endpoint) -> Decision {
    if cursor.uid != window.uid || cursor.seq >= window.next_seq {
        return Decision::Refuse(ApiError::invalid_cursor(endpoint));
    }
    if cursor.seq + 1 < window.first_seq { Decision::TooOld(cursor.time_us) } else { Decision::After(cursor) }
}

#[cfg(test)]
#[path = "cursor_tests.rs"]
mod tests;
