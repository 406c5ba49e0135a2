//! Rules of the framing that a client breaks, and what it may send although nobody wants it.

use super::common::{
    Appliance, eventually,
    frames::{client_frame, client_header, closed_with, open, server_frame},
    process::{Serving, serve},
    raw::Connection,
};
use super::{CLOSE, PING, PONG, STREAM, TEXT, XRPC, publish_one};

#[test]
fn a_broken_rule_ends_the_stream_with_its_code() {
    let appliance = Appliance::start();
    let close = |payload: &[u8]| client_frame(CLOSE, payload);
    let table: Vec<(&str, Vec<u8>, u16)> = vec![
        ("unmasked", b"\x81\x02hi".to_vec(), 1002),
        ("unmasked ping", b"\x89\x00".to_vec(), 1002),
        ("first reserved bit", client_frame(0xc1, b"hi"), 1002),
        ("second reserved bit", client_frame(0xa1, b"hi"), 1002),
        ("third reserved bit", client_frame(0x91, b"hi"), 1002),
        ("reserved opcode", client_frame(0x83, b""), 1002),
        ("reserved control opcode", client_frame(0x8b, b""), 1002),
        ("fragmented ping", client_frame(0x09, b""), 1002),
        ("fragmented close", client_frame(0x08, b""), 1002),
        ("long ping", client_frame(PING, &[0; 126]), 1002),
        ("length of 64 bits with the top bit", b"\x82\xff\x80\0\0\0\0\0\0\0".to_vec(), 1002),
        ("length not in its shortest form", b"\x82\xfe\0\x05".to_vec(), 1002),
        ("long length not in its shortest form", b"\x82\xff\0\0\0\0\0\0\xff\xff".to_vec(), 1002),
        ("continuation of nothing", client_frame(0x80, b"hi"), 1002),
        ("message within a message", [client_frame(0x01, b"a"), client_frame(TEXT, b"b")].concat(), 1002),
        ("close with half a code", close(b"\x03"), 1002),
        ("close code that must not be sent", close(&1005_u16.to_be_bytes()), 1002),
        ("close code out of range", close(&999_u16.to_be_bytes()), 1002),
        ("reason that is not UTF-8", close(b"\x03\xe8\xff\xfe"), 1007),
    ];
    for path in [STREAM, XRPC] {
        for (what, bytes, code) in &table {
            let mut connection = open(&appliance, path);
            let (closed, reason) = closed_with(server_frame(connection.send(bytes)));
            assert_eq!(closed, *code, "{what}: {reason}");
            assert!(!reason.is_empty(), "{what}");
            assert!(connection.at_end(), "{what}");
        }
    }
    eventually("no stream is left", || appliance.get("/v1/status").1["subscribers"] == 0);
}

#[test]
fn data_is_ignored() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, STREAM);
    for frame in [
        client_frame(TEXT, b"hello"),
        client_frame(TEXT, b"\xff not UTF-8"),
        client_frame(0x82, &[7; 70_000]),
        client_frame(0x01, b"a"),
        client_frame(PING, b"within a message"),
        client_frame(0x00, b"b"),
        client_frame(0x80, b"c"),
        client_frame(PONG, b"unasked"),
        client_frame(PING, b"behind it"),
    ] {
        connection.send(frame);
    }
    assert_eq!(server_frame(&mut connection), (PONG, b"within a message".to_vec()));
    assert_eq!(server_frame(&mut connection), (PONG, b"behind it".to_vec()));
    publish_one(&appliance);
    assert_eq!(server_frame(&mut connection).0, TEXT);
}

#[test]
fn frames_may_come_byte_by_byte() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, STREAM);
    for byte in [client_frame(TEXT, &[1; 200]), client_frame(PING, b"whole")].concat() {
        connection.send([byte]);
    }
    assert_eq!(server_frame(&mut connection), (PONG, b"whole".to_vec()));
}

/// Memory of the process that is in use, in KiB.
fn resident_kib(serving: &Serving) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", serving.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_huge_frame_is_skipped_without_memory() {
    let directory = tempfile::tempdir().unwrap();
    let serving = Serving::start(&mut serve(directory.path()));
    let mut connection = Connection::open(serving.address);
    let head = connection.send(super::common::frames::upgrade(STREAM) + "\r\n").head();
    assert_eq!(head.status, 101);
    let before_kib = resident_kib(&serving);
    connection.send(client_header(0x82, u64::MAX >> 1)).send([0; 4]);
    let piece = vec![0; 1 << 20];
    for _ in 0..64 {
        connection.send(&piece);
    }
    // Within the frame the stream goes on.
    let url = format!("http://{}/v1/feeds/repos/events", serving.address);
    let line = r#"{"kind":"put","body":1}"#;
    assert_eq!(super::common::call("POST", &url, Some("application/x-ndjson"), line).0, 200);
    assert_eq!(server_frame(&mut connection).0, TEXT);
    let grown_kib = resident_kib(&serving).saturating_sub(before_kib);
    assert!(grown_kib < 16 << 10, "{grown_kib} KiB for a frame that nobody wants");
}
