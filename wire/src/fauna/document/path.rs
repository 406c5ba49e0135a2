//! The way to a field, and the value at its end without building the others.

use std::borrow::Cow;
use std::fmt;

use super::stored::read_value;
use super::view::View;
use super::walk::{Members, unquoted};
use crate::fauna::fql::{FqlError, access, is_identifier, write_text_literal};
use crate::fauna::value::Value;

/// The longest path.
pub(crate) const STEPS_MAX: usize = 32;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// The field.
    pub name: String,
    /// `?.`: a step from nothing leads to null, not to an error.
    pub optional: bool,
}

/// The way from a document to one of its fields: `.address.city`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(pub Vec<Step>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.0 {
            match (step.optional, is_identifier(&step.name)) {
                (true, true) => write!(f, "?.{}", step.name)?,
                (false, true) => write!(f, ".{}", step.name)?,
                (optional, false) => {
                    let mut text = String::new();
                    write_text_literal(&step.name, &mut text);
                    write!(f, "{}[{text}]", if optional { "?." } else { "" })?;
                }
            }
        }
        Ok(())
    }
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'a> {
    /// JSON inside a body, not null.
    Stored(&'a str),
    /// A value that is not inside the body, or was built on the way.
    Built(Value),
}

impl Found<'_> {
    /// The value itself.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Stored(text) => read_value(text),
            Self::Built(value) => value,
        }
    }
}

/// Follows a path through a document.
///
/// # Errors
/// A step from null, as the evaluator has it.
pub(crate) fn resolve<'a>(view: &'a View<'_>, path: &Path) -> Result<Found<'a>, FqlError> {
    let Some((first, rest)) = path.0.split_first() else { return Ok(Found::Built(view.to_value())) };
    let mut found = from_document(view, &first.name);
    for step in rest {
        if found == Found::Built(Value::Null) && step.optional {
            break;
        }
        found = match found {
            Found::Stored(text) => from_stored(text, &step.name)?,
            Found::Built(value) => Found::Built(access(&value, &step.name)?.into_owned()),
        };
    }
    Ok(found)
}

fn from_document<'a>(view: &'a View<'_>, name: &str) -> Found<'a> {
    if let Some(value) = view.own_field(name) {
        return Found::Built(value);
    }
    let body = view.body();
    match Members::new(body) {
        Some(members) => member(members, name).unwrap_or(Found::Built(Value::Null)),
        None if name == super::VALUE_FIELD => stored(body),
        None => Found::Built(Value::Null),
    }
}

fn from_stored<'a>(text: &'a str, name: &str) -> Result<Found<'a>, FqlError> {
    let plain = Members::new(text).filter(|members| !members.clone().any(|(key, _)| unquoted(key).starts_with('@')));
    match plain {
        Some(members) => Ok(member(members, name).unwrap_or(Found::Built(Value::Null))),
        None => Ok(Found::Built(access(&read_value(text), name)?.into_owned())),
    }
}

fn member<'a>(members: Members<'a>, name: &str) -> Option<Found<'a>> {
    let wanted = |key: &str| match unquoted(key) {
        Cow::Borrowed(key) => key == name,
        Cow::Owned(key) => key == name,
    };
    members.filter(|(key, _)| wanted(key)).last().map(|(_, text)| stored(text))
}

fn stored(text: &str) -> Found<'_> {
    if text == "null" || text.is_empty() { Found::Built(Value::Null) } else { Found::Stored(text) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fauna::test_values::{fields, name};

    fn path(names: &[&str]) -> Path {
        let step = |name: &&str| Step { name: name.trim_start_matches('?').into(), optional: name.starts_with('?') };
        Path(names.iter().map(step).collect())
    }

    fn found(body: &str, names: &[&str]) -> Result<Value, String> {
        let view = View::new("A", "7", 1_711_024_518_680_000, body);
        resolve(&view, &path(names)).map(Found::into_value).map_err(|error| error.message)
    }

    #[test]
    fn fields_of_documents() {
        let body = r#"{"a":{"b":[1],"c":null},"id":"own","s":"x","o":{"@object":{"@x":2}},"a\u0062":3,"d":1,"d":2}"#;
        let table: [(&[&str], Value); 15] = [
            (&["id"], "7".into()),
            (&["coll"], Value::Module("A".into())),
            (&["data", "id"], "own".into()),
            (&["ttl"], Value::Null),
            (&["a", "b"], Value::Array(vec![Value::Int(1)])),
            (&["data", "a", "c"], Value::Null),
            (&["a", "x"], Value::Null),
            (&["x"], Value::Null),
            (&["x", "?y", "z"], Value::Null),
            (&["a", "c", "?y"], Value::Null),
            (&["s", "other"], Value::Null),
            (&["o", "@x"], Value::Int(2)),
            (&["ab"], Value::Int(3)),
            (&["d"], Value::Int(2)),
            (&["value"], Value::Null),
        ];
        for (names, expected) in table {
            assert_eq!(found(body, names), Ok(expected), "{names:?}");
        }
        assert_eq!(found("[1]", &["value"]), Ok(Value::Array(vec![Value::Int(1)])));
        assert_eq!(found(body, &["x", "y"]), Err("Cannot access `y` on null.".into()));
        assert_eq!(found(body, &["a", "c", "y"]), Err("Cannot access `y` on null.".into()));
    }

    #[test]
    fn paths_are_spelled_as_fql() {
        assert_eq!(path(&["a", "?b", "c d", "?if"]).to_string(), r#".a?.b["c d"]?.["if"]"#);
    }

    proptest! {
        #[test]
        fn agrees_with_access_to_the_whole_document(
            fields in fields(), names in prop::collection::vec((name(), any::<bool>()), 1..4)
        ) {
            let mut body = Vec::new();
            super::super::write_fields(&fields, &mut body);
            let body = String::from_utf8(body).unwrap();
            let view = View::new("A", "7", 0, &body);
            let path = Path(names.into_iter().map(|(name, optional)| Step { name, optional }).collect());
            let mut value = Ok(view.to_value());
            for (at, step) in path.0.iter().enumerate() {
                match value {
                    Ok(Value::Null) if step.optional && at > 0 => break,
                    Ok(before) => value = access(&before, &step.name).map(Cow::into_owned),
                    Err(_) => break,
                }
            }
            prop_assert_eq!(resolve(&view, &path).map(Found::into_value), value);
        }
    }
}
