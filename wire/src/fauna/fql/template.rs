//! The query of a request: text, or the pieces a driver has composed.
//!
//! | piece | stands for |
//! | --- | --- |
//! | `"text"` | itself |
//! | `{"fql":[...]}` | its pieces, one after the other |
//! | `{"value":...}` | a value in the tagged format, whatever the request's format is |
//! | `{"array":[...]}`, `{"object":{...}}` | an array or object of pieces |
//!
//! Pieces become one text in which a NUL stands for each value, so that places in errors are places in that text.

use crate::fauna::json::{Json, Member};
use crate::fauna::tagged::from_tagged;
use crate::fauna::value::{Fields, Value};

/// What stands for a value in the text.
pub const PLACEHOLDER: char = '\0';

/// A query as one text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Template {
    /// The text, with a [`PLACEHOLDER`] for each value.
    pub text: String,
    /// The values in order.
    pub values: Vec<Value>,
}

/// Why JSON is no query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Not one of the pieces above.
    #[error("Unexpected value. Expected a string or an object with a single key 'fql', 'value', 'array', or 'object'")]
    Piece,
    /// A value that is none.
    #[error("{0}")]
    Value(String),
    /// A name twice in one object.
    #[error("Duplicate object field `{0}`")]
    Duplicate(String),
    /// A text with a NUL.
    #[error("FQL strings cannot contain NUL characters")]
    Nul,
}

