//! The subscribing engine against a peer that speaks the bytes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod peer;

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    sync::{Arc, Mutex, mpsc},
    thread,
};

use peer::{BASE, Peer, chunk, event, frame, reasons, run};
use tailwater_loadgen::{
    CeilingConfig, Control, Phase, SubscribeConfig, ceiling,
    subscribe::{self, Window},
};

const XRPC: &str = "/xrpc/com.atproto.sync.subscribeRepos";

/// A peer that upgrades and sends the events with these seqs (plus [`BASE`]), then waits.
fn events_peer(seqs: &'static [u32]) -> Peer {
    Peer::http(|mut session| {
        let bytes: Vec<u8> = seqs.iter().flat_map(|seq| event(*seq)).collect();
        session.upgrade(&bytes);
        session.wait_for_end();
    })
}

fn counted(peer: &Peer, connections: usize, events: u64) -> SubscribeConfig {
    SubscribeConfig {
        connections,
        events: Some(events),
        window: Window::FromStart,
        ..SubscribeConfig::new(peer.url("ws", XRPC))
    }
}

#[test]
fn checked_connections_agree_on_what_they_saw() {
    let peer = events_peer(&[1, 2, 3, 4]);
    let report = run(&counted(&peer, 3, 4));
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!(report.checked.len(), 3);
    for checked in &report.checked {
        assert_eq!(checked.first_seq, Some(u64::from(BASE) + 1));
        assert_eq!((checked.events, checked.missing), (4, 0));
        assert_eq!(checked.crc32c, report.checked[0].crc32c);
    }
    assert_eq!(report.connections.tally.completed, 3);
    let bytes = 3 * 4 * event(1).len() as u64;
    assert_eq!((report.delivered.bytes, report.delivered.checked_events), (bytes, 12));
}

