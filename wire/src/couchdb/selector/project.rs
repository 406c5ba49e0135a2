//! `fields`: parts of a document.

use std::borrow::Cow;

use super::erlang;
use super::error::SelectorError;
use super::field::{self, Path};
use crate::couchdb::text::{Kind, Value};
use crate::json;

/// The most fields one list may name.
pub const FIELDS_MAX: usize = 1_000;

/// A list of fields, parsed once. An empty one means the whole document.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    paths: Vec<Path>,
}

/// Why a list of fields is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldsError {
    /// Not an array.
    #[error("Fields must be an array of strings, not: {0}")]
    NotAnArray(String),
    /// An element that is no string.
    #[error("Invalid JSON for field spec: {0}")]
    Field(String),
    /// A path with an empty part.
    #[error(transparent)]
    Name(#[from] SelectorError),
    /// More than [`FIELDS_MAX`].
    #[error("More than {FIELDS_MAX} fields")]
    TooMany,
}

impl FieldsError {
    /// The name of the error as `_find` gives it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAnArray(_) => "invalid_fields",
            Self::Field(_) => "invalid_field",
            Self::Name(error) => error.code(),
            Self::TooMany => "bad_request",
        }
    }
}

impl Fields {
    /// Parses a list.
    ///
    /// # Errors
    /// See [`FieldsError`].
    pub fn parse(value: Value<'_>) -> Result<Self, FieldsError> {
        if value.kind() != Kind::Array {
            return Err(FieldsError::NotAnArray(erlang::term(value)));
        }
        let mut paths = Vec::new();
        for element in value.elements() {
            let name = element.string().ok_or_else(|| FieldsError::Field(erlang::term(element)))?;
            paths.push(field::parse(&name)?);
            if paths.len() > FIELDS_MAX {
                return Err(FieldsError::TooMany);
            }
        }
        Ok(Self { paths })
    }

    /// Whether it means the whole document.
    pub fn is_all(&self) -> bool {
        self.paths.is_empty()
    }

    /// Appends the parts of `document` that are there, in the order of the list. An element of an array is shown as a
    /// member with its index as its name.
    pub fn write(&self, document: Value<'_>, out: &mut Vec<u8>) {
        if self.is_all() {
            return out.extend_from_slice(document.bytes());
        }
        let mut result = Part::Members(Vec::new());
        for path in &self.paths {
            if let Some(value) = find(document, path) {
                result.set(path, value);
            }
        }
        result.write(out);
    }
}

fn find<'a>(value: Value<'a>, path: &[Box<str>]) -> Option<Value<'a>> {
    path.iter().try_fold(value, |value, name| match value.kind() {
        Kind::Object => value.get(name),
        Kind::Array => value.elements().nth(usize::try_from(crate::couchdb::text::erlang_integer(name)?).ok()?),
        _ => None,
    })
}

/// A piece of the result: taken over whole, or put together.
enum Part<'a> {
    Whole(Value<'a>),
    Members(Vec<(Cow<'a, str>, Part<'a>)>),
}

impl<'a> Part<'a> {
    /// Puts `value` at the end of `path`. Whatever is there and no object stays as it is.
    fn set(&mut self, path: &'a [Box<str>], value: Value<'a>) {
        let Some((name, rest)) = path.split_first() else {
            *self = Self::Whole(value);
            return;
        };
        if let Self::Whole(whole) = self {
            if whole.kind() != Kind::Object {
                return;
            }
            *self = Self::Members(whole.members().map(|m| (m.key.decode(), Self::Whole(m.value))).collect());
        }
        let Self::Members(members) = self else { return };
        if let Some((_, part)) = members.iter_mut().find(|(key, _)| **key == **name) {
            return part.set(rest, value);
        }
        let mut part = Self::Members(Vec::new());
        part.set(rest, value);
        members.push((Cow::Borrowed(name), part));
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Whole(value) => out.extend_from_slice(value.bytes()),
            Self::Members(members) => {
                out.push(b'{');
                for (at, (key, part)) in members.iter().enumerate() {
                    out.extend_from_slice(if at > 0 { b"," } else { b"" });
                    json::write_str(out, key);
                    out.push(b':');
                    part.write(out);
                }
                out.push(b'}');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(fields: &str) -> String {
        let document = br#"{"_id":"c","n":3,"a":{"b":1,"c":{"d":2}},"l":[10,{"x":20}],"a.b":"dotted"}"#;
        let mut out = Vec::new();
        Fields::parse(Value::new(fields.as_bytes())).unwrap().write(Value::new(document), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts() {
        let table = [
            (r#"["n","_id"]"#, r#"{"n":3,"_id":"c"}"#),
            (r#"["a.b"]"#, r#"{"a":{"b":1}}"#),
            (r#"["a.c.d","a.b","n"]"#, r#"{"a":{"c":{"d":2},"b":1},"n":3}"#),
            (r#"["a","a.b"]"#, r#"{"a":{"b":1,"c":{"d":2}}}"#),
            (r#"["a\\.b"]"#, r#"{"a.b":"dotted"}"#),
            (r#"["l.1.x","l.0","l.9"]"#, r#"{"l":{"1":{"x":20},"0":10}}"#),
            (r#"["nosuch","n.x","l.x"]"#, "{}"),
        ];
        for (fields, expected) in table {
            assert_eq!(project(fields), expected, "{fields}");
        }
        assert!(project("[]").contains("dotted"));
    }

    #[test]
    fn refusals() {
        let table = [
            ("5", "Fields must be an array of strings, not: 5"),
            ("[\"a\",5]", "Invalid JSON for field spec: 5"),
            ("[\"a..b\"]", "Invalid field name: a..b"),
        ];
        for (fields, reason) in table {
            assert_eq!(Fields::parse(Value::new(fields.as_bytes())).unwrap_err().to_string(), reason);
        }
    }
}
