//! JSON text as a small tree, for bodies whose shape decides what they mean.
//!
//! It owns no grammar (that is [`crate::json`]'s) and no meaning. Numbers stay as written. Members stay in order, and
//! repeated ones are kept: whoever reads an object decides.

use std::borrow::Cow;

use crate::json::{JsonError, JsonErrorKind, Scanner};

/// A JSON value that borrows what it can from its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// As written.
    Number(&'a str),
    Str(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    Object(Vec<Member<'a>>),
}

/// One member of an object.
pub(crate) type Member<'a> = (Cow<'a, str>, Json<'a>);

impl<'a> Json<'a> {
    /// The last member called `name`, if this is an object that has one.
    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Reads one value. `depth_max` is the deepest nesting of arrays and objects.
pub(crate) fn parse(text: &str, depth_max: usize) -> Result<Json<'_>, JsonError> {
    let mut scanner = Scanner::new(text);
    let value = value(&mut scanner, depth_max, depth_max)?;
    scanner.expect_end()?;
    Ok(value)
}

fn value<'a>(scanner: &mut Scanner<'a>, left: usize, depth_max: usize) -> Result<Json<'a>, JsonError> {
    scanner.skip_whitespace();
    match scanner.peek() {
        Some(b'{' | b'[') if left == 0 => Err(scanner.error(JsonErrorKind::Depth(depth_max))),
        Some(b'{') => object(scanner, left - 1, depth_max),
        Some(b'[') => array(scanner, left - 1, depth_max),
        Some(b'"') => Ok(Json::Str(scanner.string()?.decode())),
        Some(b'-' | b'0'..=b'9') => Ok(Json::Number(scanner.number()?)),
        _ => literal(scanner),
    }
}

fn literal<'a>(scanner: &mut Scanner<'a>) -> Result<Json<'a>, JsonError> {
    let mut first = None;
    scanner.value(0, |word| first = first.or(word.first().copied()))?;
    Ok(match first {
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        _ => Json::Null,
    })
}

fn array<'a>(scanner: &mut Scanner<'a>, left: usize, depth_max: usize) -> Result<Json<'a>, JsonError> {
    scanner.expect(b'[')?;
    let mut items = Vec::new();
    if scanner.take(b']') {
        return Ok(Json::Array(items));
    }
    loop {
        items.push(value(scanner, left, depth_max)?);
        if !scanner.take(b',') {
            scanner.expect(b']')?;
            return Ok(Json::Array(items));
        }
    }
}

fn object<'a>(scanner: &mut Scanner<'a>, left: usize, depth_max: usize) -> Result<Json<'a>, JsonError> {
    scanner.expect(b'{')?;
    let mut members = Vec::new();
    if scanner.take(b'}') {
        return Ok(Json::Object(members));
    }
    loop {
        let key = scanner.string()?.decode();
        scanner.expect(b':')?;
        members.push((key, value(scanner, left, depth_max)?));
        if !scanner.take(b',') {
            scanner.expect(b'}')?;
            return Ok(Json::Object(members));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_every_kind_of_value() {
        let tree = parse(" { \"a\" : [ 1 , -2.50 , true , false , null ] , \"b\\n\" : \"\\u00e4\" , \"c\" : {} } ", 4);
        let numbers = vec![Json::Number("1"), Json::Number("-2.50"), Json::Bool(true), Json::Bool(false), Json::Null];
        let members = vec![
            ("a".into(), Json::Array(numbers)),
            ("b\n".into(), Json::Str("ä".into())),
            ("c".into(), Json::Object(vec![])),
        ];
        assert_eq!(tree, Ok(Json::Object(members)));
    }

    #[test]
    fn the_last_of_repeated_members_counts() {
        let tree = parse(r#"{"a":1,"b":2,"a":3}"#, 1).unwrap();
        assert_eq!(tree.get("a"), Some(&Json::Number("3")));
        assert_eq!((tree.get("c"), Json::Null.get("a")), (None, None));
    }

    #[test]
    fn mistakes_and_depth() {
        for text in ["", "{", "[1", "[1,]", "{\"a\"}", "{\"a\":1,}", "1 2", "tru", "nul", "'a'", "{a:1}", "[1 2]"] {
            assert!(parse(text, 9).is_err(), "{text}");
        }
        assert!(parse("[[1]]", 2).is_ok());
        assert_eq!(parse("[[1]]", 1), Err(JsonError { offset: 1, kind: JsonErrorKind::Depth(1) }));
        assert!(parse(&"[".repeat(1_000_000), 128).is_err());
    }

    proptest! {
        #[test]
        fn agrees_with_the_checker(text in "[\\[\\]{}:,\"\\\\ \\-0-9eEu.tfnrualse]{0,24}|\\PC{0,12}") {
            prop_assert_eq!(parse(&text, 8).map(drop).ok(), crate::json::check(&text, 8).ok(), "{}", text);
        }
    }
}