#[test]
fn every_violation_is_told() {
    let table: [(&'static [u32], &str); 4] = [
        (&[1, 3, 2, 4], "1 events out of order"),
        (&[1, 2, 2, 3], "1 events more than once"),
        (&[1, 2, 4, 5], "1 events missing"),
        (&[1, 2, 3], "1 checked connections with fewer events than asked for"),
    ];
    for (seqs, violation) in table {
        let peer = events_peer(seqs);
        let config = SubscribeConfig {
            expect_contiguous: true,
            seconds: (seqs.len() < 4).then_some(0.1),
            ..counted(&peer, 1, 4)
        };
        assert_eq!(run(&config).verdict.violations, [violation], "{seqs:?}");
    }
}

#[test]
fn other_bytes_for_the_same_events_are_told() {
    let peer = Peer::http(|mut session| {
        let mut last = event(2);
        last[20] ^= u8::from(session.index == 1);
        session.upgrade(&[event(1), last].concat());
        session.wait_for_end();
    });
    let violations = run(&counted(&peer, 2, 2)).verdict.violations;
    assert_eq!(violations, ["1 connections with other bytes for the same events"]);
}

#[test]
fn undecodable_bytes_end_the_connection_and_the_verdict() {
    for bytes in [&b"\xff\xff"[..], &frame(2, b"\xa0\xa0"), &frame(1, b"{")] {
        let sent = bytes.to_vec();
        let peer = Peer::http(move |mut session| {
            session.upgrade(&sent);
            session.send(&event(1));
            session.wait_for_end();
        });
        let mut config = counted(&peer, 1, 1);
        config.seconds = Some(5.0);
        let report = run(&config);
        assert_eq!(report.checked[0].undecodable, 1, "{bytes:x?}");
        assert!(report.verdict.violations[0].contains("decoded"), "{:?}", report.verdict);
    }
}

#[test]
fn pings_and_closes_are_answered() {
    let (told, answers) = mpsc::channel();
    let peer = Peer::http(move |mut session| {
        session.upgrade(&frame(9, b"beat"));
        told.send(session.client_frame().unwrap()).unwrap();
        session.send(&frame(8, b"\x03\xf4bye"));
        told.send(session.client_frame().unwrap()).unwrap();
    });
    for sample in [1, 0] {
        let config = SubscribeConfig { sample: Some(sample), ..SubscribeConfig::new(peer.url("ws", XRPC)) };
        let report = run(&config);
        assert_eq!(answers.recv().unwrap(), (10, b"beat".to_vec()));
        assert_eq!(answers.recv().unwrap(), (8, b"\x03\xf4".to_vec()));
        assert_eq!(report.connections.tally.closed, reasons(&[("close 1012", 1)]));
        assert!(report.verdict.ok);
    }
}

#[test]
fn drained_bytes_are_counted_and_events_derived() {
    const EVENTS: u32 = 5_000;
    let peer = Peer::http(|mut session| {
        session.upgrade(b"");
        let bytes: Vec<u8> = (1..=EVENTS).flat_map(event).collect();
        session.send(&bytes);
        session.send(&frame(8, b"\x03\xf4"));
    });
    let config = SubscribeConfig {
        connections: 10,
        sample: Some(2),
        sources: Some("127.0.0.0/8".into()),
        window: Window::FromStart,
        ..SubscribeConfig::new(peer.url("ws", XRPC))
    };
    let report = run(&config);
    assert!(report.verdict.ok, "{:?}", report.verdict);
    let per_connection = u64::from(EVENTS) * event(1).len() as u64 + 4;
    assert_eq!(report.delivered.bytes, 10 * per_connection);
    assert_eq!(report.delivered.checked_events, 2 * u64::from(EVENTS));
    assert!((report.delivered.events - 10.0 * f64::from(EVENTS)).abs() < 1e-3);
    let spread = &report.bytes_per_connection;
    assert_eq!((spread.min, spread.max), (per_connection, per_connection));
    // A drained connection may discard the close frame with the flood before it, a checked one never does.
    let closed = &report.connections.tally.closed;
    assert!(closed["close 1012"] >= 2, "{closed:?}");
    assert_eq!(closed.values().sum::<u64>(), 10, "{closed:?}");
}

#[test]
fn refusals_are_counted_by_status_and_error() {
    let peer = Peer::http(|mut session| match session.index % 4 {
        0 => session.answer("429 Too Many", r#"{"error":"TooManyConnections","message":"m"}"#),
        1 => session.answer("503 Draining", "busy"),
        2 => {
            let head = "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
            session.send(format!("{head}Sec-WebSocket-Accept: AAAA\r\n\r\n").as_bytes());
        }
        _ => {}
    });
    let config = SubscribeConfig { connections: 8, ..SubscribeConfig::new(peer.url("ws", XRPC)) };
    let report = run(&config);
    let expected = reasons(&[
        ("HTTP 429 TooManyConnections", 2),
        ("HTTP 503: busy", 2),
        ("closed without an answer", 2),
        ("handshake: Sec-WebSocket-Accept does not belong to the key that was sent", 2),
    ]);
    assert_eq!(report.connections.tally.failed, expected);
    assert_eq!(report.verdict.violations, ["8 connections that were never open"]);
}

#[test]
fn a_server_that_does_not_answer_is_timed_out() {
    let peer = Peer::http(|mut session| session.wait_for_end());
    let config = SubscribeConfig { open_timeout_ms: 50, ..SubscribeConfig::new(peer.url("ws", XRPC)) };
    assert_eq!(run(&config).connections.tally.failed, reasons(&[("timed out", 1)]));
}

#[test]
fn a_dropped_connection_resumes_after_its_last_event() {
    let peer = Peer::http(|mut session| {
        let base = u64::from(BASE);
        match (session.index, session.cursor()) {
            (0, Some(1)) => session.upgrade(&[event(1), event(2), vec![0x82]].concat()),
            (1, Some(cursor)) if cursor == base + 3 => drop(session),
            (2, Some(cursor)) if cursor == base + 3 => {
                session.upgrade(&[event(3), event(4)].concat());
                session.wait_for_end();
            }
            (index, cursor) => panic!("connection {index} asked for {cursor:?}"),
        }
    });
    let config = SubscribeConfig { cursor: Some(1), resume: true, expect_contiguous: true, ..counted(&peer, 1, 4) };
    let report = run(&config);
    assert!(report.verdict.ok, "{:?}", report.verdict);
    let tally = &report.connections.tally;
    assert_eq!((tally.opened, tally.reconnected), (1, 1));
    assert_eq!(tally.reconnect_failed, reasons(&[("closed without an answer", 1)]));
    let whole = run(&counted(&events_peer(&[1, 2, 3, 4]), 1, 4));
    assert_eq!(report.checked[0].crc32c, whole.checked[0].crc32c);
}

#[test]
fn frames_that_nobody_asked_for_are_checked() {
    let peer = Peer::raw(|mut stream, _| {
        let bytes: Vec<u8> = (1..=3).flat_map(event).collect();
        stream.write_all(&bytes).unwrap();
        // Nothing is said to whoever sends them before the end.
        let mut said = [0; 2];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(said[0], 0x88, "a close frame");
    });
    let config = SubscribeConfig { url: peer.url("frames", ""), ..counted(&peer, 4, 3) };
    let report = run(&SubscribeConfig { sample: Some(2), ..config });
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!((report.connections.checked, report.connections.tally.completed), (2, 2));
    assert_eq!(report.delivered.checked_events, 2 * 3);
    assert_eq!(report.checked[0].crc32c, report.checked[1].crc32c);
}

#[test]
fn a_stalled_connection_is_never_read() {
    const EVENTS: u32 = 100_000;
    let peer = Peer::http(|mut session| {
        session.upgrade(b"");
        let bytes: Vec<u8> = (1..=EVENTS).flat_map(event).collect();
        // A client that does not read takes what its buffers hold; this is more.
        for _ in 0..2 {
            session.send(&bytes);
        }
    });
    let config = SubscribeConfig {
        stall: 1,
        sample: Some(1),
        receive_buffer_bytes: Some(1 << 16),
        ..counted(&peer, 2, u64::from(EVENTS))
    };
    let report = run(&config);
    assert!(report.verdict.ok, "{:?}", report.verdict);
    assert_eq!(report.connections.open_at_end, 1);
    assert_eq!(report.delivered.bytes, report.delivered.checked_bytes);
    assert_eq!(report.bytes_per_connection.min, report.bytes_per_connection.max);
}

#[test]
fn http_streams_are_checked_like_web_sockets() {
    let line = |seq: u32| format!("{{\"seq\":{seq},\"time\":1,\"body\":{{}}}}\n");
    let ndjson: String = (1..=3).map(|seq| chunk(&line(seq))).collect();
    let sse: String = (1..=3).map(|seq| chunk(&format!("id: {seq}\ndata: {}\n", line(seq)))).collect();
    let mut checksums = BTreeSet::new();
    for (content_type, body) in [("application/x-ndjson", ndjson), ("text/event-stream", sse)] {
        let peer = Peer::http(move |mut session| {
            assert!(session.header("upgrade").is_none());
            let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: {content_type}\r\n\r\n");
            session.send(head.as_bytes());
            for byte in body.bytes() {
                session.send(&[byte]);
            }
            session.send(chunk("\n").as_bytes());
            session.send(b"0\r\n\r\n");
            session.wait_for_end();
        });
        let config =
            SubscribeConfig { expect_contiguous: true, ..SubscribeConfig::new(peer.url("http", "/v1/feeds/x/events")) };
        let report = run(&config);
        assert!(report.verdict.ok, "{:?}", report.verdict);
        assert_eq!(report.checked[0].events, 3);
        assert_eq!(report.connections.tally.closed, reasons(&[("end of body", 1)]));
        checksums.insert(report.checked[0].crc32c.clone());
    }
    assert_eq!(checksums.len(), 1);
}

#[test]
fn sources_go_round() {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let told = Arc::clone(&seen);
    let peer = Peer::http(move |mut session| {
        let source = session.stream.get_ref().peer_addr().unwrap().ip().to_string();
        told.lock().unwrap().insert(source);
        session.upgrade(&event(1));
        session.wait_for_end();
    });
    let config = SubscribeConfig { sources: Some("127.7.0.0/29".into()), ..counted(&peer, 8, 1) };
    assert!(run(&config).verdict.ok);
    let expected = (1..=6).map(|last| format!("127.7.0.{last}")).collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn the_window_begins_when_it_is_told_to() {
    let (send_next, may_send) = mpsc::channel::<()>();
    let may_send = Mutex::new(may_send);
    let peer = Peer::http(move |mut session| {
        session.upgrade(&[event(1), event(2)].concat());
        may_send.lock().unwrap().recv().unwrap();
        session.send(&event(3));
        session.wait_for_end();
    });
    let config = SubscribeConfig { window: Window::Manual, ..counted(&peer, 1, 3) };
    let control = Control::default();
    let wait = |reached: &dyn Fn() -> bool| {
        while !reached() {
            thread::yield_now();
        }
    };
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| subscribe::run(&config, &control));
        wait(&|| control.snapshot().events == 2);
        assert_eq!(control.snapshot().phase, Phase::Ready);
        control.begin_window();
        wait(&|| control.snapshot().phase == Phase::Measuring);
        send_next.send(()).unwrap();
        run.join().unwrap().unwrap()
    });
    assert!(report.verdict.ok && report.window.measured);
    assert_eq!(report.checked[0].events, 3);
    assert_eq!(report.delivered.checked_events, 1);
    assert_eq!(report.delivered.bytes, event(3).len() as u64);
}

