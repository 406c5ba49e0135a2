//! Requests that are none, or that two readers could understand in two ways.

use super::common::{Appliance, raw::Connection};

/// Sends a request that has to be refused and end the connection.
fn refused(appliance: &Appliance, request: &str) -> (u16, String) {
    let mut connection = Connection::open(appliance.address);
    let answer = connection.send(request).answer();
    assert_eq!(answer.header("Connection"), Some("close"), "{request:.60?}");
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert!(!answer.json()["message"].as_str().unwrap().is_empty());
    assert!(connection.at_end(), "{request:.60?}");
    answer.error()
}

#[test]
fn bytes_that_are_no_request() {
    let appliance = Appliance::start();
    for request in [
        "\u{16}\u{3}\u{1}\0\u{5}hello",
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET v1/feeds HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nSpace : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \u{1}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\na",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    ] {
        assert_eq!(refused(&appliance, request), (400, "BadRequest".into()), "{request:?}");
    }
}

#[test]
fn bodies_that_could_be_read_in_two_ways() {
    let appliance = Appliance::start();
    let table = [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400, "BadRequest"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400, "BadRequest"),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400, "BadRequest"),
        ("Content-Length: 5, 6\r\n", 400, "BadRequest"),
        ("Transfer-Encoding: gzip\r\n", 501, "NotImplemented"),
        ("Transfer-Encoding: gzip, chunked\r\n", 501, "NotImplemented"),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 501, "NotImplemented"),
        ("Transfer-Encoding: xchunked\r\n", 501, "NotImplemented"),
    ];
    for (fields, status, name) in table {
        let hidden = "0\r\n\r\nDELETE /v1/feeds/repos HTTP/1.1\r\nHost: a\r\n\r\n";
        let request = format!("POST /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\n{fields}\r\n{hidden}");
        assert_eq!(refused(&appliance, &request), (status, name.to_owned()), "{fields}");
    }
    let old = "POST /v1/feeds HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(refused(&appliance, old), (400, "BadRequest".into()));
    assert_eq!(appliance.get("/v1/feeds/repos").0, 200, "what was hidden behind them was not run");
}

#[test]
fn heads_that_are_too_large() {
    let appliance = Appliance::start();
    let fields = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let large = format!("X: {}\r\n", "y".repeat(16 << 10));
    let long = "a".repeat(8 << 10);
    for (request, status, name) in [
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{large}\r\n"), 431, "HeaderTooLarge"),
        // Refused before it ends, and if it never does.
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{large}"), 431, "HeaderTooLarge"),
        (format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(100)), 431, "HeaderTooLarge"),
        (format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), 414, "TargetTooLong"),
        (format!("GET /{long}{long}"), 414, "TargetTooLong"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".to_owned(), 505, "VersionNotSupported"),
        ("\r\n".repeat(9 << 10), 431, "HeaderTooLarge"),
    ] {
        assert_eq!(refused(&appliance, &request), (status, name.to_owned()), "{request:.40}");
    }
    let most = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", fields(99));
    assert_eq!(Connection::open(appliance.address).send(most).answer().status, 200);
    let longest = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat((8 << 10) - 1));
    assert_eq!(Connection::open(appliance.address).send(longest).answer().status, 404);
}

#[test]
fn paths_that_are_not_there() {
    let appliance = Appliance::start();
    for path in
        ["/v2", "/v1", "/v1/", "/v1/feeds/", "/v1/feeds/repos/events/", "/v10/feeds", "//v1/feeds", "/favicon.ico"]
    {
        let (status, answer) = appliance.get(path);
        let expected = match path {
            "/v1/feeds/" => "FeedNotFound",
            // Databases could be called that.
            "/v2" | "/v10/feeds" => "not_found",
            _ => "NotFound",
        };
        assert_eq!((status, answer["error"].as_str()), (404, Some(expected)), "{path}");
    }
    let mut connection = Connection::open(appliance.address);
    let star = connection.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").answer();
    assert_eq!(star.error(), (404, "NotFound".into()));
    let root = connection.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").answer();
    assert_eq!((root.error(), root.header("Allow")), ((405, "MethodNotAllowed".into()), Some("GET, HEAD")));
}

#[test]
fn a_listener_serves_its_own_dialects() {
    use tailwater::config::{Dialect, Listen};
    let appliance = Appliance::start_with(|config| {
        let address = config.listen[0].address;
        config.listen = [Dialect::Native, Dialect::Atproto]
            .map(|dialect| Listen { address, dialects: vec![dialect], ..Listen::default() })
            .into();
    });
    let ports = appliance.running().addresses().to_vec();
    for (address, native, atproto) in [(ports[0], 200, 404), (ports[1], 404, 200)] {
        let get = |path| super::common::call("GET", &format!("http://{address}{path}"), None, "").0;
        assert_eq!((get("/v1/status"), get("/xrpc/_health"), get("/")), (native, atproto, 200));
    }
}
