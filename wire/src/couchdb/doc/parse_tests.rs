use proptest::prelude::*;

use super::super::attachment::Data;
use super::*;

fn parse(text: &str) -> Result<Document, DocError> {
    Document::parse(text.as_bytes(), &DocLimits::default())
}

#[test]
fn members_of_the_protocol_are_set_apart() {
    let document = parse(
        r#" { "_id":"a", "b" : 1.50, "_deleted":true, "_rev":"2-x", "c":{"_d":"\u00e4"}, "_revs_info":1, "_conflicts":[],
        "_local_seq":7, "_replication_state":"done", "b":2 } "#,
    )
    .unwrap();
    assert_eq!(document.id.as_deref(), Some("a"));
    assert_eq!(document.history.unwrap().rev().to_string(), "2-x");
    assert!(document.deleted);
    assert_eq!(document.body, r#"{"c":{"_d":"\u00e4"},"_replication_state":"done","b":2}"#);
    assert_eq!(parse("{}").unwrap().body, "{}");
}

#[test]
fn a_history_counts_more_than_a_rev() {
    let texts = [
        r#"{"_rev":"3-c","_revisions":{"start":3,"ids":["c","b"]}}"#,
        r#"{"_revisions":{"ids":["c","b"],"start":3},"_rev":"bogus"}"#,
    ];
    for text in texts {
        let history = parse(text).unwrap().history.unwrap();
        assert_eq!((history.start(), history.ids().len()), (3, 2), "{text}");
    }
    let text = r#"{"_revisions":{"start":0,"ids":[]},"_rev":"1-a"}"#;
    assert_eq!(parse(text).unwrap().history.unwrap().rev().to_string(), "1-a");
}

#[test]
fn refusals_in_couchdbs_words() {
    let table = [
        ("{bad", 400, "bad_request", "invalid UTF-8 JSON"),
        ("[1]", 400, "bad_request", "Document must be a JSON object"),
        (r#"{"_foo":3}"#, 400, "doc_validation", "Bad special document member: _foo"),
        (r#"{"_deleted":1}"#, 400, "doc_validation", "Bad special document member: _deleted"),
        (r#"{"_attachments":[]}"#, 400, "doc_validation", "Bad special document member: _attachments"),
        (r#"{"_revisions":1}"#, 400, "doc_validation", "Bad special document member: _revisions"),
        (r#"{"_":1}"#, 400, "doc_validation", "Bad special document member: _"),
        (r#"{"_rev":"bogus"}"#, 400, "bad_request", "Invalid rev format"),
        (r#"{"_rev":1}"#, 400, "bad_request", "Invalid rev format"),
        (r#"{"_id":"_bad"}"#, 400, "illegal_docid", "Only reserved document ids may start with underscore."),
        (r#"{"_id":1}"#, 400, "illegal_docid", "Document id must be a string"),
        (r#"{"_id":""}"#, 400, "illegal_docid", "Document id must not be empty"),
        (r#"{"_revisions":{"ids":[]}}"#, 400, "doc_validation", "_revisions.start isn't an integer."),
        (r#"{"_revisions":{"start":1.0,"ids":[]}}"#, 400, "doc_validation", "_revisions.start isn't an integer."),
        (r#"{"_revisions":{"start":1}}"#, 400, "doc_validation", "_revisions.ids isn't a array."),
        (r#"{"_revisions":{"start":1,"ids":[1]}}"#, 400, "doc_validation", "RevId isn't a string"),
        (
            r#"{"_revisions":{"start":1,"ids":["zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"]}}"#,
            400,
            "doc_validation",
            "RevId isn't a valid hexadecimal",
        ),
        (r#"{"_revisions":{"start":1,"ids":["b","a"]}}"#, 400, "doc_validation", "_revisions is not a history"),
        (r#"{"_attachments":{"a":{"data":"!"}}}"#, 400, "bad_request", "Invalid attachment data for a"),
        (r#"{"_attachments":{"a":{}}}"#, 400, "bad_request", "Invalid attachment data for a"),
        (
            r#"{"_attachments":{"_a":{"data":""}}}"#,
            400,
            "bad_request",
            "Attachment name '_a' starts with prohibited character '_'",
        ),
    ];
    for (text, status, code, reason) in table {
        let error = parse(text).unwrap_err();
        assert_eq!((error.status(), error.code(), error.to_string().as_str()), (status, code, reason), "{text}");
    }
}

#[test]
fn limits() {
    let limits = DocLimits { body_bytes_max: 10, attachment_bytes_max: 3, attachments_max: 1 };
    let parse = |text: &str| Document::parse(text.as_bytes(), &limits);
    assert!(parse(r#"{"_id":"abcdefghijkl","x":"abc"}"#).unwrap_err() == DocError::TooLarge("abcdefghijkl".into()));
    assert!(parse(r#"{"_id":"abcdefghijkl","x":"ab"}"#).is_ok());
    let error = parse(r#"{"_attachments":{"a":{"data":"QUJDRA=="}}}"#).unwrap_err();
    assert_eq!((error.status(), error.code(), error.to_string().as_str()), (413, "attachment_too_large", "a"));
    let error = parse(r#"{"_attachments":{"a":{"data":""},"b":{"data":""}}}"#).unwrap_err();
    assert_eq!(error, DocError::TooManyAttachments(1));
    for depth in [129, 1_000, 1_000_000] {
        let deep = format!("{{\"a\":{}", "[".repeat(depth));
        let error = parse(&deep).unwrap_err();
        assert_eq!((error.status(), error.to_string()), (400, "JSON is nested deeper than 128 levels".into()));
    }
}

#[test]
fn attachments_of_every_form() {
    let document = parse(
        r#"{"_attachments":{"a":{"content_type":"text/plain","data":"QUJD"},"b":{"stub":true,"revpos":2,
        "digest":"md5-cpJNZyVlrRCi4ZvPqokXhQ=="},"c":{"follows":true,"length":47,"encoding":"gzip","encoded_length":29,
        "content_type":"a/b"},"d":7}}"#,
    )
    .unwrap();
    let [a, b, c] = &document.attachments[..] else { panic!("{:?}", document.attachments) };
    assert_eq!(
        (a.name.as_str(), a.content_type.as_str(), &a.data),
        ("a", "text/plain", &Data::Inline(b"ABC".to_vec()))
    );
    assert_eq!(b.content_type, "application/octet-stream");
    let Data::Stub { digest: Some(digest) } = b.data else { panic!("{b:?}") };
    assert_eq!((b.revpos, digest[0]), (Some(2), 0x72));
    assert_eq!(c.data, Data::Follows { length: 47, encoding: Some("gzip".into()), encoded_length: 29 });
    assert_eq!(document.body, "{}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[\\[\\]{}:,\"\\\\0-9_aAdeilnorsv]{0,40}") {
        let _ = parse(&text);
    }
}
