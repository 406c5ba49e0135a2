//! The publishing engine against a peer that speaks the bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use peer::{Peer, Session};
use serde_json::json;
use tailwater_loadgen::{
    Control, Error, PublishConfig, PublishReport,
    publish::{self, Payload, SeqMode},
};

/// What the peer was asked, in order: request line and body.
type Requests = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A peer that answers every request of a connection with `answer`, and keeps them all.
fn peer(answer: impl Fn(&mut Session) + Send + Sync + 'static) -> (Peer, Requests) {
    let requests = Requests::default();
    let kept = Arc::clone(&requests);
    let peer = Peer::http(move |mut session| {
        loop {
            let request = (session.request_line().to_owned(), session.body.clone());
            kept.lock().unwrap().push(request);
            answer(&mut session);
            if !session.next_request() {
                break;
            }
        }
    });
    (peer, requests)
}

/// Acknowledges like a feed: consecutive seqs from 1, one for each line or frame.
fn feed() -> impl Fn(&mut Session) + Send + Sync + 'static {
    let next = AtomicU64::new(1);
    move |session| {
        let count = match session.header("content-type") {
            Some("application/x-ndjson") => session.body.iter().filter(|b| **b == b'\n').count(),
            _ => frames(&session.body).len(),
        } as u64;
        if session.head.starts_with("POST") {
            let first = next.fetch_add(count, SeqCst);
            let ack = json!({"first_seq": first, "last_seq": first + count - 1, "count": count});
            session.answer("200 OK", &ack.to_string());
        } else {
            session.answer("200 OK", "{}");
        }
    }
}

fn frames(mut body: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = body.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        frames.push(frame);
        body = rest;
    }
    frames
}

fn config(peer: &Peer) -> PublishConfig {
    PublishConfig { create_feed: false, keep_acks: true, ..PublishConfig::new(peer.url("http", ""), "f") }
}

fn run(config: &PublishConfig) -> PublishReport {
    publish::run(config, &Control::default()).unwrap()
}

#[test]
fn every_event_is_posted_once_and_acknowledged() {
    let (peer, requests) = peer(feed());
    let config = PublishConfig {
        batch: 4,
        connections: 3,
        events: Some(10),
        rate_per_s: Some(100_000.0),
        payload: Payload::Ndjson { size_bytes: 100, key_space: 1000 },
        ..config(&peer)
    };
    let report = run(&config);
    assert!(report.ok);
    let total = &report.total;
    assert_eq!((total.batches, total.acked_batches, total.acked_events), (3, 3, 10));
    assert_eq!((total.first_seq, total.last_seq), (Some(1), Some(10)));
    assert_eq!((report.ack_latency.count, report.lateness.count), (3, 3));
    let acks = report.acks.unwrap();
    let batches: Vec<_> = acks.iter().map(|ack| (ack.first_event, ack.count)).collect();
    assert_eq!(batches, [(0, 4), (4, 4), (8, 2)]);

    let mut keys = Vec::new();
    let mut bytes = 0;
    for (line, body) in requests.lock().unwrap().iter() {
        assert_eq!(line, "POST /v1/feeds/f/events HTTP/1.1");
        bytes += body.len() as u64;
        for line in body.split_inclusive(|b| *b == b'\n') {
            let event: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(event["body"].to_string().len(), 100);
            assert!(event["body"]["t"].as_u64().unwrap() <= event["time"].as_u64().unwrap());
            keys.push(event["key"].as_str().unwrap().to_owned());
        }
    }
    keys.sort();
    assert_eq!(keys, (0..10).map(|n| format!("k{n}")).collect::<Vec<_>>());
    assert_eq!((report.published.events, report.published.bytes), (10, bytes));
}

#[test]
fn a_corpus_is_posted_byte_for_byte_and_round() {
    let mut corpus = tempfile::NamedTempFile::new().unwrap();
    corpus.write_all(b"\x01\0\0\0a\x02\0\0\0bb\x03\0\0\0ccc").unwrap();
    let corpus_payload = |seq, repeat| Payload::Corpus { path: corpus.path().to_owned(), seq, repeat };
    let table = [
        (corpus_payload(SeqMode::Preserve, false), None, "preserve", "abbccc"),
        (corpus_payload(SeqMode::Assign, true), Some(5), "assign", "abbcccabb"),
        (corpus_payload(SeqMode::Assign, false), Some(2), "assign", "abb"),
    ];
    for (payload, events, seq, expected) in table {
        let (peer, requests) = peer(feed());
        let config = PublishConfig { payload, events, batch: 2, ..config(&peer) };
        let report = run(&config);
        assert!(report.ok && report.lateness.count == 0);
        let mut posted = Vec::new();
        for (line, body) in requests.lock().unwrap().iter() {
            assert_eq!(*line, format!("POST /v1/feeds/f/events?seq={seq} HTTP/1.1"));
            posted.extend(frames(body).concat());
        }
        assert_eq!(String::from_utf8(posted).unwrap(), expected);
    }
}

