//! JSON from the wire as values.

use super::DEPTH_MAX;
use crate::fauna::json::{self, Json, Member};
use crate::fauna::value::{Day, DocumentRef, Fields, Moment, NamedKind, NamedRef, Value};
use crate::json::JsonError;

/// Why JSON is no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidValue {
    /// Not JSON at all, or too deep.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// JSON, but not as the format wants it. Lower case: it stands inside a sentence.
    #[error("{0}")]
    Shape(String),
}

fn shape<T>(message: impl Into<String>) -> Result<T, InvalidValue> {
    Err(InvalidValue::Shape(message.into()))
}

/// Reads a value in the tagged format.
///
/// # Errors
/// See [`InvalidValue`].
pub fn read_tagged(text: &str) -> Result<Value, InvalidValue> {
    from_tagged(&json::parse(text, DEPTH_MAX)?)
}

/// Reads a value in the simple format: JSON as it is.
///
/// # Errors
/// Not JSON, or too deep.
pub fn read_simple(text: &str) -> Result<Value, InvalidValue> {
    Ok(from_simple(&json::parse(text, DEPTH_MAX)?))
}

/// The value a JSON tree stands for in the simple format.
pub(crate) fn from_simple(tree: &Json<'_>) -> Value {
    match tree {
        Json::Array(items) => Value::Array(items.iter().map(from_simple).collect()),
        Json::Object(members) => {
            Value::Object(members.iter().map(|(name, tree)| (name.to_string(), from_simple(tree))).collect())
        }
        Json::Number(text) => number(text),
        Json::Str(text) => Value::Str(text.to_string()),
        Json::Bool(value) => Value::Bool(*value),
        Json::Null => Value::Null,
    }
}

/// The value of a JSON number, on the wire or inside a body: an integer if it is written as one and fits into 64 bits.
pub(crate) fn number(text: &str) -> Value {
    match text.parse() {
        Ok(int) => Value::Int(int),
        Err(_) => Value::Double(text.parse().unwrap_or(f64::NAN)),
    }
}

/// The value a JSON tree stands for in the tagged format.
pub(crate) fn from_tagged(tree: &Json<'_>) -> Result<Value, InvalidValue> {
    match tree {
        Json::Object(members) if members.iter().any(|(name, _)| name.starts_with('@')) => match members.as_slice() {
            [(tag, inner)] => tagged(tag, inner),
            _ => shape("too many keys in tagged value"),
        },
        Json::Object(members) => object(members),
        Json::Array(items) => items.iter().map(from_tagged).collect::<Result<_, _>>().map(Value::Array),
        Json::Number(_) => shape("numbers must be tagged"),
        scalar => Ok(from_simple(scalar)),
    }
}

