//! Attachments: inline, by themselves, in parts.

use std::io::{Read, Write};

use data_encoding::BASE64;
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::json;

use crate::client::{Client, refused, rev, said, with_db};

/// The MD5 of `hello`, as CouchDB shows it.
const HELLO: &str = "XUFAKrxLKna5cZ2REBfFkg==";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn inline(client: &Client) -> String {
    let body =
        json!({ "v": 1, "_attachments": { "h.txt": { "content_type": "x/y", "data": BASE64.encode(b"hello") } } });
    client.store("/db/a", body.to_string())
}

#[test]
fn inline_and_as_a_stub() {
    let (_appliance, client) = with_db();
    let one = inline(&client);
    let stub = format!(
        r#"{{"_id":"a","_rev":"{one}","v":1,"_attachments":{{"h.txt":{{"content_type":"x/y","revpos":1,"digest":"md5-{HELLO}","length":5,"stub":true}}}}}}"#
    );
    assert_eq!(said(&client.get("/db/a")), (200, stub.as_str()));
    let json = client.with("Accept: application/json");
    let whole = json.get("/db/a?attachments=true");
    let data = format!(
        r#"{{"_id":"a","_rev":"{one}","v":1,"_attachments":{{"h.txt":{{"content_type":"x/y","revpos":1,"digest":"md5-{HELLO}","data":"aGVsbG8="}}}}}}"#
    );
    assert_eq!(said(&whole), (200, data.as_str()));
    assert_eq!(whole.header("ETag"), Some(format!("\"{one}\"").as_str()));
    // An edit that keeps it, and one that does not.
    let kept = json!({ "_rev": one, "v": 2, "_attachments": { "h.txt": { "stub": true } } });
    let two = client.store("/db/a", kept.to_string());
    assert_eq!(client.json("/db/a")["_attachments"]["h.txt"]["revpos"], 1);
    let three = client.store(&format!("/db/a?rev={two}"), "{}");
    assert!(client.json("/db/a").get("_attachments").is_none());
    assert_eq!(client.get(&format!("/db/a/h.txt?rev={two}")).text(), "hello");
    let stub = json!({ "_rev": three, "_attachments": { "h.txt": { "stub": true } } });
    let refusal = (412, "missing_stub".into(), "Invalid attachment stub in a for h.txt".into());
    assert_eq!(refused(&client.put("/db/a", stub.to_string())), refusal);
    let table = [
        (json!({ "x": { "data": "*" } }), (400, "bad_request", "Invalid attachment data for x")),
        (
            json!({ "_x": { "data": "" } }),
            (400, "bad_request", "Attachment name '_x' starts with prohibited character '_'"),
        ),
        (
            json!({ "x": { "follows": true, "length": 1 } }),
            (400, "bad_request", "Attachment x does not follow as announced"),
        ),
    ];
    for (attachments, (status, error, reason)) in table {
        let answer = client.put("/db/b", json!({ "_attachments": attachments }).to_string());
        assert_eq!(refused(&answer), (status, error.into(), reason.into()));
    }
}

