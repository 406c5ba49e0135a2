//! Every answer to the byte: the handshake, each type over WebSocket, each form over HTTP.

use serde_json::json;

use super::{
    client::{Client, STREAM, create, produce},
    common::{
        Appliance,
        frames::{client_frame, open, server_frame, upgrade},
        raw::Connection,
    },
};

const HELLO: &str = r#"{"type":"publish","stream":"messages","ts":1491037200000,"msg":"{ \"hello\" : \"world\" }"}"#;
const HELLO_28: &str = r#"[28,"messages",0,1491037200000,0,1,null,27,"{\"hello\":\"world\"}"]"#;

#[test]
fn the_handshake() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    // As npm `ws` sends it: with an extension, which is declined, and no subprotocol.
    let extension = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let head = connection.send(upgrade("/api/v1/ws") + extension).head();
    assert_eq!(head.status, 101);
    assert_eq!(head.header("Sec-WebSocket-Accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!((head.header("Sec-WebSocket-Extensions"), head.header("Sec-WebSocket-Protocol")), (None, None));
    connection.send(client_frame(0x81, b"{\"type\":\"subscribe\",\"stream\":\"messages\"}"));
    assert_eq!(server_frame(&mut connection).0, 0x81, "an unmasked text frame without reserved bits");
}

#[test]
fn upgrades_that_are_none() {
    let appliance = Appliance::start();
    let table = [
        ("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n", 400),
        (
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            426,
        ),
        ("", 426),
    ];
    for (fields, status) in table {
        let request = format!("GET /api/v1/ws HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let answer = Connection::open(appliance.address).send(request).answer();
        assert_eq!(answer.status, status, "{fields}");
        assert!(answer.json()["error"].is_string(), "{fields}: {}", answer.text());
    }
}

#[test]
fn types_0_to_6() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client
        .ask_text(r#"{"stream":"messages","resend_last":2,"type":"subscribe","authKey":null}"#)
        .says(r#"[0,2,"",{"stream":"messages","partition":0}]"#)
        .ask_text(r#"{"type":"resend","stream":"messages","partition":0,"sub":"0","resend_all":true}"#)
        .says(r#"[0,6,"",{"stream":"messages","partition":0,"sub":"0"}]"#)
        .ask_text(HELLO)
        .says(&format!(r#"[0,0,"",{HELLO_28}]"#))
        .ask_text(r#"{"type":"publish","stream":"messages","ts":1491037200001,"msg":"[1]"}"#)
        .says(r#"[0,0,"",[28,"messages",0,1491037200001,0,2,1,27,"[1]"]]"#)
        .ask_text(r#"{"type":"resend","stream":"messages","partition":0,"sub":"0","resend_last":2}"#)
        .says(r#"[0,4,"",{"stream":"messages","partition":0,"sub":"0"}]"#)
        .says(&format!(r#"[0,1,"0",{HELLO_28}]"#))
        .says(r#"[0,1,"0",[28,"messages",0,1491037200001,0,2,1,27,"[1]"]]"#)
        .says(r#"[0,5,"",{"stream":"messages","partition":0,"sub":"0"}]"#)
        .ask_text(r#"{"type":"unsubscribe","stream":"messages"}"#)
        .says(r#"[0,3,"",{"stream":"messages","partition":0}]"#)
        .ask_text(r#"{"type":"unsubscribe","stream":"messages"}"#)
        .says(r#"[0,7,"","Not subscribed"]"#);
}

#[test]
fn type_100_is_beyond_the_original() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client
        .ask_text(r#"{"type":"publish","stream":"messages","msg":"{}","ack":7}"#)
        .says(r#"[0,100,"",{"stream":"messages","partition":0,"offset":1,"ack":7}]"#)
        .ask_text(r#"{"type":"publish","stream":"messages","msg":"{}","ack":"a\"b"}"#)
        .says(r#"[0,100,"",{"stream":"messages","partition":0,"offset":2,"ack":"a\"b"}]"#)
        .ask_text(r#"{"type":"publish","stream":"gone","msg":"{}","ack":true}"#)
        .says(r#"[0,100,"",{"error":"Stream gone not found.","ack":true}]"#);
}

#[test]
fn http_answers() {
    let appliance = Appliance::start();
    produce(&appliance, STREAM, "?ts=1491037200000", "{ \"hello\" : \"world\" }");
    produce(&appliance, STREAM, "?ts=1491037200001", "[1]");
    let data = "/api/v1/streams/messages/data/partitions/0";
    let last = r#"[28,"messages",0,1491037200001,0,2,1,27,"[1]"]"#;
    let object = r#"{"version":28,"streamId":"messages","partition":0,"timestamp":1491037200000,"ttl":0,"offset":1,"#;
    let table = [
        (format!("{data}/last"), format!("[{last}]")),
        (format!("{data}/last?count=2"), format!("[{HELLO_28},{last}]")),
        (
            format!("{data}/range?fromOffset=1&toOffset=1&content=json"),
            r#"[[28,"messages",0,1491037200000,0,1,null,27,{"hello":"world"}]]"#.to_owned(),
        ),
        (
            format!("{data}/range?fromTimestamp=1491037200000&toTimestamp=1491037200000&wrapper=object"),
            format!(r#"[{object}"previousOffset":null,"contentType":27,"content":"{{\"hello\":\"world\"}}"}}]"#),
        ),
        (
            format!("{data}/from?fromOffset=1&wrapper=OBJECT&content=JSON"),
            format!(
                r#"[{object}"previousOffset":null,"contentType":27,"content":{{"hello":"world"}}}},{}]"#,
                object_of_last()
            ),
        ),
        (format!("{data}/from?fromOffset=3"), "[]".to_owned()),
        (
            "/api/v1/streams/messages".to_owned(),
            r#"{"id":"messages","partitions":1,"name":"messages","description":null,"config":{"fields":[]},"autoConfigure":false,"requireSignedData":false,"requireEncryptedData":false}"#.to_owned(),
        ),
    ];
    let mut connection = Connection::open(appliance.address);
    for (path, expected) in table {
        let answer = connection.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).answer();
        assert_eq!((answer.status, answer.text()), (200, expected.as_str()), "{path}");
        assert_eq!(answer.header("Content-Type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"), "{path}");
    }
}

fn object_of_last() -> &'static str {
    r#"{"version":28,"streamId":"messages","partition":0,"timestamp":1491037200001,"ttl":0,"offset":2,"previousOffset":1,"contentType":27,"content":[1]}"#
}

#[test]
fn odd_ids_and_odd_contents_come_back_as_they_are() {
    let appliance = Appliance::start();
    let id = "a/b \"ü\" \u{1f980}?#";
    create(&appliance, id, 1);
    let mut client = Client::open(&appliance);
    client.follow(id);
    for content in ["\"text\"", "7", "-0.0", "1.50e2", "true", "[]", "{\"ü\":\"\\u0000\\ud83e\\udd80\"}", "[[[[]]]]"] {
        client.ask(json!({ "type": "publish", "stream": id, "msg": content }));
        let text = client.text();
        let quoted = serde_json::to_string(content).unwrap();
        assert!(text.ends_with(&format!(",27,{quoted}]]")), "{content} came as {text}");
    }
}

#[test]
fn the_raw_close_handshake() {
    let appliance = Appliance::start();
    let mut connection = open(&appliance, "/api/v1/ws");
    // 1005: what clients send when their last subscription has gone is a close frame without a code.
    connection.send(client_frame(0x88, b""));
    assert_eq!(server_frame(&mut connection), (0x88, Vec::new()));
    assert!(connection.at_end());
}
