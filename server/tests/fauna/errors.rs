//! Every refusal of the contract, word for word.

use serde_json::json;
use tailwater::config::{Dialect, Listen};

use crate::{
    client::{Client, appliance, key, refused, with},
    common::{Appliance, raw::Connection},
    frames::Http2,
};

fn invalid(message: &str) -> (u16, String, String) {
    (400, "invalid_request".to_owned(), message.to_owned())
}

#[test]
fn what_bodies_are_refused_for() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let body = |more: &str| format!("{{\"token\":\"{token}\"{more}}}");
    let cursor = "\"cursor\":\"x\"";
    // The same in both voices: those of feeds end with a full stop.
    let both = [
        (body(&format!(",\"start_ts\":1,{cursor}")), "can not provide both `start_ts` and `cursor`"),
        (body(&format!(",{cursor}")), "invalid event cursor provided"),
        ("{\"token\":\"tok\"}".to_owned(), "invalid event source provided"),
    ];
    for (body, problem) in both {
        assert_eq!(client.no_stream(&body), invalid(&format!("Invalid request body: {problem}")));
        assert_eq!(client.no_page(&body), invalid(&format!("Invalid request body: {problem}.")));
    }
    let alike = [
        ("{}".to_owned(), "Invalid request body: Value for key token not found."),
        (body(",\"start_ts\":\"1\""), "Invalid request body: Unexpected string value '1'."),
        (String::new(), "No request body provided"),
    ];
    for (body, message) in alike {
        assert_eq!(client.no_stream(&body), invalid(message));
        assert_eq!(client.no_page(&body), invalid(message));
    }
    for (size, message) in [
        ("0", "Invalid request body: page size must be greater than zero."),
        ("16001", "Invalid request body: page size can not be greater than 16000."),
    ] {
        assert_eq!(client.no_page(body(&format!(",\"page_size\":{size}"))), invalid(message));
    }
    let early = "Invalid stream start time: Stream start time can not be before the stream create time.";
    assert_eq!(client.no_stream(body(",\"start_ts\":1")), invalid(early));
    assert_eq!(client.page(json!({ "token": token, "start_ts": 1 }))["has_next"], false, "a feed may begin before");
    assert_eq!(refused(&client.call("POST", "/query/1", "")), invalid("No request body provided"));
}

#[test]
fn secrets_are_asked_for() {
    let (_appliance, client) = crate::client::with_keys(vec![
        key("admin", "admin", &[], &[], true),
        key("reader", "reader", &["documents"], &[], false),
        key("other", "other", &["repos"], &["repos"], false),
    ]);
    let nobody = [client.clone(), client.bearer("wrong"), client.with("Authorization: Digest x")];
    for client in nobody {
        let unauthorized = |message: &str| (401, "unauthorized".to_owned(), message.to_owned());
        let answer = client.query("1");
        assert_eq!(refused(&answer), unauthorized("Access token required"));
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer"));
        let message = "Invalid token, unable to authenticate request";
        assert_eq!(client.no_stream("{}"), unauthorized(message));
        assert_eq!(client.no_page("{}"), unauthorized(message));
    }
    let forbidden = (403, "forbidden".to_owned(), "Access denied".to_owned());
    assert_eq!(client.bearer("other").err("1"), forbidden);
    assert_eq!(client.bearer("other").no_stream("{}"), forbidden);
    assert_eq!(client.bearer("reader").err("Event.create({})").1, "permission_denied");
}

#[test]
fn what_is_too_large() {
    let (_appliance, client) = appliance();
    let mut connection = Connection::open(client.address);
    connection.send("POST /query/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 8388609\r\n\r\n");
    let large = (413, "request_size_exceeded".to_owned(), "Request entity is too large".to_owned());
    assert_eq!(refused(&connection.answer()), large);
    let mut http2 = Http2::open(client.address);
    let stream = http2.begin("/query/1");
    http2.upload(stream, &vec![b' '; (8 << 20) + 1]);
    assert!(!http2.is_ok(stream));
    assert_eq!(http2.error(stream), json!({ "code": large.1, "message": large.2 }));
}

