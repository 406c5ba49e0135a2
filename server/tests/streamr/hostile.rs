//! Bytes that no client of good will sends: refused in the dialect's words or the WebSocket's, nothing stored, nobody
//! else disturbed.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use serde_json::{Value, json};
use tungstenite::Message;

use super::{
    client::{Client, STREAM, events},
    common::{
        Appliance,
        frames::{client_frame, client_header, closed_with, open, server_frame},
        raw::Connection,
    },
};

const WS: &str = "/api/v1/ws";
const PUBLISH: &[u8] = br#"{"type":"publish","stream":"messages","msg":"{}","ack":1}"#;
const STORED: &[u8] = br#"[0,100,"",{"stream":"messages","partition":0,"offset":1,"ack":1}]"#;

/// Somebody who was there before and notices nothing.
fn with_bystander(each: impl FnOnce(&Appliance)) {
    let appliance = Appliance::start();
    let mut bystander = Client::open(&appliance);
    bystander.follow(STREAM);
    each(&appliance);
    assert_eq!(events(&appliance, STREAM), 0, "nothing was stored");
    assert_eq!(bystander.publish_and_hear(), 1);
}

impl Client {
    /// Publishes, and gets the message and the acknowledgement in whichever order they come.
    fn publish_and_hear(&mut self) -> u64 {
        self.ask_text(std::str::from_utf8(PUBLISH).unwrap());
        let both = [self.value(), self.value()];
        assert!(both.iter().any(|value| value[1] == json!(0)), "{both:?}");
        both.iter().find(|value| value[1] == json!(100)).unwrap()[3]["offset"].as_u64().unwrap()
    }
}

#[test]
fn frames_that_break_the_websocket_protocol() {
    let mut unmasked = vec![0x81, PUBLISH.len() as u8];
    unmasked.extend(PUBLISH);
    let table: [(&str, Vec<u8>, u16); 9] = [
        ("no mask", unmasked, 1002),
        ("a reserved bit", client_frame(0xc1, PUBLISH), 1002),
        ("an unknown opcode", client_frame(0x83, PUBLISH), 1002),
        ("a lone continuation", client_frame(0x80, PUBLISH), 1002),
        ("a ping in parts", client_frame(0x09, b""), 1002),
        ("a close of one byte", client_frame(0x88, b"x"), 1002),
        ("text that is no UTF-8", client_frame(0x81, b"{\"type\":\"\xff\"}"), 1007),
        ("a message begun anew", [client_frame(0x01, b"{"), client_frame(0x01, b"}")].concat(), 1002),
        ("a message announced too long", [client_header(0x81, 1 << 40), vec![0; 4]].concat(), 1009),
    ];
    with_bystander(|appliance| {
        for (what, bytes, code) in table {
            let mut connection = open(appliance, WS);
            connection.send(bytes);
            assert_eq!(closed_with(server_frame(&mut connection)).0, code, "{what}");
        }
    });
}

#[test]
fn a_message_above_the_limit_ends_its_connection() {
    const LIMIT: usize = (2 << 20) + (64 << 10);
    with_bystander(|appliance| {
        let spaces = |bytes: usize| client_frame(0x81, &b" ".repeat(bytes));
        let mut connection = open(appliance, WS);
        connection.send(spaces(LIMIT));
        let (first, payload) = server_frame(&mut connection);
        assert_eq!((first, payload.starts_with(b"[0,7,\"\",\"Message is not valid JSON")), (0x81, true));
        connection.send([client_header(0x81, LIMIT as u64 + 1), vec![0; 4]].concat());
        assert_eq!(closed_with(server_frame(&mut connection)).0, 1009);
        // In parts it is not more.
        let mut connection = open(appliance, WS);
        connection.send(client_frame(0x01, &b" ".repeat(LIMIT)));
        connection.send(client_frame(0x80, b" "));
        assert_eq!(closed_with(server_frame(&mut connection)).0, 1009);
    });
}

#[test]
fn requests_may_come_in_parts_and_in_pieces() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, WS);
    let (one, rest) = PUBLISH.split_at(7);
    let (two, three) = rest.split_at(1);
    let parts = [client_frame(0x01, one), client_frame(0x89, b"!"), client_frame(0x00, two), client_frame(0x80, three)]
        .concat();
    for byte in parts {
        connection.send([byte]);
    }
    assert_eq!(server_frame(&mut connection), (0x8a, b"!".to_vec()));
    assert_eq!(server_frame(&mut connection), (0x81, STORED.to_vec()));
}

/// The original takes whatever `JSON.parse` takes.
#[test]
fn binary_messages_are_read_as_text() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.socket.send(Message::binary(PUBLISH)).unwrap();
    client.says(std::str::from_utf8(STORED).unwrap());
    for bytes in [&b""[..], b"\x00\x01\x02", b"\xff\xfe", b"\x1f\x8b\x08\x00"] {
        client.socket.send(Message::binary(bytes)).unwrap();
        let value = client.value();
        assert_eq!(value[1], json!(7));
        assert!(value[3].as_str().unwrap().starts_with("Message is not valid JSON"), "{value}");
    }
    assert_eq!(events(&appliance, STREAM), 1);
}

