//! One pass over a JSON text: the tokens, and the whole grammar of a value without recursion.
//!
//! [`Scanner::value`] keeps one bit per level of nesting, so that depth costs no stack. What it hands out is
//! the value without whitespace outside strings, in runs as long as possible: compact text is one copy.

use super::error::{JsonError, JsonErrorKind};
use super::plain::plain_len;
use super::{DEPTH_MAX, unescape};

/// A reader of JSON tokens.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    pos: usize,
}

/// The inside of a string token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawString<'a> {
    /// Between the quotes, as written.
    pub(crate) raw: &'a str,
    escaped: bool,
}

impl<'a> RawString<'a> {
    /// The string it stands for.
    pub(crate) fn decode(&self) -> std::borrow::Cow<'a, str> {
        if self.escaped { unescape::unescape(self.raw).into() } else { self.raw.into() }
    }
}

/// What the grammar allows next.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    /// A comma or the end of the container.
    Next,
    Nothing,
}

/// The open containers: one bit each, 1 for an object.
#[derive(Default)]
struct Levels {
    bits: u128,
    depth: usize,
}

impl Levels {
    fn push(&mut self, object: bool) {
        self.bits = self.bits << 1 | u128::from(object);
        self.depth += 1;
    }

    fn pop(&mut self) -> Expect {
        self.bits >>= 1;
        self.depth -= 1;
        self.after_value()
    }

    fn in_object(&self) -> bool {
        self.bits & 1 == 1
    }

    fn after_value(&self) -> Expect {
        if self.depth == 0 { Expect::Nothing } else { Expect::Next }
    }
}

