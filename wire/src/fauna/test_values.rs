//! Arbitrary values, for the tests of the whole room.

use proptest::prelude::*;

use super::value::{Day, DocumentRef, Fields, Moment, NamedKind, NamedRef, Value};

/// Names of fields, some of them awkward.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[abc]",
        2 => "[a-z_][a-zA-Z0-9_]{0,5}",
        1 => prop::sample::select(vec!["", "@int", "@object", "@", "id", "data", "ts", "é\u{2028}", "a b", "\"", "if"])
            .prop_map(str::to_owned),
    ]
}

/// Any value that a document can hold.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            fields_of(inner).prop_map(Value::Object),
        ]
    })
}

/// The fields of a document.
pub(crate) fn fields() -> impl Strategy<Value = Fields> {
    fields_of(value())
}

fn fields_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Fields> {
    prop::collection::vec((name(), inner), 0..4).prop_map(Fields::from_pairs)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (-3_i64..3).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int),
        (-3_i64..3).prop_map(|n| Value::Double(n as f64)),
        any::<f64>().prop_filter("NaN equals nothing", |n| !n.is_nan()).prop_map(Value::Double),
        "[abc]{0,2}|\\PC{0,6}|[\u{80}-\u{8f}\u{2027}-\u{202a}\\n\"\\\\]{0,3}".prop_map(Value::Str),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(Value::Bytes),
        (0..253_402_300_799_999_999_u64).prop_map(|us| Value::Time(Moment::from_us(us))),
        (0..253_402_300_799_999_999_u64).prop_map(|us| Value::Date(Moment::from_us(us).day())),
        "[A-Z][a-z]{0,3}".prop_map(Value::Module),
        ("[A-Z]", "[0-9]{1,3}").prop_map(|(collection, id)| Value::Ref(DocumentRef { collection, id })),
        "[A-Z]".prop_map(|name| Value::Named(NamedRef { kind: NamedKind::Collection, name })),
        Just(Value::Date(Day::parse("2024-02-29").expect("a day"))),
    ]
}
