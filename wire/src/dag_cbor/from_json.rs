//! JSON to DAG-CBOR, by way of simd-json's tape.
//!
//! `{"$link": "<cid>"}` becomes a link, `{"$bytes": "<base64>"}` (padded or not) becomes bytes. Numbers written as
//! integers become integers, all others floats, so `1.0` stays a float.
//!
//! Every JSON event of an AT Protocol stream comes through here, on few threads: each keeps the room that parsing takes.

use std::cell::RefCell;

use data_encoding::BASE64_NOPAD;
use simd_json::{Buffers, INPUT_PADDING, Node, StaticNode, Tape};

use super::{DEPTH_MAX, cid, key_order, write};
use crate::json::{self, JsonError};

/// What to do where JSON can say something that DAG-CBOR cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// Refuse integers outside -2^63..2^64, duplicate keys, and malformed `$link` and `$bytes`.
    Exact,
    /// Make such integers floats, let the last of duplicate keys win, and take malformed `$link` and `$bytes` for
    /// ordinary objects: every text that [`json::compact`] accepts has a form then.
    Lossy,
}

/// Why JSON has no DAG-CBOR form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FromJsonError {
    /// The text is not valid JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The bytes are not UTF-8.
    #[error("the JSON is not UTF-8")]
    Utf8,
    /// An integer outside -2^63..2^64.
    #[error("integer outside -2^63..2^64")]
    IntRange,
    /// An object has this key twice.
    #[error("duplicate key {0:?}")]
    DuplicateKey(String),
    /// `$link` is not a CID.
    #[error("\"$link\" is not a CID: {0:?}")]
    Link(String),
    /// `$bytes` is not base64.
    #[error("\"$bytes\" is not base64")]
    Bytes,
}

/// Appends the DAG-CBOR form of one JSON value.
///
/// # Errors
/// See [`FromJsonError`]; `out` may have grown.
pub fn from_json(text: &[u8], numbers: Numbers, out: &mut Vec<u8>) -> Result<(), FromJsonError> {
    let written = with_tape(text, |tape| Writer { nodes: &tape.0, numbers }.value(0, out, 0).map(drop));
    if let Some(written) = written {
        return written;
    }
    let text = std::str::from_utf8(text).map_err(|_| FromJsonError::Utf8)?;
    json::check(text, DEPTH_MAX)?;
    // The text is fine, so what simd-json could not hold is an integer.
    match numbers {
        Numbers::Exact => Err(FromJsonError::IntRange),
        Numbers::Lossy => convert_widened(text, out),
    }
}

fn convert_widened(text: &str, out: &mut Vec<u8>) -> Result<(), FromJsonError> {
    let write = |tape: &Tape<'_>| Writer { nodes: &tape.0, numbers: Numbers::Lossy }.value(0, out, 0).map(drop);
    with_tape(&widen(text), write).unwrap_or(Err(FromJsonError::IntRange))
}

/// Parses `text` and gives its tape to `read`; `None` if simd-json does not take it.
fn with_tape<R>(text: &[u8], read: impl FnOnce(&Tape<'_>) -> R) -> Option<R> {
    thread_local! {
        static ROOM: RefCell<Room> = RefCell::default();
    }
    ROOM.with_borrow_mut(|room| {
        let result = room.parse(text, read);
        if text.len() > ROOM_TEXT_BYTES_MAX {
            *room = Room::default();
        }
        result
    })
}

/// What a longer text took is not kept.
const ROOM_TEXT_BYTES_MAX: usize = 64 << 10;

/// What parsing takes besides the text.
struct Room {
    /// The text and its padding; strings are unescaped in it.
    scratch: Vec<u8>,
    buffers: Buffers,
    /// Empty between two texts.
    tape: Tape<'static>,
}

impl Default for Room {
    fn default() -> Self {
        Self { scratch: Vec::new(), buffers: Buffers::default(), tape: Tape(Vec::new()) }
    }
}

impl Room {
    fn parse<R>(&mut self, text: &[u8], read: impl FnOnce(&Tape<'_>) -> R) -> Option<R> {
        self.scratch.clear();
        self.scratch.extend_from_slice(text);
        self.scratch.resize(text.len() + INPUT_PADDING, 0);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.scratch, text.len(), &mut self.buffers, &mut tape);
        let result = parsed.is_ok().then(|| read(&tape));
        self.tape = tape.reset();
        result
    }
}

/// The text with every integer that needs more than 64 bits turned into a float.
fn widen(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '-' | '0'..='9')) {
        let (before, token) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let len = if token.starts_with('"') { string_len(token) } else { number_len(token) };
        let (token, after) = token.split_at(len);
        out.extend_from_slice(token.as_bytes());
        if is_wide_integer(token) {
            out.extend_from_slice(b".0");
        }
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

fn string_len(token: &str) -> usize {
    let mut escaped = false;
    let end = token.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.map_or(token.len(), |inside| inside + 2)
}

fn number_len(token: &str) -> usize {
    let numeric = |b: u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
    token.bytes().position(|b| !numeric(b)).unwrap_or(token.len())
}

fn is_wide_integer(token: &str) -> bool {
    let digits = token.strip_prefix('-').unwrap_or(token);
    digits.bytes().all(|b| b.is_ascii_digit()) && token.parse::<i64>().is_err() && token.parse::<u64>().is_err()
}

struct Writer<'t, 'i> {
    nodes: &'t [Node<'i>],
    numbers: Numbers,
}

