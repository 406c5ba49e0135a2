use proptest::prelude::*;
use serde_json::{Value as Tree, json};

use super::*;
use crate::fauna::document::write_fields;
use crate::fauna::test_values::fields;

const TIME_US: u64 = 1_711_024_518_680_000;
const UID: u64 = 1;

fn event<'a>(kind: &'a str, key: &'a str, body: &'a str) -> Event<'a> {
    Event { seq: 7, time_us: TIME_US, kind, key, format: BodyFormat::Json, body: body.as_bytes() }
}

fn before(body: &str) -> BeforeDocument<'_> {
    BeforeDocument { time_us: TIME_US - 1_000_000, format: BodyFormat::Json, body: body.as_bytes() }
}

fn source(text: &str) -> Source {
    Source::parse(text).unwrap()
}

fn change<'a>(before_body: Option<&'a str>, after_body: Option<&'a str>) -> Change<'a> {
    let event = match after_body {
        Some(body) => event(KIND_PUT, "1", body),
        None => event(KIND_DELETE, "1", ""),
    };
    Change { event, before: before_body.map(before) }
}

/// The type of what is shown and its data.
fn shown(change: &Change<'_>, source: &Source) -> (Written, Tree) {
    let mut out = Vec::new();
    let written = write_event(change, source, UID, &mut out);
    if written == Written::Nothing {
        assert!(out.is_empty());
        return (written, Tree::Null);
    }
    let tree: Tree = serde_json::from_slice(&out).unwrap();
    match written {
        Written::Data(event_type) => assert_eq!(tree["type"], event_type.name()),
        _ => assert_eq!(tree["type"], "error"),
    }
    (written, if written == Written::Error { tree["error"].clone() } else { tree["data"].clone() })
}

const ADD: Written = Written::Data(EventType::Add);
const UPDATE: Written = Written::Data(EventType::Update);
const REMOVE: Written = Written::Data(EventType::Remove);

