//! Exact bytes: what clients were seen to insist on, down to the order of keys.

use super::common::{
    Appliance, REPOS, corpus, frame,
    frames::{closed_with, open, server_frame},
    raw::Connection,
};

/// `{"op":-1}`
const ERROR: &str = "a1626f7020";

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(text: &str) -> String {
    let length = text.len() as u8;
    let head = if length < 24 { vec![0x60 | length] } else { vec![0x78, length] };
    hex(&head) + &hex(text.as_bytes())
}

/// The error frame and the close of a stream that is refused.
fn refusal(appliance: &Appliance, query: &str) -> (String, (u16, String)) {
    let mut connection = open(appliance, &format!("/xrpc/{REPOS}?{query}"));
    let (first, payload) = server_frame(&mut connection);
    assert_eq!(first, 0x82, "one whole binary message");
    let close = closed_with(server_frame(&mut connection));
    assert!(connection.at_end(), "nothing follows the close");
    (hex(&payload), close)
}

fn error(name: &str, message: &str) -> String {
    [ERROR, "a2656572726f72", &text(name), "676d657373616765", &text(message)].concat()
}

#[test]
fn a_future_cursor() {
    let appliance = Appliance::start();
    let golden = "a1626f7020a2656572726f726c467574757265437572736f72676d65737361676575437572736f7220696e20746865206675747572652e";
    assert_eq!(error("FutureCursor", "Cursor in the future."), golden);
    assert_eq!(refusal(&appliance, "cursor=2"), (golden.to_owned(), (1008, "FutureCursor".to_owned())));
}

#[test]
fn an_invalid_request() {
    let appliance = Appliance::start();
    for (query, message) in [
        ("cursor=abc", "cursor is not an integer"),
        ("cursor=9007199254740992", "cursor is larger than 9007199254740991"),
        ("cursor=1&cursor=2", "cursor is given more than once"),
    ] {
        let expected = (error("InvalidRequest", message), (1008, "InvalidRequest".to_owned()));
        assert_eq!(refusal(&appliance, query), expected, "{query}");
    }
}

#[test]
fn an_outdated_cursor() {
    let appliance = Appliance::start();
    let first = frame(9, "oldest");
    assert_eq!(appliance.publish_frames("repos", "preserve", std::slice::from_ref(&first)).0, 200);
    let mut connection = open(&appliance, &format!("/xrpc/{REPOS}?cursor=3"));
    let golden = "a261746523696e666f626f7001a2646e616d656e4f75746461746564437572736f72676d657373616765783852657175657374656420637572736f72206578636565646564206c696d69742e20506f737369626c79206d697373696e67206576656e7473";
    let (opcode, payload) = server_frame(&mut connection);
    assert_eq!((opcode, hex(&payload).as_str()), (0x82, golden));
    assert_eq!(server_frame(&mut connection), (0x82, first));
}

#[test]
fn the_frames_of_the_network_leave_as_they_came() {
    let Some(frames) = corpus() else { return };
    let appliance = Appliance::start();
    assert_eq!(appliance.publish_frames("repos", "preserve", &frames).0, 200);
    let mut connection = open(&appliance, &format!("/xrpc/{REPOS}?cursor=0"));
    for (index, frame) in frames.iter().enumerate() {
        let (opcode, payload) = server_frame(&mut connection);
        assert!(opcode == 0x82 && payload == *frame, "frame {index}");
    }
}

#[test]
fn the_head_of_a_stream() {
    let appliance = Appliance::start();
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let request = super::common::frames::upgrade(&format!("/xrpc/{REPOS}")) + offer + "\r\n";
    let head = Connection::open(appliance.address).send(request).head();
    let server = format!("Tailwater/{} (atproto-relay)", env!("CARGO_PKG_VERSION"));
    assert_eq!((head.status, head.header("Server")), (101, Some(server.as_str())));
    assert_eq!(head.header("Sec-WebSocket-Extensions"), None, "compression is declined");
    assert_eq!(head.header("Sec-WebSocket-Protocol"), None);
    let upgrade = (head.header("Upgrade"), head.header("Connection"));
    assert_eq!(upgrade, (Some("websocket"), Some("Upgrade")));
}

#[test]
fn requests_as_clients_in_the_field_write_them() {
    let appliance = Appliance::start();
    assert_eq!(appliance.publish_frames("repos", "preserve", &[frame(1, "x")]).0, 200);
    let key = "dGhlIHNhbXBsZSBub25jZQ==";
    let npm_ws = format!(
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\nHost: 127.0.0.1\r\n"
    );
    let undici = format!(
        "host: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: {key}\r\nsec-websocket-extensions: permessage-deflate; client_max_window_bits\r\naccept: */*\r\n\
         accept-language: *\r\nsec-fetch-mode: websocket\r\nuser-agent: node\r\npragma: no-cache\r\n\
         cache-control: no-cache\r\naccept-encoding: gzip, deflate\r\n"
    );
    let python = format!(
        "Host: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=12; \
         client_max_window_bits=12\r\nUser-Agent: Python/3.11 websockets/17.4\r\n"
    );
    let browser = format!(
        "Host: 127.0.0.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nOrigin: https://app.example\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
    );
    for fields in [npm_ws, undici, python, browser] {
        let mut connection = Connection::open(appliance.address);
        let head = connection.send(format!("GET /xrpc/{REPOS}?cursor=1 HTTP/1.1\r\n{fields}\r\n")).head();
        assert_eq!(head.status, 101, "{fields}");
        assert_eq!(server_frame(&mut connection), (0x82, frame(1, "x")), "{fields}");
    }
}