impl<'t> Writer<'t, '_> {
    /// Writes the value at node `at` and returns the node behind it.
    fn value(&self, at: usize, out: &mut Vec<u8>, depth: usize) -> Result<usize, FromJsonError> {
        match self.nodes[at] {
            Node::Object { .. } | Node::Array { .. } if depth == DEPTH_MAX => return Err(too_deep()),
            Node::Object { len, count } => {
                self.object(at + 1, len, out, depth + 1)?;
                return Ok(at + 1 + count);
            }
            Node::Array { len, .. } => {
                write::list(out, len as u64);
                return (0..len).try_fold(at + 1, |at, _| self.value(at, out, depth + 1));
            }
            Node::String(text) => write::text(out, text),
            Node::Static(scalar) => write_scalar(scalar, out),
        }
        Ok(at + 1)
    }

    fn object(&self, first: usize, len: usize, out: &mut Vec<u8>, depth: usize) -> Result<(), FromJsonError> {
        if len == 1 && self.special(first, out)? {
            return Ok(());
        }
        let mut entries = self.entries(first, len);
        entries.sort_by(|a, b| key_order(a.0, b.0));
        self.refuse_duplicates(&entries)?;
        // Sorting is stable: of equal keys the last one written is the last one here.
        let is_last = |at: usize| entries.get(at + 1).is_none_or(|next| next.0 != entries[at].0);
        let kept = (0..entries.len()).filter(|at| is_last(*at));
        write::map(out, kept.clone().count() as u64);
        for at in kept {
            write::text(out, entries[at].0);
            self.value(entries[at].1, out, depth)?;
        }
        Ok(())
    }

    /// Keys and the nodes of their values.
    fn entries(&self, first: usize, len: usize) -> Vec<(&'t str, usize)> {
        let mut at = first;
        let entry = |_| {
            let (key, value) = (at, at + 1);
            at = self.behind(value);
            (self.string(key).unwrap_or_default(), value)
        };
        (0..len).map(entry).collect()
    }

    fn string(&self, at: usize) -> Option<&'t str> {
        match self.nodes.get(at) {
            Some(Node::String(text)) => Some(text),
            _ => None,
        }
    }

    fn behind(&self, at: usize) -> usize {
        match self.nodes[at] {
            Node::Object { count, .. } | Node::Array { count, .. } => at + 1 + count,
            Node::String(_) | Node::Static(_) => at + 1,
        }
    }

    fn refuse_duplicates(&self, sorted: &[(&str, usize)]) -> Result<(), FromJsonError> {
        let duplicate = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0);
        match duplicate {
            Some(pair) if self.numbers == Numbers::Exact => Err(FromJsonError::DuplicateKey(pair[0].0.to_owned())),
            _ => Ok(()),
        }
    }

    /// Writes a link or bytes, if the object with this single entry stands for one.
    fn special(&self, first: usize, out: &mut Vec<u8>) -> Result<bool, FromJsonError> {
        let (Some(key @ ("$link" | "$bytes")), value) = (self.string(first), self.string(first + 1)) else {
            return Ok(false);
        };
        let text = value.unwrap_or_default();
        let written = if key == "$link" {
            cid::parse(text).map(|bytes| write::link(out, &bytes)).ok_or_else(|| FromJsonError::Link(text.to_owned()))
        } else {
            value.and_then(base64).map(|bytes| write::bytes(out, &bytes)).ok_or(FromJsonError::Bytes)
        };
        match written {
            Ok(()) => Ok(true),
            Err(_) if self.numbers == Numbers::Lossy => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn too_deep() -> FromJsonError {
    JsonError { offset: 0, kind: json::JsonErrorKind::Depth(DEPTH_MAX) }.into()
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let padding = text.len() - text.trim_end_matches('=').len();
    let padded = padding == 0 || (padding <= 2 && text.len().is_multiple_of(4));
    padded.then(|| BASE64_NOPAD.decode(&text.as_bytes()[..text.len() - padding]).ok()).flatten()
}

fn write_scalar(scalar: StaticNode, out: &mut Vec<u8>) {
    match scalar {
        StaticNode::I64(number) => write::int(out, number.into()),
        StaticNode::U64(number) => write::unsigned(out, number),
        StaticNode::F64(number) => write::float(out, number),
        StaticNode::Bool(value) => write::bool(out, value),
        StaticNode::Null => write::null(out),
    }
}
