//! Everything else that is asked of the protocol's ports: refused as the original refuses it, each path in its own voice.

use tailwater::config::{Dialect, Listen};

use super::{
    BLOCKS, STREAM, alone,
    common::{
        Appliance,
        bigchaindb::{ask, get},
        call,
        frames::{open, upgrade},
        raw::Answer,
    },
};

const NOT_FOUND: &str = "{\"message\":\"Not found\",\"status\":404}\n";

fn check_text(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text()), (status, body));
    assert_eq!(answer.header("Content-Type"), Some("text/plain; charset=utf-8"));
}

fn check_web(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text()), (status, body));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

#[test]
fn what_is_not_there_on_a_listener_of_its_own() {
    let appliance = Appliance::start_with(alone);
    for path in [
        "/favicon.ico",
        "/api",
        "/api/",
        "/api/v2",
        "/api/v1/assets/x?search=x",
        "/api/v1/outputs/x?public_key=x",
        "/api/v1/metadata/x",
        "/api/v1/validators/x",
        "/api/v1/votes?block_id=x",
        "/api/v1/blocks/x",
        "/api/v1/blocks/-1",
        "/api/v1/transactions/a/b",
        "/api/v1/streams",
        "/api/v1/streams/",
        "/api/v1/streams/valid_tx",
        "/api/v1/ws",
        "/api/v1/%zz",
        "/api/v1/%ff",
        "/v1/feeds",
        "/v1/feeds/blocks/events",
        "/xrpc/_health",
        "//",
    ] {
        check_web(&get(&appliance, path), 404, NOT_FOUND);
    }
    for path in [STREAM, BLOCKS] {
        for rest in ["/", "/x", "//"] {
            check_text(&get(&appliance, &format!("{path}{rest}")), 404, "404: Not Found");
            check_text(&ask(&appliance, upgrade(&format!("{path}{rest}")) + "\r\n"), 404, "404: Not Found");
        }
    }
}

#[test]
fn a_shared_listener_has_them_beside_those_of_others() {
    let appliance = Appliance::start();
    check_text(&get(&appliance, &format!("{STREAM}/")), 404, "404: Not Found");
    for path in ["/api/v1/transactions/x", "/api/v1/blocks/x", "/api/v1/assets/x?search=x", "/api/v1/validators/x"] {
        check_web(&get(&appliance, path), 404, NOT_FOUND);
    }
    // This one is a list of another dialect's.
    let streams = get(&appliance, "/api/v1/streams");
    assert_eq!((streams.status, streams.json().is_array()), (200, true));
    assert_eq!(get(&appliance, "/api/v1/streams/valid_tx").status, 404);
    assert_eq!(get(&appliance, "/v1/feeds").status, 200);
}

#[test]
fn methods() {
    let appliance = Appliance::start_with(alone);
    let message = "{\"message\":\"The method is not allowed for the requested URL.\",\"status\":405}\n";
    let request =
        |method: &str, path: &str| format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    for (method, path, allow) in [
        ("POST", "/", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/v1", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/v1/transactions", "GET, HEAD, POST, OPTIONS"),
        ("PUT", "/api/v1/transactions/", "GET, HEAD, POST, OPTIONS"),
        ("POST", "/api/v1/validators", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/transactions/abc", "GET, HEAD, OPTIONS"),
        ("POST", "/api/v1/blocks", "GET, HEAD, OPTIONS"),
        ("DELETE", "/api/v1/blocks/1", "GET, HEAD, OPTIONS"),
    ] {
        let answer = ask(&appliance, request(method, path));
        check_web(&answer, 405, message);
        assert_eq!(answer.header("Allow"), Some(allow), "{method} {path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&appliance, request(method, STREAM));
        check_text(&answer, 405, "405: Method Not Allowed");
        assert_eq!(answer.header("Allow"), Some("GET,HEAD"));
    }
}

/// Drivers show what stands behind the status.
#[test]
fn statuses_are_worded_as_in_the_original() {
    let appliance = Appliance::start();
    let asked = |path: &str| appliance.raw(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    for (path, words) in [
        ("/api/v1/validators", "200 OK"),
        ("/api/v1/outputs", "400 BAD REQUEST"),
        ("/api/v1/blocks/9", "404 NOT FOUND"),
        ("/api/v1/streams/valid_blocks/x", "404 Not Found"),
    ] {
        let answer = asked(path);
        assert!(answer.starts_with(&format!("HTTP/1.1 {words}\r\n")), "{path}: {answer}");
    }
}

#[test]
fn preflight() {
    let appliance = Appliance::start();
    let answer =
        ask(&appliance, "OPTIONS /api/v1/transactions?mode=commit HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n");
    assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (200, Some("*")));
    assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("*"));
    assert!(answer.header("Access-Control-Allow-Methods").unwrap().contains("POST"));
}

#[test]
fn a_request_for_a_stream_that_cannot_become_one() {
    let appliance = Appliance::start();
    let only = "\n Can \"Upgrade\" only to \"WebSocket\".";
    check_text(&get(&appliance, STREAM), 400, &format!("No WebSocket UPGRADE hdr: None{only}"));
    let head = super::common::raw::Connection::open(appliance.address)
        .send(format!("HEAD {STREAM} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .head();
    assert_eq!(head.status, 400, "the original takes it for GET");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let open = "Upgrade: websocket\r\nConnection: Upgrade\r\n";
    for (fields, body) in [
        ("Upgrade: h2c\r\n".to_owned(), format!("No WebSocket UPGRADE hdr: h2c{only}")),
        ("Upgrade: websocket\r\n".to_owned(), "No CONNECTION upgrade hdr: None".to_owned()),
        (format!("{open}Sec-WebSocket-Version: 5\r\n{key}"), "Unsupported version: 5".to_owned()),
        (format!("{open}Sec-WebSocket-Version: 13\r\n"), "Handshake error: None".to_owned()),
        (format!("{open}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"), "Handshake error: 'x'".to_owned()),
    ] {
        let answer = ask(&appliance, format!("GET {STREAM} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        check_text(&answer, 400, &body);
    }
    let old = ask(&appliance, upgrade(STREAM).replace("HTTP/1.1", "HTTP/1.0") + "\r\n");
    check_text(&old, 505, "505: HTTP Version Not Supported");
}

#[test]
fn two_ports_as_the_original_has_them() {
    let appliance = Appliance::start_with(|config| {
        let address = config.listen[0].address;
        config.listen = vec![Listen { address, dialects: vec![Dialect::Bigchaindb], ..Listen::default() }; 2];
        config.bigchaindb.advertised_url = Some("ws://chain.example:9985".to_owned());
    });
    let ports = appliance.running().addresses().to_vec();
    for address in ports {
        let (status, api) = call("GET", &format!("http://{address}/api/v1/"), None, "");
        assert_eq!((status, &api["streams"]), (200, &format!("ws://chain.example:9985{STREAM}").into()));
        let at_port = super::common::raw::Connection::open(address).send(upgrade(STREAM) + "\r\n").head();
        assert_eq!(at_port.status, 101);
    }
    open(&appliance, STREAM);
}
