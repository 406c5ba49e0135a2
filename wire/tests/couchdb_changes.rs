//! Answers of `_changes` against those that were captured from CouchDB 3.5.0: requests and refusals, rows, and every byte
//! of the bodies of all four feeds.
//!
//! The captures lie outside the repository. They are looked for in `$TAILWATER_SHARED` or in `shared` next to the
//! checkout; without them these tests pass without testing, unless `TAILWATER_REQUIRE_SHARED=1` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};

use tailwater_core::{BodyFormat, Event};
use tailwater_wire::couchdb::changes::request::RequestParts;
use tailwater_wire::couchdb::changes::row::{self, RowDoc, RowSeq};
use tailwater_wire::couchdb::changes::{ChangesRequest, DbUid, Feed, Response, Style, Wording};
use tailwater_wire::couchdb::errors::Refusal;
use tailwater_wire::couchdb::event::{Change, NewChange};
use tailwater_wire::couchdb::rev::{Body, History, RevHash, RevTree};
use tailwater_wire::http1::{LAST_CHUNK, Query};

/// The files of a folder of captures whose name ends so, with their names.
fn captures(folder: &str, ending: &str) -> Vec<(String, Vec<u8>)> {
    let shared = std::env::var_os("TAILWATER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let folder = shared.join("captures/couchdb").join(folder);
    let required = std::env::var_os("TAILWATER_REQUIRE_SHARED").is_some_and(|value| value == "1");
    let entries = std::fs::read_dir(&folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.to_string_lossy().ends_with(ending));
    let files: Vec<_> = paths
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap()))
        .collect();
    assert!(!files.is_empty() || !required, "no captures in {}", folder.display());
    files
}

/// The chunks of a chunked body.
fn chunks(mut body: &[u8]) -> Vec<&[u8]> {
    let mut chunks = Vec::new();
    while let Some(at) = body.windows(2).position(|pair| pair == b"\r\n") {
        let len = usize::from_str_radix(std::str::from_utf8(&body[..at]).unwrap(), 16).unwrap();
        chunks.push(&body[at + 2..at + 2 + len]);
        body = &body[at + 4 + len..];
    }
    chunks
}

fn joined(chunks: &[&[u8]]) -> Vec<u8> {
    chunks.iter().flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat()).collect()
}

/// The same body again, made from its rows and from what happened. `is_whole` says that the answer ended.
fn replayed(feed: Feed, chunks: &[&[u8]], is_whole: bool) -> Vec<u8> {
    let (mut response, mut out) = (Response::new(feed, Wording::CouchDb), Vec::new());
    let mut has_spoken = false;
    response.start(&mut out);
    let skip = usize::from(matches!(feed, Feed::Normal | Feed::Longpoll));
    for (at, chunk) in chunks.iter().enumerate().skip(skip) {
        let text = std::str::from_utf8(chunk).unwrap();
        let rows = rows(text);
        for row in &rows {
            let seq = &row["{\"seq\":".len()..row.find(",\"id\":").unwrap()];
            response.row(row.as_bytes(), seq.as_bytes(), &mut out);
        }
        if let Some((_, last)) = text.split_once("\"last_seq\":") {
            let (seq, pending) = last.split_once(",\"pending\":").unwrap();
            response.end(seq.as_bytes(), pending.trim_end_matches("}\n").parse().unwrap(), &mut out);
            break;
        }
        let more_rows = chunks.get(at + 1).is_some_and(|next| !self::rows(&String::from_utf8_lossy(next)).is_empty());
        match rows.is_empty() {
            false if more_rows => {}
            true if feed == Feed::EventSource && is_whole && at + 1 == chunks.len() => response.end(b"", 0, &mut out),
            true if has_spoken => response.wake(&mut out),
            _ => response.wait(&mut out),
        }
        has_spoken = true;
    }
    out
}

/// The rows in a chunk.
fn rows(text: &str) -> Vec<&str> {
    let lines = text.lines().map(|line| line.trim_start_matches("data: ").trim_end_matches(','));
    lines.filter(|line| line.starts_with("{\"seq\":")).collect()
}

