//! Bytes in both directions: large ones, readers that do not read, ends of either side.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

use futures_rustls::rustls::ClientConnection;
use socket2::SockRef;

use crate::{
    authority::VERSIONS,
    common::{
        REPOS,
        atproto::{told, wide_frame},
        connect, connect_narrow, eventually, frame,
        frames::{client_frame, closed_with, server_frame, upgrade},
        process::Serving,
        raw::Connection,
    },
    endings::serving,
    secure::{Secure, Tls, get, shake},
};

const EVENTS: &str = "/v1/feeds/repos/events";

/// Events of a replay, and the size of each.
const EVENTS_COUNT: u64 = 200;
const EVENT_BYTES: usize = 100_000;

/// Idle subscribers, and what each may take of the process's memory: less than a record.
const SUBSCRIBERS: usize = 400;
const SUBSCRIBER_BYTES_MAX: usize = 8 << 10;

/// More requests than fit between somebody who does not read and a server that waits for it to.
const REQUESTS_MAX: usize = 5_000;

/// Streams that nobody reads, and what each may take of the process's memory: what was sealed and not sent, which is less than what lies
/// in its socket.
const STALLED: usize = 100;
const STALLED_BYTES_MAX: usize = 64 << 10;

/// What may lie between a server and a peer that does not read: two sockets, a turn; and a handful of events.
const ON_THE_WAY_BYTES_MAX: u64 = 4 << 20;

fn publish_large(secure: &Secure) {
    for from_seq in (1..=EVENTS_COUNT).step_by(20) {
        let frames: Vec<_> = (from_seq..from_seq + 20).map(|seq| wide_frame(seq, EVENT_BYTES)).collect();
        assert_eq!(secure.appliance.publish_frames("repos", "preserve", &frames).0, 200);
    }
}

/// A stream of somebody whose kernel takes little.
fn narrow(secure: &Secure, path: &str) -> Connection<Tls> {
    let client = secure.authority.client(&VERSIONS, &[]);
    let mut connection = Connection::on(shake(connect_narrow(secure.address), &client));
    assert_eq!(connection.send(upgrade(path) + "\r\n").head().status, 101);
    connection
}

/// Waits until a number stands still.
fn settled(mut number: impl FnMut() -> u64) -> u64 {
    let mut last = u64::MAX;
    eventually("it stands still", || {
        thread::sleep(Duration::from_millis(300));
        let now = number();
        std::mem::replace(&mut last, now) == now
    });
    last
}

#[test]
fn a_replay_waits_for_its_reader_and_is_whole() {
    let secure = Secure::start();
    publish_large(&secure);
    let mut stream = narrow(&secure, &format!("/xrpc/{REPOS}?cursor=0"));
    let sent = settled(|| secure.appliance.running().sent_bytes());
    assert!(sent < ON_THE_WAY_BYTES_MAX, "{sent} bytes were sent to somebody who does not read");
    for seq in 1..=EVENTS_COUNT {
        if seq % 50 == 0 {
            thread::sleep(Duration::from_millis(50));
        }
        let (first, payload) = server_frame(&mut stream);
        assert_eq!((first, told(&payload).seq), (0x82, seq));
        assert_eq!(payload, wide_frame(seq, EVENT_BYTES));
    }
    // And then what is new.
    assert_eq!(secure.appliance.publish_frames("repos", "preserve", &[frame(EVENTS_COUNT + 1, "x")]).0, 200);
    assert_eq!(told(&server_frame(&mut stream).1).seq, EVENTS_COUNT + 1);
}

