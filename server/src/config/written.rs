//! A value as an operator wrote it: typed in the file, text in an environment variable or a flag.
//!
//! Owns the reading of one value as a flag, a number, a text or a list, so that a setting is described once and can be
//! written in all three places. Tested through `tests.rs`.

use std::ops::RangeInclusive;

use toml::de::{DeInteger, DeValue};

use super::mistake::Wrong;
use super::units::Unit;

/// Longest piece of a value that is quoted back, in characters.
const QUOTE_CHARS_MAX: usize = 60;

/// One value.
#[derive(Clone, Copy)]
pub(super) enum Written<'a> {
    /// A typed value of the file.
    Toml(&'a DeValue<'a>),
    /// The text of an environment variable or a flag.
    Text(&'a str),
}

impl<'a> Written<'a> {
    /// What it is, for a sentence: `the number 5`.
    pub fn describe(self) -> String {
        match self {
            Self::Text(text) => quote(text),
            Self::Toml(DeValue::String(text)) => quote(text),
            Self::Toml(DeValue::Integer(number)) => format!("the number {number}"),
            Self::Toml(DeValue::Float(number)) => format!("the number {number}"),
            Self::Toml(DeValue::Boolean(flag)) => flag.to_string(),
            Self::Toml(DeValue::Datetime(_)) => "a date".to_owned(),
            Self::Toml(DeValue::Array(_)) => "a list".to_owned(),
            Self::Toml(DeValue::Table(_)) => "a table".to_owned(),
        }
    }

    /// The text, when it is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Toml(DeValue::String(text)) => Some(text),
            Self::Toml(_) => None,
        }
    }

    /// A text that is not empty.
    pub fn text(self) -> Result<&'a str, Wrong> {
        match self.as_text() {
            Some("") => Err(Wrong::new("is empty", "give a value, or leave the setting out")),
            Some(text) => Ok(text),
            None => Err(Wrong::new(format!("expected a text, found {}", self.describe()), "put it in quotes")),
        }
    }

    /// `true` or `false`; in the file without quotes.
    pub fn flag(self) -> Result<bool, Wrong> {
        match self {
            Self::Toml(DeValue::Boolean(flag)) => Ok(*flag),
            Self::Text("true") => Ok(true),
            Self::Text("false") => Ok(false),
            _ => {
                let what = format!("expected true or false, found {}", self.describe());
                Err(Wrong::new(what, "give true or false, without quotes"))
            }
        }
    }

    /// The items of a list; in the environment and on the command line they are separated by commas.
    pub fn items(self) -> Result<Vec<Written<'a>>, Wrong> {
        match self {
            Self::Toml(DeValue::Array(items)) => Ok(items.iter().map(|item| Self::Toml(item.get_ref())).collect()),
            Self::Text(text) => Ok(text.split(',').map(|item| Self::Text(item.trim())).collect()),
            Self::Toml(_) => {
                let what = format!("expected a list, found {}", self.describe());
                Err(Wrong::new(what, "put it in brackets, such as [\"native\"]"))
            }
        }
    }

    /// A number of `unit` within `range`.
    pub fn number(self, unit: Unit, range: &RangeInclusive<u64>) -> Result<u64, Wrong> {
        let number = match self {
            Self::Text(text) => unit.parse(text)?,
            // A count in quotes is a slip in the file; in the environment there is nothing but text.
            Self::Toml(DeValue::String(text)) if unit != Unit::Count => unit.parse(text)?,
            Self::Toml(DeValue::Integer(number)) if unit != Unit::Duration => {
                whole(number).ok_or_else(|| unit.out_of_range(&number.to_string(), range))?
            }
            _ => return Err(unit.not_one(&self.describe(), self.as_text().unwrap_or_default())),
        };
        unit.check(number, range)
    }
}

/// The number, unless it is negative or does not fit.
fn whole(number: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// `the text "..."`, cut when it is long.
fn quote(text: &str) -> String {
    let shown: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    let dots = if shown.len() < text.len() { "..." } else { "" };
    format!("the text {shown:?}{dots}")
}
