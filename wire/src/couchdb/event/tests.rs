use tailwater_core::{BodyFormat, Event};

use super::*;
use crate::couchdb::rev::{Body, History, Leaf, Rev, RevHash};

fn event<'a>(kind: &'a str, key: &'a str, body: &'a [u8]) -> Event<'a> {
    Event { seq: 7, time_us: 1, kind, key, format: BodyFormat::Json, body }
}

fn doc(event: &Event<'_>, conflicts: bool) -> String {
    let body = json_body(event);
    let mut out = Vec::new();
    Change::read(event, &body).write_doc(conflicts, &mut out);
    String::from_utf8(out).unwrap()
}

fn leaves(event: &Event<'_>) -> Vec<(String, bool)> {
    let body = json_body(event);
    let change = Change::read(event, &body);
    change.leaves().map(|(rev, deleted)| (String::from_utf8(rev.to_vec()).unwrap(), deleted)).collect()
}

fn history(pos: u64, ids: &[&str]) -> History {
    History::new(pos, ids.iter().map(|id| RevHash::parse(id).unwrap()).collect()).unwrap()
}

/// The captured document with three leaves.
fn conflicted(winner_doc: Option<&[u8]>, attachments: Option<&[u8]>, rev: &str, body: &str) -> Vec<u8> {
    let revs: Vec<Rev> = ["2-ccc2", "2-bbb1", "2-ddd3"].iter().map(|rev| rev.parse().unwrap()).collect();
    let leaf = |at: usize, deleted| Leaf { rev: &revs[at], body: Body { seq: 1, deleted } };
    let leaves = [leaf(0, false), leaf(1, false), leaf(2, true)];
    let history = history(2, &[rev, "aaa0"]);
    let change =
        NewChange { id: "cf", history: &history, leaves: &leaves, winner_doc, body, deleted: false, attachments };
    let mut out = Vec::new();
    change.write_body(&mut out);
    out
}

