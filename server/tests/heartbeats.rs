//! Signs of life on silent streams, and none on busy ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{
    Appliance, REPOS,
    frames::{client_frame, open, server_frame},
    raw::Connection,
};

const STREAM: &str = "/v1/feeds/repos/events";

fn appliance() -> Appliance {
    Appliance::start_with(|config| config.serve.ping_interval_ms = 200)
}

#[test]
fn streams_over_http_send_what_readers_skip() {
    let appliance = appliance();
    for (format, sign) in [("ndjson", "\n"), ("sse", ":\n\n")] {
        let mut connection = Connection::open(appliance.address);
        connection.send(format!("GET {STREAM}?format={format} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
        for _ in 0..3 {
            assert_eq!(connection.chunk().unwrap(), sign.as_bytes(), "{format}");
        }
    }
}

#[test]
fn streams_over_websocket_send_pings() {
    let appliance = appliance();
    let xrpc = format!("/xrpc/{REPOS}");
    for path in [STREAM, &xrpc] {
        let mut connection = open(&appliance, path);
        for _ in 0..3 {
            assert_eq!(server_frame(&mut connection), (0x89, Vec::new()), "{path}");
            connection.send(client_frame(0x8a, b""));
        }
    }
}

#[test]
fn a_sign_of_life_stands_between_events() {
    let appliance = appliance();
    let mut connection = Connection::open(appliance.address);
    connection.send(format!("GET {STREAM} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
    for seq in 1..=3 {
        assert_eq!(connection.chunk().unwrap(), b"\n");
        assert_eq!(appliance.publish("repos", r#"{"kind":"put","body":1}"#).0, 200);
        assert!(connection.event().unwrap().starts_with(&format!("{{\"seq\":{seq},")));
    }
}

#[test]
fn what_is_sent_puts_off_the_next_sign() {
    let appliance = Appliance::start_with(|config| config.serve.ping_interval_ms = 1_000);
    appliance.put("/v1/feeds/silent", "");
    let mut busy = Connection::open(appliance.address);
    busy.send(format!("GET {STREAM} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
    let mut silent = Connection::open(appliance.address);
    silent.send("GET /v1/feeds/silent/events HTTP/1.1\r\nHost: a\r\n\r\n").head();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert_eq!(appliance.publish("repos", r#"{"kind":"put","body":1}"#).0, 200);
            }
        });
        (0..3).for_each(|_| assert_eq!(silent.chunk().unwrap(), b"\n"));
        stop.store(true, Ordering::Relaxed);
    });
    let (_, feed) = appliance.get("/v1/feeds/repos");
    let (mut seq, mut signs) = (0, 0);
    while feed["last_seq"] != seq {
        match busy.chunk().unwrap().as_slice() {
            b"\n" => signs += 1,
            event => {
                seq += 1;
                assert!(event.starts_with(format!("{{\"seq\":{seq},").as_bytes()));
            }
        }
    }
    // A disk that stands still for a second is no fault of the stream's.
    assert!(signs < 3, "{signs} signs of life among {seq} events");
}
