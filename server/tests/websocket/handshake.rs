//! Requests that become no WebSocket.

use super::common::{Appliance, frames::upgrade, raw::Connection};
use super::{STREAM, XRPC};

/// The request without one of its lines.
fn without(path: &str, field: &str) -> String {
    let kept = |line: &&str| !line.starts_with(field);
    upgrade(path).split_inclusive("\r\n").filter(kept).collect()
}

#[test]
fn rules_of_the_handshake() {
    let appliance = Appliance::start();
    for path in [STREAM, XRPC] {
        let whole = upgrade(path);
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let table = [
            (without(path, "Sec-WebSocket-Key"), 400, "InvalidRequest"),
            (whole.replace(key, "dGhlIHNhbXBsZQ=="), 400, "InvalidRequest"),
            (whole.replace(key, "!"), 400, "InvalidRequest"),
            (whole.clone() + "Sec-WebSocket-Key: " + key + "\r\n", 400, "InvalidRequest"),
            (whole.replace("Version: 13", "Version: 8"), 426, "UnsupportedWebSocketVersion"),
            (without(path, "Sec-WebSocket-Version"), 426, "UnsupportedWebSocketVersion"),
            (without(path, "Connection"), 426, "UpgradeRequired"),
            (whole.replace("Connection: Upgrade", "Connection: keep-alive"), 426, "UpgradeRequired"),
            (whole.clone() + "Content-Length: 2\r\n", 400, "InvalidRequest"),
            (whole.replace("HTTP/1.1", "HTTP/1.0"), 505, "VersionNotSupported"),
        ];
        for (request, status, name) in table {
            let body = if request.contains("Content-Length") { "{}" } else { "" };
            let mut connection = Connection::open(appliance.address);
            let answer = connection.send(format!("{request}\r\n{body}")).answer();
            assert_eq!(answer.error(), (status, name.to_owned()), "{request}");
            let version = answer.header("Sec-WebSocket-Version");
            assert_eq!(version, (status == 426).then_some("13"), "{request}");
        }
    }
}

#[test]
fn endpoints_that_are_only_websockets() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    let answer = connection.send(format!("GET {XRPC} HTTP/1.1\r\nHost: a\r\n\r\n")).answer();
    assert_eq!(answer.error(), (426, "UpgradeRequired".into()));
    assert_eq!((answer.header("Upgrade"), answer.header("Sec-WebSocket-Version")), (Some("websocket"), Some("13")));
    for method in ["POST", "PUT", "HEAD"] {
        let request = upgrade(XRPC).replace("GET", method) + "\r\n";
        let answer = Connection::open(appliance.address).send(request).head();
        assert_eq!((answer.status, answer.header("Allow")), (405, Some("GET")), "{method}");
    }
    // The native path takes posts; they are no WebSocket whatever they say.
    let post = upgrade(STREAM).replace("GET", "POST") + "\r\n";
    assert_eq!(Connection::open(appliance.address).send(post).answer().error(), (415, "UnsupportedMediaType".into()));
}

#[test]
fn parameters_are_judged_before_the_switch() {
    let appliance = Appliance::start();
    for (query, status, name) in [
        ("?format=sse", 400, "InvalidRequest"),
        ("?format=ndjson", 400, "InvalidRequest"),
        ("?limit=3", 400, "InvalidRequest"),
        ("?cursor=x", 400, "InvalidCursor"),
        ("?cursor=2", 400, "FutureCursor"),
    ] {
        let request = upgrade(&format!("{STREAM}{query}")) + "\r\n";
        let answer = Connection::open(appliance.address).send(request).answer();
        assert_eq!(answer.error(), (status, name.to_owned()), "{query}");
    }
    let nowhere = upgrade("/v1/feeds/none/events") + "\r\n";
    assert_eq!(Connection::open(appliance.address).send(nowhere).answer().error(), (404, "FeedNotFound".into()));
}

#[test]
fn headers_in_any_case_and_in_lists() {
    let appliance = Appliance::start();
    let request = format!(
        "GET {STREAM} HTTP/1.1\r\nhost: a\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, upgrade\r\n\
         sec-websocket-version:13\r\nsec-websocket-key:  dGhlIHNhbXBsZSBub25jZQ==  \r\n\
         sec-websocket-extensions: permessage-deflate\r\nsec-websocket-protocol: other\r\n\r\n"
    );
    let head = Connection::open(appliance.address).send(request).head();
    assert_eq!((head.status, head.header("Sec-WebSocket-Accept")), (101, Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
    assert_eq!((head.header("Sec-WebSocket-Extensions"), head.header("Sec-WebSocket-Protocol")), (None, None));
}
