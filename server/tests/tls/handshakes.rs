//! What comes before a connection: plain requests, garbage, peers that dribble, stall or vanish, and the line they stand in.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use socket2::SockRef;

use crate::{
    authority::VERSIONS,
    common::{connect, eventually, raw::Connection},
    secure::{Secure, dial, get, shake},
};

/// Longer than anybody waits for anything here.
const LONG_MS: u64 = 600_000;

/// The first message of a client.
fn hello(secure: &Secure) -> Vec<u8> {
    let mut tls = dial(connect(secure.address), &secure.authority.client(&VERSIONS, &[]));
    let mut hello = Vec::new();
    tls.conn.write_tls(&mut hello).unwrap();
    hello
}

/// Sends bytes and reads until the server has had enough.
fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut socket = connect(address);
    let mut answer = Vec::new();
    // A server that has had enough of them before all are sent is what is tested.
    let _closed = socket.write_all(bytes).and_then(|()| socket.shutdown(std::net::Shutdown::Write));
    let _reset = socket.read_to_end(&mut answer);
    answer
}

fn works(secure: &Secure) -> bool {
    secure.open().send(get("/xrpc/_health")).answer().status == 200
}

#[test]
fn a_plain_request_is_told_what_to_do() {
    let secure = Secure::start();
    for (count, request) in
        ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /query/1 HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n\r\n"]
            .into_iter()
            .enumerate()
    {
        let mut connection = Connection::open(secure.address);
        let answer = connection.send(request).answer();
        assert_eq!((answer.status, answer.header("Connection")), (400, Some("close")));
        assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
        assert!(answer.text().contains("https://") && answer.text().contains("wss://"), "{}", answer.text());
        assert!(connection.at_end());
        assert_eq!(secure.status("tls_handshakes_failed_total"), count as u64 + 1);
    }
    assert!(works(&secure));
}

#[test]
fn garbage_ends_the_connection_and_nothing_else() {
    let secure = Secure::start();
    let hello = hello(&secure);
    let record = |length: u16, body: &[u8]| [&[22, 3, 1], length.to_be_bytes().as_slice(), body].concat();
    let mut cases = vec![
        vec![0],
        vec![22],
        vec![22, 3, 1, 0xff, 0xff],
        record(0, &[]),
        // A message that says it is larger than any may be, in records without an end.
        [record(4, &[1, 0xff, 0xff, 0xff]), record(16_384, &[0; 16_384]).repeat(6)].concat(),
        // An alert, and data, before anything else.
        vec![21, 3, 1, 0, 2, 2, 40],
        vec![23, 3, 3, 0, 4, 1, 2, 3, 4],
        hello[..hello.len() / 2].to_vec(),
        hello.repeat(2),
    ];
    let mut twisted = hello.clone();
    twisted.iter_mut().skip(9).for_each(|byte| *byte = !*byte);
    cases.push(twisted);
    let count = cases.len() as u64;
    for bytes in cases {
        send(secure.address, &bytes);
    }
    secure.status_becomes("tls_handshakes_failed_total", count);
    let mut runner = TestRunner::new(Config { cases: 64, failure_persistence: None, ..Config::default() });
    let flips = prop::collection::vec((0..hello.len(), any::<u8>()), 1..8);
    let ran = runner.run(&(flips, 0..=hello.len()), |(flips, end)| {
        let mut bytes = hello.clone();
        flips.into_iter().for_each(|(at, byte)| bytes[at] = byte);
        send(secure.address, &bytes[..end]);
        Ok(())
    });
    ran.unwrap();
    assert!(works(&secure));
    secure.status_becomes("connections", 1);
    assert_eq!(secure.status("tls_connections"), 0);
}

#[test]
fn what_comes_behind_the_handshake_and_is_no_record_ends_the_connection() {
    let secure = Secure::start();
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".as_slice(),
        &[23, 3, 3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut tls = secure.connect();
        tls.sock.write_all(bytes).unwrap();
        let error = tls.read(&mut [0]).unwrap_err();
        assert!(error.to_string().contains("alert"), "{error}");
    }
    secure.status_becomes("tls_connections", 0);
    assert!(works(&secure));
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let secure = Secure::start();
    for version in VERSIONS {
        let mut tls = dial(connect(secure.address), &secure.authority.client(&[version], &[]));
        while tls.conn.is_handshaking() {
            let mut bytes = Vec::new();
            while tls.conn.wants_write() {
                tls.conn.write_tls(&mut bytes).unwrap();
            }
            for byte in bytes {
                tls.sock.write_all(&[byte]).unwrap();
            }
            if tls.conn.is_handshaking() {
                tls.conn.read_tls(&mut tls.sock).unwrap();
                tls.conn.process_new_packets().unwrap();
            }
        }
        let mut connection = Connection::on(tls);
        assert_eq!(connection.send(get("/xrpc/_health")).answer().status, 200);
    }
}

