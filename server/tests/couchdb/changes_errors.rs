//! What is refused, and every recorded request for changes with its recorded answer.
//!
//! The recording lies outside the repository, in `$TAILWATER_SHARED` or in `shared` next to the checkout. Without it that
//! test passes without testing, unless `TAILWATER_REQUIRE_SHARED=1` is set.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tailwater::config::{Dialect, Key, Listen};

use crate::{
    common::{Appliance, raw::Connection},
    couch::{DB, ask, ask_post, ask_with, doc, foreign, get, publish, tombstone, with},
};

fn recording() -> Option<String> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("TAILWATER_SHARED").map_or(beside, PathBuf::from);
    let file = shared.join("captures/couchdb/changes-errors-and-edge-values.txt");
    let text = std::fs::read_to_string(&file).ok();
    let demanded = std::env::var("TAILWATER_REQUIRE_SHARED").is_ok_and(|value| value == "1");
    assert!(text.is_some() || !demanded, "{} is missing", file.display());
    text
}

/// One recorded request and its answer.
struct Case<'a> {
    request: &'a str,
    status: u16,
    headers: Value,
    body: String,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let recorded = lines.windows(3).filter(|lines| lines[1].starts_with("   -> ") && lines[2].starts_with("   b'"));
    let cases = recorded.map(|lines| Case {
        request: lines[0],
        status: lines[1]["   -> ".len()..][..3].parse().unwrap(),
        headers: serde_json::from_str(&lines[1][lines[1].find('{').unwrap()..]).unwrap(),
        body: unquoted(lines[2].trim()),
    });
    cases.collect()
}

/// The bytes of a Python literal; it may have been cut off.
fn unquoted(literal: &str) -> String {
    let inside = literal.strip_prefix("b'").unwrap();
    let inside = inside.strip_suffix('\'').unwrap_or(inside);
    inside.replace("\\r", "\r").replace("\\n", "\n").replace("\\'", "'").replace("\\\\", "\\")
}

/// A text in which of each seq only the number is left, whoever made it.
fn numbered(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("seq\":\"") {
        let start = at + "seq\":\"".len();
        let end = rest[start..].find('"').map_or(rest.len(), |end| start + end);
        let digits = rest[start..end].find('-').unwrap_or(end - start);
        out.push_str(&rest[..start + digits]);
        rest = &rest[end..];
    }
    out + rest
}

/// The database that was recorded: 15 documents, of which one has been deleted.
fn t1() -> Vec<Value> {
    let mut events = vec![
        doc("a", "1-731bef401491606a3b246ed178e697c1", &json!({ "n": 1 })),
        doc("b", "1-00000000000000000000000000000001", &json!({})),
        doc("c", "1-2acff5ec499bf1cf4a478896765b824e", &json!({ "n": 3 })),
        tombstone("b", "2-6b4cac76d0f72a9035d0e6b20c710a24"),
    ];
    events.extend((5..=16).map(|n| doc(&format!("z{n}"), "1-967a00dff5e02add41819138abb3284d", &json!({}))));
    events
}

/// A listener for everything, and one for this dialect alone.
fn two_listeners() -> (Appliance, std::net::SocketAddr) {
    let appliance = Appliance::start_with(|config| {
        let address = "127.0.0.1:0".parse().unwrap();
        config.listen.push(Listen { address, dialects: vec![Dialect::Couchdb], ..Listen::default() });
    });
    let address = appliance.running().addresses()[1];
    (appliance, address)
}