#[test]
fn many_follow_and_each_has_everything_in_order() {
    let secure = Secure::start();
    let (readers, events) = (32, 600);
    thread::scope(|scope| {
        for _ in 0..readers {
            let mut stream = secure.websocket(&format!("/xrpc/{REPOS}"));
            scope.spawn(move || {
                for seq in 1..=events {
                    let (first, payload) = server_frame(&mut stream);
                    assert_eq!((first, told(&payload).seq), (0x82, seq));
                }
            });
        }
        // Small events by themselves, and large ones in batches, so that some turns are full and most are not.
        let mut next = 1;
        while next <= events {
            let (batch, bytes) = if next % 3 == 0 { (20, 20_000) } else { (1, 100) };
            let last = events.min(next + batch - 1);
            let frames: Vec<_> = (next..=last).map(|seq| wide_frame(seq, bytes)).collect();
            assert_eq!(secure.appliance.publish_frames("repos", "preserve", &frames).0, 200);
            next = last + 1;
        }
    });
}

#[test]
fn who_asks_and_does_not_read_is_not_read_either() {
    let secure = Secure::start();
    publish_large(&secure);
    let client = secure.authority.client(&VERSIONS, &[]);
    let Tls { mut conn, mut sock } = shake(connect_narrow(secure.address), &client);
    sock.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let request = get(&format!("{EVENTS}?format=json&limit=10&cursor=0&x={}", "x".repeat(4_000)));
    // Asks until the server takes nothing for a while; how often.
    let ask = |conn: &mut ClientConnection, mut sock: &TcpStream| {
        for asked in 0..REQUESTS_MAX {
            if !conn.wants_write() {
                conn.writer().write_all(request.as_bytes()).unwrap();
            }
            while conn.wants_write() {
                if conn.write_tls(&mut sock).is_err() {
                    return asked;
                }
            }
        }
        panic!("everything is taken from somebody who does not read");
    };
    ask(&mut conn, &sock);
    // Once it reads, it is answered, and can ask again.
    let mut bytes = vec![0; 1 << 20];
    eventually("it goes on", || {
        for _ in 0..1_000 {
            assert_ne!(conn.read_tls(&mut sock).unwrap(), 0);
            conn.process_new_packets().unwrap();
            while matches!(conn.reader().read(&mut bytes), Ok(1..)) {}
        }
        ask(&mut conn, &sock) > 0
    });
}

#[test]
fn closes_arrive_and_so_does_the_end() {
    let secure = Secure::start();
    // Each says goodbye first, or what is against the protocol.
    let table: [(Vec<u8>, u16); 3] = [
        (client_frame(0x88, &1000_u16.to_be_bytes()), 1000),
        (client_frame(0x88, &4321_u16.to_be_bytes()), 4321),
        (vec![0x81, 0x01, b'x'], 1002),
    ];
    for (bytes, code) in table {
        for path in [EVENTS.to_owned(), format!("/xrpc/{REPOS}"), "/api/v1/ws".to_owned()] {
            let mut stream = secure.websocket(&path);
            assert_eq!(closed_with(server_frame(stream.send(&bytes))).0, code, "{path}");
            // An end without a word would be an error here.
            assert!(stream.at_end());
        }
    }
    secure.status_becomes("tls_connections", 0);
    secure.status_becomes("connections", 1);
}

#[test]
fn a_deleted_feed_ends_its_streams() {
    let secure = Secure::start();
    let mut socket = secure.websocket(EVENTS);
    let mut lines = secure.open();
    assert_eq!(lines.send(get(EVENTS)).head().status, 200);
    assert_eq!(secure.appliance.delete("/v1/feeds/repos").0, 200);
    let (code, reason) = closed_with(server_frame(&mut socket));
    assert!(code == 1001 && reason.contains("deleted"), "{code} {reason}");
    assert!(lines.event().unwrap().contains("deleted"));
    assert_eq!((lines.event(), lines.at_end()), (None, true));
}

