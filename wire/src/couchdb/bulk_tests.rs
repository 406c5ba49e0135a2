use proptest::prelude::*;

use super::*;
use crate::couchdb::errors::Problem;
use crate::couchdb::rev::Conflict;

fn parse(text: &str) -> Result<BulkDocs, BulkError> {
    BulkDocs::parse(text.as_bytes(), &DocLimits::default())
}

#[test]
fn documents_in_order() {
    let bulk = parse(r#"{"docs":[{"_id":"x1"},{"a":"noid"}],"all_or_nothing":true}"#).unwrap();
    let shown: Vec<_> = bulk.docs.iter().map(|doc| (doc.id.as_deref(), doc.body.as_str())).collect();
    assert_eq!(shown, [(Some("x1"), "{}"), (None, r#"{"a":"noid"}"#)]);
    assert!(!bulk.keep_revs && parse(r#"{"docs":[]}"#).unwrap().docs.is_empty());
    // What CouchDB's replicator sends.
    let text = r#"{"new_edits":false,"docs":[{"_id":"cf","_rev":"2-ddd3","_deleted":true,"_revisions":{"start":2,"ids":["ddd3","aaa0"]}},{"_id":"cf","_rev":"2-ccc2","v":2,"_revisions":{"start":2,"ids":["ccc2","aaa0"]}},{"_id":"cf","_rev":"2-bbb1","v":1,"_revisions":{"start":2,"ids":["bbb1","aaa0"]}}]}"#;
    let bulk = parse(text).unwrap();
    let revs: Vec<_> = bulk.docs.iter().map(|doc| doc.history.as_ref().unwrap().rev().to_string()).collect();
    assert_eq!(
        (revs, bulk.keep_revs, bulk.docs[0].deleted),
        (vec!["2-ddd3".into(), "2-ccc2".into(), "2-bbb1".into()], true, true)
    );
}

/// Refusals of CouchDB 3.5.0.
#[test]
fn captured_refusals() {
    let table = [
        (
            r#"{"docs":[{"_id":"x1"},{"_id":"_bad"}]}"#,
            "illegal_docid",
            "Only reserved document ids may start with underscore.",
        ),
        (
            r#"{"docs":[{"_id":"n2"}],"new_edits":false}"#,
            "bad_request",
            "When `new_edits: false`, the document needs `_rev` or `_revisions` specified",
        ),
        (r#"{"nodocs":1}"#, "bad_request", "POST body must include `docs` parameter."),
        (r#"{"docs":{}}"#, "bad_request", "`docs` parameter must be an array."),
        (r#"{"docs":[],"new_edits":1}"#, "bad_request", "`new_edits` parameter must be a boolean."),
        (r#"{"docs":[1]}"#, "bad_request", "Document must be a JSON object"),
        ("[]", "bad_request", "Request body must be a JSON object"),
        ("{", "bad_request", "invalid UTF-8 JSON"),
    ];
    for (text, code, reason) in table {
        let error = parse(text).unwrap_err();
        assert_eq!((error.status(), error.code(), error.to_string().as_str()), (400, code, reason), "{text}");
    }
    let many = format!(r#"{{"docs":[{}]}}"#, vec!["{}"; DOCS_MAX + 1].join(","));
    assert_eq!(parse(&many), Err(BulkError::TooMany));
    for text in ["{}", r#"{"docs":{}}"#] {
        let error = parse_bulk_get(text.as_bytes()).unwrap_err();
        assert_eq!((error.status(), error.to_string().as_str()), (400, "Missing JSON list of 'docs'."));
    }
}

#[test]
fn results() {
    let mut out = Vec::new();
    let rev = "1-967a00dff5e02add41819138abb3284d";
    write_stored("x1", rev, &mut out);
    let mut edited = Vec::new();
    write_edited("x1", &rev.parse().unwrap(), &mut edited);
    assert_eq!(edited, out);
    assert_eq!(out, br#"{"ok":true,"id":"x1","rev":"1-967a00dff5e02add41819138abb3284d"}"#);
    let mut out = Vec::new();
    write_failed("a\"b", None, &Conflict.into(), &mut out);
    assert_eq!(out, br#"{"id":"a\"b","error":"conflict","reason":"Document update conflict."}"#);
    let mut out = Vec::new();
    write_failed("a", Some("1-b"), &Problem::Forbidden.into(), &mut out);
    assert!(out.starts_with(br#"{"id":"a","rev":"1-b","error":"forbidden","#));
}

/// A request and the answer of CouchDB 3.5.0.
#[test]
fn a_captured_bulk_get() {
    let wanted = parse_bulk_get(
        br#"{"docs":[{"id":"n1","rev":"3-c"},{"id":"n1","rev":"9-zz"},{"id":"x1"},{"rev":"3-c"},{"id":"a","rev":"bogus"},
        {"id":"_x"},{"id":"a","atts_since":["1-a"]},{"id":"a","atts_since":1},7]}"#,
    )
    .unwrap();
    let document = |id: &str, rev: Option<&str>, atts_since| Wanted::Document {
        id: id.into(),
        rev: rev.map(|rev| rev.parse().unwrap()),
        atts_since,
    };
    assert_eq!(
        wanted[..3],
        [document("n1", Some("3-c"), None), document("n1", Some("9-zz"), None), document("x1", None, None)]
    );
    assert_eq!(wanted[6], document("a", None, Some(vec!["1-a".parse().unwrap()])));

    let mut out = Vec::new();
    let mut writer = BulkGetWriter::new(&mut out);
    writer.result("\"n1\"");
    writer.document(br#"{"_id":"n1","_rev":"3-c"}"#);
    writer.document(b"{}");
    writer.result("\"n1\"");
    writer.error("\"n1\"", "\"9-zz\"", &Problem::Missing.into());
    for one in &wanted {
        if let Wanted::Wrong { id, rev, refusal } = one {
            writer.result(id);
            writer.error(id, rev, refusal);
        }
    }
    writer.finish();
    let expected = [
        r#"{"results":[{"id":"n1","docs":[{"ok":{"_id":"n1","_rev":"3-c"}},{"ok":{}}]}"#,
        r#"{"id":"n1","docs":[{"error":{"rev":"9-zz","reason":"missing","id":"n1","error":"not_found"}}]}"#,
        r#"{"id":null,"docs":[{"error":{"rev":null,"reason":"document id missed","id":null,"error":"bad_request"}}]}"#,
        r#"{"id":"a","docs":[{"error":{"rev":"bogus","reason":"Invalid rev format","id":"a","error":"bad_request"}}]}"#,
        r#"{"id":"_x","docs":[{"error":{"rev":null,"reason":"Only reserved document ids may start with underscore.","id":"_x","error":"illegal_docid"}}]}"#,
        r#"{"id":"a","docs":[{"error":{"rev":1,"reason":"att_since value must be array of revs.","id":"a","error":"bad_request"}}]}"#,
        r#"{"id":null,"docs":[{"error":{"rev":null,"reason":"document must be a JSON object","id":null,"error":"bad_request"}}]}]}"#,
    ];
    assert_eq!(String::from_utf8(out).unwrap(), expected.join(",") + "\n");
    let mut out = Vec::new();
    BulkGetWriter::new(&mut out).finish();
    assert_eq!(out, b"{\"results\":[]}\n");
    let mut out = Vec::new();
    let mut writer = BulkGetWriter::new(&mut out);
    writer.result("1");
    writer.document(b"{}");
    writer.pause();
    let mut writer = BulkGetWriter::resume(&mut out);
    writer.result("2");
    writer.start_document();
    let mut ahead = writer.take();
    writer.end_document();
    writer.pause();
    ahead.extend_from_slice(b"{}");
    ahead.extend_from_slice(&out);
    let mut out = ahead;
    BulkGetWriter::resume(&mut out).finish();
    let whole = r#"{"results":[{"id":1,"docs":[{"ok":{}}]},{"id":2,"docs":[{"ok":{}}]}]}"#;
    assert_eq!(String::from_utf8(out).unwrap(), format!("{whole}\n"));
}

proptest! {
    #[test]
    fn no_text_panics(text in "[{}\\[\\]\":,docsidrev_0-9-]{0,40}") {
        let _ = parse(&text);
        let _ = parse_bulk_get(text.as_bytes());
    }
}