fn object(members: &[Member<'_>]) -> Result<Value, InvalidValue> {
    let fields = members.iter().map(|(name, tree)| Ok((name.to_string(), from_tagged(tree)?)));
    fields.collect::<Result<Fields, _>>().map(Value::Object)
}

/// The value of an object whose one member is called `tag`.
pub(crate) fn tagged(tag: &str, inner: &Json<'_>) -> Result<Value, InvalidValue> {
    match (tag, inner) {
        ("@object", Json::Object(members)) => object(members),
        ("@object", _) => shape(format!("{tag} requires an object value")),
        ("@doc" | "@ref", _) => reference(tag, inner),
        ("@int" | "@long" | "@double" | "@time" | "@date" | "@bytes" | "@mod" | "@stream", Json::Str(text)) => {
            scalar(tag, text)
        }
        ("@int" | "@long" | "@double" | "@time" | "@date" | "@bytes" | "@mod" | "@stream", _) => {
            shape(format!("{tag} requires a string value"))
        }
        _ => shape(format!("invalid tag '{tag}'")),
    }
}

/// The value of a tag whose content is text.
fn scalar(tag: &str, text: &str) -> Result<Value, InvalidValue> {
    let (value, problem) = match tag {
        "@int" => (int::<i32>(text), "invalid integer"),
        "@long" => (int::<i64>(text), "invalid long"),
        "@double" => (double(text), "invalid double"),
        "@time" => (Moment::parse(text).map(Value::Time), "invalid time"),
        "@date" => (Day::parse(text).map(Value::Date), "invalid date"),
        "@bytes" => (data_encoding::BASE64.decode(text.as_bytes()).ok().map(Value::Bytes), "invalid bytes"),
        "@mod" => ((!text.is_empty()).then(|| Value::Module(text.into())), "invalid module"),
        "@stream" => ((!text.is_empty()).then(|| Value::Token(text.into())), "invalid event source"),
        _ => (None, "invalid tag"),
    };
    value.map_or_else(|| shape(problem), Ok)
}

fn int<T: std::str::FromStr + Into<i64>>(text: &str) -> Option<Value> {
    text.parse::<T>().ok().map(|int| Value::Int(int.into()))
}

fn double(text: &str) -> Option<Value> {
    text.parse().ok().map(Value::Double)
}

fn no_module<T>(tag: &str) -> Result<T, InvalidValue> {
    shape(format!("{tag} field 'coll' requires a module value"))
}

/// A reference. A document stands for itself: only where it is matters, not what it held.
fn reference(tag: &str, inner: &Json<'_>) -> Result<Value, InvalidValue> {
    if !matches!(inner, Json::Object(_)) {
        return shape(format!("{tag} requires an object value"));
    }
    let Some(collection) = inner.get("coll") else { return shape(format!("{tag} field 'coll' is required")) };
    let collection = match collection {
        Json::Object(members) => match members.as_slice() {
            [(tag, Json::Str(name))] if tag == "@mod" && !name.is_empty() => name.to_string(),
            _ => return no_module(tag),
        },
        _ => return no_module(tag),
    };
    let kind = match collection.as_str() {
        "Collection" => Some(NamedKind::Collection),
        "Database" => Some(NamedKind::Database),
        _ => None,
    };
    let field = if kind.is_some() { "name" } else { "id" };
    match (inner.get(field), kind) {
        (Some(Json::Str(name)), Some(kind)) => Ok(Value::Named(NamedRef { kind, name: name.to_string() })),
        (Some(Json::Str(id)), None) => Ok(Value::Ref(DocumentRef { collection, id: id.to_string() })),
        (Some(_), _) => shape(format!("{tag} field '{field}' requires a string value")),
        (None, _) => shape(format!("{tag} field '{field}' is required")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fauna::tagged::{write_simple, write_tagged};

    #[test]
    fn golden_values() {
        let at = DocumentRef { collection: "Product".into(), id: "392914348360597540".into() };
        let table = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("\"a\"", Value::from("a")),
            (r#"{"@int":"1"}"#, Value::Int(1)),
            (r#"{"@int":"-2147483648"}"#, Value::Int(i32::MIN.into())),
            (r#"{"@long":"2147483648"}"#, Value::Int(1 << 31)),
            (r#"{"@long":"-9223372036854775808"}"#, Value::Int(i64::MIN)),
            (r#"{"@double":"1.5"}"#, Value::Double(1.5)),
            (r#"{"@double":"Infinity"}"#, Value::Double(f64::INFINITY)),
            (r#"{"@double":"-Infinity"}"#, Value::Double(f64::NEG_INFINITY)),
            (r#"{"@time":"2024-03-21T12:35:18.680Z"}"#, Value::Time(Moment::from_us(1_711_024_518_680_000))),
            (r#"{"@date":"2024-03-21"}"#, Value::Date(Day::parse("2024-03-21").unwrap())),
            (r#"{"@bytes":"AP8="}"#, Value::Bytes(vec![0, 255])),
            (r#"{"@mod":"Product"}"#, Value::Module("Product".into())),
            (r#"{"@ref":{"id":"392914348360597540","coll":{"@mod":"Product"}}}"#, Value::Ref(at)),
            (
                r#"{"@ref":{"name":"Product","coll":{"@mod":"Collection"}}}"#,
                Value::Named(NamedRef { kind: NamedKind::Collection, name: "Product".into() }),
            ),
            (r#"{"@stream":"abc"}"#, Value::Token("abc".into())),
            (r#"[{"@int":"1"},[]]"#, Value::Array(vec![Value::Int(1), Value::Array(vec![])])),
            (r#"{"a":{}}"#, Value::Object([("a".into(), Value::Object(Fields::new()))].into_iter().collect())),
            (r#"{"@object":{"@int":"1"}}"#, Value::Object([("@int".into(), "1".into())].into_iter().collect())),
        ];
        for (text, value) in table {
            assert_eq!(read_tagged(text), Ok(value.clone()), "{text}");
            let mut out = Vec::new();
            write_tagged(&value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn other_spellings() {
        let table = [
            (r#"{"@long":"1"}"#, r#"{"@int":"1"}"#),
            (r#"{"@double":"1"}"#, r#"{"@double":"1.0"}"#),
            (r#"{"@double":"1e300"}"#, r#"{"@double":"1e+300"}"#),
            (r#"{"@double":"nan"}"#, r#"{"@double":"NaN"}"#),
            (r#"{"@double":"inf"}"#, r#"{"@double":"Infinity"}"#),
            (r#"{"@object":{"a":{"@int":"1"}}}"#, r#"{"a":{"@int":"1"}}"#),
            (
                r#"{"@doc":{"id":"1","coll":{"@mod":"A"},"ts":{"@time":"2024-03-21T12:35:18.680Z"},"n":"x"}}"#,
                r#"{"@ref":{"id":"1","coll":{"@mod":"A"}}}"#,
            ),
        ];
        for (text, expected) in table {
            let mut out = Vec::new();
            write_tagged(&read_tagged(text).unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_refused_and_how() {
        let table = [
            ("1", "numbers must be tagged"),
            ("[1.5]", "numbers must be tagged"),
            (r#"{"@int":1}"#, "@int requires a string value"),
            (r#"{"@int":"2147483648"}"#, "invalid integer"),
            (r#"{"@int":"1.0"}"#, "invalid integer"),
            (r#"{"@int":""}"#, "invalid integer"),
            (r#"{"@long":"9223372036854775808"}"#, "invalid long"),
            (r#"{"@double":"x"}"#, "invalid double"),
            (r#"{"@time":"now"}"#, "invalid time"),
            (r#"{"@date":"2024-02-30"}"#, "invalid date"),
            (r#"{"@bytes":"A"}"#, "invalid bytes"),
            (r#"{"@mod":""}"#, "invalid module"),
            (r#"{"@uuid":"x"}"#, "invalid tag '@uuid'"),
            (r#"{"@set":"x"}"#, "invalid tag '@set'"),
            (r#"{"@int":"1","a":"b"}"#, "too many keys in tagged value"),
            (r#"{"@object":[]}"#, "@object requires an object value"),
            (r#"{"@ref":"A:1"}"#, "@ref requires an object value"),
            (r#"{"@ref":{"id":"1"}}"#, "@ref field 'coll' is required"),
            (r#"{"@ref":{"id":"1","coll":"A"}}"#, "@ref field 'coll' requires a module value"),
            (r#"{"@ref":{"coll":{"@mod":"A"}}}"#, "@ref field 'id' is required"),
            (r#"{"@doc":{"id":true,"coll":{"@mod":"A"}}}"#, "@doc field 'id' requires a string value"),
            (r#"{"@ref":{"id":"1","coll":{"@mod":"Collection"}}}"#, "@ref field 'name' is required"),
            ("{", "the JSON ends too early at byte 1"),
        ];
        for (text, expected) in table {
            assert_eq!(read_tagged(text).unwrap_err().to_string(), expected, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(DEPTH_MAX + 1), "]".repeat(DEPTH_MAX + 1));
        assert!(read_tagged(&deep).is_err() && read_simple(&deep).is_err());
    }

    #[test]
    fn the_simple_format_takes_json_as_it_is() {
        let text = r#"{"a":[1,2147483648,1.5,99999999999999999999,"x",true,null],"@int":"1"}"#;
        let mut out = Vec::new();
        write_simple(&read_simple(text).unwrap(), &mut out);
        let expected = r#"{"a":[1,2147483648,1.5,1e+20,"x",true,null],"@int":"1"}"#;
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
