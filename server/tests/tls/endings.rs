//! A stop: every stream ends in its dialect's way, and every connection with its last word.

use rustix::process::Signal;
use tailwater::config::CertificatePair;
use tempfile::TempDir;

use crate::{
    authority::{Authority, VERSIONS},
    common::{
        REPOS, connect,
        frames::{client_frame, closed_with, server_frame, upgrade},
        process::{Serving, tailwater},
        raw::Connection,
    },
    secure::{Tls, get, shake},
};

const EVENTS: &str = "/v1/feeds/repos/events";

/// A process that speaks TLS alone.
pub fn serving(directory: &TempDir) -> (Serving, Authority, CertificatePair) {
    let authority = Authority::new();
    let pair = Authority::files(directory.path());
    authority.write(&pair);
    let file = directory.path().join("tailwater.toml");
    let tls = format!("tls = {{ certificate = {:?}, key = {:?} }}", pair.certificate, pair.key);
    let toml = format!("limits.connections_max = 500\n[[listen]]\naddress = \"127.0.0.1:0\"\n{tls}\n");
    std::fs::write(&file, toml).unwrap();
    let mut command = tailwater();
    command.args(["serve", "--shards", "2", "--config"]).arg(file).arg("--data").arg(directory.path().join("log"));
    (Serving::start(&mut command), authority, pair)
}

#[test]
fn a_signal_ends_every_stream_in_its_own_way() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, authority, _) = serving(&directory);
    let client = authority.client(&VERSIONS, &[]);
    let open = || Connection::on(shake(connect(serving.address), &client));
    let stream = |request: String| {
        let mut connection = open();
        let status = connection.send(request).head().status;
        assert!(matches!(status, 101 | 200), "{status}");
        connection
    };
    let mut lines = stream(get(EVENTS));
    let mut native = stream(upgrade(EVENTS) + "\r\n");
    let mut atproto = stream(upgrade(&format!("/xrpc/{REPOS}")) + "\r\n");
    let mut idle: Vec<Connection<Tls>> = (0..2).map(|_| open()).collect();
    assert_eq!(idle[0].send(get("/v1/status")).answer().status, 200);
    // One that is in the middle of its handshake.
    let mut hello = Connection::open(serving.address);
    hello.send([22, 3, 1]);
    serving.signal(Signal::TERM);
    assert_eq!((lines.event(), lines.at_end()), (None, true), "a body that ends in order");
    for (socket, reason) in [(&mut native, "The server restarts."), (&mut atproto, "restarting")] {
        assert_eq!(closed_with(server_frame(socket)), (1012, reason.to_owned()));
        socket.send(client_frame(0x88, &1012_u16.to_be_bytes()));
        // An end without a word would be an error here.
        assert!(socket.at_end());
    }
    assert!(idle.iter_mut().all(Connection::at_end));
    assert!(hello.at_end());
    drop((lines, native, atproto, idle, hello));
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("stopped") && !log.contains("ERROR"), "{log}");
}

#[test]
fn who_does_not_read_does_not_hold_up_a_stop() {
    let directory = tempfile::tempdir().unwrap();
    let (serving, authority, _) = serving(&directory);
    let client = authority.client(&VERSIONS, &[]);
    let mut publisher = Connection::on(shake(connect(serving.address), &client));
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000)).repeat(100);
    let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n");
    publisher.send(format!("{head}Content-Length: {}\r\n\r\n", line.len())).send(&line);
    assert_eq!(publisher.answer().status, 200);
    let mut stalled = Connection::on(shake(connect(serving.address), &client));
    assert_eq!(stalled.send(get(&format!("{EVENTS}?cursor=0"))).head().status, 200);
    serving.signal(Signal::TERM);
    let (code, log) = serving.end();
    assert_eq!(code, Some(0), "{log}");
}