#[test]
fn what_goes_wrong_is_counted_and_nothing_is_repeated() {
    let posts = AtomicU64::new(0);
    let (peer, requests) = peer(move |session| match posts.fetch_add(1, SeqCst) {
        0 => session.answer("200 OK", r#"{"first_seq":5,"last_seq":5,"count":1}"#),
        1 => session.answer("503 Full", r#"{"error":"FeedReadOnly","message":"m"}"#),
        2 => session.answer("200 OK", r#"{"first_seq":5,"last_seq":5,"count":1}"#),
        3 => session.answer("200 OK", "{}"),
        _ => session.stream.get_ref().shutdown(std::net::Shutdown::Both).unwrap(),
    });
    let config = PublishConfig { events: Some(5), ..config(&peer) };
    let report = run(&config);
    assert!(!report.ok);
    let total = report.total;
    assert_eq!((total.batches, total.acked_batches), (5, 2));
    assert_eq!(total.refused, [("503 FeedReadOnly".to_owned(), 1)].into());
    assert_eq!(total.unanswered, [("receive: unexpected end of file".to_owned(), 1)].into());
    let wrong = [("a seq that was given before".to_owned(), 1), ("malformed acknowledgement".to_owned(), 1)];
    assert_eq!(total.wrong, wrong.into());
    assert_eq!(requests.lock().unwrap().len(), 5);
}

#[test]
fn a_missing_feed_is_created_with_its_options() {
    let (peer, requests) = peer(|session| match session.request_line() {
        "GET /v1/feeds/f HTTP/1.1" => session.answer("404 Not Found", "{}"),
        "PUT /v1/feeds/f HTTP/1.1" => session.answer("201 Created", "{}"),
        _ => session.answer("200 OK", r#"{"first_seq":1,"last_seq":1,"count":1}"#),
    });
    let mut config = PublishConfig { create_feed: true, events: Some(1), ..config(&peer) };
    config.feed_options.insert("durability".into(), "os".into());
    assert!(run(&config).ok);
    let requests = requests.lock().unwrap();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[1].1, br#"{"durability":"os"}"#);
}

#[test]
fn documents_go_to_a_database() {
    let (peer, requests) = peer(|session| match session.request_line() {
        "GET /f HTTP/1.1" => session.answer("404 Object Not Found", "{}"),
        "PUT /f HTTP/1.1" => session.answer("412 Precondition Failed", r#"{"error":"file_exists"}"#),
        _ => {
            let request: serde_json::Value = serde_json::from_slice(&session.body).unwrap();
            let docs = request["docs"].as_array().unwrap().iter();
            let stored: Vec<_> = docs.map(|doc| json!({"ok": true, "id": doc["_id"], "rev": "1-a"})).collect();
            session.answer("201 Created", &json!(stored).to_string());
        }
    });
    let config = PublishConfig {
        create_feed: true,
        batch: 2,
        events: Some(5),
        payload: Payload::Documents { size_bytes: 100 },
        ..config(&peer)
    };
    let report = run(&config);
    assert!(report.ok, "{:?}", report.total);
    assert_eq!((report.total.acked_events, report.total.last_seq), (5, None));
    let requests = requests.lock().unwrap();
    let lines: Vec<&str> = requests.iter().map(|(line, _)| &**line).collect();
    let bulk = "POST /f/_bulk_docs HTTP/1.1";
    assert_eq!(lines, ["GET /f HTTP/1.1", "PUT /f HTTP/1.1", bulk, bulk, bulk]);
    assert!(requests[1].1.is_empty());
}

#[test]
fn a_refused_feed_ends_the_run() {
    let (peer, _) = peer(|session| {
        session.answer("401 Unauthorized", r#"{"error":"AuthMissing","message":"m"}"#);
    });
    let config = PublishConfig { create_feed: true, ..config(&peer) };
    match publish::run(&config, &Control::default()) {
        Err(Error::FeedRefused { refusal, .. }) => assert_eq!(refusal, "401 AuthMissing"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unreachable_server_is_counted_batch_by_batch() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config =
        PublishConfig { create_feed: false, events: Some(2), ..PublishConfig::new(format!("http://{free}"), "f") };
    let report = run(&config);
    assert!(!report.ok);
    assert_eq!(report.total.unanswered, [("connect: connection refused".to_owned(), 2)].into());
}

#[test]
fn a_stopped_run_reports_what_it_has() {
    let control = Arc::new(Control::default());
    let stop = Arc::clone(&control);
    let answers = feed();
    let (peer, _) = peer(move |session| {
        answers(session);
        stop.stop();
    });
    let report = publish::run(&config(&peer), &control).unwrap();
    assert!(report.ok);
    assert!(report.total.acked_events >= 1);
}