#[test]
fn what_takes_too_long_or_is_too_much() {
    let (_appliance, client) = with(|config| config.fauna.sources_max = 1);
    client.ok("Set.sequence(0, 500).forEach(n => A.create({ n: n }))");
    let slow = client.with("X-Query-Timeout-Ms: 1");
    let (status, code, message) = slow.err("Set.sequence(0, 20000).forEach(n => A.byId('x').exists())");
    assert_eq!((status, code.as_str(), message.as_str()), (440, "time_out", "The query timed out."));
    let (one, other) = (client.token("A.all().eventSource()"), client.token("B.all().eventSource()"));
    let _stream = client.stream(&one);
    let again = client.stream(&one);
    let refused = client.no_stream(json!({ "token": other }).to_string());
    let why = "As many different event sources are followed as may be (fauna.sources_max). Try again later.";
    assert_eq!(refused, (429, "limit_exceeded".to_owned(), why.to_owned()));
    drop(again);
}

#[test]
fn tokens_of_another_database() {
    let (_appliance, client) = appliance();
    client.ok("Database.create({ name: 'Child' })");
    let token = client.token("A.all().eventSource()");
    let child = client.bearer("s:Child:admin");
    let body = json!({ "token": token }).to_string();
    let message =
        |what: &str| format!("Error evaluating provided {what}, the event source belongs to another database");
    assert_eq!(child.no_stream(&body), invalid(&message("stream")));
    assert_eq!(child.no_page(&body), invalid(&message("event source")));
    let (_other, foreign) = appliance();
    assert_eq!(foreign.no_stream(&body), invalid("Invalid request body: invalid event source provided"));
}

#[test]
fn methods_and_paths() {
    let (appliance, client) = with(|config| {
        let address = "127.0.0.1:0".parse().unwrap();
        config.listen.push(Listen { address, dialects: vec![Dialect::Fauna], ..Listen::default() });
    });
    let answer = client.call("GET", "/stream/1", "");
    assert_eq!((answer.status, answer.header("Allow")), (405, Some("POST, OPTIONS")));
    assert_eq!(refused(&answer), (405, "method_not_allowed".to_owned(), "Method not allowed".to_owned()));
    let alone = Client::at(appliance.running().addresses()[1]);
    for path in ["/", "/stream/2", "/v1/feeds"] {
        let not_found = (404, "not_found".to_owned(), "Not found".to_owned());
        assert_eq!(refused(&alone.call("POST", path, "")), not_found, "{path}: a listener of this dialect alone");
    }
}

/// The path of the root is served, but no feed is bound to it.
#[test]
fn there_is_no_database() {
    let appliance = Appliance::start_with(|config| config.feeds.retain(|feed| feed.fauna.is_none()));
    let client = Client::new(&appliance);
    let expected =
        (404, "not_found".to_owned(), r#"No feed is bound to the Fauna database "/" ([feed.fauna])."#.to_owned());
    assert_eq!(client.err("1"), expected);
    assert_eq!(client.no_stream("{}"), expected);
    assert_eq!(client.no_page("{}"), expected);
}

#[test]
fn bodies_that_do_not_come() {
    let (_appliance, client) = with(|config| config.limits.body_timeout_ms = 300);
    let message = "The request body was not complete within 300 ms (limits.body_timeout_ms).";
    let mut connection = Connection::open(client.address);
    connection.send("POST /query/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{");
    assert_eq!(refused(&connection.answer()), (408, "time_out".to_owned(), message.to_owned()));
    let mut http2 = Http2::open(client.address);
    let stream = http2.begin("/query/1");
    assert!(!http2.is_ok(stream));
    assert_eq!(http2.error(stream), json!({ "code": "time_out", "message": message }));
}

#[test]
fn bodies_that_are_cut_off_or_come_in_wrong_chunks() {
    let (_appliance, client) = appliance();
    let head = "POST /query/1 HTTP/1.1\r\nHost: a\r\n";
    let mut connection = Connection::open(client.address);
    connection.send(format!("{head}Transfer-Encoding: chunked\r\n\r\nx\r\n"));
    let (status, code, message) = refused(&connection.answer());
    assert_eq!((status, code.as_str()), (400, "invalid_request"));
    assert!(message.contains("chunk"), "{message}");
    let mut connection = Connection::open(client.address);
    connection.send(format!("{head}Content-Length: 100\r\n\r\n{{")).finish();
    assert_eq!(refused(&connection.answer()), invalid("The connection ended in the middle of the request."));
}