#[test]
fn who_has_nothing_more_to_ask_is_answered_still() {
    let secure = Secure::start();
    let request = get("/v1/status");
    for closes_socket in [false, true] {
        let mut connection = secure.open();
        connection.send(&request).send(&request);
        connection.stream.conn.send_close_notify();
        connection.stream.conn.write_tls(&mut connection.stream.sock).unwrap();
        if closes_socket {
            connection.stream.sock.shutdown(Shutdown::Write).unwrap();
        }
        assert_eq!((connection.answer().status, connection.answer().status), (200, 200));
        assert!(connection.at_end());
    }
    secure.status_becomes("tls_connections", 0);
}

#[test]
fn a_peer_that_vanishes_is_noticed() {
    let secure = Secure::start();
    for is_reset in [false, true] {
        let streams: Vec<_> = (0..10).map(|_| secure.websocket(EVENTS)).collect();
        eventually("all stream", || secure.appliance.running().subscribers() == 10);
        for stream in &streams {
            let linger = is_reset.then_some(Duration::ZERO);
            SockRef::from(&stream.stream.sock).set_linger(linger).unwrap();
        }
        drop(streams);
        eventually("all have gone", || secure.appliance.running().subscribers() == 0);
        secure.status_becomes("tls_connections", 0);
        secure.status_becomes("connections", 1);
    }
}

#[test]
fn who_is_too_slow_is_closed_and_does_not_stay() {
    let secure = Secure::start_with(|config| {
        config.serve.floor_window_ms = 1_000;
        config.serve.floor_rate_bytes_per_s = 1 << 30;
        config.serve.floor_lag_events = 1;
        config.limits.idle_timeout_ms = 500;
    });
    publish_large(&secure);
    let stream = narrow(&secure, &format!("/xrpc/{REPOS}?cursor=0"));
    eventually("it is closed", || secure.appliance.running().subscribers() == 0);
    // It never reads, so its last bytes never leave; somebody gives up.
    secure.status_becomes("tls_connections", 0);
    secure.status_becomes("connections", 1);
    drop(stream);
}

/// Memory of the process that is neither a file's nor shared.
fn own_bytes(serving: &Serving) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().trim().parse::<usize>().unwrap() * 1024
}

#[test]
fn an_idle_subscriber_holds_no_buffer() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, authority, _) = serving(&directory);
    let client = authority.client(&VERSIONS, &[]);
    let open = |count: usize| -> Vec<Connection<Tls>> {
        let stream = |_| {
            let mut connection = Connection::on(shake(connect(serving.address), &client));
            assert_eq!(connection.send(get(EVENTS)).head().status, 200);
            connection
        };
        (0..count).map(stream).collect()
    };
    // What comes once for all is there after the first of them.
    let first = open(50);
    let before = own_bytes(&serving);
    let rest = open(SUBSCRIBERS);
    let each = own_bytes(&serving).saturating_sub(before) / SUBSCRIBERS;
    assert!(each < SUBSCRIBER_BYTES_MAX, "{each} bytes for each");
    drop((first, rest));
}

#[test]
fn who_does_not_read_has_little_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, authority, _) = serving(&directory);
    let client = authority.client(&VERSIONS, &[]);
    let mut publisher = Connection::on(shake(connect(serving.address), &client));
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(EVENT_BYTES));
    for _ in 0..EVENTS_COUNT / 20 {
        let body = line.repeat(20);
        let length = body.len();
        let head = format!(
            "POST {EVENTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: {length}\r\n\r\n"
        );
        assert_eq!(publisher.send(head + &body).answer().status, 200);
    }
    let before = own_bytes(&serving);
    let stalled: Vec<_> = (0..STALLED)
        .map(|_| {
            let mut connection = Connection::on(shake(connect_narrow(serving.address), &client));
            assert_eq!(connection.send(upgrade(&format!("{EVENTS}?cursor=0")) + "\r\n").head().status, 101);
            connection
        })
        .collect();
    let taken = settled(|| own_bytes(&serving) as u64) as usize;
    let each = taken.saturating_sub(before) / STALLED;
    println!("{each} bytes");
    assert!(each < STALLED_BYTES_MAX, "{each} bytes for each");
    drop(stalled);
}