#[test]
fn by_itself() {
    let (_appliance, client) = with_db();
    let text = client.with("Content-Type: x/y");
    let put = text.put("/db/a/h.txt", "hello");
    let one = rev(&put);
    assert_eq!((put.status, put.header("ETag")), (201, Some(format!("\"{one}\"").as_str())));
    assert!(put.header("Location").unwrap().ends_with("/db/a/h.txt"));
    let got = client.get("/db/a/h.txt");
    assert_eq!((got.status, got.text()), (200, "hello"));
    for (name, value) in [
        ("Content-Type", "x/y"),
        ("ETag", &format!("\"{HELLO}\"")),
        ("Content-MD5", HELLO),
        ("Accept-Ranges", "bytes"),
        ("Content-Length", "5"),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    let head = client.call("HEAD", "/db/a/h.txt", "");
    assert_eq!((head.status, head.header("Content-Length")), (200, Some("5")));
    assert_eq!(client.with(format!("If-None-Match: \"{HELLO}\"")).get("/db/a/h.txt").status, 304);
    assert_eq!(text.put("/db/a/h.txt", "other").status, 409);
    assert_eq!(text.put("/db/a/h.txt?rev=1-x", "other").status, 409);
    let two = rev(&client.put(&format!("/db/a/deep/er.bin?rev={one}"), [0, 1, 2]));
    assert_eq!(client.get("/db/a/deep/er.bin").body, [0, 1, 2]);
    assert_eq!(client.get("/db/a/deep%2Fer.bin").body, [0, 1, 2]);
    let names: Vec<String> = client.json("/db/a")["_attachments"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["h.txt", "deep/er.bin"]);
    assert_eq!(client.delete("/db/a/h.txt").status, 409);
    assert_eq!(refused(&client.delete(&format!("/db/a/none?rev={two}"))).2, "Document is missing attachment");
    let three = rev(&client.delete(&format!("/db/a/h.txt?rev={two}")));
    assert!(three.starts_with("3-"));
    assert_eq!(refused(&client.get("/db/a/h.txt")), (404, "not_found".into(), "Document is missing attachment".into()));
    assert_eq!(refused(&client.get("/db/none/x")).2, "missing");
    assert_eq!(client.put("/db/b/_x", "").status, 400);
    assert_eq!(client.put("/db/empty/e", "").status, 201);
    assert_eq!(client.get("/db/empty/e").body, b"");
    let wrong = client.with("Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==").put("/db/c/x", "hello");
    assert_eq!(wrong.error(), (412, "content_md5_mismatch".into()));
    assert_eq!(client.with(format!("Content-MD5: {HELLO}")).put("/db/c/x", "hello").status, 201);
}

#[test]
fn ranges() {
    let (_appliance, client) = with_db();
    client.put("/db/a/h.txt", "hello");
    let range = |range: &str| client.with(format!("Range: {range}")).get("/db/a/h.txt");
    for (asked, text, content_range) in
        [("bytes=1-2", "el", "bytes 1-2/5"), ("bytes=3-", "lo", "bytes 3-4/5"), ("bytes=-1", "o", "bytes 4-4/5")]
    {
        let answer = range(asked);
        assert_eq!((answer.status, answer.text(), answer.header("Content-Range")), (206, text, Some(content_range)));
        assert_eq!(answer.header("Content-MD5"), None);
    }
    let beyond = range("bytes=9-");
    assert_eq!((beyond.status, beyond.header("Content-Range")), (416, Some("bytes */5")));
    assert_eq!((range("bytes=0-1,3-4").status, range("x").status), (200, 200));
}

#[test]
fn encoded_bytes_are_sent_as_they_are_wanted() {
    let (_appliance, client) = with_db();
    let plain = vec![b'x'; 10_000];
    let bytes = gzip(&plain);
    let put = client.with("Content-Encoding: gzip").with("Content-Type: x/y").put("/db/a/z", &bytes);
    assert_eq!(put.status, 201, "{}", put.text());
    assert_eq!(client.get("/db/a/z").body, plain);
    let encoded = client.with("Accept-Encoding: gzip").get("/db/a/z");
    assert_eq!((encoded.header("Content-Encoding"), &encoded.body), (Some("gzip"), &bytes));
    let json = client.with("Accept: application/json");
    let info = json.json("/db/a?att_encoding_info=true")["_attachments"]["z"].clone();
    assert_eq!(
        (&info["length"], &info["encoding"], &info["encoded_length"]),
        (&json!(10_000), &json!("gzip"), &json!(bytes.len()))
    );
    let data = json.json("/db/a?attachments=true")["_attachments"]["z"]["data"].clone();
    assert_eq!(BASE64.decode(data.as_str().unwrap().as_bytes()).unwrap(), plain);
    let wrong = client.with("Content-Encoding: gzip").put("/db/b/z", "no gzip");
    assert_eq!(wrong.status, 415);
    assert_eq!(client.with("Content-Encoding: br").put("/db/b/z", "x").status, 415);
    let mut decoded = Vec::new();
    GzDecoder::new(bytes.as_slice()).read_to_end(&mut decoded).unwrap();
    assert_eq!(decoded, plain);
}

fn related(boundary: &str, document: &serde_json::Value, parts: &[&[u8]]) -> Vec<u8> {
    let mut body = format!("--{boundary}\r\nContent-Type: application/json\r\n\r\n{document}").into_bytes();
    for part in parts {
        body.extend(format!("\r\n--{boundary}\r\n\r\n").into_bytes());
        body.extend(*part);
    }
    body.extend(format!("\r\n--{boundary}--").into_bytes());
    body
}

#[test]
fn in_parts() {
    let (_appliance, client) = with_db();
    let bytes = gzip(b"hello hello hello hello hello hello");
    let follows = |length: usize| json!({ "follows": true, "content_type": "x/y", "length": length, "revpos": 1 });
    let mut packed = follows(35);
    packed["encoding"] = "gzip".into();
    packed["encoded_length"] = bytes.len().into();
    let document = json!({ "_rev": "1-abc", "_attachments": { "plain": follows(5), "packed": packed } });
    let parts = client.with("Content-Type: multipart/related; boundary=\"b0und\"");
    let body = related("b0und", &document, &[b"hello", &bytes]);
    assert_eq!(said(&parts.put("/db/a?new_edits=false", &body)), (201, r#"{"ok":true,"id":"a","rev":"1-abc"}"#));
    assert_eq!(client.get("/db/a/plain").text(), "hello");
    assert_eq!(client.get("/db/a/packed").text(), "hello hello hello hello hello hello");
    for (parts_sent, status) in
        [(vec![&b"hell"[..], &bytes], 400), (vec![&b"hello"[..]], 400), (vec![&b"hello"[..], &bytes, b"x"], 400)]
    {
        assert_eq!(parts.put("/db/b?new_edits=false", related("b0und", &document, &parts_sent)).status, status);
    }
    assert_eq!(client.with("Content-Type: multipart/related").put("/db/b", &body).status, 400);

    // Out again, as a replicator asks for it.
    let mixed = client.with("Accept: multipart/mixed").get("/db/a?open_revs=%5B%221-abc%22%5D&revs=true");
    let text = String::from_utf8_lossy(&mixed.body).into_owned();
    assert!(mixed.header("Content-Type").unwrap().starts_with("multipart/mixed; boundary="));
    assert!(text.contains("\r\nContent-Type: multipart/related; boundary=\""), "{text}");
    assert!(text.contains(r#""plain":{"content_type":"x/y","revpos":1,"digest":"md5-XUFAKrxLKna5cZ2REBfFkg==","length":5,"follows":true}"#), "{text}");
    assert!(
        text.contains(&format!(r#""length":35,"follows":true,"encoding":"gzip","encoded_length":{}"#, bytes.len())),
        "{text}"
    );
    assert!(text.contains("Content-Disposition: attachment; filename=\"plain\"\r\nContent-Type: x/y\r\nContent-Length: 5\r\n\r\nhello\r\n--"));
    assert!(text.contains(&format!(
        "filename=\"packed\"\r\nContent-Type: x/y\r\nContent-Length: {}\r\nContent-Encoding: gzip\r\n\r\n",
        bytes.len()
    )));

    // What the client has is not sent again.
    let since =
        client.with("Accept: multipart/mixed").get("/db/a?open_revs=%5B%221-abc%22%5D&atts_since=%5B%221-abc%22%5D");
    assert!(
        String::from_utf8_lossy(&since.body).contains("\"stub\":true")
            && !String::from_utf8_lossy(&since.body).contains("hello")
    );
    let one = client.with("Accept: multipart/related").get("/db/a?attachments=true");
    assert!(one.header("Content-Type").unwrap().starts_with("multipart/related; boundary="));
    assert!(String::from_utf8_lossy(&one.body).contains("\r\n\r\nhello\r\n--"));
}

#[test]
fn large_ones_leave_whole() {
    let (_appliance, client) = with_db();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    assert_eq!(client.put("/db/a/big", &bytes).status, 201);
    assert!(client.get("/db/a/big").body == bytes);
    let json = client.with("Accept: application/json");
    let data = json.json("/db/a?attachments=true")["_attachments"]["big"]["data"].clone();
    assert!(BASE64.decode(data.as_str().unwrap().as_bytes()).unwrap() == bytes);
    let doc =
        &json.post("/db/_bulk_get?attachments=true", "{\"docs\":[{\"id\":\"a\"},{\"id\":\"a\"}]}").json()["results"];
    for at in 0..2 {
        let data = &doc[at]["docs"][0]["ok"]["_attachments"]["big"]["data"];
        assert!(BASE64.decode(data.as_str().unwrap().as_bytes()).unwrap() == bytes);
    }
    let mut old = client.send("GET", "/db/a/big", "");
    drop(old.head());
    // A reader who goes away disturbs nobody.
    drop(old);
    assert_eq!(client.get("/db/a").status, 200);
}

#[test]
fn clients_of_http_1_0_get_no_chunks() {
    let (appliance, client) = with_db();
    client.store("/db/a", "{}");
    let answer = appliance.raw("GET /db/_all_docs HTTP/1.0\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("chunked") && head.contains("Connection: close"), "{head}");
    assert!(
        body.starts_with("{\"total_rows\":1,\"offset\":0,\"rows\":[\r\n{\"id\":\"a\"") && body.ends_with("]}\n"),
        "{body}"
    );
}

/// The captured document `att`, whose digest and revision are those of the compressed bytes.
#[test]
fn text_is_compressed() {
    let (_appliance, client) = with_db();
    let data = BASE64.encode(b"hello hello hello hello hello hello hello hello");
    let body = json!({ "k": 1, "_attachments": { "h.txt": { "content_type": "text/plain", "data": data } } });
    let rev = client.store("/db/att", body.to_string());
    assert_eq!(rev, "1-dd70e172b0089d96e206aa7e181d9382");
    let json = client.with("Accept: application/json");
    let info = r#""h.txt":{"content_type":"text/plain","revpos":1,"digest":"md5-cpJNZyVlrRCi4ZvPqokXhQ==""#;
    let table = [
        ("", r#","length":47,"stub":true}"#.to_owned()),
        ("att_encoding_info=true", r#","length":47,"stub":true,"encoding":"gzip","encoded_length":29}"#.to_owned()),
        ("attachments=true", format!(",\"data\":\"{data}\"}}")),
        (
            "attachments=true&att_encoding_info=true",
            format!(",\"data\":\"{data}\",\"encoding\":\"gzip\",\"encoded_length\":29}}"),
        ),
    ];
    for (query, rest) in table {
        let answer = json.get(&format!("/db/att?{query}"));
        assert!(answer.text().contains(&format!("{info}{rest}")), "{query}: {}", answer.text());
    }
    let plain = client.get("/db/att/h.txt");
    assert_eq!((plain.header("Content-Encoding"), plain.header("Content-Length")), (None, Some("47")));
    assert_eq!(plain.header("Accept-Ranges"), Some("none"));
    assert_eq!(client.with("Accept-Encoding: gzip, br").get("/db/att/h.txt").body.len(), 29);
    assert_eq!(client.with("Range: bytes=0-3").get("/db/att/h.txt").status, 200);
    // By itself it is the same.
    let other = client.with("Content-Type: text/plain").put("/db/b/h.txt", &plain.body);
    assert_eq!(other.status, 201);
    assert_eq!(client.json("/db/b")["_attachments"]["h.txt"]["digest"], "md5-cpJNZyVlrRCi4ZvPqokXhQ==");
}