impl Template {
    /// A query without values.
    ///
    /// # Errors
    /// It has a NUL.
    pub fn from_text(text: &str) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        template.push_text(text)?;
        Ok(template)
    }

    /// The query of a request.
    pub(crate) fn from_json(query: &Json<'_>) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        template.push(query, false)?;
        Ok(template)
    }

    /// Appends a piece. `member`: as a member of an array or object, where it must stay one expression.
    fn push(&mut self, piece: &Json<'_>, member: bool) -> Result<(), TemplateError> {
        if let Json::Str(text) = piece {
            return self.enclosed(member, |template| template.push_text(text));
        }
        let Json::Object(members) = piece else { return Err(TemplateError::Piece) };
        match members.as_slice() {
            [(key, Json::Array(pieces))] if key == "fql" => {
                self.enclosed(member, |template| pieces.iter().try_for_each(|piece| template.push(piece, false)))
            }
            [(key, value)] if key == "value" => {
                let value = from_tagged(value).map_err(|error| TemplateError::Value(error.to_string()))?;
                self.push_value(value);
                Ok(())
            }
            [(key, Json::Array(pieces))] if key == "array" => self.push_array(pieces),
            [(key, Json::Object(members))] if key == "object" => self.push_object(members),
            _ => Err(TemplateError::Piece),
        }
    }

    fn enclosed(
        &mut self,
        member: bool,
        push: impl FnOnce(&mut Self) -> Result<(), TemplateError>,
    ) -> Result<(), TemplateError> {
        if !member {
            return push(self);
        }
        self.text.push('(');
        push(self)?;
        self.text.push(')');
        Ok(())
    }

    fn push_text(&mut self, text: &str) -> Result<(), TemplateError> {
        if text.contains(PLACEHOLDER) {
            return Err(TemplateError::Nul);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn push_value(&mut self, value: Value) {
        self.text.push(PLACEHOLDER);
        self.values.push(value);
    }

    fn push_array(&mut self, pieces: &[Json<'_>]) -> Result<(), TemplateError> {
        let (text_start, values_start) = (self.text.len(), self.values.len());
        self.text.push('[');
        for piece in pieces {
            self.push(piece, true)?;
            self.text.push(',');
        }
        self.text.push(']');
        if pieces.iter().all(is_value) {
            self.text.truncate(text_start);
            let items = self.values.split_off(values_start);
            self.push_value(Value::Array(items));
        }
        Ok(())
    }

    fn push_object(&mut self, members: &[Member<'_>]) -> Result<(), TemplateError> {
        let (text_start, values_start) = (self.text.len(), self.values.len());
        let mut names = std::collections::HashSet::new();
        if let Some((name, _)) = members.iter().find(|(name, _)| !names.insert(name)) {
            return Err(TemplateError::Duplicate(name.to_string()));
        }
        // `{}` and `{ a: b }` are objects; a member makes sure that no block is meant.
        self.text.push('{');
        for (name, piece) in members {
            if name.contains(PLACEHOLDER) {
                return Err(TemplateError::Nul);
            }
            super::write_text_literal(name, &mut self.text);
            self.text.push(':');
            self.push(piece, true)?;
            self.text.push(',');
        }
        self.text.push('}');
        if members.iter().all(|(_, piece)| is_value(piece)) {
            self.text.truncate(text_start);
            let values = self.values.split_off(values_start);
            let names = members.iter().map(|(name, _)| name.to_string());
            self.push_value(Value::Object(Fields::from_pairs(names.zip(values).collect())));
        }
        Ok(())
    }
}

/// Whether a piece holds no text at any depth: then it is a value as a whole, whatever its names are.
fn is_value(piece: &Json<'_>) -> bool {
    let Json::Object(members) = piece else { return false };
    match members.as_slice() {
        [(key, _)] if key == "value" => true,
        [(key, Json::Array(pieces))] if key == "array" => pieces.iter().all(is_value),
        [(key, Json::Object(members))] if key == "object" => members.iter().all(|(_, piece)| is_value(piece)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fauna::json::parse;

    fn template(json: &str) -> Result<(String, Vec<Value>), TemplateError> {
        Template::from_json(&parse(json, 64).unwrap()).map(|template| (template.text, template.values))
    }

    #[test]
    fn golden_templates() {
        let object = |pairs: &[(&str, Value)]| {
            Value::Object(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
        };
        let module = Value::Module("Test_x".into());
        let table = [
            (r#""1 + 1""#, "1 + 1", vec![]),
            (r#"{"fql":["Ev.all().eventSource()"]}"#, "Ev.all().eventSource()", vec![]),
            (
                r#"{"fql":["",{"value":{"@mod":"Test_x"}},".all().eventSource()"]}"#,
                "\0.all().eventSource()",
                vec![module.clone()],
            ),
            (
                r#"{"fql":[{"fql":["a(",{"value":{"@int":"1"}},")"]}," + ",{"value":"x"}]}"#,
                "a(\0) + \0",
                vec![Value::Int(1), "x".into()],
            ),
            (
                r#"{"fql":["f(",{"object":{"a":{"value":{"@int":"1"}},"@b":{"array":[{"value":null}]}}},")"]}"#,
                "f(\0)",
                vec![object(&[("a", Value::Int(1)), ("@b", Value::Array(vec![Value::Null]))])],
            ),
            (
                r#"{"object":{"a":{"fql":["1"]},"b c":{"value":true}}}"#,
                "{\"a\":(1),\"b c\":\0,}",
                vec![Value::Bool(true)],
            ),
            (r#"{"array":[{"value":true},{"fql":["x"]},"y"]}"#, "[\0,(x),(y),]", vec![Value::Bool(true)]),
            (r#"{"array":[]}"#, "\0", vec![Value::Array(vec![])]),
        ];
        for (json, text, values) in table {
            assert_eq!(template(json), Ok((text.to_owned(), values)), "{json}");
        }
    }

    #[test]
    fn what_is_no_query() {
        use TemplateError::{Duplicate, Nul, Piece, Value};
        let table = [
            ("1", Piece),
            ("{}", Piece),
            (r#"{"fql":"x"}"#, Piece),
            (r#"{"fql":[1]}"#, Piece),
            (r#"{"fql":[],"value":1}"#, Piece),
            (r#"{"array":{}}"#, Piece),
            (r#"{"value":1}"#, Value("numbers must be tagged".into())),
            (r#"{"object":{"a":{"value":"x"},"a":{"value":"y"}}}"#, Duplicate("a".into())),
            (r#""a\u0000""#, Nul),
            (r#"{"object":{"\u0000":"x"}}"#, Nul),
        ];
        for (json, error) in table {
            assert_eq!(template(json), Err(error), "{json}");
        }
    }
}
