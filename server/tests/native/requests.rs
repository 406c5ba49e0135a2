//! Methods, old versions of HTTP, CORS, and what the appliance says of itself.

use serde_json::json;

use super::common::{Appliance, eventually, raw::Connection};

fn ask(appliance: &Appliance, request: &str) -> super::common::raw::Answer {
    Connection::open(appliance.address).send(request).answer()
}

#[test]
fn a_stream_needs_chunks_and_a_page_does_not() {
    let appliance = Appliance::start();
    for format in ["", "?format=sse", "?format=ndjson&cursor=0"] {
        let answer = ask(&appliance, &format!("GET /v1/feeds/repos/events{format} HTTP/1.0\r\n\r\n"));
        assert_eq!(answer.error(), (505, "HttpVersionNotSupported".into()), "{format}");
        assert_eq!(answer.header("Connection"), Some("close"));
    }
    let page = ask(&appliance, "GET /v1/feeds/repos/events?format=json HTTP/1.0\r\n\r\n");
    assert_eq!((page.status, page.json()), (200, json!({"events": [], "cursor": 1})));
}

#[test]
fn head_gives_the_head() {
    let appliance = Appliance::start();
    for path in ["/v1/feeds", "/v1/feeds/repos", "/v1/status", "/v1/mirrors", "/"] {
        let mut connection = Connection::open(appliance.address);
        let whole = connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).answer();
        let head = connection.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
        assert_eq!((whole.status, head.status), (200, 200), "{path}");
        // Nothing follows the head but the next answer.
        connection.send("HEAD /v1/feeds/none HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(connection.head().status, 404);
    }
}

#[test]
fn methods_that_a_path_does_not_take() {
    let appliance = Appliance::start();
    for (method, path, allowed) in [
        ("POST", "/v1/feeds", "GET, HEAD"),
        ("POST", "/v1/feeds/repos", "GET, HEAD, PUT, PATCH, DELETE"),
        ("PATCH", "/v1/feeds", "GET, HEAD"),
        ("PUT", "/v1/feeds/repos/events", "GET, POST"),
        ("HEAD", "/v1/feeds/repos/events", "GET, POST"),
        ("DELETE", "/v1/status", "GET, HEAD"),
        ("POST", "/v1/mirrors", "GET, HEAD"),
        ("get", "/v1/feeds", "GET, HEAD"),
    ] {
        let mut connection = Connection::open(appliance.address);
        let head = connection.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).head();
        assert_eq!((head.status, head.header("Allow")), (405, Some(allowed)), "{method} {path}");
    }
}

#[test]
fn browsers_may_ask() {
    let appliance = Appliance::start();
    for path in ["/v1/feeds", "/v1/feeds/repos/events", "/v1/feeds/none/events"] {
        let answer = ask(&appliance, &format!("OPTIONS {path} HTTP/1.1\r\nHost: a\r\nOrigin: http://x\r\n\r\n"));
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(answer.header("Access-Control-Allow-Methods"), Some("GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS"));
        assert_eq!(answer.header("Access-Control-Allow-Headers"), Some("*"));
    }
    let refused = ask(&appliance, "GET /v1/feeds/none HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(
        (refused.status, refused.header("Access-Control-Allow-Origin")),
        (404, Some("*")),
        "errors are readable too"
    );
}

#[test]
fn the_status_counts() {
    let appliance = Appliance::start();
    let (code, status) = appliance.get("/v1/status");
    assert_eq!(
        (code, &status["shards"], &status["feeds"], &status["subscribers"]),
        (200, &json!(2), &json!(7), &json!(0))
    );
    assert!(status["version"].is_string() && status["uptime_s"].is_u64());
    assert!(status["connections_total"].as_u64().unwrap() >= 1 && status["connections"].as_u64().unwrap() >= 1);

    let mut stream = Connection::open(appliance.address);
    stream.send("GET /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\n\r\n").head();
    appliance.publish("repos", r#"{"kind":"put","body":1}"#);
    let sent = stream.event().unwrap().len() as u64;
    eventually("the send is counted", || {
        let (_, status) = appliance.get("/v1/status");
        status["subscribers"] == 1 && status["sends_total"] == 1 && status["sent_bytes_total"].as_u64().unwrap() > sent
    });
    assert_eq!(appliance.get("/v1/mirrors"), (200, json!({"mirrors": []})));
}
