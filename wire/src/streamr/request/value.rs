//! The members of a request's JSON object, as far as anybody looks into them.
//!
//! `null` and a member that is left out are the same, as they are to the original. Of a member given twice the last
//! counts, as everywhere in JavaScript.

use std::borrow::Cow;

use super::number;
use crate::json::{self, DEPTH_MAX, JsonError, Scanner};

/// One member's value; `null` has none.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// A string, decoded.
    Text(Cow<'a, str>),
    /// A number, as written.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// An array or object, as compact JSON.
    Nested(String),
}

impl<'a> Value<'a> {
    /// Takes the next value.
    pub(super) fn take(scanner: &mut Scanner<'a>) -> Result<Option<Self>, JsonError> {
        scanner.skip_whitespace();
        Ok(match scanner.peek() {
            Some(b'"') => Some(Self::Text(scanner.string()?.decode())),
            Some(b'-' | b'0'..=b'9') => Some(Self::Number(scanner.number()?)),
            _ => Self::other(scanner)?,
        })
    }

    fn other(scanner: &mut Scanner<'a>) -> Result<Option<Self>, JsonError> {
        let mut compact = Vec::new();
        scanner.value(DEPTH_MAX, |run| compact.extend_from_slice(run))?;
        Ok(match &compact[..] {
            b"null" => None,
            b"true" => Some(Self::Bool(true)),
            b"false" => Some(Self::Bool(false)),
            _ => Some(Self::Nested(String::from_utf8_lossy(&compact).into_owned())),
        })
    }

    /// Whether JavaScript takes it for false: `""`, 0 and `false`.
    pub(super) fn is_falsy(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Number(text) => number::parse(text) == Some(0.0),
            Self::Bool(value) => !value,
            Self::Nested(_) => false,
        }
    }

    /// The number it is or spells.
    pub(super) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Text(text) => number::parse(text),
            Self::Number(text) => number::parse(text),
            Self::Bool(_) | Self::Nested(_) => None,
        }
    }

    /// What an error says about it: strings without quotes, everything else as JSON.
    pub(super) fn display(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Nested(json) => json,
        }
    }

    /// The same as [`Self::display`], owned.
    pub(super) fn into_text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => text,
            Self::Number(text) => text.into(),
            Self::Nested(json) => json.into(),
            Self::Bool(_) => self.display().to_owned().into(),
        }
    }

    /// The value as compact JSON.
    pub(super) fn into_json(self) -> String {
        match self {
            Self::Text(text) => {
                let mut out = Vec::with_capacity(text.len() + 2);
                json::write_str(&mut out, &text);
                String::from_utf8_lossy(&out).into_owned()
            }
            Self::Nested(json) => json,
            Self::Number(_) | Self::Bool(_) => self.display().to_owned(),
        }
    }
}
