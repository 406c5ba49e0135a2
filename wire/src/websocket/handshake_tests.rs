use super::*;
use crate::http1::{HeadLimits, parse_head};

fn head(text: &str) -> Head {
    parse_head(text.as_bytes(), &HeadLimits::default()).unwrap().unwrap().0
}

/// The request of RFC 6455, 1.3, with one line replaced.
fn request(from: &str, to: &str) -> Head {
    let text = "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, superchat\r\n\
                Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    assert!(text.contains(from), "{from}");
    head(&text.replace(from, to))
}

#[test]
fn the_example_of_the_rfc() {
    let head = request("", "");
    let accept = check(&head).unwrap();
    assert_eq!(accept.as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(offered_subprotocols(&head).collect::<Vec<_>>(), ["chat", "superchat"]);

    let mut out = Vec::new();
    write_switching(&mut out, &accept, &HttpDate::from_unix_s(0), Some("chat"), "T/1 (x)", &[("X-A", "b")]);
    let expected = "HTTP/1.1 101 Switching Protocols\r\nServer: T/1 (x)\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\
                    Upgrade: websocket\r\nConnection: Upgrade\r\n\
                    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn spellings_that_real_clients_send() {
    for (from, to) in [
        ("Connection: Upgrade", "connection: keep-alive, Upgrade"),
        ("Connection: Upgrade", "connection: upgrade"),
        ("Upgrade: websocket", "upgrade: WebSocket"),
        ("Sec-WebSocket-Key", "sec-websocket-key"),
        ("Sec-WebSocket-Version: 13", "Content-Length: 0\r\nsec-websocket-version: 13"),
    ] {
        assert!(check(&request(from, to)).is_ok(), "{to}");
    }
}

#[test]
fn refusals() {
    let table = [
        ("GET", "POST", HandshakeError::Method, 405),
        ("HTTP/1.1", "HTTP/1.0", HandshakeError::HttpVersion, 505),
        ("Upgrade: websocket\r\n", "", HandshakeError::NotUpgrade, 426),
        ("Upgrade: websocket\r\n", "Upgrade: h2c\r\n", HandshakeError::NotUpgrade, 426),
        ("Connection: Upgrade", "Connection: close", HandshakeError::ConnectionToken, 426),
        ("Version: 13", "Version: 8", HandshakeError::Version, 426),
        ("Sec-WebSocket-Version: 13\r\n", "", HandshakeError::Version, 426),
        ("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "", HandshakeError::Key, 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ", HandshakeError::Key, 400),
        ("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=", HandshakeError::Key, 400),
        ("Host", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost", HandshakeError::Key, 400),
        ("Host", "Content-Length: 1\r\nHost", HandshakeError::Body, 400),
        ("Host", "Transfer-Encoding: chunked\r\nHost", HandshakeError::Body, 400),
    ];
    for (from, to, error, status) in table {
        assert_eq!(check(&request(from, to)), Err(error), "{to}");
        assert_eq!(error.status(), status);
        assert_eq!(error.headers().contains(&("Sec-WebSocket-Version", "13")), status == 426);
    }
    assert!(!is_upgrade(&head("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
}
