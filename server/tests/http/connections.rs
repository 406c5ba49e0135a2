//! What a connection goes on with after an answer.

use super::common::{Appliance, raw::Connection};

const GET: &str = "GET /v1/feeds/repos HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn answers_name_the_server_and_the_time() {
    let appliance = Appliance::start();
    let answer = Connection::open(appliance.address).send(GET).answer();
    assert_eq!(answer.header("Server"), Some(concat!("Tailwater/", env!("CARGO_PKG_VERSION"))));
    let date = answer.header("Date").unwrap();
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
}

#[test]
fn one_connection_carries_many_requests() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    for _ in 0..50 {
        let answer = connection.send(GET).answer();
        assert_eq!((answer.status, answer.header("Connection")), (200, None));
    }
    // A blank line between two requests is forgiven.
    assert_eq!(connection.send("\r\n").send(GET).answer().status, 200);
}

#[test]
fn requests_may_come_before_the_answers() {
    let appliance = Appliance::start();
    let line = r#"{"kind":"put","body":1}"#;
    let publish = format!(
        "POST /v1/feeds/repos/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{line}",
        line.len()
    );
    let mut connection = Connection::open(appliance.address);
    connection.send((publish.clone() + GET).repeat(20) + "GET /v1/feeds/none HTTP/1.1\r\nHost: a\r\n\r\n" + GET);
    for seq in 1..=20 {
        assert_eq!(connection.answer().json()["last_seq"], seq);
        assert_eq!(connection.answer().json()["last_seq"], seq, "in the order they were asked");
    }
    assert_eq!((connection.answer().status, connection.answer().status), (404, 200));
}

#[test]
fn who_asks_to_close_is_closed() {
    let appliance = Appliance::start();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, Close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let mut connection = Connection::open(appliance.address);
        // What comes behind such a request is not looked at.
        let answer = connection.send(format!("{request}{GET}")).answer();
        assert_eq!((answer.status, answer.header("Connection")), (200, Some("close")), "{request}");
        assert!(connection.at_end(), "{request}");
    }
    let mut connection = Connection::open(appliance.address);
    let kept = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    assert_eq!(connection.send(kept).answer().header("Connection"), Some("keep-alive"));
    assert_eq!(connection.send(GET).answer().status, 200);
}

#[test]
fn a_body_nobody_wanted_does_not_become_a_request() {
    let appliance = Appliance::start();
    let hidden = "DELETE /v1/feeds/repos HTTP/1.1\r\nHost: a\r\n\r\n";
    let with_body = |length: usize| format!("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let mut connection = Connection::open(appliance.address);
    for _ in 0..3 {
        assert_eq!(connection.send(with_body(hidden.len()) + hidden).answer().status, 404);
        let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
        let get = format!("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}");
        assert_eq!(connection.send(get).answer().status, 200);
    }
    // More than is worth reading ends the connection, and the answer still arrives.
    let mut connection = Connection::open(appliance.address);
    connection.send(with_body(8 << 20)).send(hidden.repeat((8 << 20) / hidden.len()));
    let answer = connection.answer();
    assert_eq!((answer.status, answer.header("Connection")), (404, Some("close")));
    assert_eq!(appliance.get("/v1/feeds/repos").0, 200);
}