/// Compares a captured body. CouchDB ends an event source that has nothing to say with a chunk of no bytes, which ends
/// the body before its end; that is left out.
fn check_body(name: &str, feed: Feed, body: &[u8]) {
    let mut chunks = chunks(body);
    let is_whole = chunks.last().is_some_and(|last| last.is_empty());
    chunks.retain(|chunk| !chunk.is_empty());
    let mut expected = joined(&chunks);
    if is_whole {
        expected.extend_from_slice(LAST_CHUNK);
    }
    let replayed = replayed(feed, &chunks, is_whole);
    assert_eq!(replayed.escape_ascii().to_string(), expected.escape_ascii().to_string(), "{name}");
}

fn feed_of(target: &str) -> Feed {
    let feeds = [("continuous", Feed::Continuous), ("longpoll", Feed::Longpoll), ("eventsource", Feed::EventSource)];
    let named = |name: &str| target.contains(&format!("feed={name}"));
    feeds.into_iter().find(|(name, _)| named(name)).map_or(Feed::Normal, |(_, feed)| feed)
}

#[test]
fn every_captured_body() {
    let texts = captures("raw", ".txt");
    let mut compared = 0;
    for (name, response) in captures("raw", ".bin") {
        let text = texts.iter().find(|(text, _)| text.strip_suffix("txt") == name.strip_suffix("bin")).unwrap();
        let request = String::from_utf8_lossy(&text.1);
        let target = request.lines().find(|line| line.contains(" HTTP/1.")).unwrap().split(' ').nth(1).unwrap();
        let at = response.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        if String::from_utf8_lossy(&response[..at]).contains("Transfer-Encoding: chunked") {
            check_body(&name, feed_of(target), &response[at + 4..]);
            compared += 1;
        }
    }
    assert!(compared == 0 || compared == 62, "{compared}");
}

/// The recordings of real clients: line ends are written out there, bodies are cut where they were received.
#[test]
fn bodies_that_clients_were_sent() {
    let mut compared = 0;
    for (name, recording) in captures("clients", ".txt") {
        if name.contains("client-output") {
            continue;
        }
        let recording = String::from_utf8_lossy(&recording).replace("\\r\\n\n", "\r\n");
        for exchange in recording.split(" >>> C->S ").filter(|exchange| exchange.contains("/_changes?")) {
            let target = exchange.lines().nth(1).unwrap().split(' ').nth(1).unwrap_or_default();
            let received: String = exchange.split(" <<< S->C ").skip(1).filter_map(of_length).collect();
            let Some((head, body)) = received.split_once("\r\n\r\n") else { continue };
            if head.contains("chunked") {
                check_body(&name, feed_of(target), body.as_bytes());
                compared += 1;
            }
        }
    }
    assert!(compared == 0 || compared == 14, "{compared}");
}

/// `N bytes`, a line end, and that many bytes.
fn of_length(received: &str) -> Option<&str> {
    let (line, rest) = received.split_once('\n')?;
    rest.get(..line.split(' ').next()?.parse().ok()?)
}

