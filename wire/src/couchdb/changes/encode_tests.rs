use tailwater_core::BodyFormat;

use super::*;
use crate::couchdb::text::Value;

const UID: DbUid = DbUid(7);
const BODY: &[u8] = br#"{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"_leaves":[["2-b",false],["1-x",true]],"n":3}"#;

fn event(body: &[u8]) -> Event<'_> {
    Event { seq: 14, time_us: 1, kind: "put", key: "a", format: BodyFormat::Json, body }
}

fn frame(encoder: &Changes, event: &Event<'_>) -> String {
    let mut out = b"before".to_vec();
    encoder.bound_to(UID).encode(event, Some(13), &mut out);
    String::from_utf8(out.split_off(6)).unwrap()
}

fn chunked(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn selector(text: &str, fields: &str) -> EventFilter {
    let selector = Selector::parse(Value::new(text.as_bytes())).unwrap();
    let fields = Fields::parse(Value::new(fields.as_bytes())).unwrap();
    EventFilter::new(FilterSpec::Selector { selector: Box::new(selector), fields }, Style::MainOnly).unwrap()
}

#[test]
fn golden_frames() {
    let token = UID.token(14);
    let main = format!(r#"{{"seq":"{token}","id":"a","changes":[{{"rev":"2-b"}}]"#);
    let all = format!(r#"{{"seq":"{token}","id":"a","changes":[{{"rev":"2-b"}},{{"rev":"1-x"}}]"#);
    let doc = r#","doc":{"_id":"a","_rev":"2-b","n":3}"#;
    let couch = Framing::Sse(Wording::CouchDb);
    let table = [
        (Framing::Line, Style::MainOnly, false, format!("{main}}}\n")),
        (Framing::Line, Style::AllDocs, true, format!("{all}{doc}}}\n")),
        (Framing::Row, Style::MainOnly, true, format!(",\r\n{main}{doc}}}")),
        (couch, Style::AllDocs, false, format!("data: {all}}}\nid: \"{token}\"\n\n")),
        (
            Framing::Sse(Wording::AsyncApi),
            Style::MainOnly,
            false,
            format!("event: change\nid: {token}\ndata: {main}}}\n\n"),
        ),
    ];
    for (framing, style, docs, expected) in table {
        let encoder = Changes::new(Shape { framing, style, docs });
        assert_eq!(frame(&encoder, &event(BODY)), chunked(&expected));
    }
}

#[test]
fn names_are_directories_and_unique() {
    let mut names: Vec<String> = Shape::all().into_iter().map(|shape| Changes::new(shape).name().to_owned()).collect();
    assert!(
        names.iter().any(|name| name == "couchdb-continuous-all-docs") && names.contains(&"couchdb-sse-docs".into())
    );
    let shape = Shape { framing: Framing::Line, style: Style::MainOnly, docs: true };
    let filters = [selector("{}", "[]"), selector("{}", "[\"a\"]"), selector(r#"{"a":1}"#, "[]"), EventFilter::Design];
    names.extend(filters.iter().map(|filter| Changes::name_for(shape, filter)));
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(names.iter().all(|name| name.chars().all(allowed) && name.len() < 100), "{names:?}");
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 16 + 4);
}

#[test]
fn filters() {
    let shape = Shape { framing: Framing::Line, style: Style::MainOnly, docs: true };
    let ids = |ids: &[&str]| {
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        EventFilter::new(FilterSpec::DocIds(ids), Style::AllDocs).unwrap()
    };
    let table = [
        (selector(r#"{"n":{"$gt":2}}"#, "[]"), true),
        (selector(r#"{"n":{"$gt":3}}"#, "[]"), false),
        (selector(r#"{"_rev":"2-b"}"#, "[]"), true),
        (selector(r#"{"_leaves":{"$exists":true}}"#, "[]"), false),
        (selector(r#"{"_revisions.start":2}"#, "[]"), false),
        (selector(r#"{"$and":[{"$eq":{"_id":"a","_rev":"2-b","n":3}}]}"#, "[]"), true),
        (ids(&["b", "a"]), true),
        (ids(&["b"]), false),
        (EventFilter::Design, false),
    ];
    for (filter, passes) in table {
        let shown = format!("{filter:?}");
        assert_eq!(!frame(&Changes::filtered(shape, filter), &event(BODY)).is_empty(), passes, "{shown}");
    }
    let projected = frame(&Changes::filtered(shape, selector("{}", r#"["n"]"#)), &event(BODY));
    assert!(projected.contains(r#","doc":{"n":3}}"#), "{projected}");
    assert_eq!(ids(&["a", "b"]).digest(), ids(&["b", "a"]).digest());
    assert_ne!(ids(&["ab"]).digest(), ids(&["a", "b"]).digest());
}

#[test]
fn a_selector_is_asked_about_the_winner() {
    let body = br#"{"_id":"a","_rev":"2-a","_revisions":{"start":2,"ids":["a"]},"_leaves":[["2-b",false],["2-a",false]],"_winner_doc":{"_id":"a","_rev":"2-b","n":3},"n":9}"#;
    let shape = Shape { framing: Framing::Line, style: Style::MainOnly, docs: true };
    assert!(
        frame(&Changes::filtered(shape, selector(r#"{"n":3}"#, "[]")), &event(body))
            .contains(r#""doc":{"_id":"a","_rev":"2-b","n":3}"#)
    );
    assert_eq!(frame(&Changes::filtered(shape, selector(r#"{"n":9}"#, "[]")), &event(body)), "");
}

#[test]
fn what_events_alone_do_not_decide() {
    let all = FilterSpec::Selector {
        selector: Box::new(Selector::parse(Value::new(b"{}")).unwrap()),
        fields: Fields::default(),
    };
    let function = FilterSpec::Function { design: "f".into(), name: "odd".into() };
    assert!(EventFilter::new(all, Style::AllDocs).is_none());
    assert!(EventFilter::new(function, Style::MainOnly).is_none());
    assert!(EventFilter::new(FilterSpec::None, Style::MainOnly).is_none());
}

#[test]
fn every_event_has_a_frame() {
    let encoder = Changes::new(Shape { framing: Framing::Line, style: Style::AllDocs, docs: true });
    for (format, body) in
        [(BodyFormat::Json, &b"7"[..]), (BodyFormat::DagCbor, b"\xa1"), (BodyFormat::AtprotoFrame, b"\x00")]
    {
        let text = frame(&encoder, &Event { format, ..event(body) });
        assert!(text.contains(r#""id":"a","changes":[{"rev":"14-"#) && text.ends_with("}}\n\r\n"), "{text}");
    }
    let options = FeedOptions::default();
    let bound = encoder.for_feed("db", &options).unwrap();
    let mut out = Vec::new();
    bound.encode(&event(BODY), None, &mut out);
    assert!(String::from_utf8(out).unwrap().contains(&DbUid::of_feed("db", &options).token(14)));
}
