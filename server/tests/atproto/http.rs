//! What is not a stream: refusals before the upgrade, health, preflight. Always JSON in the protocol's form, always CORS.

use serde_json::json;

use super::common::{
    Appliance, REPOS,
    atproto::wide_frame,
    eventually,
    frames::{open, server_frame, upgrade},
    raw::{Answer, Connection},
};

fn ask(appliance: &Appliance, request: &str) -> Answer {
    let answer = Connection::open(appliance.address).send(request).answer();
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{request}");
    answer
}

/// Asks for what has to be refused.
fn refused(appliance: &Appliance, request: &str) -> (Answer, (u16, String)) {
    let answer = ask(appliance, request);
    let error = answer.error();
    let message = &answer.json()["message"];
    assert!(message.as_str().is_some_and(|message| !message.is_empty()), "{request}: {answer:?}");
    assert_eq!(answer.json().as_object().unwrap().len(), 2, "{request}: error and message alone");
    assert_eq!(answer.header("Content-Type"), Some("application/json"), "{request}");
    (answer, error)
}

fn error(status: u16, name: &str) -> (u16, String) {
    (status, name.to_owned())
}

#[test]
fn a_stream_is_opened_with_get() {
    let appliance = Appliance::start();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = format!("{method} /xrpc/{REPOS} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        let (answer, refusal) = refused(&appliance, &request);
        assert_eq!(refusal, error(405, "MethodNotAllowed"), "{method}");
        assert_eq!(answer.header("Allow"), Some("GET"));
    }
}

#[test]
fn a_stream_is_opened_with_an_upgrade() {
    let appliance = Appliance::start();
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (fields, refusal) in [
        (String::new(), error(426, "UpgradeRequired")),
        (
            format!("Upgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n{key}"),
            error(426, "UpgradeRequired"),
        ),
        (format!("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n{key}"), error(426, "UpgradeRequired")),
        (
            format!("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n{key}"),
            error(426, "UnsupportedWebSocketVersion"),
        ),
    ] {
        let (answer, said) = refused(&appliance, &format!("GET /xrpc/{REPOS} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(said, refusal, "{fields}");
        assert_eq!((answer.header("Upgrade"), answer.header("Sec-WebSocket-Version")), (Some("websocket"), Some("13")));
    }
}

#[test]
fn a_broken_key_is_a_bad_request() {
    let appliance = Appliance::start();
    for key in ["", "Sec-WebSocket-Key: short\r\n", "Sec-WebSocket-Key: c2hvcnQ=\r\n"] {
        let fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
        let request = format!("GET /xrpc/{REPOS} HTTP/1.1\r\nHost: a\r\n{fields}{key}\r\n");
        assert_eq!(refused(&appliance, &request).1, error(400, "InvalidRequest"), "{key}");
    }
}

#[test]
fn an_unknown_stream_is_not_implemented() {
    let appliance = Appliance::start();
    for path in ["com.example.unknown", "", "com.atproto.sync", "com.atproto.sync.subscribeRepos/more", "xrpc/x"] {
        let (_, said) = refused(&appliance, &(upgrade(&format!("/xrpc/{path}")) + "\r\n"));
        assert_eq!(said, error(501, "MethodNotImplemented"), "{path:?}");
    }
    let nested = upgrade(&format!("/xrpc/xrpc/{REPOS}")) + "\r\n";
    assert_eq!(refused(&appliance, &nested).1, error(501, "MethodNotImplemented"));
}

#[test]
fn a_trailing_slash_and_unknown_parameters_are_accepted() {
    let appliance = Appliance::start();
    for path in [format!("/xrpc/{REPOS}/"), format!("/xrpc/{REPOS}/?cursor=0&name=me"), format!("/xrpc/{REPOS}?a=b&&c")]
    {
        open(&appliance, &path);
    }
}

#[test]
fn too_many_connections_of_one_address() {
    let appliance = Appliance::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.connections_per_address_max = 1;
    });
    let _held = open(&appliance, &format!("/xrpc/{REPOS}"));
    let (answer, said) = refused(&appliance, &(upgrade(&format!("/xrpc/{REPOS}")) + "\r\n"));
    assert_eq!(said, error(429, "RateLimitExceeded"));
    assert!(answer.header("Retry-After").unwrap().parse::<u64>().unwrap() > 0);
}

#[test]
fn too_many_connections_in_all() {
    let appliance = Appliance::start_with(|config| config.limits.connections_max = 1);
    let _held = open(&appliance, &format!("/xrpc/{REPOS}"));
    let (answer, said) = refused(&appliance, &(upgrade(&format!("/xrpc/{REPOS}")) + "\r\n"));
    assert_eq!(said, error(503, "ServiceUnavailable"));
    assert!(answer.header("Retry-After").unwrap().parse::<u64>().unwrap() > 0);
}

#[test]
fn too_many_replays_of_one_address() {
    const EVENTS: u64 = 200;
    let appliance = Appliance::start_with(|config| {
        config.limits.limit_loopback = true;
        config.limits.replays_per_address_max = 1;
        config.atproto.retry_after_ms = 7_000;
    });
    for first in (1..=EVENTS).step_by(50) {
        let frames: Vec<_> = (first..first + 50).map(|seq| wide_frame(seq, 60_000)).collect();
        assert_eq!(appliance.publish_frames("repos", "preserve", &frames).0, 200);
    }
    let mut replay = open(&appliance, &format!("/xrpc/{REPOS}?cursor=0"));
    let another = upgrade(&format!("/xrpc/{REPOS}?cursor={EVENTS}")) + "\r\n";
    let (answer, said) = refused(&appliance, &another);
    assert_eq!((said, answer.header("Retry-After")), (error(429, "RateLimitExceeded"), Some("7")));
    open(&appliance, &format!("/xrpc/{REPOS}"));
    for _ in 0..EVENTS {
        assert_eq!(server_frame(&mut replay).0, 0x82);
    }
    eventually("a place for another replay", || {
        Connection::open(appliance.address).send(&another).head().status == 101
    });
}

#[test]
fn health() {
    let appliance = Appliance::start();
    for path in ["/xrpc/_health", "/xrpc/_health/"] {
        let answer = ask(&appliance, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json(), json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")}));
    }
    let (_, said) = refused(&appliance, "POST /xrpc/_health HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(said, error(405, "MethodNotAllowed"));
}

#[test]
fn preflight() {
    let appliance = Appliance::start();
    let request = format!(
        "OPTIONS /xrpc/{REPOS} HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\
         Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: atproto-proxy\r\n\r\n"
    );
    let answer = ask(&appliance, &request);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("*"));
    assert!(answer.header("Access-Control-Allow-Methods").unwrap().contains("GET"));
}

#[test]
fn a_request_that_ends_while_the_appliance_stops() {
    // With one shard one connection can tell what has happened on the other.
    let appliance = Appliance::start_with(|config| config.shards = Some(1));
    let mut half = Connection::open(appliance.address);
    let request = upgrade(&format!("/xrpc/{REPOS}")) + "\r\n";
    let (first, rest) = request.split_at(40);
    half.send(first);
    // The answer to a later request shows that the half of the earlier one has been read.
    let mut stream = open(&appliance, &format!("/xrpc/{REPOS}"));
    let stopping = std::thread::spawn(move || appliance.stop());
    assert_eq!(server_frame(&mut stream).0, 0x88, "the stream ends");
    let answer = half.send(rest).answer();
    assert_eq!(answer.error(), error(503, "ServiceUnavailable"));
    assert!(answer.header("Retry-After").is_some());
    drop((half, stream));
    stopping.join().unwrap();
}
