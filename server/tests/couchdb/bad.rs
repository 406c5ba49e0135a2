//! Bad input: what no client should send.

use crate::{
    client::{Client, appliance, refused, with_db},
    common::eventually,
};

#[test]
fn nesting_has_an_end() {
    let (_appliance, client) = with_db();
    let deep = |levels: usize| format!("{{\"a\":{}1{}}}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(client.put("/db/a", deep(100)).status, 201);
    let limit = "JSON is nested deeper than 128 levels";
    for path in ["/db/b", "/db/_local/b", "/db/_security"] {
        assert_eq!(refused(&client.put(path, deep(1_000))), (400, "bad_request".into(), limit.into()), "{path}");
    }
    for path in [
        "/db",
        "/db/_bulk_docs",
        "/db/_bulk_get",
        "/db/_all_docs",
        "/db/_find",
        "/db/_revs_diff",
        "/db/_purge",
        "/_session",
        "/_dbs_info",
    ] {
        assert_eq!(refused(&client.post(path, deep(1_000))), (400, "bad_request".into(), limit.into()), "{path}");
    }
}

#[test]
fn what_is_no_json() {
    let (_appliance, client) = with_db();
    for body in
        [&b"{"[..], b"{bad", b"", b"{}x", b"\xff", b"{\"a\":\"\xff\"}", b"{'a':1}", b"{\"a\":01}", b"\xef\xbb\xbf{}"]
    {
        let answer = client.put("/db/a", body);
        assert_eq!(
            refused(&answer),
            (400, "bad_request".into(), "invalid UTF-8 JSON".into()),
            "{}",
            body.escape_ascii()
        );
    }
    for body in ["1", "[]", "\"x\"", "null"] {
        assert_eq!(refused(&client.put("/db/a", body)).2, "Document must be a JSON object", "{body}");
    }
}

#[test]
fn what_is_too_large() {
    let appliance = appliance(|config| config.limits.request_body_bytes_max = 4_000_000);
    let client = Client::new(&appliance);
    client.put("/db", "");
    let doc = |bytes: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(bytes));
    assert_eq!(client.put("/db/a", doc(2_000_000)).status, 201);
    assert_eq!(client.put("/db/b", doc(3_000_000)).error(), (413, "document_too_large".into()));
    assert_eq!(client.put("/db/c", doc(5_000_000)).error(), (413, "too_large".into()));
    assert_eq!(client.post("/db/_bulk_docs", doc(5_000_000)).error(), (413, "too_large".into()));
    assert_eq!(client.put("/db/d/att", vec![0; 5_000_000]).error(), (413, "too_large".into()));
    let many: Vec<String> = (0..1_001).map(|n| format!("\"{n}\":{{\"data\":\"\"}}")).collect();
    let attachments = format!("{{\"_attachments\":{{{}}}}}", many.join(","));
    assert_eq!(refused(&client.put("/db/e", attachments)).2, "A document has at most 1000 attachments");
    assert_eq!(client.json("/db")["doc_count"], 1);
}

#[test]
fn revisions_and_paths_that_are_none() {
    let (_appliance, client) = with_db();
    client.store("/db/a", "{}");
    for rev in ["x", "0-x", "-1-x", "1-", "1", "99999999999999999999-x", "1-%00"] {
        assert_eq!(refused(&client.get(&format!("/db/a?rev={rev}"))).2, "Invalid rev format", "{rev}");
        assert_eq!(refused(&client.put(&format!("/db/a?rev={rev}"), "{}")).2, "Invalid rev format", "{rev}");
    }
    let table = [
        (r#"{"_rev":1}"#, "Invalid rev format"),
        (r#"{"_revisions":{"start":"1","ids":["a"]}}"#, "_revisions.start isn't an integer."),
        (r#"{"_revisions":{"start":1,"ids":"a"}}"#, "_revisions.ids isn't a array."),
        (r#"{"_revisions":{"start":1,"ids":[1]}}"#, "RevId isn't a string"),
        (r#"{"_revisions":{"start":1,"ids":["b","a"]}}"#, "_revisions is not a history"),
        (r#"{"_deleted":1}"#, "Bad special document member: _deleted"),
    ];
    for (body, reason) in table {
        assert_eq!(refused(&client.put("/db/b?new_edits=false", body)).2, reason, "{body}");
    }
    for path in ["/db/%zz", "/db/%ff", "/%00", "/db/a/%"] {
        assert_eq!(client.get(path).status / 100, 4, "{path}");
    }
    assert_eq!(client.get("/db//").status, 200, "a slash at the end means nothing");
    assert_eq!(client.get("//").status, 200);
}

#[test]
fn a_database_that_goes_while_it_is_written() {
    let (appliance, client) = with_db();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let client = Client::new(&appliance);
            std::thread::spawn(move || {
                (0..200).map(|n| client.put(&format!("/db/{writer}-{n}"), "{}").status).collect::<Vec<u16>>()
            })
        })
        .collect();
    eventually("some are written", || client.json("/db")["doc_count"].as_u64() >= Some(20));
    assert_eq!(client.delete("/db").status, 200);
    for writer in writers {
        let statuses = writer.join().unwrap();
        assert!(statuses.iter().all(|status| [201, 404].contains(status)), "{statuses:?}");
    }
    assert_eq!(client.put("/db", "").status, 201);
    assert_eq!(client.json("/db")["doc_count"], 0);
}
