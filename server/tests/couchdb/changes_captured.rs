//! A database that was captured, made again through its own interface, and what was captured of its changes.
//!
//! The captures lie outside the repository, in `$TAILWATER_SHARED` or in `shared` next to the checkout. Without them this
//! passes without testing, unless `TAILWATER_REQUIRE_SHARED=1` is set.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    common::{Appliance, call, raw::Connection},
    couch::DB,
};

fn captures() -> Vec<(String, String, Vec<u8>)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("TAILWATER_SHARED").map_or(beside, PathBuf::from);
    let folder = shared.join("captures/couchdb/raw");
    let entries = std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let texts = entries.filter(|path| path.extension().is_some_and(|extension| extension == "txt"));
    let captures: Vec<_> = texts
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let answer = std::fs::read(path.with_extension("bin")).unwrap();
            (name, std::fs::read_to_string(&path).unwrap(), answer)
        })
        .collect();
    let demanded = std::env::var("TAILWATER_REQUIRE_SHARED").is_ok_and(|value| value == "1");
    assert!(!captures.is_empty() || !demanded, "{} is missing", folder.display());
    captures
}

/// The captured database `t3`.
fn t3() -> Appliance {
    let appliance = Appliance::start();
    let put = |path: &str, body: &Value| {
        let url = appliance.url(&format!("/{DB}{path}"));
        let method = if path.starts_with("/_bulk") { "POST" } else { "PUT" };
        let (status, answer) = call(method, &url, Some("application/json"), body.to_string());
        assert_eq!(status, 201, "{path}: {answer}");
        answer
    };
    let leaf = |hash: &str, members: Value| {
        let mut doc = members;
        doc["_id"] = json!("cf");
        doc["_rev"] = json!(format!("2-{hash}"));
        doc["_revisions"] = json!({ "start": 2, "ids": [hash, "aaa0"] });
        doc
    };
    let leaves =
        [leaf("ccc2", json!({ "v": 2 })), leaf("bbb1", json!({ "v": 1 })), leaf("ddd3", json!({ "_deleted": true }))];
    assert_eq!(put("/_bulk_docs", &json!({ "docs": leaves, "new_edits": false })), json!([]));
    let data = "aGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8gaGVsbG8=";
    let attachments = json!({ "h.txt": { "content_type": "text/plain", "data": data } });
    // Its hash is one of how it was compressed.
    let rev = "1-dd70e172b0089d96e206aa7e181d9382";
    let att = json!({ "_id": "att", "_rev": rev, "k": 1, "_attachments": attachments });
    assert_eq!(put("/_bulk_docs", &json!({ "docs": [att], "new_edits": false })), json!([]));
    let design = json!({
        "filters": {
            "odd": "function(doc,req){ return doc.v%2==1 || (req.query.all==\"1\") ; }",
            "boom": "function(doc,req){ throw({forbidden:\"x\"}); }",
        },
        "views": { "k": { "map": "function(doc){ if(doc.k) emit(doc.k); }" } },
    });
    put("/_design/f", &design);
    appliance
}

/// A text without its seqs, and without what follows from how CouchDB compresses attachments.
fn comparable(text: &str) -> String {
    let without = |text: &str, before: &str, end: &[char]| {
        let mut parts = text.split(before);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            out += before;
            out += &part[part.find(end).unwrap_or(part.len())..];
        }
        out
    };
    let text = without(text, "seq\":\"", &['"']);
    let text = without(&text, "\"encoded_length\":", &['}', ',']);
    without(&text, "\"digest\":\"", &['"']).replace(",\"encoding\":\"gzip\",\"encoded_length\":", "")
}

fn body_of(answer: &[u8]) -> Vec<u8> {
    let at = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    if !answer[..at].windows(7).any(|bytes| bytes == b"chunked") {
        return answer[at..].to_vec();
    }
    let (mut rest, mut body) = (&answer[at..], Vec::new());
    while let Some(end) = rest.windows(2).position(|bytes| bytes == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
    body
}

#[test]
fn every_answer_of_a_captured_database() {
    let captures: Vec<_> = captures().into_iter().filter(|(name, ..)| name.starts_with("t3-")).collect();
    if captures.is_empty() {
        return;
    }
    let appliance = t3();
    for (name, text, captured) in &captures {
        let lines: Vec<&str> = text.lines().collect();
        let request = lines.iter().find(|line| line.contains("/t3/_changes")).unwrap();
        let (method, target) = request.split_once(' ').unwrap();
        let target = target.split(' ').next().unwrap().replacen("/t3/", &format!("/{DB}/"), 1);
        let blank = lines.iter().position(|line| *line == "\\r\\n").unwrap();
        let sent = if method == "POST" { lines[blank + 1] } else { "" };
        let length = sent.len();
        let mut connection = Connection::open(appliance.address);
        connection.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{sent}"
        ));
        let answer = connection.answer();
        let status: u16 = std::str::from_utf8(&captured[9..12]).unwrap().parse().unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        // What a function threw is told in other words.
        if status != 500 {
            let expected = String::from_utf8(body_of(captured)).unwrap();
            assert_eq!(comparable(answer.text()), comparable(&expected), "{name}");
        }
    }
    assert_eq!(captures.len(), 15);
}

/// What is written through the database's own interface is seen live, as it was written.
#[test]
fn documents_that_are_written_are_seen() {
    let appliance = Appliance::start();
    let mut feed = Connection::open(appliance.address);
    feed.send(format!(
        "GET /{DB}/_changes?feed=continuous&include_docs=true&style=all_docs HTTP/1.1\r\nHost: a\r\n\r\n"
    ));
    assert_eq!(feed.head().status, 200);
    let url = |id: &str| appliance.url(&format!("/{DB}/{id}"));
    let (status, first) = call("PUT", &url("d"), Some("application/json"), "{\"n\":1}");
    assert_eq!(status, 201, "{first}");
    let rev = first["rev"].as_str().unwrap();
    let row = crate::couch::row(&mut feed);
    assert_eq!(
        row,
        format!(
            "{{\"seq\":\"1\",\"id\":\"d\",\"changes\":[{{\"rev\":\"{rev}\"}}],\"doc\":{{\"_id\":\"d\",\"_rev\":\"{rev}\",\"n\":1}}}}\n"
        )
    );
    let (status, second) = call("DELETE", &url(&format!("d?rev={rev}")), None, "");
    assert_eq!(status, 200, "{second}");
    let row = crate::couch::row(&mut feed);
    assert!(row.contains("\"deleted\":true,\"doc\":{\"_id\":\"d\"") && row.contains("\"_deleted\":true}}"), "{row}");
    // Local documents are no changes.
    let (status, _) = call("PUT", &url("_local/x"), Some("application/json"), "{}");
    assert_eq!(status, 201);
    let (status, _) = call("PUT", &url("e"), Some("application/json"), "{}");
    assert_eq!(status, 201);
    assert!(crate::couch::row(&mut feed).contains("\"seq\":\"3\",\"id\":\"e\""));
}
