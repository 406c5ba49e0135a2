//! Readers that read slowly: they are told why their stream ends, in the original's words.

use std::{
    io::Write,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tailwater::config::{Config, Retention};

use crate::{
    client::{Client, with},
    common::{connect_narrow, raw::Connection},
    frames::{DATA, GO, Http2, RST_STREAM, body},
};

/// Small buffers in the kernel, so that who is slow is noticed soon.
fn narrow(config: &mut Config) {
    config.serve.socket_send_buffer_bytes = 64 << 10;
    config.serve.not_sent_low_water_bytes = 16 << 10;
}

fn publish(client: &Client) {
    let query = json!({
        "query": { "fql": ["Set.sequence(0, 100).forEach(n => A.create({ n: n, t: t }))"] },
        "arguments": { "t": "x".repeat(10_000) }
    });
    assert_eq!(client.call("POST", "/query/1", query.to_string()).status, 200);
}

/// Reads a little at a time while others publish, until an event is an error.
fn last_event(client: &Client) -> Value {
    let token = json!({ "token": client.token("A.all().eventSource()") }).to_string();
    let mut stream = connect_narrow(client.address);
    let head = format!("POST /stream/1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{token}", token.len());
    stream.write_all(head.as_bytes()).unwrap();
    let mut connection = Connection::on(stream);
    assert_eq!(connection.head().status, 200);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                publish(client);
            }
        });
        let last = loop {
            thread::sleep(Duration::from_millis(20));
            let event: Value = serde_json::from_slice(&connection.chunk().unwrap()).unwrap();
            if event["type"] == "error" {
                break event;
            }
        };
        is_over.store(true, Ordering::Relaxed);
        assert!(connection.chunk().is_none() && connection.at_end(), "nothing comes behind an error");
        last["error"].clone()
    })
}

#[test]
fn whoever_is_below_the_floor_rate_is_told() {
    let (_appliance, client) = with(|config| {
        narrow(config);
        config.serve.floor_window_ms = 1_000;
        config.serve.floor_rate_bytes_per_s = 1 << 30;
        config.serve.floor_lag_events = 50;
    });
    let expected = json!({ "code": "stream_overflow", "message": "Too many events to process." });
    assert_eq!(last_event(&client), expected);
}

/// Over HTTP/2 the window of a slow reader is closed when it is noticed, so that no event can say so: its stream is reset.
#[test]
fn whoever_is_below_the_floor_rate_over_http2_is_reset() {
    let (_appliance, client) = with(|config| {
        config.serve.floor_window_ms = 1_000;
        config.serve.floor_rate_bytes_per_s = 1 << 30;
        config.serve.floor_lag_events = 50;
    });
    let token = json!({ "token": client.token("A.all().eventSource()") });
    publish(&client);
    // It takes whatever comes, which is a hundred bytes at a time.
    let mut http2 = Http2::open_with(client.address, &[0, 4, 0, 0, 0, 100]);
    let stream = http2.request("POST", "/stream/1", GO, &body(token));
    assert!(http2.is_ok(stream));
    let reset = loop {
        let frame = http2.of_stream(stream);
        if frame.kind != DATA {
            break frame;
        }
    };
    assert_eq!((reset.kind, reset.payload), (RST_STREAM, 11_u32.to_be_bytes().to_vec()));
}

#[test]
fn whoever_has_left_the_window_is_told() {
    let (_appliance, client) = with(|config| {
        narrow(config);
        for feed in config.feeds.iter_mut().filter(|feed| feed.fauna.is_some()) {
            feed.retention = Retention { age_ms: None, bytes: Some(1 << 20) };
            feed.segment_bytes_max = 1 << 20;
        }
    });
    let message = "Too many events to replay. Recreate the stream and try again.";
    assert_eq!(last_event(&client), json!({ "code": "stream_replay_volume_exceeded", "message": message }));
}
