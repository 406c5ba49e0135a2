//! Input that is wrong, too large or hostile.

use serde_json::json;

use crate::{
    client::{appliance, refused},
    common::raw::Connection,
};

#[test]
fn bodies_that_are_none() {
    let (_appliance, client) = appliance();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = ["x", "[]", "1", "\"x\"", "{", "{\"token\":1}", "{\"token\":null}", "\u{0}", &deep];
    for path in ["/stream/1", "/feed/1", "/query/1"] {
        for body in bodies {
            let (status, code, _) = refused(&client.call("POST", path, body));
            assert_eq!((status, code.as_str()), (400, "invalid_request"), "{path} {}", body.get(..9).unwrap_or(body));
        }
        assert_eq!(client.call("POST", path, b"\xff\xfe").status, 400);
    }
    assert_eq!(client.ok("1"), json!({ "@int": "1" }));
}

#[test]
fn queries_outside_the_set() {
    let (_appliance, client) = appliance();
    let deep = format!("{}1{}", "(".repeat(5_000), ")".repeat(5_000));
    let table = [
        ("A.all().order(.n)", "invalid_function_invocation"),
        ("Function.create({})", "unbound_variable"),
        ("at(Time.now()) { 1 }", "invalid_query"),
        ("A.create({", "invalid_query"),
        (deep.as_str(), "invalid_query"),
        ("Nothing.all()", "unbound_variable"),
        ("let f = g => g(g); f(f)", "stack_overflow"),
        ("Set.sequence(0, 10000000).count()", "value_too_large"),
    ];
    for (query, code) in table {
        let (status, found, message) = client.err(query);
        assert_eq!((status, found.as_str()), (400, code), "{}: {message}", query.get(..30).unwrap_or(query));
    }
    let (_, _, message) = client.err("A.all().order(.n)");
    assert!(message.contains("Supported here"), "{message}");
}

#[test]
fn headers_that_are_wrong() {
    let (_appliance, client) = appliance();
    for header in ["X-Format: xml", "X-Query-Timeout-Ms: soon", "X-Last-Txn-Ts: x"] {
        let client = client.bare().with(header);
        assert_eq!(client.err("1").0, 400, "{header}");
    }
}

#[test]
fn forged_and_altered_tokens() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let swapped = format!("{}{}", &token[..10], if token.as_bytes()[10] == b'A' { 'B' } else { 'A' });
    for forged in [swapped + &token[11..], token[..token.len() - 1].to_owned(), "A".repeat(100), "A".repeat(1 << 20)] {
        let body = json!({ "token": forged }).to_string();
        assert!(client.no_stream(&body).2.ends_with("invalid event source provided"));
        assert!(client.no_page(&body).2.ends_with("invalid event source provided."));
    }
}

/// Cursors of another database, and of what has not happened.
#[test]
fn cursors_of_elsewhere() {
    let (_appliance, client) = appliance();
    let (_other, stranger) = appliance();
    let token = client.token("A.all().eventSource()");
    let foreign = stranger.stream(&stranger.token("A.all().eventSource()")).status["cursor"].clone();
    let refused = client.no_stream(json!({ "token": token, "cursor": foreign }).to_string());
    assert!(refused.2.ends_with("invalid event cursor provided"), "{}", refused.2);
}

#[test]
fn a_stream_needs_chunks() {
    let (_appliance, client) = appliance();
    let body = json!({ "token": client.token("A.all().eventSource()") }).to_string();
    let mut connection = Connection::open(client.address);
    connection.send(format!("POST /stream/1 HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    let message = "A stream needs HTTP/1.1 or HTTP/2.";
    assert_eq!(refused(&connection.answer()), (505, "invalid_request".to_owned(), message.to_owned()));
}

/// What a client sends on a stream is not listened to; that it has gone is.
#[test]
fn whoever_goes_costs_nothing() {
    let (appliance, client) = appliance();
    let mut stream = client.stream(&client.token("A.all().eventSource()"));
    stream.connection.send("GET / HTTP/1.1\r\n\r\n");
    client.ok("A.create({ n: 1 })");
    assert_eq!(stream.changes(1).len(), 1);
    drop(stream);
    crate::common::eventually("the subscriber is forgotten", || appliance.running().subscribers() == 0);
}