#[test]
fn golden_bodies() {
    let history = history(2, &["b", "a"]);
    let change = NewChange {
        id: "d\"1",
        history: &history,
        leaves: &[],
        winner_doc: None,
        body: r#"{"n":1.50}"#,
        deleted: true,
        attachments: Some(b"{\"a\":{}}"),
    };
    let mut out = Vec::new();
    change.write_body(&mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        r#"{"_id":"d\"1","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"n":1.50,"_deleted":true,"_attachments":{"a":{}}}"#
    );
    assert_eq!(change.kind(), "delete");
    assert_eq!(
        String::from_utf8(conflicted(None, None, "ccc2", r#"{"v":2}"#)).unwrap(),
        r#"{"_id":"cf","_rev":"2-ccc2","_revisions":{"start":2,"ids":["ccc2","aaa0"]},"_leaves":[["2-ccc2",false],["2-bbb1",false],["2-ddd3",true]],"v":2}"#
    );
}

#[test]
fn the_document_of_a_row() {
    let body = conflicted(None, None, "ccc2", r#"{"v":2}"#);
    let event = event("put", "cf", &body);
    assert_eq!(doc(&event, false), r#"{"_id":"cf","_rev":"2-ccc2","v":2}"#);
    assert_eq!(doc(&event, true), r#"{"_id":"cf","_rev":"2-ccc2","v":2,"_conflicts":["2-bbb1"]}"#);
    let expected = [("\"2-ccc2\"", false), ("\"2-bbb1\"", false), ("\"2-ddd3\"", true)];
    assert_eq!(leaves(&event), expected.map(|(rev, deleted)| (rev.to_owned(), deleted)));
}

#[test]
fn conflicts_stand_before_attachments() {
    let body = conflicted(None, Some(br#"{"a":{"stub":true}}"#), "ccc2", r#"{"v":2}"#);
    let shown = r#"{"_id":"cf","_rev":"2-ccc2","v":2,"_conflicts":["2-bbb1"],"_attachments":{"a":{"stub":true}}}"#;
    assert_eq!(doc(&event("put", "cf", &body), true), shown);
    let body = conflicted(None, Some(b"{}"), "ccc2", "{}");
    let shown = r#"{"_id":"cf","_rev":"2-ccc2","_conflicts":["2-bbb1"],"_attachments":{}}"#;
    assert_eq!(doc(&event("put", "cf", &body), true), shown);
}

#[test]
fn a_loser_brings_the_winners_document() {
    for (winner, shown, with_conflicts) in [
        (
            r#"{"_id":"cf","_rev":"2-ccc2","v":2}"#,
            r#"{"_id":"cf","_rev":"2-ccc2","v":2}"#,
            r#"{"_id":"cf","_rev":"2-ccc2","v":2,"_conflicts":["2-bbb1"]}"#,
        ),
        (
            r#"{"_id":"cf","_rev":"2-ccc2","_attachments":{"a":{}}}"#,
            r#"{"_id":"cf","_rev":"2-ccc2","_attachments":{"a":{}}}"#,
            r#"{"_id":"cf","_rev":"2-ccc2","_conflicts":["2-bbb1"],"_attachments":{"a":{}}}"#,
        ),
    ] {
        let body = conflicted(Some(winner.as_bytes()), None, "bbb1", r#"{"v":1}"#);
        let event = event("put", "cf", &body);
        assert_eq!(doc(&event, false), shown);
        assert_eq!(doc(&event, true), with_conflicts);
        let change = Change::read(&event, &body);
        assert_eq!((change.rev(), change.is_deleted()), (&b"\"2-bbb1\""[..], false));
    }
}

#[test]
fn whether_it_is_deleted_is_the_winners_business() {
    // The event deletes a losing branch: the document lives on.
    let body = br#"{"_id":"cf","_rev":"3-x","_revisions":{"start":3,"ids":["x"]},"_leaves":[["2-ccc2",false],["3-x",true]],"_winner_doc":{"_id":"cf","_rev":"2-ccc2"},"_deleted":true}"#;
    let event = event("delete", "cf", body);
    assert!(!Change::read(&event, body).is_deleted());
    let alone = br#"{"_id":"cf","_rev":"3-x","_revisions":{"start":3,"ids":["x"]},"kept":true,"_deleted":true}"#;
    let event = self::event("delete", "cf", alone);
    assert!(Change::read(&event, alone).is_deleted());
    assert_eq!(doc(&event, false), r#"{"_id":"cf","_rev":"3-x","kept":true,"_deleted":true}"#);
}

#[test]
fn events_of_another_origin() {
    let hash_of_null = "dc32537e27486e2c652e7b35ccc22eda";
    let table: [(&str, &str, &str, String); 7] = [
        ("put", "k", r#"{"_id":"k","_rev":"none","a":1}"#, r#""a":1"#.into()),
        ("put", "k", r#"{"a":1,"_b":2,"_id":3}"#, r#""a":1"#.into()),
        ("put", "k", "{}", String::new()),
        ("put", "k", "[1]", r#""body":[1]"#.into()),
        ("put", "k", "null", r#""body":null"#.into()),
        ("delete", "k", "null", r#""_deleted":true"#.into()),
        ("delete", "k", r#"{"a":1}"#, r#""a":1,"_deleted":true"#.into()),
    ];
    for (kind, key, body, members) in table {
        let event = event(kind, key, body.as_bytes());
        let shown = doc(&event, true);
        let (start, rest) = shown.split_at(r#"{"_id":"k","_rev":"7-"#.len() + 33);
        assert!(start.starts_with(r#"{"_id":"k","_rev":"7-"#) && start.ends_with('"'), "{shown}");
        let comma = if members.is_empty() { "" } else { "," };
        assert_eq!(rest, format!("{comma}{members}}}"), "{body}");
    }
    let nobody = event("delete", "", b"null");
    assert_eq!(doc(&nobody, false), format!(r#"{{"_id":"7","_rev":"7-{hash_of_null}","_deleted":true}}"#));
    assert_eq!(leaves(&nobody), [(format!("\"7-{hash_of_null}\""), true)]);
}

#[test]
fn bodies_of_other_formats() {
    let mut cbor = Vec::new();
    crate::dag_cbor::from_json(br#"{"a":[1]}"#, crate::dag_cbor::Numbers::Exact, &mut cbor).unwrap();
    let event = |format, body| Event { format, ..event("put", "k", body) };
    assert!(doc(&event(BodyFormat::DagCbor, &cbor), false).ends_with(r#","a":[1]}"#));
    for (format, body) in
        [(BodyFormat::DagCbor, &b"\xff"[..]), (BodyFormat::AtprotoFrame, b""), (BodyFormat::Json, b"")]
    {
        assert!(doc(&event(format, body), false).ends_with(r#","body":null}"#), "{format:?}");
    }
}
