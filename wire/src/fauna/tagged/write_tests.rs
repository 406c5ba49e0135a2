use proptest::prelude::*;

use super::*;
use crate::fauna::tagged::{read_simple, read_tagged};
use crate::fauna::test_values::value;
use crate::fauna::value::{Moment, NamedKind};

fn tagged(value: &Value) -> String {
    let mut out = Vec::new();
    write_tagged(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn simple(value: &Value) -> String {
    let mut out = Vec::new();
    write_simple(value, &mut out);
    String::from_utf8(out).unwrap()
}

fn at(id: &str) -> DocumentRef {
    DocumentRef { collection: "Product".into(), id: id.into() }
}

fn document(fields: &[(&str, Value)]) -> Value {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Value::Document(Box::new(Document {
        at: at("392914348360597540"),
        time: Moment::from_us(1_711_024_518_680_000),
        fields,
    }))
}

#[test]
fn golden_document() {
    let pizza = document(&[("name", "pizza".into()), ("n", Value::Int(1))]);
    let expected = r#"{"@doc":{"id":"392914348360597540","coll":{"@mod":"Product"},"ts":{"@time":"2024-03-21T12:35:18.680Z"},"name":"pizza","n":{"@int":"1"}}}"#;
    assert_eq!(tagged(&pizza), expected);
    let expected =
        r#"{"id":"392914348360597540","coll":"Product","ts":"2024-03-21T12:35:18.680Z","name":"pizza","n":1}"#;
    assert_eq!(simple(&pizza), expected);
}

#[test]
fn fields_named_like_the_documents_own_are_inside_data() {
    let odd = document(&[("id", "mine".into()), ("a", Value::Int(1)), ("data", Value::Null)]);
    let end = r#""a":{"@int":"1"},"data":{"id":"mine","data":null}}}"#;
    assert!(tagged(&odd).ends_with(end), "{}", tagged(&odd));
}

#[test]
fn golden_references_and_sets() {
    let named = NamedRef { kind: NamedKind::Database, name: "D".into() };
    let missing = |target| Value::Missing(Box::new(Missing { target, cause: "deleted" }));
    let created = Moment::from_us(0);
    let fields = [("history_days".to_owned(), Value::Int(0))].into_iter().collect();
    let table = [
        (
            missing(Value::Ref(at("1"))),
            r#"{"@ref":{"id":"1","coll":{"@mod":"Product"},"exists":false,"cause":"deleted"}}"#,
            "null",
        ),
        (
            missing(Value::Named(named.clone())),
            r#"{"@ref":{"name":"D","coll":{"@mod":"Database"},"exists":false,"cause":"deleted"}}"#,
            "null",
        ),
        (
            Value::NamedDocument(Box::new(NamedDocument { at: named, time: created, fields })),
            r#"{"@doc":{"name":"D","coll":{"@mod":"Database"},"ts":{"@time":"1970-01-01T00:00:00Z"},"history_days":{"@int":"0"}}}"#,
            r#"{"name":"D","coll":"Database","ts":"1970-01-01T00:00:00Z","history_days":0}"#,
        ),
        (Value::Page(vec![Value::Int(1)]), r#"{"@set":{"data":[{"@int":"1"}]}}"#, r#"{"data":[1]}"#),
        (Value::Double(f64::NAN), r#"{"@double":"NaN"}"#, r#""NaN""#),
        (Value::Double(1.0), r#"{"@double":"1.0"}"#, "1.0"),
    ];
    for (value, expected, expected_simple) in table {
        assert_eq!(tagged(&value), expected);
        assert_eq!(simple(&value), expected_simple);
    }
}

/// Trap T6: one driver splits lines at U+0085, U+2028 and U+2029, inside strings too.
#[test]
fn line_ends_of_unicode_are_escaped() {
    let text = "a\u{85}b\u{2028}c\u{2029}\u{2027}\u{a5}é\n";
    let expected = "\"a\\u0085b\\u2028c\\u2029\u{2027}\u{a5}é\\n\"";
    assert_eq!(tagged(&text.into()), expected);
    let mut out = Vec::new();
    write_raw_str("\"a\u{85}b\u{2028}c\u{2029}\u{2027}\u{a5}é\\n\"".as_bytes(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let key = Value::Object([("\u{2028}".to_owned(), Value::Null)].into_iter().collect());
    assert_eq!(tagged(&key), "{\"\\u2028\":null}");
}

proptest! {
    #[test]
    fn reads_what_it_writes(value in value()) {
        let text = tagged(&value);
        prop_assert_eq!(read_tagged(&text), Ok(value.clone()), "{}", text);
        prop_assert!(read_simple(&simple(&value)).is_ok(), "{}", simple(&value));
    }

    #[test]
    fn no_line_of_text_is_split(text in "[\u{0}-\u{ff}\u{2020}-\u{2030}]{0,40}") {
        let line = tagged(&text.as_str().into());
        let ends = ['\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}', '\u{2029}'];
        prop_assert!(!line.contains(ends), "{line:?}");
        prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}:,\"@a-z0-9.]{0,40}|\\PC{0,20}") {
        let _ = read_tagged(&text);
        let _ = read_simple(&text);
    }
}
