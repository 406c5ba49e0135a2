use proptest::prelude::*;

use super::*;
use crate::json::{JsonError, JsonErrorKind};
use crate::native::request::OverLimit;

type Line = (String, String, u64, String);

fn parse(body: &[u8]) -> Result<Vec<Line>, PublishError> {
    let mut lines = Vec::new();
    each_line(body, 99, &PublishLimits::default(), |draft| {
        assert_eq!((draft.seq, draft.format), (None, BodyFormat::Json));
        let body = String::from_utf8(draft.body.to_vec()).unwrap();
        lines.push((draft.kind.into(), draft.key.into(), draft.time_us, body));
        Ok(())
    })?;
    Ok(lines)
}

fn line(kind: &str, key: &str, time_us: u64, body: &str) -> Line {
    (kind.into(), key.into(), time_us, body.into())
}

#[test]
fn lines_become_events() {
    let table = [
        (r#"{"kind":"put","key":"k","time":5,"body":{"a":1}}"#, line("put", "k", 5, r#"{"a":1}"#)),
        (" { \"body\" : [ 1.50 , \"x y\" ] , \"kind\" : \"#commit\" } \r", line("#commit", "", 99, r#"[1.50,"x y"]"#)),
        (r#"{"kind":"delete","key":"k"}"#, line("delete", "k", 99, "null")),
        (r#"{"kind":"delete","body":{"old":true}}"#, line("delete", "", 99, r#"{"old":true}"#)),
        (r#"{"kind":"put","body":null}"#, line("put", "", 99, "null")),
        (r#"{"\u006bind":"p\u0075t","key":"\ud83d\ude00\n","body":""}"#, line("put", "😀\n", 99, "\"\"")),
        (
            r#"{"kind":"put","time":0,"body":123456789012345678901234567890}"#,
            line("put", "", 0, "123456789012345678901234567890"),
        ),
        (r#"{"kind":"put","time":9007199254740991,"body":0}"#, line("put", "", 9_007_199_254_740_991, "0")),
    ];
    for (text, expected) in &table {
        assert_eq!(parse(text.as_bytes()).as_deref(), Ok(std::slice::from_ref(expected)), "{text}");
    }
    let all = table.iter().map(|(text, _)| *text).collect::<Vec<_>>().join("\n\n \n");
    let expected: Vec<Line> = table.iter().map(|(_, line)| line.clone()).collect();
    assert_eq!(parse(all.as_bytes()), Ok(expected.clone()));
    assert_eq!(parse(format!("{all}\n").as_bytes()), Ok(expected));
    assert_eq!(parse_ndjson(all.as_bytes(), 99, &PublishLimits::default()).map(|batch| batch.len()), Ok(table.len()));
}

#[test]
fn mistakes_name_their_line() {
    use LineProblem::{Duplicate, Json, Kind, Missing, NotAnObject, Type, UnknownKey, Utf8};
    let json = |offset, kind| Json(JsonError { offset, kind });
    let time = "an integer of microseconds from 0 to 9007199254740991";
    let table: [(&[u8], LineProblem); 26] = [
        (b"{}", Missing("kind")),
        (br#"{"key":"a","body":1}"#, Missing("kind")),
        (br#"{"kind":"put"}"#, Missing("body")),
        (br#"{"kind":"","body":1}"#, Kind),
        (br#"{"kind":"a\nb","body":1}"#, Kind),
        (br#"{"kind":1,"body":1}"#, Type("kind", "a string")),
        (br#"{"kind":"put","key":null,"body":1}"#, Type("key", "a string")),
        (br#"{"kind":"put","time":-1,"body":1}"#, Type("time", time)),
        (br#"{"kind":"put","time":1.0,"body":1}"#, Type("time", time)),
        (br#"{"kind":"put","time":"1","body":1}"#, Type("time", time)),
        (br#"{"kind":"put","time":9007199254740992,"body":1}"#, Type("time", time)),
        (br#"{"kind":"put","kind":"put","body":1}"#, Duplicate("kind")),
        (br#"{"kind":"put","body":1,"body":1}"#, Duplicate("body")),
        (br#"{"kind":"put","Body":1}"#, UnknownKey("Body".into())),
        (b"[]", NotAnObject),
        (b"null", NotAnObject),
        (b"nul", json(3, JsonErrorKind::End)),
        (b"{", json(1, JsonErrorKind::End)),
        (br#"{"kind":"put","body":1"#, json(22, JsonErrorKind::End)),
        (br#"{"kind":"put","body":1}}"#, json(23, JsonErrorKind::Trailing)),
        (br#"{"kind":"put","body":1,}"#, json(23, JsonErrorKind::Unexpected(b'}'))),
        (br#"{"kind":"put","body":01}"#, json(21, JsonErrorKind::Number)),
        (br#"{"kind":"put","body":"\ud800"}"#, json(22, JsonErrorKind::Surrogate)),
        (br#"{"kind" "put"}"#, json(8, JsonErrorKind::Unexpected(b'"'))),
        (br#"{"kind":}"#, Type("kind", "a string")),
        (b"{\"kind\":\"\xff\"}", Utf8),
    ];
    for (text, problem) in table {
        let good = br#"{"kind":"put","body":1}"#;
        for (line, body) in [(1, text.to_vec()), (4, [&good[..], b"\n\n", good, b"\n", text, b"\n", good].concat())] {
            let error = PublishError::Line { line, problem: problem.clone() };
            assert_eq!((error.status(), error.code()), (400, "InvalidLine"));
            assert_eq!(parse(&body), Err(error), "{}", text.escape_ascii());
        }
    }
    assert_eq!(parse_ndjson(b"\n \n", 0, &PublishLimits::default()).err(), Some(PublishError::Empty));
}

#[test]
fn limits_name_their_line() {
    let deep = format!(r#"{{"kind":"put","body":{}{}}}"#, "[".repeat(129), "]".repeat(129));
    let depth = JsonError { offset: 21 + 128, kind: JsonErrorKind::Depth(128) };
    assert_eq!(parse(deep.as_bytes()), Err(PublishError::Line { line: 1, problem: LineProblem::Json(depth) }));

    for (text, status) in [
        (format!(r#"{{"kind":"{}","body":1}}"#, "k".repeat(65)), 400),
        (format!(r#"{{"kind":"put","key":"{}","body":1}}"#, "k".repeat(1025)), 400),
        (format!(r#"{{"kind":"put","body":"{}"}}"#, "b".repeat(5_000_000)), 413),
    ] {
        let error = parse_ndjson(text.as_bytes(), 0, &PublishLimits::default()).unwrap_err();
        assert!(matches!(error, PublishError::Line { line: 1, .. }), "{error}");
        assert_eq!(error.status(), status);
    }
}

#[test]
fn stricter_limits_are_inclusive_and_name_their_line() {
    let line = r#"{"kind":"put","key":"abc","body":[ [ [1] ] ]}"#;
    let exact = PublishLimits { event_bytes_max: 7, key_bytes_max: 3, depth_max: 3 };
    let limited = |limits: &PublishLimits| parse_ndjson(line.as_bytes(), 0, limits).map(|batch| batch.len());
    assert_eq!(limited(&exact), Ok(1), "whitespace does not count");
    let depth = LineProblem::Json(JsonError { offset: line.find("[1]").unwrap(), kind: JsonErrorKind::Depth(2) });
    for (limits, problem, status) in [
        (PublishLimits { event_bytes_max: 6, ..exact }, OverLimit::Event { bytes: 7, bytes_max: 6 }.into(), 413),
        (PublishLimits { key_bytes_max: 2, ..exact }, OverLimit::Key { bytes: 3, bytes_max: 2 }.into(), 400),
        (PublishLimits { depth_max: 2, ..exact }, depth, 400),
    ] {
        let error = limited(&limits).unwrap_err();
        assert_eq!(error.status(), status, "{error}");
        assert_eq!(error, PublishError::Line { line: 1, problem });
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(body in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\":,\n kindbodytime0".to_vec())], 0..60)) {
        let _ = parse(&body);
    }

    #[test]
    fn strings_arrive_as_another_writer_meant_them(kind in "[^\\p{Cc}]{1,10}", key in any::<String>(), body in any::<String>()) {
        let text = serde_json::json!({"kind": kind, "key": key, "body": body}).to_string();
        let body = serde_json::to_string(&body).unwrap();
        prop_assert_eq!(parse(text.as_bytes()), Ok(vec![(kind, key, 99, body)]));
    }
}
