//! A posted JSON text as a tree whose numbers are already in their canonical form.
//!
//! It owns the limits on depth and on the number of values. A name given twice counts with its last value, as in every
//! parser the protocol's servers were built on; what is stored is written from the tree, and has each name once. Which
//! values belong where is `schema`'s business. Tests lie at the end of this file and in `tests.rs`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::error::TransactionError;
use super::number;
use crate::json::{JsonError, JsonErrorKind, Scanner};

/// An object. Its names are sorted by their bytes, which is the canonical order.
pub(super) type Map<'a> = BTreeMap<Cow<'a, str>, Value<'a>>;

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// In its canonical spelling; an integer has no `.` and no `e`.
    Number(Cow<'a, str>),
    String(Cow<'a, str>),
    List(Vec<Value<'a>>),
    Map(Map<'a>),
}

impl<'a> Value<'a> {
    /// Reads exactly one value.
    pub(super) fn parse(text: &'a str, depth_max: usize, values_max: usize) -> Result<Self, TransactionError> {
        let mut reader = Reader { scanner: Scanner::new(text), depth_max, depth: 0, values_max, values: 0 };
        let value = reader.value()?;
        reader.scanner.expect_end()?;
        Ok(value)
    }

    pub(super) fn as_map(&self) -> Option<&Map<'a>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    pub(super) fn as_list(&self) -> Option<&[Value<'a>]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The number, if it is an integer within 0 to 2^64-1.
    pub(super) fn as_u64(&self) -> Option<u64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    /// The value of this name, if this is an object that has it.
    pub(super) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.as_map()?.get(name)
    }
}

struct Reader<'a> {
    scanner: Scanner<'a>,
    depth_max: usize,
    depth: usize,
    values_max: usize,
    values: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Value<'a>, TransactionError> {
        self.values += 1;
        if self.values > self.values_max {
            return Err(TransactionError::TooManyValues { values_max: self.values_max });
        }
        self.scanner.skip_whitespace();
        match self.scanner.peek() {
            Some(b'{') => self.nested(Self::map),
            Some(b'[') => self.nested(Self::list),
            Some(b'"') => Ok(Value::String(self.scanner.string()?.decode())),
            Some(b'-' | b'0'..=b'9') => Ok(Value::Number(number::canonical(self.scanner.number()?))),
            _ => Ok(self.word()?),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<Value<'a>, TransactionError>,
    ) -> Result<Value<'a>, TransactionError> {
        if self.depth == self.depth_max {
            return Err(self.scanner.error(JsonErrorKind::Depth(self.depth_max)).into());
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn map(&mut self) -> Result<Value<'a>, TransactionError> {
        let mut map = Map::new();
        self.scanner.expect(b'{')?;
        if self.scanner.take(b'}') {
            return Ok(Value::Map(map));
        }
        loop {
            let name = self.scanner.string()?.decode();
            self.scanner.expect(b':')?;
            map.insert(name, self.value()?);
            if !self.scanner.take(b',') {
                break;
            }
        }
        self.scanner.expect(b'}')?;
        Ok(Value::Map(map))
    }

    fn list(&mut self) -> Result<Value<'a>, TransactionError> {
        let mut list = Vec::new();
        self.scanner.expect(b'[')?;
        if self.scanner.take(b']') {
            return Ok(Value::List(list));
        }
        loop {
            list.push(self.value()?);
            if !self.scanner.take(b',') {
                break;
            }
        }
        self.scanner.expect(b']')?;
        Ok(Value::List(list))
    }

    /// `true`, `false` or `null`; anything else is the scanner's to refuse.
    fn word(&mut self) -> Result<Value<'a>, JsonError> {
        let mut value = Value::Null;
        self.scanner.value(0, |word| match word {
            b"true" => value = Value::Bool(true),
            b"false" => value = Value::Bool(false),
            _ => {}
        })?;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<Value<'_>, TransactionError> {
        Value::parse(text, 3, 10)
    }

    #[test]
    fn trees() {
        let value = parse(r#" {"b" : [ 1.50, -0 , true], "a": null, "b": [false, "\u00e4"]} "#).unwrap();
        let list = Value::List(vec![Value::Bool(false), Value::String("ä".into())]);
        let map = Map::from([("a".into(), Value::Null), ("b".into(), list)]);
        assert_eq!(value, Value::Map(map));
        assert_eq!(parse("[]"), Ok(Value::List(vec![])));
        assert_eq!(parse("{}"), Ok(Value::Map(Map::new())));
        assert_eq!(parse("18446744073709551615").unwrap().as_u64(), Some(u64::MAX));
        for text in ["18446744073709551616", "-1", "1.0", "\"1\""] {
            assert_eq!(parse(text).unwrap().as_u64(), None);
        }
    }

    #[test]
    fn limits() {
        assert!(parse("[[[1]]]").is_ok());
        let depth = JsonError { offset: 3, kind: JsonErrorKind::Depth(3) };
        assert_eq!(parse("[[[[]]]]"), Err(TransactionError::Json(depth)));
        assert!(parse("[1,2,3,4,5,6,7,8,9]").is_ok());
        assert_eq!(parse("[1,2,3,4,5,6,7,8,9,0]"), Err(TransactionError::TooManyValues { values_max: 10 }));
    }

    #[test]
    fn mistakes_are_the_scanners() {
        for text in
            ["", "{", "[1", "[1,]", "{\"a\":1,}", "{1:2}", "{\"a\" 1}", "tru", "nul]", "1 2", "NaN", "[1}", "'a'"]
        {
            assert!(matches!(parse(text), Err(TransactionError::Json(_))), "{text}");
        }
    }

    proptest! {
        /// Accepts what the checker of whole texts accepts, and nothing else.
        #[test]
        fn agrees_with_the_checker(text in "[\\[\\]{}:,\"a \\-0-9eEu.\\\\]{0,20}|(true|false|null|[\\[\\]{},: ]|\"a\"|1){0,12}") {
            let value = Value::parse(&text, 128, usize::MAX);
            prop_assert_eq!(value.is_ok(), crate::json::check(&text, 128).is_ok(), "{}", text);
        }
    }
}