impl<'a> Scanner<'a> {
    /// A reader at the start of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, pos: 0 }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    /// The error `kind` at the current position.
    pub(crate) fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { offset: self.pos, kind }
    }

    /// The error that fits whatever stands at the current position.
    pub(crate) fn unexpected(&self) -> JsonError {
        self.error(self.peek().map_or(JsonErrorKind::End, JsonErrorKind::Unexpected))
    }

    pub(crate) fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.pos += 1;
        }
    }

    /// Takes `byte` behind optional whitespace, if it is there.
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        self.skip_whitespace();
        let there = self.peek() == Some(byte);
        self.pos += usize::from(there);
        there
    }

    /// Takes `byte` behind optional whitespace.
    pub(crate) fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Nothing but whitespace may be left.
    pub(crate) fn expect_end(&mut self) -> Result<(), JsonError> {
        self.skip_whitespace();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error(JsonErrorKind::Trailing)),
        }
    }

    /// Takes a string.
    pub(crate) fn string(&mut self) -> Result<RawString<'a>, JsonError> {
        self.expect(b'"')?;
        let start = self.pos;
        let mut escaped = false;
        loop {
            self.pos += plain_len(&self.text.as_bytes()[self.pos..]);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.error(JsonErrorKind::Control)),
                None => return Err(self.error(JsonErrorKind::End)),
            }
            escaped = true;
        }
        self.pos += 1;
        Ok(RawString { raw: &self.text[start..self.pos - 1], escaped })
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.pos + 1..];
        self.pos += match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => unescape::unicode_len(rest).map_err(|kind| self.error(kind))?,
            Some(_) => return Err(self.error(JsonErrorKind::Escape)),
            None => return Err(self.error(JsonErrorKind::End)),
        };
        Ok(())
    }

    /// Takes a number and returns it as written.
    pub(crate) fn number(&mut self) -> Result<&'a str, JsonError> {
        self.skip_whitespace();
        let start = self.pos;
        self.pos += usize::from(self.peek() == Some(b'-'));
        match self.digits() {
            0 => return Err(self.malformed_number()),
            1 => {}
            _ if self.text[start..].trim_start_matches('-').starts_with('0') => {
                self.pos = start;
                return Err(self.error(JsonErrorKind::Number));
            }
            _ => {}
        }
        self.fraction()?;
        let exponent = self.exponent()?;
        let number = &self.text[start..self.pos];
        // Only an exponent or very many digits can exceed what a float holds.
        if (exponent || number.len() > 300) && !number.parse().is_ok_and(f64::is_finite) {
            self.pos = start;
            return Err(self.error(JsonErrorKind::NumberRange));
        }
        Ok(number)
    }

    fn fraction(&mut self) -> Result<(), JsonError> {
        if self.peek() != Some(b'.') {
            return Ok(());
        }
        self.pos += 1;
        if self.digits() == 0 { Err(self.malformed_number()) } else { Ok(()) }
    }

    fn exponent(&mut self) -> Result<bool, JsonError> {
        if !matches!(self.peek(), Some(b'e' | b'E')) {
            return Ok(false);
        }
        self.pos += 1;
        self.pos += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
        if self.digits() == 0 { Err(self.malformed_number()) } else { Ok(true) }
    }

    fn malformed_number(&self) -> JsonError {
        self.error(if self.peek().is_none() { JsonErrorKind::End } else { JsonErrorKind::Number })
    }

    fn digits(&mut self) -> usize {
        let start = self.pos;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.pos += 1;
        }
        self.pos - start
    }

    fn literal(&mut self, word: &str) -> Result<(), JsonError> {
        let rest = &self.text.as_bytes()[self.pos..];
        let same = rest.iter().zip(word.as_bytes()).take_while(|(a, b)| a == b).count();
        self.pos += same;
        if same == word.len() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes one value and hands it to `keep` piece by piece, without the whitespace outside its strings.
    pub(crate) fn value(&mut self, depth_max: usize, mut keep: impl FnMut(&[u8])) -> Result<(), JsonError> {
        let depth_max = depth_max.min(DEPTH_MAX);
        let mut levels = Levels::default();
        let mut expect = Expect::Value;
        self.skip_whitespace();
        let mut run = self.pos;
        loop {
            expect = self.step(expect, &mut levels, depth_max)?;
            if expect == Expect::Nothing {
                keep(&self.text.as_bytes()[run..self.pos]);
                return Ok(());
            }
            if let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
                keep(&self.text.as_bytes()[run..self.pos]);
                self.skip_whitespace();
                run = self.pos;
            }
        }
    }

    /// Takes one token and says what may follow.
    fn step(&mut self, expect: Expect, levels: &mut Levels, depth_max: usize) -> Result<Expect, JsonError> {
        let Some(byte) = self.peek() else { return Err(self.error(JsonErrorKind::End)) };
        match (expect, byte) {
            (Expect::ValueOrEnd, b']') | (Expect::KeyOrEnd, b'}') => Ok(self.close(levels)),
            (Expect::Value | Expect::ValueOrEnd, _) => self.begin_value(byte, levels, depth_max),
            (Expect::Key | Expect::KeyOrEnd, b'"') => self.string().map(|_| Expect::Colon),
            (Expect::Colon, b':') => {
                self.pos += 1;
                Ok(Expect::Value)
            }
            (Expect::Next, b',') => {
                self.pos += 1;
                Ok(if levels.in_object() { Expect::Key } else { Expect::Value })
            }
            (Expect::Next, b'}') if levels.in_object() => Ok(self.close(levels)),
            (Expect::Next, b']') if !levels.in_object() => Ok(self.close(levels)),
            _ => Err(self.unexpected()),
        }
    }

    fn close(&mut self, levels: &mut Levels) -> Expect {
        self.pos += 1;
        levels.pop()
    }

    fn begin_value(&mut self, byte: u8, levels: &mut Levels, depth_max: usize) -> Result<Expect, JsonError> {
        match byte {
            b'{' | b'[' => {
                if levels.depth == depth_max {
                    return Err(self.error(JsonErrorKind::Depth(depth_max)));
                }
                self.pos += 1;
                levels.push(byte == b'{');
                return Ok(if byte == b'{' { Expect::KeyOrEnd } else { Expect::ValueOrEnd });
            }
            b'"' => self.string().map(drop)?,
            b'-' | b'0'..=b'9' => self.number().map(drop)?,
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            _ => return Err(self.unexpected()),
        }
        Ok(levels.after_value())
    }
}