#[test]
fn every_recorded_request() {
    let Some(text) = recording() else { return };
    let (appliance, address) = two_listeners();
    publish(&appliance, &t1());
    let mut compared = 0;
    for case in cases(&text) {
        let mut words = case.request.splitn(3, ' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let sent = words.next().unwrap_or_default();
        // What browsers ask in front of a request is answered for them.
        if method == "OPTIONS" || sent.contains("hdr=") || sent.contains("If-None-Match") || target == "continuous" {
            continue;
        }
        let target = target.replacen("/t1/", &format!("/{DB}/"), 1).replace('[', "%5B").replace(']', "%5D");
        let content = if method == "POST" { "Content-Type: application/json\r\n" } else { "" };
        let mut connection = Connection::open(address);
        let length = sent.len();
        let framing = if method == "POST" { format!("Content-Length: {length}\r\n") } else { String::new() };
        connection.send(format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{content}{framing}\r\n{sent}"));
        let shown = format!("{}: ", case.request);
        let answer = if method == "HEAD" { connection.head() } else { connection.answer() };
        compared += 1;
        // Accidents of 3.5.0, and what later versions refuse or take.
        let expected = match case.status {
            500 => 400,
            200 if target.ends_with("limit=-1") || target.ends_with("timeout=-1") => 400,
            400 if target.contains("since=2026-") => 200,
            status => status,
        };
        assert_eq!(answer.status, expected, "{shown}{}", answer.text());
        if expected != case.status {
            continue;
        }
        for name in ["Allow", "Content-Type", "Transfer-Encoding"] {
            assert_eq!(answer.header(name), case.headers[name].as_str(), "{shown}{name}");
        }
        let (ours, theirs) = (numbered(answer.text()), numbered(&case.body));
        // What is longer was cut off.
        match theirs.ends_with('\n') || theirs.is_empty() {
            true => assert_eq!(ours, theirs, "{shown}"),
            false => assert!(ours.starts_with(theirs.trim_end_matches(|c| c != '\n')), "{shown}{ours}\n{theirs}"),
        }
    }
    assert!(compared >= 79, "{compared}");
}

#[test]
fn whole_answers_have_a_tag() {
    let appliance = with(&foreign(["a"]));
    let etag = get(&appliance, "").header("ETag").unwrap().to_owned();
    assert_eq!(get(&appliance, "limit=1&include_docs=true").header("ETag"), Some(etag.as_str()));
    for (query, headers, status) in [
        ("", format!("If-None-Match: {etag}\r\n"), 304),
        ("limit=1", format!("If-None-Match: \"x\", W/{etag}\r\n"), 304),
        ("limit=1", "If-None-Match: \"x\"\r\n".to_owned(), 200),
        ("feed=longpoll", format!("If-None-Match: {etag}\r\n"), 200),
    ] {
        let answer = ask_with(&appliance, query, &headers).answer();
        assert_eq!(answer.status, status, "{query} {headers}");
        assert_eq!(answer.body.is_empty(), status == 304);
    }
    assert_eq!(get(&appliance, "feed=continuous&limit=1").header("ETag"), None);
    publish(&appliance, &foreign(["b"]));
    assert_ne!(get(&appliance, "").header("ETag"), Some(etag.as_str()));
    assert_eq!(ask_with(&appliance, "", &format!("If-None-Match: {etag}\r\n")).answer().status, 200);
}

#[test]
fn head_says_what_get_would() {
    let appliance = with(&foreign(["a"]));
    for (query, content_type) in [
        ("", "application/json"),
        ("feed=longpoll&since=now", "application/json"),
        ("feed=continuous", "application/json"),
        ("feed=eventsource", "text/event-stream"),
    ] {
        let mut connection = Connection::open(appliance.address);
        for _ in 0..2 {
            connection.send(format!("HEAD /{DB}/_changes?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
            let head = connection.head();
            assert_eq!((head.status, head.header("Content-Type")), (200, Some(content_type)), "{query}");
            assert_eq!((head.header("Content-Length"), head.header("ETag").is_some()), (Some("0"), query.is_empty()));
        }
    }
    let refused = Connection::open(appliance.address)
        .send(format!("HEAD /{DB}/_changes?feed=x HTTP/1.1\r\nHost: a\r\n\r\n"))
        .head();
    assert_eq!(refused.status, 400);
}

#[test]
fn bodies() {
    let appliance = with(&foreign(["a"]));
    let post = |content_type: &str, body: &str| {
        let mut connection = Connection::open(appliance.address);
        let length = body.len();
        connection.send(format!(
            "POST /{DB}/_changes?filter=_selector HTTP/1.1\r\nHost: a\r\n{content_type}Content-Length: {length}\r\n\r\n{body}"
        ));
        let answer = connection.answer();
        (answer.status, answer.json()["reason"].as_str().unwrap_or_default().to_owned())
    };
    let json = "Content-Type: application/json; charset=utf-8\r\n";
    assert_eq!(post(json, "{\"selector\":{}}").0, 200);
    let not_json = (415, "Content-Type must be application/json".to_owned());
    assert_eq!(post("Content-Type: text/plain\r\n", "{}"), not_json);
    let deep = format!("{{\"selector\":{}1{}}}", "{\"a\":".repeat(1_000), "}".repeat(1_000));
    let (status, reason) = post(json, &deep);
    assert_eq!((status, reason.contains("nested deeper")), (400, true), "{reason}");
    assert_eq!(post(json, "{\"selector\":{}").0, 400);
    assert_eq!(post(json, "{\"selector\":{}}x").0, 400);
    assert_eq!(post(json, "\u{0}").0, 400);
    // Large ones are parsed elsewhere, and too large ones not at all.
    let ids: Vec<String> = (0..10_000).map(|n| format!("document number {n}")).collect();
    let answer = ask_post(&appliance, "filter=_doc_ids", &json!({ "doc_ids": ids }).to_string()).answer();
    assert_eq!(answer.status, 200);
    let mut connection = Connection::open(appliance.address);
    connection.send(format!(
        "POST /{DB}/_changes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
    ));
    assert_eq!(connection.answer().error(), (413, "too_large".to_owned()));
}

#[test]
fn who_may_read() {
    let sha256 = |secret: &str| Some(Sha256::digest(secret.as_bytes()).into());
    let appliance = Appliance::start_with(|config| {
        let key = |name: &str, read: &str| Key {
            name: name.to_owned(),
            secret_sha256: sha256(name),
            read: vec![read.to_owned()],
            ..Key::default()
        };
        config.keys = vec![key("reader", DB), key("stranger", "repos")];
    });
    let answer = |secret: &str| ask_with(&appliance, "", &format!("Authorization: Bearer {secret}\r\n")).answer();
    assert_eq!(answer("reader").status, 200);
    let cases = [
        (
            get(&appliance, ""),
            401,
            "{\"error\":\"unauthorized\",\"reason\":\"You are not authorized to access this db.\"}\n",
        ),
        (answer("stranger"), 403, "{\"error\":\"forbidden\",\"reason\":\"You are not allowed to access this db.\"}\n"),
    ];
    for (answer, status, body) in cases {
        assert_eq!((answer.status, answer.text()), (status, body));
    }
}

#[test]
fn only_who_understands_chunks() {
    let appliance = with(&[]);
    let answer = appliance.raw(format!("GET /{DB}/_changes HTTP/1.0\r\n\r\n"));
    assert!(
        answer.starts_with("HTTP/1.1 505 ") && answer.contains("\"reason\":\"Changes are sent in chunks"),
        "{answer}"
    );
}

#[test]
fn tokens_are_of_one_database() {
    let appliance = with(&foreign(["a"]));
    let token = get(&appliance, "").json()["last_seq"].as_str().unwrap().to_owned();
    assert_eq!(get(&appliance, &format!("since={token}")).status, 200);
    let events = "/v1/feeds/events";
    assert_eq!(appliance.delete(events).0, 200);
    assert_eq!(get(&appliance, "").error(), (404, "not_found".to_owned()));
    assert_eq!(appliance.put(events, "{\"dialects\":{\"couchdb\":{\"db\":\"events\"}}}").0, 201);
    publish(&appliance, &foreign(["a"]));
    let refused = get(&appliance, &format!("since={token}"));
    assert_eq!(refused.json()["reason"], "Malformed sequence supplied in 'since' parameter.");
}

/// A token of a time when the log was longer, before it was restored: only what is new comes.
#[test]
fn a_token_from_the_future() {
    let directory = with(&foreign(["a", "b"])).stop();
    let backup = tempfile::tempdir().unwrap();
    copy(directory.path(), backup.path());
    let later = Appliance::start_in(directory, |_| {});
    publish(&later, &foreign(["c", "d"]));
    let token = get(&later, "since=now").json()["last_seq"].as_str().unwrap().to_owned();
    let restored = Appliance::start_in(backup, |_| {});
    let query = format!("since={token}");
    assert_eq!(get(&restored, &query).json()["results"], json!([]));
    let mut feeds = ["feed=continuous", "feed=eventsource", "feed=longpoll", "feed=continuous&limit=1"]
        .map(|feed| ask(&restored, &format!("{feed}&{query}")));
    feeds.iter_mut().for_each(|feed| assert_eq!(feed.head().status, 200));
    publish(&restored, &foreign(["e"]));
    for feed in &mut feeds {
        while !feed.chunk().unwrap().windows(8).any(|text| text == b"\"id\":\"e\"") {}
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

#[test]
fn names_of_databases() {
    let appliance = Appliance::start();
    let bind = |db: &str| {
        let feed = format!("/v1/feeds/{}", db.len());
        appliance.put(&feed, &json!({ "dialects": { "couchdb": { "db": db } } }).to_string()).0
    };
    for (db, status) in [("Events", 400), ("v1", 400), ("_a", 400), ("events", 409), ("a$(x)+-/9", 201)] {
        assert_eq!(bind(db), status, "{db}");
    }
    let answer = |path: &str| {
        Connection::open(appliance.address).send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).answer()
    };
    assert_eq!(answer("/a$(x)+-%2F9/_changes").status, 200);
    assert_eq!(answer("/a%24(x)%2B-%2f9/_changes").status, 200);
    let missing = "{\"error\":\"not_found\",\"reason\":\"Database does not exist.\"}\n";
    assert_eq!(answer("/nosuch/_changes").text(), missing);
    assert_eq!(answer("/nosuch").text(), missing);
    // No database can be called that, so whoever asks wants something else.
    assert_eq!(answer("/No.Such/_changes").error(), (404, "NotFound".to_owned()));
    let (_alone, address) = two_listeners();
    let answer = Connection::open(address).send("GET /No.Such/_changes HTTP/1.1\r\nHost: a\r\n\r\n").answer();
    assert_eq!(answer.text(), missing);
}
