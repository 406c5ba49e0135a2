//! Every dialect over TLS, unchanged: one exchange or stream of each, and what it says of addresses.

use serde_json::{Value, json};
use tailwater::config::Dialect;
use tungstenite::Message;

use crate::{
    authority::VERSIONS,
    common::{
        REPOS,
        atproto::{Received, receive},
        bigchaindb::{Owner, create},
        connect, frame,
        frames::server_frame,
        raw::Connection,
    },
    frames::{GO, Http2, body},
    secure::{Secure, ask, get, post, shake},
};

const EVENTS: &str = "/v1/feeds/repos/events";

#[test]
fn native_requests_and_every_form_of_stream_in_both_versions() {
    let secure = Secure::start();
    for (round, version) in VERSIONS.into_iter().enumerate() {
        let client = secure.authority.client(&[version], &["http/1.1"]);
        let open = || Connection::on(shake(connect(secure.address), &client));
        let first = round as u64 * 3 + 1;
        let mut requests = open();
        let mut streams: Vec<_> = ["", "?format=sse"]
            .map(|form| {
                let mut stream = open();
                assert_eq!(stream.send(get(&format!("{EVENTS}{form}"))).head().status, 200);
                stream
            })
            .into();
        let mut socket = secure.websocket(EVENTS);
        for seq in first..first + 3 {
            let line = format!("{{\"kind\":\"put\",\"body\":{seq}}}\n");
            let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n");
            let request = format!("{head}Content-Length: {}\r\n\r\n{line}", line.len());
            // One connection carries many requests.
            assert_eq!(ask(&mut requests, request).1["first_seq"], seq);
            assert!(streams[0].event().unwrap().starts_with(&format!("{{\"seq\":{seq},")));
            assert!(streams[1].event().unwrap().starts_with(&format!("id: {seq}\n")));
            let (first, payload) = server_frame(&mut socket);
            assert_eq!((first, serde_json::from_slice::<Value>(&payload).unwrap()["seq"].as_u64()), (0x81, Some(seq)));
        }
        let (status, page) = ask(&mut requests, get(&format!("{EVENTS}?format=json")));
        assert_eq!((status, page["events"].as_array().unwrap().len()), (200, first as usize + 2));
    }
    assert_eq!(secure.status("tls_handshakes_failed_total"), 0);
}

#[test]
fn a_large_body_arrives_as_it_was_sent() {
    let secure = Secure::start();
    let text = "x".repeat(1_000_000);
    let line = format!("{{\"kind\":\"put\",\"body\":\"{text}\"}}\n");
    let body = line.repeat(20);
    let head = format!("POST {EVENTS} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n");
    let mut connection = secure.open();
    connection.send(format!("{head}Content-Length: {}\r\n\r\n", body.len())).send(&body);
    assert_eq!(connection.answer().json()["count"], 20);
    let (_, page) = ask(&mut connection, get(&format!("{EVENTS}?format=json&cursor=0&limit=20")));
    let events = page["events"].as_array().unwrap();
    assert!(events.len() > 1 && events.iter().all(|event| event["body"] == text), "{}", events.len());
}

