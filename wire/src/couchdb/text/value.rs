//! A value within checked, compact JSON text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

use super::number::Number;
use super::skip::{string_end, value_end};
use crate::json::Scanner;

/// The six types of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One JSON value, as text that was checked and compacted before.
///
/// Made of any other text it gives wrong answers, but neither panics nor leaves the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a>(&'a [u8]);

/// The name of a member, as written between its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a>(&'a [u8]);

/// A member of an object.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    /// Its name.
    pub key: Key<'a>,
    /// Its value.
    pub value: Value<'a>,
    /// Where `"key":value` lies in the text of the object.
    pub span: Range<usize>,
}

impl<'a> Member<'a> {
    /// Its name as a JSON string, in quotes, within the `object` it is a member of.
    pub fn quoted_key(&self, object: Value<'a>) -> Value<'a> {
        let end = self.span.end.saturating_sub(self.value.0.len() + 1);
        Value(object.0.get(self.span.start..end).unwrap_or_default())
    }
}

impl<'a> Value<'a> {
    /// The value that `text` is.
    pub fn new(text: &'a [u8]) -> Self {
        Self(text)
    }

    /// Its text.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Its type.
    pub fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::Array,
            Some(b'"') => Kind::String,
            Some(b't' | b'f') => Kind::Bool,
            Some(b'-' | b'0'..=b'9') => Kind::Number,
            _ => Kind::Null,
        }
    }

    /// The string it is, without its escapes.
    pub fn string(self) -> Option<Cow<'a, str>> {
        (self.kind() == Kind::String).then(|| Key(inside(self.0)).decode())
    }

    /// The boolean it is.
    pub fn boolean(self) -> Option<bool> {
        match self.0 {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The number it is.
    pub fn number(self) -> Option<Number<'a>> {
        (self.kind() == Kind::Number).then(|| Number::parse(text(self.0)))
    }

    /// The integer it is, if it is one and not negative.
    pub fn unsigned(self) -> Option<u64> {
        text(self.0).parse().ok().filter(|_| self.kind() == Kind::Number)
    }

    /// The members of an object, in order; none if it is something else.
    pub fn members(self) -> impl Iterator<Item = Member<'a>> {
        let mut at = if self.kind() == Kind::Object { 1 } else { self.0.len() };
        std::iter::from_fn(move || {
            let member = member_at(self.0, at)?;
            at = member.span.end + 1;
            Some(member)
        })
    }

    /// The elements of an array, in order; none if it is something else.
    pub fn elements(self) -> impl Iterator<Item = Value<'a>> {
        let mut at = if self.kind() == Kind::Array { 1 } else { self.0.len() };
        std::iter::from_fn(move || {
            let end = value_end(self.0, at);
            let element = self.0.get(at..end).filter(|element| !element.is_empty())?;
            at = end + 1;
            Some(Value(element))
        })
    }

    /// The first member of this name.
    pub fn get(self, name: &str) -> Option<Value<'a>> {
        self.members().find(|member| member.key.is(name)).map(|member| member.value)
    }
}

fn member_at(object: &[u8], at: usize) -> Option<Member<'_>> {
    if object.get(at) != Some(&b'"') {
        return None;
    }
    let colon = string_end(object, at);
    let end = value_end(object, colon + 1);
    let value = Value(object.get(colon + 1..end)?);
    Some(Member { key: Key(inside(&object[at..colon])), value, span: at..end })
}

impl<'a> Key<'a> {
    /// Whether this is its name.
    pub fn is(self, name: &str) -> bool {
        self.0 == name.as_bytes() || (self.0.contains(&b'\\') && self.decode() == name)
    }

    /// How the name compares to another, byte by byte.
    pub fn compare(self, name: &str) -> Ordering {
        if self.0.contains(&b'\\') {
            self.decode().as_bytes().cmp(name.as_bytes())
        } else {
            self.0.cmp(name.as_bytes())
        }
    }

    /// The name, without its escapes.
    pub fn decode(self) -> Cow<'a, str> {
        if !self.0.contains(&b'\\') {
            return text(self.0).into();
        }
        let quoted = [b"\"", self.0, b"\""].concat();
        let decoded = Scanner::new(text(&quoted)).string().map(|string| string.decode().into_owned());
        decoded.unwrap_or_default().into()
    }
}

/// What a string token has between its quotes.
fn inside(token: &[u8]) -> &[u8] {
    token.get(1..token.len().saturating_sub(1)).unwrap_or_default()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn walks_objects_and_arrays() {
        let text = br#"{"a":1,"b\"":[{"x":"]}"},"\\",[]],"":{},"a":true}"#;
        let value = Value::new(text);
        let members: Vec<_> =
            value.members().map(|member| (member.key.decode(), text_of(member.value), member.span)).collect();
        let expected =
            [("a", "1", 1..6), ("b\"", r#"[{"x":"]}"},"\\",[]]"#, 7..33), ("", "{}", 34..39), ("a", "true", 40..48)];
        assert_eq!(members.len(), expected.len());
        for ((key, value, span), (name, shown, at)) in members.iter().zip(expected) {
            assert_eq!((key.as_ref(), value.as_str(), span.clone()), (name, shown, at));
        }
        assert_eq!(value.members().nth(1).unwrap().quoted_key(value).bytes(), br#""b\"""#);
        let array = value.get("b\"").unwrap();
        let kinds: Vec<_> = array.elements().map(Value::kind).collect();
        assert_eq!(kinds, [Kind::Object, Kind::String, Kind::Array]);
        assert_eq!(array.elements().nth(1).unwrap().string().unwrap(), "\\");
        assert_eq!(value.get("c"), None);
        assert_eq!(value.get("a").unwrap().unsigned(), Some(1), "the first of its name");
    }

    #[test]
    fn scalars() {
        assert_eq!(Value::new(b"true").boolean(), Some(true));
        assert_eq!(Value::new(b"\"true\"").boolean(), None);
        assert_eq!(Value::new(b"-1").unsigned(), None);
        assert_eq!(Value::new(b"1.0").unsigned(), None);
        assert_eq!(Value::new(br#""\ud83d\ude00""#).string().unwrap(), "😀");
        assert!(Value::new(b"[]").members().next().is_none() && Value::new(b"{}").elements().next().is_none());
        assert!(Value::new(b"[]").elements().next().is_none() && Value::new(b"{}").members().next().is_none());
    }

    fn text_of(value: Value<'_>) -> String {
        String::from_utf8(value.bytes().to_vec()).unwrap()
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in "[\\[\\]{}:,\"\\\\a0t]{0,24}".prop_map(String::into_bytes)) {
            let value = Value::new(&bytes);
            let found = value.members().map(|m| m.key.decode().len() + m.value.bytes().len()).sum::<usize>();
            let elements = value.elements().map(|e| e.bytes().len()).sum::<usize>();
            prop_assert!(found <= 3 * bytes.len() && elements <= bytes.len());
        }
    }
}