/// A captured database: a document with three leaves, one with an attachment, a design document.
fn database() -> Vec<Vec<u8>> {
    let history =
        |pos, ids: &[&str]| History::new(pos, ids.iter().map(|id| RevHash::parse(id).unwrap()).collect()).unwrap();
    let mut tree = RevTree::new();
    for (id, deleted) in [("bbb1", false), ("ddd3", true), ("ccc2", false)] {
        tree.insert(&history(2, &[id, "aaa0"]), Body { seq: 1, deleted }, 1_000);
    }
    let leaves = tree.leaves();
    let cf = NewChange {
        id: "cf",
        history: &history(2, &["ccc2", "aaa0"]),
        leaves: &leaves,
        winner_doc: None,
        body: r#"{"v":2}"#,
        deleted: false,
        attachments: None,
    };
    let att = NewChange {
        id: "att",
        history: &history(1, &["dd70e172b0089d96e206aa7e181d9382"]),
        leaves: &[],
        body: r#"{"k":1}"#,
        attachments: Some(br#"{"h.txt":{"content_type":"text/plain","revpos":1,"digest":"md5-cpJNZyVlrRCi4ZvPqokXhQ==","length":47,"stub":true}}"#),
        ..cf
    };
    let design = NewChange {
        id: "_design/f",
        history: &history(1, &["74f5c2d62dda9846bb017cf3e7779e80"]),
        body: r#"{"filters":{"odd":"function(doc,req){ return doc.v%2==1 || (req.query.all==\"1\") ; }","boom":"function(doc,req){ throw({forbidden:\"x\"}); }"},"views":{"k":{"map":"function(doc){ if(doc.k) emit(doc.k); }"}}}"#,
        attachments: None,
        ..att
    };
    [cf, att, design]
        .map(|change| {
            let mut out = Vec::new();
            change.write_body(&mut out);
            out
        })
        .into()
}

#[test]
fn rows_of_a_captured_database() {
    let bodies = database();
    let keys = ["cf", "att", "_design/f"];
    let winner = |conflicts| RowDoc::Winner { conflicts };
    let table = [
        ("t3-default.bin", Style::MainOnly, RowDoc::None),
        ("t3-style-all_docs.bin", Style::AllDocs, RowDoc::None),
        ("t3-include_docs-conflicts.bin", Style::MainOnly, winner(true)),
        ("t3-include_docs-all_docs-conflicts.bin", Style::AllDocs, winner(true)),
    ];
    let captured = captures("raw", ".bin");
    for (name, style, doc) in table {
        let Some((_, response)) = captured.iter().find(|(file, _)| file == name) else { continue };
        let text = String::from_utf8_lossy(response);
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("{\"seq\":")).collect();
        assert_eq!(rows.len(), 3);
        for ((row, key), body) in rows.into_iter().zip(keys).zip(&bodies) {
            let event = Event { seq: 1, time_us: 0, kind: "put", key, format: BodyFormat::Json, body };
            let mut out = Vec::new();
            row::write(&Change::read(&event, body), RowSeq::Null, style, doc, &mut out);
            let (_, behind_seq) = row.split_once(",\"id\":").unwrap();
            let expected = format!("{{\"seq\":null,\"id\":{}", behind_seq.trim_end_matches(','));
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{name}");
        }
    }
}

/// What the recording of requests and refusals says of one request.
struct Case<'a> {
    method: &'a str,
    query: &'a str,
    body: Option<&'a str>,
    status: u16,
    answer: &'a str,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let lines: Vec<&str> = text.lines().collect();
    let requests = lines.windows(3).filter(|lines| lines[1].starts_with("   -> "));
    let cases = requests.filter_map(|lines| {
        let (method, rest) = lines[0].split_once(' ')?;
        let (target, body) = rest.split_once(' ').map_or((rest, ""), |(target, body)| (target, body));
        let query = target.strip_prefix("/t1/_changes")?;
        let is_plain = !body.starts_with("body=") && !body.starts_with("If-None");
        let post = method == "POST";
        is_plain.then_some(Case {
            method,
            query: query.trim_start_matches('?'),
            body: post.then_some(body),
            status: lines[1]["   -> ".len()..][..3].parse().ok()?,
            answer: lines[2].trim().trim_start_matches("b'").trim_end_matches('\''),
        })
    });
    cases.filter(|case| matches!(case.method, "GET" | "POST")).collect()
}

#[test]
fn every_captured_request() {
    let files = captures("", "changes-errors-and-edge-values.txt");
    let mut compared = 0;
    for (_, text) in files {
        let text = String::from_utf8(text).unwrap();
        for case in cases(&text) {
            let parts = RequestParts { last_event_id: None, body: case.body.map(str::as_bytes) };
            let parsed = ChangesRequest::parse(&Query::parse(case.query), parts, DbUid(7));
            let shown = format!("{} {} {:?}", case.method, case.query, case.body);
            // Refused by later versions, which is what is served here; 3.5.0 took them.
            let is_refused_later = matches!(case.query, "limit=-1" | "timeout=-1");
            match (case.status, parsed) {
                (200, Err(_)) => assert!(is_refused_later, "{shown}"),
                // Whether design documents and functions are there is not known here.
                (200 | 404, Ok(_)) => assert!(!is_refused_later, "{shown}"),
                // Later versions take times.
                (400, Ok(_)) => assert!(case.query.starts_with("since=2026-"), "{shown}"),
                (400, Err(error)) => {
                    let mut body = Vec::new();
                    Refusal::from(error).write_body(&mut body);
                    let expected = case.answer.replace("\\'", "'").replace("\\n", "\n");
                    assert_eq!(String::from_utf8(body).unwrap(), expected, "{shown}");
                }
                // Accidents of 3.5.0.
                (500, Err(error)) => assert_eq!(error.status(), 400, "{shown}"),
                (status, parsed) => panic!("{shown}: {status} {parsed:?}"),
            }
            compared += 1;
        }
        assert!(compared > 70, "{compared}");
    }
}
