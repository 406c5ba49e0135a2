//! Stopping: every stream is ended in its dialect's way, requests under way are answered, what was acknowledged is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;

use common::{
    Appliance, REPOS, call,
    frames::{client_frame, closed_with, server_frame, upgrade},
    process::{Serving, serve},
    raw::Connection,
};
use rustix::process::Signal;

const EVENTS: &str = "/v1/feeds/repos/events";
const LINE: &str = r#"{"kind":"put","body":1}"#;

fn publish(serving: &Serving) -> u16 {
    let url = format!("http://{}{EVENTS}", serving.address);
    call("POST", &url, Some("application/x-ndjson"), LINE).0
}

fn stream(serving: &Serving, request: &str) -> Connection {
    let mut connection = Connection::open(serving.address);
    let status = connection.send(request).head().status;
    assert!(matches!(status, 101 | 200), "{status}");
    connection
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A serving process on a directory.
fn start(directory: &Path) -> Serving {
    Serving::start(&mut serve(directory))
}

#[test]
fn a_signal_ends_every_stream_in_its_own_way() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = tempfile::tempdir().unwrap();
        let serving = start(directory.path());
        let mut lines = stream(&serving, &get(EVENTS));
        let mut blocks = stream(&serving, &get(&format!("{EVENTS}?format=sse")));
        let mut native = stream(&serving, &(upgrade(EVENTS) + "\r\n"));
        let mut atproto = stream(&serving, &(upgrade(&format!("/xrpc/{REPOS}")) + "\r\n"));
        let mut idle = Connection::open(serving.address);
        assert_eq!(idle.send(get("/v1/status")).answer().status, 200);
        assert_eq!(publish(&serving), 200);
        assert!(lines.event().unwrap().starts_with("{\"seq\":1,"));
        assert!(blocks.event().unwrap().starts_with("id: 1\n"));
        assert_eq!((server_frame(&mut native).0, server_frame(&mut atproto).0), (0x81, 0x82));
        serving.signal(signal);

        for body in [&mut lines, &mut blocks] {
            assert_eq!((body.event(), body.at_end()), (None, true), "a body that ends in order");
        }
        for (socket, reason) in [(&mut native, "The server restarts."), (&mut atproto, "restarting")] {
            assert_eq!(closed_with(server_frame(socket)), (1012, reason.to_owned()));
            socket.send(client_frame(0x88, &1012_u16.to_be_bytes()));
            assert!(socket.at_end());
        }
        assert!(idle.at_end(), "who only waits is closed without a word");
        drop((lines, blocks, native, atproto, idle));
        let (code, log) = serving.end();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped") && !log.contains("ERROR"), "{log}");

        let again = start(directory.path());
        let page = Connection::open(again.address).send(get(&format!("{EVENTS}?format=json"))).answer();
        assert_eq!(page.json()["events"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn publishers_are_answered_or_refused_and_nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let serving = start(directory.path());
    let (begun, beginning) = std::sync::mpsc::channel();
    let address = serving.address;
    let publisher = || {
        let mut acknowledged = Vec::new();
        let mut connection = Connection::open(address);
        let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n");
        let request = format!("{head}Content-Length: {}\r\n\r\n{LINE}", LINE.len());
        loop {
            connection.send(&request);
            if connection.at_end() {
                return acknowledged;
            }
            let answer = connection.answer();
            match answer.status {
                200 => acknowledged.push(answer.json()["last_seq"].as_u64().unwrap()),
                status => {
                    assert_eq!((status, answer.header("Connection")), (503, Some("close")), "{answer:?}");
                    return acknowledged;
                }
            }
            if acknowledged.len() == 20 {
                begun.send(()).unwrap();
            }
        }
    };
    let acknowledged: Vec<u64> = std::thread::scope(|scope| {
        let publishers: Vec<_> = (0..4).map(|_| scope.spawn(publisher)).collect();
        (0..4).for_each(|_| beginning.recv_timeout(common::PATIENCE).unwrap());
        serving.signal(Signal::TERM);
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");

    let again = start(directory.path());
    let page = Connection::open(again.address).send(get(&format!("{EVENTS}?format=json&limit=10000"))).answer().json();
    let stored: Vec<u64> =
        page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(stored.iter().copied().eq(1..=stored.len() as u64));
    assert!(acknowledged.iter().all(|seq| stored.contains(seq)), "{acknowledged:?} in {stored:?}");
}

#[test]
fn peers_that_do_not_let_go_do_not_hold_it_up() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(serve(directory.path()).env("TAILWATER_SERVE__DRAIN_TIMEOUT_MS", "1000"));
    // One that never reads, one in the middle of a head, one in the middle of a body, one that does not answer a close.
    let url = format!("http://{}{EVENTS}", serving.address);
    let large = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000)).repeat(200);
    assert_eq!(call("POST", &url, Some("application/x-ndjson"), large).0, 200);
    let stalled = stream(&serving, &get(&format!("{EVENTS}?cursor=0")));
    let mut head = Connection::open(serving.address);
    head.send("GET / HTTP/1.1\r\nHo");
    let mut body = Connection::open(serving.address);
    let fields = "Host: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 100";
    body.send(format!("POST {EVENTS} HTTP/1.1\r\n{fields}\r\n\r\n{{"));
    let silent = stream(&serving, &(upgrade(EVENTS) + "\r\n"));
    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    drop((stalled, head, body, silent));
    let again = start(directory.path());
    let page = Connection::open(again.address).send(get("/v1/feeds/repos")).answer();
    assert_eq!(page.json()["last_seq"], 200);
}

#[test]
fn within_one_process_a_directory_can_be_opened_again() {
    let mut appliance = Appliance::start_with(|config| config.serve.drain_timeout_ms = 200);
    for round in 1..=3 {
        // Left in every state a connection can be in.
        let mut lines = Connection::open(appliance.address);
        lines.send(get(EVENTS)).head();
        let mut head = Connection::open(appliance.address);
        head.send("GET / HTTP/1.1\r\nHo");
        let _silent = Connection::open(appliance.address);
        assert_eq!(appliance.publish("repos", LINE).1["last_seq"], round);
        appliance = Appliance::start_in(appliance.stop(), |config| config.serve.drain_timeout_ms = 200);
        assert_eq!(appliance.get("/v1/feeds/repos").1["last_seq"], round);
    }
}
