//! Tokens of DAG-CBOR: everything about strictness that can be seen without looking at neighbours.
//!
//! The order of keys is checked by [`super::skip`] and [`super::MapReader`], depth by whoever recurses.

use super::cid;
use super::error::{CborError, CborErrorKind as Kind};

/// The shortest text that is worth a vectorised check.
const SIMD_TEXT_BYTES_MIN: usize = 64;

/// A scalar, or the start of a container.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'a> {
    Null,
    Bool(bool),
    /// From -2^64 to 2^64-1.
    Int(i128),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// The binary CID, without the leading 0.
    Link(&'a [u8]),
    /// The number of elements that follow.
    List(u64),
    /// The number of pairs that follow.
    Map(u64),
}

/// Reads tokens off a slice.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    pos: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8], pos: usize) -> Self {
        Self { bytes, pos }
    }

    pub(crate) fn pos(&self) -> usize {
        self.pos
    }

    /// The bytes from `start` to the current position.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        &self.bytes[start..self.pos]
    }

    fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.pos)
    }

    pub(crate) fn token(&mut self) -> Result<Token<'a>, CborError> {
        let start = self.pos;
        let fail = |kind| CborError { offset: start, kind };
        let (major, argument) = self.head()?;
        match major {
            0 => Ok(Token::Int(argument.into())),
            1 => Ok(Token::Int(-1 - i128::from(argument))),
            2 => self.take(argument).map(Token::Bytes),
            3 => self.text(argument, start).map(Token::Text),
            4 if argument <= self.left() as u64 => Ok(Token::List(argument)),
            5 if argument <= self.left() as u64 / 2 => Ok(Token::Map(argument)),
            4 | 5 => Err(fail(Kind::End)),
            6 if argument == 42 => self.link().ok_or(fail(Kind::Link)).map(Token::Link),
            6 => Err(fail(Kind::Tag(argument))),
            _ => self.simple(start, argument).map_err(fail),
        }
    }

    /// Takes a map key.
    pub(crate) fn key(&mut self) -> Result<&'a str, CborError> {
        let start = self.pos;
        match self.head()? {
            (3, len) => self.text(len, start),
            _ => Err(CborError { offset: start, kind: Kind::KeyType }),
        }
    }

    /// Major type and argument, in their only allowed form. Of major type 7 the argument is not judged.
    fn head(&mut self) -> Result<(u8, u64), CborError> {
        let start = self.pos;
        let fail = |kind| CborError { offset: start, kind };
        let &[initial] = self.array::<1>()?;
        let major = initial >> 5;
        let (argument, least) = match initial & 31 {
            short @ 0..=23 => return Ok((major, short.into())),
            24 => (u8::from_be_bytes(*self.array()?).into(), 24),
            25 => (u16::from_be_bytes(*self.array()?).into(), 1 << 8),
            26 => (u32::from_be_bytes(*self.array()?).into(), 1 << 16),
            27 => (u64::from_be_bytes(*self.array()?), 1 << 32),
            31 => return Err(fail(Kind::Indefinite)),
            _ => return Err(fail(Kind::Reserved)),
        };
        if argument < least && major != 7 {
            return Err(fail(Kind::NotMinimal));
        }
        Ok((major, argument))
    }

    /// What the initial byte at `start` says, for major type 7.
    fn simple(&self, start: usize, argument: u64) -> Result<Token<'a>, Kind> {
        match self.bytes[start] {
            0xf4 => Ok(Token::Bool(false)),
            0xf5 => Ok(Token::Bool(true)),
            0xf6 => Ok(Token::Null),
            0xf9 | 0xfa => Err(Kind::FloatWidth),
            0xfb => match f64::from_bits(argument) {
                float if float.is_finite() => Ok(Token::Float(float)),
                _ => Err(Kind::NotFinite),
            },
            _ => Err(Kind::Simple),
        }
    }

    /// The CID behind tag 42.
    fn link(&mut self) -> Option<&'a [u8]> {
        let (2, len) = self.head().ok()? else { return None };
        let cid = self.take(len).ok()?.strip_prefix(&[0])?;
        cid::is_valid(cid).then_some(cid)
    }

    fn text(&mut self, len: u64, start: usize) -> Result<&'a str, CborError> {
        let bytes = self.take(len)?;
        let text = if bytes.len() < SIMD_TEXT_BYTES_MIN {
            std::str::from_utf8(bytes).ok()
        } else {
            simdutf8::basic::from_utf8(bytes).ok()
        };
        text.ok_or(CborError { offset: start, kind: Kind::Utf8 })
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], CborError> {
        let len = usize::try_from(len).ok().filter(|len| *len <= self.left()).ok_or_else(|| self.end())?;
        self.pos += len;
        Ok(&self.bytes[self.pos - len..self.pos])
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], CborError> {
        let array = self.bytes.get(self.pos..).and_then(<[u8]>::first_chunk).ok_or_else(|| self.end())?;
        self.pos += N;
        Ok(array)
    }

    fn end(&self) -> CborError {
        CborError { offset: self.bytes.len(), kind: Kind::End }
    }
}
