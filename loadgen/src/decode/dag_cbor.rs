//! A strict DAG-CBOR reader that walks a whole message and keeps the few fields that are checked.
//!
//! Strict: shortest integers, definite lengths, text that is UTF-8, map keys that are text in canonical order (length, then
//! bytes) without repetition, tag 42 only and only around a CID's bytes, 64-bit finite floats, bounded nesting. It never
//! builds a value tree. A message is either two objects (AT Protocol header and payload) or one (native event).

use crate::decode::{
    DecodeError, Message,
    message::{Field, Fields, Scalar},
};

/// Deepest nesting of arrays and maps that is followed.
const DEPTH_MAX: usize = 64;

/// The major types of RFC 8949, section 3.1, as far as they occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    Uint(u64),
    Negative(u64),
    Bytes(usize),
    Text(usize),
    Array(usize),
    Map(usize),
    Tag(u64),
    Simple,
}

/// Reads one message.
pub fn message(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    let mut walk = Walk { bytes, at: 0 };
    let mut fields = Fields::default();
    walk.object(&mut fields)?;
    if fields.has_op() {
        walk.object(&mut fields)?;
    }
    if walk.at != bytes.len() {
        return Err(walk.refuse("bytes are left over after the message"));
    }
    fields.into_message()
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    /// A map whose interesting fields are collected.
    fn object(&mut self, fields: &mut Fields<'a>) -> Result<(), DecodeError> {
        let Head::Map(pairs) = self.head()? else {
            return Err(self.refuse("expected a map"));
        };
        self.entries(pairs, |walk, key| {
            if key == "body" {
                return walk.body(fields);
            }
            match Field::from_name(key) {
                Some(field) => fields.take(field, walk.scalar(1)?),
                None => walk.value(1)?,
            }
            Ok(())
        })
    }

    /// An event's body: any value; the `t` of a map is collected.
    fn body(&mut self, fields: &mut Fields<'a>) -> Result<(), DecodeError> {
        let start = self.at;
        let Head::Map(pairs) = self.head()? else {
            self.at = start;
            return self.value(1);
        };
        self.entries(pairs, |walk, key| {
            if key == "t" {
                fields.take_body_t(&walk.scalar(2)?);
                return Ok(());
            }
            walk.value(2)
        })
    }

    /// The pairs of a map: checks each key, leaves its value to `each`.
    fn entries(
        &mut self,
        pairs: usize,
        mut each: impl FnMut(&mut Self, &'a str) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut last: Option<&str> = None;
        for _ in 0..pairs {
            let Head::Text(len) = self.head()? else {
                return Err(self.refuse("a map key is not text"));
            };
            let key = self.text(len)?;
            if last.is_some_and(|last| (last.len(), last) >= (key.len(), key)) {
                return Err(self.refuse("map keys are not in canonical order"));
            }
            last = Some(key);
            each(self, key)?;
        }
        Ok(())
    }

    fn scalar(&mut self, depth: usize) -> Result<Scalar<'a>, DecodeError> {
        let start = self.at;
        Ok(match self.head()? {
            Head::Uint(value) => Scalar::Uint(value),
            Head::Negative(value) => Scalar::Negative(i64::try_from(value).map_or(i64::MIN, |value| -1 - value)),
            Head::Text(len) => Scalar::Text(self.text(len)?.into()),
            _ => {
                self.at = start;
                self.value(depth)?;
                Scalar::Other
            }
        })
    }

    /// Any value, checked and skipped.
    fn value(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > DEPTH_MAX {
            return Err(self.refuse("nesting is too deep"));
        }
        match self.head()? {
            Head::Uint(_) | Head::Negative(_) | Head::Simple => Ok(()),
            Head::Bytes(len) => self.raw(len).map(drop),
            Head::Text(len) => self.text(len).map(drop),
            Head::Array(items) => (0..items).try_for_each(|_| self.value(depth + 1)),
            Head::Map(pairs) => self.entries(pairs, |walk, _| walk.value(depth + 1)),
            Head::Tag(42) => self.cid(),
            Head::Tag(_) => Err(self.refuse("a tag other than 42")),
        }
    }

    fn cid(&mut self) -> Result<(), DecodeError> {
        let Head::Bytes(len) = self.head()? else {
            return Err(self.refuse("tag 42 is not around a byte string"));
        };
        let cid = self.raw(len)?;
        if cid.len() < 2 || cid[0] != 0 {
            return Err(self.refuse("a CID lacks its leading zero byte"));
        }
        Ok(())
    }

    /// Initial byte and argument (RFC 8949, section 3), in their shortest form only.
    fn head(&mut self) -> Result<Head, DecodeError> {
        let initial = self.raw(1)?[0];
        let (major, info) = (initial >> 5, initial & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let (argument, least) = match info {
            0..=23 => (info.into(), 0),
            24 => (self.raw(1)?[0].into(), 24),
            25 => (self.big_endian(2)?, 1 << 8),
            26 => (self.big_endian(4)?, 1 << 16),
            27 => (self.big_endian(8)?, 1 << 32),
            31 => return Err(self.refuse("an indefinite length")),
            _ => return Err(self.refuse("a reserved length")),
        };
        if argument < least {
            return Err(self.refuse("an integer or length that is not in its shortest form"));
        }
        let len = usize::try_from(argument).unwrap_or(usize::MAX);
        Ok(match major {
            0 => Head::Uint(argument),
            1 => Head::Negative(argument),
            2 => Head::Bytes(len),
            3 => Head::Text(len),
            4 => Head::Array(len),
            5 => Head::Map(len),
            _ => Head::Tag(argument),
        })
    }

    fn simple(&mut self, info: u8) -> Result<Head, DecodeError> {
        match info {
            20..=22 => Ok(Head::Simple),
            27 if f64::from_bits(self.big_endian(8)?).is_finite() => Ok(Head::Simple),
            27 => Err(self.refuse("a float that is not finite")),
            _ => Err(self.refuse("a simple value or float size that DAG-CBOR does not have")),
        }
    }

    fn big_endian(&mut self, len: usize) -> Result<u64, DecodeError> {
        let bytes = self.raw(len)?;
        Ok(bytes.iter().fold(0, |value, b| value << 8 | u64::from(*b)))
    }

    fn text(&mut self, len: usize) -> Result<&'a str, DecodeError> {
        let bytes = self.raw(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.refuse("text is not UTF-8"))
    }

    fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..len).ok_or_else(|| self.refuse("the message ends in the middle"))?;
        self.at += len;
        Ok(taken)
    }

    fn refuse(&self, reason: &str) -> DecodeError {
        DecodeError::new("DAG-CBOR", format!("before byte {}: {reason}", self.at))
    }
}