#[test]
fn no_version_or_protocol_in_common_is_said_in_an_alert() {
    let secure = Secure::start();
    let mut tls = dial(connect(secure.address), &secure.authority.client(&VERSIONS, &["spdy/3"]));
    let error = tls.conn.complete_io(&mut tls.sock).unwrap_err();
    assert!(error.to_string().contains("NoApplicationProtocol"), "{error}");
    secure.status_becomes("tls_handshakes_failed_total", 1);
}

#[test]
fn who_stalls_or_says_nothing_is_let_go() {
    let secure = Secure::start_with(|config| config.limits.header_timeout_ms = 300);
    let mut silent = Connection::open(secure.address);
    assert!(silent.at_end());
    assert_eq!(secure.status("tls_handshakes_failed_total"), 0, "somebody has looked whether the port is open");
    let hello = hello(&secure);
    let mut stalled = Connection::open(secure.address);
    assert!(stalled.send(&hello[..100]).at_end());
    let mut unfinished = Connection::open(secure.address);
    unfinished.send(&hello).drain();
    secure.status_becomes("tls_handshakes_failed_total", 2);
    secure.status_becomes("connections", 1);
}

#[test]
fn who_vanishes_leaves_nothing() {
    let secure = Secure::start_with(|config| config.limits.header_timeout_ms = LONG_MS);
    let hello = hello(&secure);
    for length in [0, 1, 100, hello.len()] {
        let mut socket = connect(secure.address);
        socket.write_all(&hello[..length]).unwrap();
        if length == hello.len() {
            // It is in the middle of the handshake once it is answered.
            assert_ne!(socket.read(&mut [0]).unwrap(), 0);
        }
        SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    secure.status_becomes("tls_handshakes_failed_total", 3);
    secure.status_becomes("connections", 1);
}

#[test]
fn handshakes_wait_in_line() {
    let secure = Secure::start_with(|config| {
        config.shards = Some(1);
        config.limits.handshakes_max = 1;
        config.limits.header_timeout_ms = 500;
        config.limits.idle_timeout_ms = LONG_MS;
    });
    let hello = hello(&secure);
    let stalled: Vec<Connection> = (0..3)
        .map(|_| {
            let mut connection = Connection::open(secure.address);
            connection.send(&hello[..100]);
            connection
        })
        .collect();
    // Somebody before it has to give up.
    assert!(works(&secure));
    assert_ne!(secure.status("tls_handshakes_failed_total"), 0);
    drop(stalled);
}

#[test]
fn who_says_nothing_has_no_place_in_the_line() {
    let secure = Secure::start_with(|config| {
        config.shards = Some(1);
        config.limits.handshakes_max = 1;
        config.limits.header_timeout_ms = LONG_MS;
    });
    let silent: Vec<TcpStream> = (0..5).map(|_| connect(secure.address)).collect();
    secure.status_becomes("connections", silent.len() as u64 + 1);
    assert!(works(&secure));
    // Nor do those whose handshake is over.
    let open: Vec<_> = (0..5).map(|_| secure.connect()).collect();
    secure.status_becomes("tls_connections", open.len() as u64);
    assert!(works(&secure));
}

#[test]
fn who_comes_back_need_not_prove_everything_again() {
    use futures_rustls::rustls::HandshakeKind;
    let secure = Secure::start();
    for version in VERSIONS {
        let client = secure.authority.client(&[version], &[]);
        let mut kinds = Vec::new();
        for _ in 0..3 {
            let mut connection = Connection::on(shake(connect(secure.address), &client));
            // The ticket comes behind the handshake.
            assert_eq!(connection.send(get("/xrpc/_health")).answer().status, 200);
            kinds.push(connection.stream.conn.handshake_kind().unwrap());
        }
        assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed]);
    }
    eventually("all have gone", || secure.status("tls_connections") == 0);
}