#[test]
fn members_of_every_type_and_size() {
    let values = [
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("x".repeat(100_000)),
        json!([]),
        json!({ "a": { "b": [1, 2, 3] } }),
    ];
    with_bystander(|appliance| {
        let mut client = Client::open(appliance);
        for kind in ["subscribe", "unsubscribe", "resend", "publish", "x"] {
            for name in [
                "type",
                "stream",
                "partition",
                "authKey",
                "sessionToken",
                "msg",
                "ts",
                "pkey",
                "ack",
                "sub",
                "resend_all",
                "resend_from",
                "resend_to",
                "resend_last",
                "resend_from_time",
                "__proto__",
            ] {
                for value in &values {
                    // Without a stream nothing can come of it, whatever else is there.
                    let mut request = json!({ "type": kind, "stream": "gone", "msg": "{}", "resend_from": 1 });
                    request[name] = value.clone();
                    client.ask(request.clone());
                    let answer = client.value();
                    assert!(answer[1] == json!(7) || answer[1] == json!(100), "{request:.200}: {answer}");
                }
            }
        }
        client.is_quiet();
    });
}

#[test]
fn deep_and_repetitive_json() {
    with_bystander(|appliance| {
        let mut client = Client::open(appliance);
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let requests = [
            deep(100_000),
            format!("{{\"type\":{}}}", deep(1_000)),
            format!("{{\"x\":{}}}", deep(1_000)),
            format!("{{\"type\":\"publish\",\"stream\":\"messages\",\"msg\":{}}}", json!(deep(129))),
            format!("{{{}\"type\":\"x\"}}", "\"type\":\"publish\",".repeat(50_000)),
            format!("{{{}}}", vec!["\"a\":1"; 100_000].join(",")),
            "\u{feff}{}".to_owned(),
            "{\"type\":\"\\ud800\"}".to_owned(),
            "{\"type\":\"\u{1}\"}".to_owned(),
            "{'type':'publish'}".to_owned(),
            "\u{0}".to_owned(),
        ];
        for request in requests {
            assert_eq!(client.ask_text(request.clone()).value()[1], json!(7), "{request:.100}");
        }
        client.is_quiet();
    });
}

/// Requests with some bytes changed; whatever they ask for now, the connection goes on.
#[test]
fn requests_with_bytes_changed() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let appliance = Appliance::start();
    let sound = [
        r#"{"type":"subscribe","stream":"messages","partition":0,"authKey":null}"#,
        r#"{"type":"unsubscribe","stream":"messages","partition":0}"#,
        r#"{"type":"resend","stream":"messages","sub":"0","resend_from":1,"resend_to":9}"#,
        r#"{"type":"publish","stream":"messages","msg":"{\"a\":[1,2]}","ts":1533924184016,"pkey":"k","ack":7}"#,
    ];
    let mut client = Client::open(&appliance);
    for round in 0..3_000 {
        let mut bytes = sound[round % sound.len()].as_bytes().to_vec();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            match random.random_range(0..3) {
                0 => bytes[at] = random.random_range(0x20..0x7f),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, *b"\"{}[]:,\\0-e".get(random.random_range(0..11)).unwrap()),
            }
        }
        client.ask_text(String::from_utf8(bytes).unwrap());
        if round % 500 == 499 {
            client.ask(json!({ "type": "barrier" }));
            while client.value()[3] != json!("Unknown request type: barrier") {}
        }
    }
}

#[test]
fn http_requests_of_ill_will() {
    with_bystander(|appliance| {
        let requests = [
            "GET /api/v1/streams/%00 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /api/v1/streams/%ff%fe HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /api/v1/streams/%2e%2e%2f%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /api/v1/streams/../../v1/feeds HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            format!("GET /api/v1/streams/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(5_000)),
            "GET /api/v1/streams/messages/data/partitions/99999999999999999999/last HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /api/v1/streams/messages/data/partitions/0/last?count=%00&count=1 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "POST /api/v1/streams/messages/data HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n".to_owned(),
            "POST /api/v1/streams/messages/data HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n\u{fffd}".to_owned(),
            "POST /api/v1/streams/messages/data?ts=99999999999999999999 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}".to_owned(),
            format!("POST /api/v1/streams/messages/data?pkey={} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{{}}", "k".repeat(1_025)),
            "POST /api/v1/login/apikey HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n{".to_owned(),
            "DELETE /api/v1/streams/%00 HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        ];
        for request in requests {
            let answer = Connection::open(appliance.address).send(&request).answer();
            assert!((400..500).contains(&answer.status), "{request:.100}: {answer:?}");
            assert!(answer.json()["error"].is_string(), "{request:.100}: {answer:?}");
        }
    });
}
