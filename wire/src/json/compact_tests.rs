use proptest::prelude::*;

use super::super::{DEPTH_MAX, JsonErrorKind as Kind};
use super::*;

fn compacted(text: &str) -> Result<String, JsonError> {
    let mut out = Vec::new();
    compact(text, DEPTH_MAX, &mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn whitespace_goes_and_everything_else_stays() {
    let table = [
        (" 1 ", "1"),
        ("\t{ } \r\n", "{}"),
        ("[ ]", "[]"),
        (
            " { \"a b\" : [ 1 , 2.50 , -0 , 1E+2 ] ,\n\"a b\" : { \"c\":null } }",
            r#"{"a b":[1,2.50,-0,1E+2],"a b":{"c":null}}"#,
        ),
        ("\" \\u0020\\n\\ud83d\\ude00 ä\"", "\" \\u0020\\n\\ud83d\\ude00 ä\""),
        ("123456789012345678901234567890.000", "123456789012345678901234567890.000"),
        ("[true,false , null]", "[true,false,null]"),
    ];
    for (text, expected) in table {
        assert_eq!(compacted(text).as_deref(), Ok(expected));
        assert_eq!(check(text, DEPTH_MAX), Ok(()));
    }
}

#[test]
fn mistakes_and_where_they_are() {
    let wide = "1".repeat(310);
    let table = [
        ("", 0, Kind::End),
        ("  ", 2, Kind::End),
        ("{", 1, Kind::End),
        ("[1", 2, Kind::End),
        ("[1,", 3, Kind::End),
        ("[1,]", 3, Kind::Unexpected(b']')),
        ("[,1]", 1, Kind::Unexpected(b',')),
        ("[1 2]", 3, Kind::Unexpected(b'2')),
        ("[1}", 2, Kind::Unexpected(b'}')),
        ("{1:2}", 1, Kind::Unexpected(b'1')),
        ("{\"a\"}", 4, Kind::Unexpected(b'}')),
        ("{\"a\":1,}", 7, Kind::Unexpected(b'}')),
        ("{\"a\":}", 5, Kind::Unexpected(b'}')),
        ("{\"a\":1]", 6, Kind::Unexpected(b']')),
        ("1 2", 2, Kind::Trailing),
        ("]", 0, Kind::Unexpected(b']')),
        ("tru", 3, Kind::End),
        ("trUe", 2, Kind::Unexpected(b'U')),
        ("nul]", 3, Kind::Unexpected(b']')),
        ("01", 0, Kind::Number),
        ("-", 1, Kind::End),
        ("-a", 1, Kind::Number),
        ("-01", 0, Kind::Number),
        ("1.", 2, Kind::End),
        ("1.a", 2, Kind::Number),
        ("1e", 2, Kind::End),
        ("1e+x", 3, Kind::Number),
        (".5", 0, Kind::Unexpected(b'.')),
        ("+1", 0, Kind::Unexpected(b'+')),
        ("[1e309]", 1, Kind::NumberRange),
        (&wide, 0, Kind::NumberRange),
        ("NaN", 0, Kind::Unexpected(b'N')),
        ("\"a", 2, Kind::End),
        ("\"a\\", 2, Kind::End),
        ("\"a\\x\"", 2, Kind::Escape),
        ("\"\\u12g4\"", 1, Kind::Escape),
        ("\"\\u12", 1, Kind::Escape),
        ("\"\\ud83d\"", 1, Kind::Surrogate),
        ("\"\\ud83d\\u0020\"", 1, Kind::Surrogate),
        ("\"\\ude00\"", 1, Kind::Surrogate),
        ("\"a\nb\"", 2, Kind::Control),
        ("'a'", 0, Kind::Unexpected(b'\'')),
        ("\u{a0}1", 0, Kind::Unexpected(0xc2)),
    ];
    for (text, offset, kind) in table {
        assert_eq!(compacted(text), Err(JsonError { offset, kind }), "{text}");
    }
}

#[test]
fn depth_ends_where_it_should() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(check(&nested(DEPTH_MAX), DEPTH_MAX), Ok(()));
    assert_eq!(check(&nested(DEPTH_MAX + 1), 1000), Err(JsonError { offset: 128, kind: Kind::Depth(128) }));
    assert_eq!(check("[{}]", 2), Ok(()));
    assert_eq!(check("[{\"a\":[]}]", 2), Err(JsonError { offset: 6, kind: Kind::Depth(2) }));
    assert!(check(&"[".repeat(5_000_000), DEPTH_MAX).is_err());
}

/// JSON text of any shape, with whitespace.
fn json() -> impl Strategy<Value = String> {
    let space = || "[ \t\r\n]{0,2}";
    let string = || any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap());
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?",
        string(),
        "\"(\\\\u[0-9a-c][0-9a-fA-F]{3}|\\\\[\"/bfnrt\\\\]|[a-z]){0,5}\"",
    ];
    scalar.prop_recursive(5, 40, 5, move |inner| {
        let item = (space(), inner, space()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        let pair =
            (space(), string(), space(), item.clone()).prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{value}"));
        prop_oneof![
            prop::collection::vec(item, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(pair, 0..5).prop_map(|pairs| format!("{{{}}}", pairs.join(","))),
        ]
    })
}

proptest! {
    #[test]
    fn compacting_changes_nothing_but_whitespace(text in json()) {
        let compact = compacted(&text).unwrap();
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        prop_assert_eq!(parse(&compact), parse(&text));
        prop_assert!(compact.len() <= text.len());
        prop_assert_eq!(compacted(&compact).unwrap(), compact);
    }

    /// Agrees with a parser of another make on every text, but for what is refused beyond the grammar.
    #[test]
    fn accepts_what_json_is_and_nothing_else(mut text in json(), at in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f) {
        let at = text.char_indices().nth(at.index(text.chars().count())).map_or(0, |(at, _)| at);
        text.replace_range(at..at + text[at..].chars().next().map_or(0, char::len_utf8), &(byte as char).to_string());
        let other = serde_json::from_str::<serde_json::Value>(&text);
        match check(&text, DEPTH_MAX) {
            Ok(()) => prop_assert!(other.is_ok(), "{}", text),
            Err(error) => prop_assert!(other.is_err(), "{} {}", text, error),
        }
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}:,\"\\\\ \\-0-9eEu.tfn]{0,30}|\\PC{0,20}") {
        let _ = compacted(&text);
    }
}
