//! Bodies that come compressed: the clients that are made for Cloudant compress whatever they send.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use crate::client::{Client, appliance, refused, with_db};

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn encoded(client: &Client, encoding: &str) -> Client {
    client.with(format!("Content-Encoding: {encoding}"))
}

/// They were taken for JSON that is none.
#[test]
fn what_is_gzipped_is_read() {
    let (_appliance, client) = with_db();
    let gzipped = encoded(&client, "gzip");
    assert_eq!(gzipped.put("/db/a", gzip(r#"{"n":1}"#)).status, 201);
    assert_eq!(gzipped.post("/db", gzip(r#"{"_id":"b","n":2}"#)).status, 201);
    assert_eq!(gzipped.post("/db/_bulk_docs", gzip(r#"{"docs":[{"_id":"c","n":3}]}"#)).status, 201);
    assert_eq!(gzipped.put("/db/_local/x", gzip("{}")).status, 201);
    let keys = gzipped.post("/db/_all_docs", gzip(r#"{"keys":["c","a"]}"#));
    assert_eq!(keys.json()["rows"][0]["id"], "c");
    let found = gzipped.post("/db/_find", gzip(r#"{"selector":{"n":2}}"#));
    assert_eq!(found.json()["docs"][0]["_id"], "b");
    let changes = gzipped.post("/db/_changes?filter=_selector", gzip(r#"{"selector":{"n":3}}"#));
    assert_eq!(changes.json()["results"][0]["id"], "c");
    assert_eq!(gzipped.post("/db/_changes", "").json()["results"].as_array().unwrap().len(), 3);
    // Parts of gzip may follow each other.
    let parts = [gzip(r#"{"n":"#), gzip("4}")].concat();
    assert_eq!(gzipped.put("/db/d", parts).status, 201);
    assert_eq!(client.json("/db/d")["n"], 4);
    assert_eq!(encoded(&client, "identity").put("/db/e", "{}").status, 201);
}

/// Decoding it would change its digest.
#[test]
fn an_attachment_is_kept_as_it_comes() {
    let (_appliance, client) = with_db();
    let bytes = gzip("hello");
    assert_eq!(encoded(&client, "gzip").put("/db/a/att", &bytes).status, 201);
    assert_eq!(client.get("/db/a/att").text(), "hello");
    assert_eq!(client.json("/db/a?att_encoding_info=true")["_attachments"]["att"]["encoded_length"], bytes.len());
}

#[test]
fn what_is_not_what_it_says_is_refused() {
    let (_appliance, client) = with_db();
    let whole = gzip(r#"{"n":1}"#);
    for body in [&b"{}"[..], &whole[..whole.len() - 1], &whole[..10]] {
        let expected = (400, "bad_request".into(), "Request body is not properly gzipped.".into());
        assert_eq!(refused(&encoded(&client, "gzip").put("/db/a", body)), expected);
        assert_eq!(refused(&encoded(&client, "gzip").post("/db/_changes", body)), expected);
        assert_eq!(refused(&encoded(&client, "gzip").post("/_session", body)), expected);
    }
    let expected = (415, "bad_content_type".into(), "br is not a supported content encoding.".into());
    assert_eq!(refused(&encoded(&client, "br").put("/db/a", "{}")), expected);
    assert_eq!(client.json("/db")["doc_count"], 0);
}

/// A body of a thousandth may become one that fills the memory.
#[test]
fn what_becomes_too_large_is_refused() {
    let appliance = appliance(|config| config.limits.request_body_bytes_max = 1_000_000);
    let client = encoded(&Client::new(&appliance), "gzip");
    client.put("/db", "");
    let doc = |bytes: usize| gzip(format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)));
    assert_eq!(client.put("/db/a", doc(999_992)).status, 201);
    for path in ["/db/b", "/db/_local/b"] {
        assert_eq!(client.put(path, doc(999_993)).error(), (413, "too_large".into()), "{path}");
    }
    for path in ["/db/_bulk_docs", "/db/_changes", "/_session"] {
        assert_eq!(client.post(path, doc(50_000_000)).error(), (413, "too_large".into()), "{path}");
    }
}