#[test]
fn golden_line_and_chunk() {
    let change = Change { event: event("put", "392914348360597540", r#"{"name":"pizza","n":1}"#), before: None };
    let cursor = Cursor { uid: UID, time_us: TIME_US, seq: 7 }.to_text();
    let expected = format!(
        concat!(
            r#"{{"type":"add","data":{{"@doc":{{"id":"392914348360597540","coll":{{"@mod":"Product"}},"ts":{{"@time":"2024-03-21T12:35:18.680Z"}},"name":"pizza","n":{{"@int":"1"}}}}}},"#,
            r#""txn_ts":1711024518680000,"cursor":"{}","stats":{{"read_ops":1,"storage_bytes_read":22,"compute_ops":1,"processing_time_ms":0,"rate_limits_hit":[]}}}}"#,
            "\r\n"
        ),
        cursor
    );
    let source = Source::of_collection("Product");
    let mut out = b"before".to_vec();
    assert_eq!(write_line(&change, &source, UID, &mut out), ADD);
    assert_eq!(String::from_utf8(out).unwrap(), format!("before{expected}"));
    let mut out = Vec::new();
    assert_eq!(write_chunk(&change, &source, UID, &mut out), ADD);
    assert_eq!(String::from_utf8(out).unwrap(), format!("{:x}\r\n{expected}\r\n", expected.len()));
}

/// What is not shown leaves no blank line and no empty chunk, which would end the body: traps T4 and T5.
#[test]
fn nothing_is_nothing() {
    let source = source("A.where(.n == 2).eventSource()");
    for write in [write_event, write_line, write_chunk] {
        let mut out = Vec::new();
        assert_eq!(write(&change(None, Some(r#"{"n":1}"#)), &source, UID, &mut out), Written::Nothing);
        assert!(out.is_empty());
    }
}

#[test]
fn documents_come_change_and_go() {
    let all = Source::of_collection("A");
    let table = [
        (None, Some(r#"{"n":1}"#), ADD, json!({ "@int": "1" }), TIME_US),
        (Some(r#"{"n":1}"#), Some(r#"{"n":2}"#), UPDATE, json!({ "@int": "2" }), TIME_US),
        (Some(r#"{"n":1}"#), Some(r#"{"n":1}"#), UPDATE, json!({ "@int": "1" }), TIME_US),
        (Some(r#"{"n":1}"#), None, REMOVE, json!({ "@int": "1" }), TIME_US - 1_000_000),
        (None, None, Written::Nothing, Tree::Null, 0),
    ];
    for (before, after, written, n, time_us) in table {
        let (found, data) = shown(&change(before, after), &all);
        assert_eq!(found, written);
        if written != Written::Nothing {
            let ts = crate::fauna::value::Moment::from_us(time_us).to_string();
            assert_eq!((&data["@doc"]["n"], &data["@doc"]["ts"]["@time"]), (&n, &json!(ts)));
        }
    }
}

/// A document that begins or stops matching a condition is an `add` or a `remove`.
#[test]
fn conditions_decide_what_comes_and_goes() {
    let sources = [
        "A.where(.n >= 1).where(.n <= 3).eventSource()",
        "A.all().where(d => d.n + 0 >= 1 && d.n <= 3).eventSource()",
        "A.all().map(d => { n: d.n }).where(d => d.n >= 1 && d.n <= 3).eventSource()",
    ];
    let bodies = [r#"{"n":0}"#, r#"{"n":1}"#, r#"{"n":2}"#, r#"{"n":3}"#, r#"{"n":4}"#];
    let expected = [ADD, UPDATE, UPDATE, REMOVE];
    for text in sources {
        let source = source(text);
        assert_eq!(shown(&change(None, Some(bodies[0])), &source).0, Written::Nothing, "{text}");
        assert_eq!(shown(&change(None, Some(bodies[1])), &source).0, ADD, "{text}");
        for (at, written) in expected.into_iter().enumerate() {
            let (found, data) = shown(&change(Some(bodies[at]), Some(bodies[at + 1])), &source);
            assert_eq!(found, written, "{text} {at}");
            let n = if data["@doc"].is_null() { data["n"].clone() } else { data["@doc"]["n"].clone() };
            let shown_n = if written == REMOVE { at } else { at + 1 };
            assert_eq!(n, json!({ "@int": shown_n.to_string() }), "{text}");
        }
        assert_eq!(shown(&change(Some(bodies[4]), None), &source).0, Written::Nothing, "{text}");
        assert_eq!(shown(&change(Some(bodies[2]), None), &source).0, REMOVE, "{text}");
    }
}

#[test]
fn projections_decide_what_is_shown() {
    let body = r#"{"first":0,"last":"foo","o":{"p":[1.5]},"fk":{"@ref":{"id":"9","coll":{"@mod":"B"}}},"@x":1}"#;
    let doc = json!({ "@doc": { "id": "1", "coll": { "@mod": "A" }, "ts": { "@time": "2024-03-21T12:35:18.680Z" }, "first": { "@int": "0" }, "last": "foo", "o": { "p": [{ "@double": "1.5" }] }, "fk": { "@ref": { "id": "9", "coll": { "@mod": "B" } } }, "@x": { "@int": "1" } } });
    let table = [
        ("A.all().map(.first)", json!({ "@int": "0" })),
        ("A.all().map(.missing)", Tree::Null),
        ("A.all().map(.id)", json!("1")),
        ("A.all() { first }", json!({ "first": { "@int": "0" } })),
        ("A.all().map(d => { a: d.last, b: d.o.p })", json!({ "a": "foo", "b": [{ "@double": "1.5" }] })),
        ("A.all().map(d => { '@a': d.last })", json!({ "@object": { "@a": "foo" } })),
        ("A.all().map(.fk)", json!({ "@ref": { "id": "9", "coll": { "@mod": "B" } } })),
        ("A.all().map(d => d)", doc.clone()),
        (
            "A.all().map((doc) => {\n  time: Time.now(),\n  date: Date.today(),\n  doc: doc,\n  bigInt: 922337036854775808,\n })",
            json!({ "time": { "@time": "2024-03-21T12:35:18.680Z" }, "date": { "@date": "2024-03-21" }, "doc": doc, "bigInt": { "@long": "922337036854775808" } }),
        ),
        ("A.all().map(.first).map(n => n + 1)", json!({ "@int": "1" })),
        ("A.all() { o { p } }", json!({ "o": { "p": [{ "@double": "1.5" }] } })),
    ];
    for (text, data) in table {
        let found = shown(&change(None, Some(body)), &source(&format!("({text}).eventSource()")));
        assert_eq!(found, (ADD, data), "{text}");
    }
}

#[test]
fn functions_that_fail_make_error_events() {
    let table = [
        ("A.all().map(doc => abort(\"oops\"))", "abort", "Query aborted."),
        ("A.all().map(d => d.first.second)", "invalid_null_access", "Cannot access `second` on null."),
        ("A.all().map(.first.second)", "invalid_null_access", "Cannot access `second` on null."),
        ("A.where(.first.second == 1)", "invalid_null_access", "Cannot access `second` on null."),
        ("A.where(.n)", "type_mismatch", "expected type: Boolean, received Int"),
        (
            "A.all().map(d => { A.create({})\n d })",
            "invalid_effect",
            "`create` performs a write, which is not allowed in stream subscriptions.",
        ),
        (
            "A.all().map(doc => doc.update({ foo: 'bar' }))",
            "invalid_effect",
            "`update` performs a write, which is not allowed in stream subscriptions.",
        ),
        (
            "A.all().map(c => A.all().map(.name))",
            "invalid_effect",
            "`all` performs a read, which is not allowed in stream subscriptions.",
        ),
        (
            "A.all().map(d => d.fk.n)",
            "invalid_effect",
            "Reading a field performs a read, which is not allowed in stream subscriptions.",
        ),
    ];
    let body = r#"{"n":1,"fk":{"@ref":{"id":"9","coll":{"@mod":"B"}}}}"#;
    for (text, code, message) in table {
        let (written, error) = shown(&change(None, Some(body)), &source(&format!("{text}.eventSource()")));
        assert_eq!(written, Written::Error, "{text}");
        assert_eq!((error["code"].as_str(), error["message"].as_str()), (Some(code), Some(message)), "{text}");
        assert_eq!(error["abort"], if code == "abort" { json!("oops") } else { Tree::Null });
    }
    let cheap = source("A.all().map(d => { let f = g => g(g); f(f) }).eventSource()");
    assert_eq!(shown(&change(None, Some("{}")), &cheap).1["code"], "stack_overflow");
    let dear = source("A.all().map(d => Set.sequence(0, 1000000).count()).eventSource()");
    assert_eq!(shown(&change(None, Some("{}")), &dear).1["code"], "value_too_large");
}

#[test]
fn watched_fields_decide_what_counts() {
    let source = source("A.all().eventsOn(.foo)");
    let table = [
        (None, Some(r#"{"foo":1}"#), ADD),
        (None, Some(r#"{"bar":1}"#), Written::Nothing),
        (Some(r#"{"foo":1}"#), Some(r#"{"foo":1,"bar":2}"#), Written::Nothing),
        (Some(r#"{"foo":1}"#), Some(r#"{"foo":2}"#), UPDATE),
        (Some(r#"{"foo":2}"#), None, REMOVE),
        (Some(r#"{"bar":2}"#), None, Written::Nothing),
    ];
    for (before, after, written) in table {
        assert_eq!(shown(&change(before, after), &source).0, written, "{before:?} {after:?}");
    }
}

#[test]
fn a_source_of_one_document_shows_no_other() {
    let one = source("Set.single(A.byId('1')).eventSource()");
    let other = source("Set.single(A.byId('2')).eventSource()");
    let change = change(Some("{}"), Some("{}"));
    assert_eq!((shown(&change, &one).0, shown(&change, &other).0), (UPDATE, Written::Nothing));
}

/// Events of other protocols: any kind, any key, any body.
#[test]
fn events_of_other_protocols_are_documents() {
    let all = Source::of_collection("A");
    let put = |kind, key, format, body| Change {
        event: Event { seq: 7, time_us: TIME_US, kind, key, format, body },
        before: Some(before("{}")),
    };
    let cbor = put("put", "any text\u{2028}", BodyFormat::DagCbor, b"\xa1\x61n\x01");
    assert_eq!(shown(&cbor, &all).0, UPDATE);
    assert_eq!(shown(&cbor, &all).1["@doc"]["id"], "any text\u{2028}");
    let commit = put("#commit", "did:plc:x", BodyFormat::AtprotoFrame, b"\xa2\x61t\x62#a\x62op\x01\xa1\x61n\x01");
    assert_eq!(shown(&commit, &all).1["@doc"]["n"], json!({ "@int": "1" }));
    let keyless = put("put", "", BodyFormat::Json, b"[1]");
    assert_eq!(
        shown(&keyless, &all),
        (
            ADD,
            json!({ "@doc": { "id": "7", "coll": { "@mod": "A" }, "ts": { "@time": "2024-03-21T12:35:18.680Z" }, "value": [{ "@int": "1" }] } })
        )
    );
}

fn body_of(fields: &crate::fauna::value::Fields) -> String {
    let mut body = Vec::new();
    write_fields(fields, &mut body);
    String::from_utf8(body).unwrap()
}

proptest! {
    /// Traps T3, T4, T5, T6, T12: whatever the document, a line is one line of JSON with the known keys and no other.
    #[test]
    fn every_line_is_one_line(before in prop::option::of(fields()), after in prop::option::of(fields()), compiled in any::<bool>()) {
        let (before, after) = (before.as_ref().map(body_of), after.as_ref().map(body_of));
        let change = change(before.as_deref(), after.as_deref());
        let text = if compiled { "A.where(.a == null).eventSource()" } else { "A.all().map(d => { d: d, n: d.a }).eventSource()" };
        let mut out = Vec::new();
        let written = write_line(&change, &source(text), UID, &mut out);
        let line = String::from_utf8(out).unwrap();
        if written == Written::Nothing {
            prop_assert!(line.is_empty());
            return Ok(());
        }
        let json = line.strip_suffix("\r\n").unwrap();
        let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}', '\u{1c}'];
        prop_assert!(!json.is_empty() && !json.contains(ends));
        let tree: Tree = serde_json::from_str(json).unwrap();
        let keys: Vec<&str> = tree.as_object().unwrap().keys().map(String::as_str).collect();
        prop_assert_eq!(keys, ["type", "data", "txn_ts", "cursor", "stats"]);
        prop_assert_eq!(tree["txn_ts"].as_u64(), Some(TIME_US));
        let cursor = Cursor::parse(tree["cursor"].as_str().unwrap()).unwrap();
        prop_assert_eq!(cursor, Cursor { uid: UID, time_us: TIME_US, seq: 7 });
    }

    /// The compiled way and the evaluated one show the same.
    #[test]
    fn compiled_sources_show_what_evaluated_ones_show(before in prop::option::of(fields()), after in prop::option::of(fields())) {
        let (before, after) = (before.as_ref().map(body_of), after.as_ref().map(body_of));
        let change = change(before.as_deref(), after.as_deref());
        for (compiled, evaluated) in [
            ("A.all()", "A.all().map(d => { let e = d; e })"),
            ("A.where(.a == 1)", "A.where(d => { let e = d; e.a == 1 })"),
            ("A.where(.a < .b || !(.c == null)).map(.a)", "A.where(d => { let e = d; e.a < e.b || !(e.c == null) }).map(d => { let e = d; e.a })"),
            ("A.all().map(d => { x: d.a, y: d.b?.c })", "A.all().map(d => { x: d.a, y: d.b?.c, z: 1 }).map(d => { x: d.x, y: d.y })"),
        ] {
            let compiled = source(&format!("{compiled}.eventSource()"));
            let evaluated = source(&format!("{evaluated}.eventSource()"));
            prop_assert!(compiled.plan().is_compiled() && !evaluated.plan().is_compiled());
            prop_assert_eq!(shown(&change, &compiled), shown(&change, &evaluated));
        }
    }

    #[test]
    fn no_body_panics(body in "[\\[\\]{}:,\"\\\\@a-z0-9. é]{0,40}|\\PC{0,20}", earlier in "[\\[\\]{}:,\"@a-z0-9.]{0,20}") {
        for text in ["A.all().eventSource()", "A.where(.a.b == 1).map(.c).eventSource()", "A.all().map(d => d.a).eventsOn(.a)"] {
            let mut out = Vec::new();
            write_line(&change(Some(&earlier), Some(&body)), &source(text), UID, &mut out);
            write_line(&change(Some(&body), None), &source(text), UID, &mut out);
        }
    }
}