#[test]
fn atproto() {
    let secure = Secure::start();
    let frames: Vec<_> = (1..=3).map(|seq| frame(seq, "hello")).collect();
    assert_eq!(secure.appliance.publish_frames("repos", "preserve", &frames).0, 200);
    let mut socket = secure.tungstenite(&format!("/xrpc/{REPOS}?cursor=0"));
    for frame in frames {
        assert_eq!(receive(&mut socket), Received::Frame(frame));
    }
    socket.send(Message::Ping(b"here?".to_vec().into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(b"here?".to_vec().into()));
}

#[test]
fn streamr() {
    let secure = Secure::start();
    let mut socket = secure.tungstenite("/api/v1/ws");
    let mut ask = |request: Value| socket.send(Message::text(request.to_string())).unwrap();
    ask(json!({ "type": "subscribe", "stream": "messages", "partition": 0 }));
    ask(json!({ "type": "publish", "stream": "messages", "msg": "{\"a\":1}", "ts": 1_500_000_000_000_u64 }));
    let mut next = || serde_json::from_str::<Value>(socket.read().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(next(), json!([0, 2, "", { "stream": "messages", "partition": 0 }]));
    // An acknowledgement with the offset may come before the broadcast.
    let broadcast = (0..2).map(|_| next()).find(|message| message[1] == 0).unwrap();
    assert_eq!(broadcast[3][8], "{\"a\":1}");
}

#[test]
fn bigchaindb_advertises_addresses_that_speak_tls() {
    let secure = Secure::start();
    let mut stream = secure.websocket("/api/v1/streams/valid_transactions");
    let made = create(&Owner::new(1), json!({ "a": 1 }), &[1]);
    let mut connection = secure.open();
    let transaction = serde_json::from_str(&made.json).unwrap();
    assert_eq!(ask(&mut connection, post("/api/v1/transactions", &transaction)).0, 202);
    assert_eq!(server_frame(&mut stream), (0x81, made.message(1).into_bytes()));
    let (status, info) = ask(&mut connection, get("/api/v1"));
    let streams = info["streams"].as_str().unwrap();
    assert!(status == 200 && streams == "wss://localhost/api/v1/streams/valid_transactions", "{info}");
}

#[test]
fn couchdb_says_https_and_sets_cookies_for_tls_only() {
    let secure = Secure::start_with(|config| config.keys = vec![key("ann", "secret secret")]);
    let authorization = "Authorization: Bearer secret secret\r\n";
    let authorized = |request: String| request.replacen("\r\n\r\n", &format!("\r\n{authorization}\r\n"), 1);
    let mut connection = secure.open();
    let created = connection.send(authorized(get("/db").replace("GET", "PUT"))).answer();
    assert_eq!((created.status, created.header("Location")), (201, Some("https://localhost/db")));
    let mut changes = secure.open();
    assert_eq!(changes.send(authorized(get("/db/_changes?feed=continuous"))).head().status, 200);
    let mut poll = secure.open();
    poll.send(authorized(get("/db/_changes?feed=longpoll&since=0")));
    assert_eq!(ask(&mut connection, authorized(post("/db", &json!({ "_id": "d", "n": 1 })))).0, 201);
    assert_eq!(serde_json::from_str::<Value>(&changes.event().unwrap()).unwrap()["id"], "d");
    assert_eq!(poll.answer().json()["results"][0]["id"], "d");
    let login = json!({ "name": "ann", "password": "secret secret" });
    for (answer, is_secure) in [
        (connection.send(post("/_session", &login)).answer(), true),
        (Connection::open(secure.appliance.address).send(post("/_session", &login)).answer(), false),
    ] {
        let cookie = answer.header("Set-Cookie").unwrap();
        assert_eq!((answer.status, cookie.contains("; Secure")), (200, is_secure), "{cookie}");
    }
}

fn key(name: &str, secret: &str) -> tailwater::config::Key {
    use sha2::{Digest, Sha256};
    let every = vec!["*".to_owned()];
    let secret_sha256 = Some(Sha256::digest(secret).into());
    tailwater::config::Key { name: name.to_owned(), secret_sha256, read: every.clone(), write: every, admin: true }
}

#[test]
fn fauna_over_http_2_by_alpn() {
    let secure = Secure::start();
    let client = secure.authority.client(&VERSIONS, &["h2"]);
    let tls = shake(connect(secure.address), &client);
    assert_eq!(tls.conn.alpn_protocol(), Some(b"h2".as_slice()));
    let mut http2 = Http2::on(tls, &[]);
    let tagged = [("x-format", "tagged")];
    let query = |fql: &str| body(json!({ "query": { "fql": [fql] } }));
    assert!(http2.answer("POST", "/query/1", &tagged, &query("Collection.create({ name: 'A' })")).0);
    let (ok, answer) = http2.answer("POST", "/query/1", &tagged, &query("A.all().eventSource()"));
    assert!(ok, "{answer}");
    let stream = http2.request("POST", "/stream/1", GO, &body(json!({ "token": answer["data"]["@stream"] })));
    assert!(http2.is_ok(stream));
    assert_eq!(http2.event(stream)["type"], "status");
    for n in 0..3 {
        assert!(http2.answer("POST", "/query/1", &tagged, &query(&format!("A.create({{ n: {n} }})"))).0);
        assert_eq!(http2.event(stream)["data"]["@doc"]["n"]["@int"], n.to_string());
    }
}

/// All dialects but one are spoken over HTTP/1.1 only, so that is what a client gets which knows both.
#[test]
fn http_2_is_for_those_who_know_nothing_else_or_ask_for_nothing_else() {
    let table: [(&[Dialect], &[&str], Option<&str>); 6] = [
        (&Dialect::ALL, &["h2", "http/1.1"], Some("http/1.1")),
        (&Dialect::ALL, &["h2"], Some("h2")),
        (&Dialect::ALL, &[], None),
        (&[Dialect::Fauna], &["http/1.1", "h2"], Some("h2")),
        (&[Dialect::Fauna], &["http/1.1"], Some("http/1.1")),
        (&[Dialect::Couchdb], &["h2", "http/1.1"], Some("http/1.1")),
    ];
    for (dialects, offered, expected) in table {
        let secure = Secure::speaking(dialects, |_| {});
        let tls = shake(connect(secure.address), &secure.authority.client(&VERSIONS, offered));
        let agreed = tls.conn.alpn_protocol().map(|protocol| std::str::from_utf8(protocol).unwrap());
        assert_eq!(agreed, expected, "{dialects:?} {offered:?}");
    }
}