#[test]
fn a_run_is_stopped_and_still_reports() {
    let peer = events_peer(&[1]);
    let control = Control::default();
    let config = SubscribeConfig::new(peer.url("ws", XRPC));
    let report = thread::scope(|scope| {
        let run = scope.spawn(|| subscribe::run(&config, &control));
        while control.snapshot().events == 0 {
            thread::yield_now();
        }
        control.set_until_seq(u64::from(BASE) + 1);
        run.join().unwrap().unwrap()
    });
    assert!(report.verdict.ok);
    assert_eq!(report.checked[0].last_seq, Some(u64::from(BASE) + 1));
}

#[test]
fn the_ceiling_counts_every_byte() {
    const BYTES: usize = 10_000_000;
    let peer = Peer::raw(|mut stream, _| {
        let _ = stream.write_all(&vec![0x88; BYTES]);
    });
    let config = CeilingConfig { window: Window::FromStart, ..CeilingConfig::new(peer.address, 3) };
    let report = ceiling::drain(&config, &Control::default()).unwrap();
    assert_eq!(report.delivered.bytes, 3 * BYTES as u64);
    assert_eq!(report.bytes_per_connection.min, BYTES as u64);
    assert_eq!(report.connections.tally.closed, reasons(&[("end of stream", 3)]));
    assert!(report.verdict.ok && report.checked.is_empty());
}
