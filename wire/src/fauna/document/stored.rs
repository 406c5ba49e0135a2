//! Values as the JSON of a body, and back.

use crate::fauna::json::{self as tree, Json};
use crate::fauna::tagged::{self, TAGS, number, write_double, write_tagged};
use crate::fauna::value::{Fields, Value};
use crate::json;

/// The largest integer that every reader of JSON keeps.
const PLAIN_INT_MAX: u64 = (1 << 53) - 1;

/// Appends the fields of a document as the JSON of a body.
pub fn write_fields(fields: &Fields, out: &mut Vec<u8>) {
    write_object(fields, out);
}

/// Appends a value as it stands inside a body.
fn write_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Int(number) if number.unsigned_abs() <= PLAIN_INT_MAX => json::write_i128(out, (*number).into()),
        Value::Double(number) if number.is_finite() => write_double(*number, out),
        Value::Str(text) => json::write_str(out, text),
        Value::Array(items) => write_array(items, out),
        Value::Object(fields) if fields.iter().any(|(name, _)| name.starts_with('@')) => {
            out.extend_from_slice(b"{\"@object\":");
            write_object(fields, out);
            out.push(b'}');
        }
        Value::Object(fields) => write_object(fields, out),
        Value::Document(document) => write_tagged(&Value::Ref(document.at.clone()), out),
        Value::NamedDocument(document) => write_tagged(&Value::Named(document.at.clone()), out),
        Value::Missing(missing) => write_tagged(&missing.target, out),
        other => write_tagged(other, out),
    }
}

fn write_array(items: &[Value], out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_value(item, out);
    }
    out.push(b']');
}

fn write_object(fields: &Fields, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_str(out, name);
        out.push(b':');
        write_value(value, out);
    }
    out.push(b'}');
}

/// Reads a body. One that is no object becomes the field `value`; one that is not JSON becomes no fields at all: the
/// log lets no such body in.
pub fn read_fields(body: &str) -> Fields {
    match tree::parse(body, json::DEPTH_MAX) {
        Ok(Json::Object(members)) => object(&members),
        Ok(other) => Fields::from_pairs(vec![(super::VALUE_FIELD.into(), from_stored(&other))]),
        Err(_) => Fields::new(),
    }
}

/// Reads a value that stands inside a body; null if it is not JSON.
pub(super) fn read_value(text: &str) -> Value {
    tree::parse(text, json::DEPTH_MAX).map_or(Value::Null, |tree| from_stored(&tree))
}

fn object(members: &[tree::Member<'_>]) -> Fields {
    members.iter().map(|(name, tree)| (name.to_string(), from_stored(tree))).collect()
}

fn from_stored(tree: &Json<'_>) -> Value {
    match tree {
        Json::Object(members) => tagged_value(members).unwrap_or_else(|| Value::Object(object(members))),
        Json::Array(items) => Value::Array(items.iter().map(from_stored).collect()),
        Json::Number(text) => number(text),
        Json::Str(text) => Value::Str(text.to_string()),
        Json::Bool(value) => Value::Bool(*value),
        Json::Null => Value::Null,
    }
}

/// The value, if the members are those of a valid tagged value.
fn tagged_value(members: &[tree::Member<'_>]) -> Option<Value> {
    let [(tag, inner)] = members else { return None };
    match (tag.as_ref(), inner) {
        ("@object", Json::Object(members)) => Some(Value::Object(object(members))),
        ("@object", _) => None,
        (tag, inner) if TAGS.contains(&tag) => tagged::tagged(tag, inner).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fauna::test_values::fields;
    use crate::fauna::value::Moment;

    fn written(value: &Value) -> String {
        let mut out = Vec::new();
        write_value(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_json_can_say_is_stored_plainly() {
        let table = [
            (Value::Int(1), "1"),
            (Value::Int(-9_007_199_254_740_991), "-9007199254740991"),
            (Value::Int(9_007_199_254_740_992), r#"{"@long":"9007199254740992"}"#),
            (Value::Double(1.0), "1.0"),
            (Value::Double(-0.0), "-0.0"),
            (Value::Double(1e300), "1e+300"),
            (Value::Double(f64::INFINITY), r#"{"@double":"Infinity"}"#),
            (Value::from("a\u{2028}"), "\"a\u{2028}\""),
            (Value::Time(Moment::from_us(0)), r#"{"@time":"1970-01-01T00:00:00Z"}"#),
            (Value::Bytes(vec![1]), r#"{"@bytes":"AQ=="}"#),
            (Value::Object([("@a".into(), Value::Int(1))].into_iter().collect()), r#"{"@object":{"@a":1}}"#),
            (Value::Array(vec![Value::Null, Value::Bool(true)]), "[null,true]"),
        ];
        for (value, text) in table {
            assert_eq!(written(&value), text);
            assert!(value == read_value(text), "{text}");
        }
    }

    #[test]
    fn bodies_of_other_protocols() {
        let table = [
            (r#"{"@id":"x"}"#, r#"{"@object":{"@id":"x"}}"#),
            (r#"{"@int":"x"}"#, r#"{"@object":{"@int":"x"}}"#),
            (r#"{"@int":"1"}"#, "1"),
            (r#"{"@int":"1","a":2}"#, r#"{"@object":{"@int":"1","a":2}}"#),
            (r#"{"@object":1}"#, r#"{"@object":{"@object":1}}"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("9007199254740993", r#"{"@long":"9007199254740993"}"#),
            ("99999999999999999999", "1e+20"),
            ("-0", "0"),
        ];
        for (text, expected) in table {
            assert_eq!(written(&read_value(text)), expected, "{text}");
        }
        assert_eq!(read_fields("[1]").get("value"), Some(&Value::Array(vec![Value::Int(1)])));
        assert!(read_fields("").is_empty() && read_fields("{").is_empty());
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(fields in fields()) {
            let mut out = Vec::new();
            write_fields(&fields, &mut out);
            let text = String::from_utf8(out).unwrap();
            prop_assert_eq!(crate::json::check(&text, 128), Ok(()), "{}", text);
            prop_assert_eq!(read_fields(&text), fields, "{}", text);
        }

        #[test]
        fn no_body_panics(text in "[\\[\\]{}:,\"@a-z0-9.]{0,40}|\\PC{0,20}") {
            read_fields(&text);
        }
    }
}
