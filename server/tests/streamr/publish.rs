//! Publishing: what is stored and what is not, acknowledgements, order, times.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, create, events, offsets, produce, resent},
    common::{Appliance, call, raw::Connection},
};

#[test]
fn messages_have_the_publishers_time_or_the_servers() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
    let table = [
        (json!(1_533_924_184_016_u64), Some(1_533_924_184_016)),
        (json!("1533924184016"), Some(1_533_924_184_016)),
        (json!("2017-04-01T12:00:00Z"), Some(1_491_048_000_000)),
        (json!("Sat, 01 Apr 2017 12:00:00 GMT"), Some(1_491_048_000_000)),
        (json!(0), None),
        (json!(""), None),
        (Value::Null, None),
    ];
    for (ts, expected) in table {
        client.ask(json!({ "type": "publish", "stream": STREAM, "msg": "{}", "ts": ts }));
        let time_ms = client.broadcast().time_ms;
        match expected {
            Some(expected) => assert_eq!(time_ms, expected, "{ts}"),
            None => assert!(time_ms >= before, "{ts}: {time_ms}"),
        }
    }
    produce(&appliance, STREAM, "?ts=2017-04-01T12%3A00%3A00Z", "{}");
    assert_eq!(client.broadcast().time_ms, 1_491_048_000_000);
    produce(&appliance, STREAM, "?ts=&ttl=&pkey=", "{}");
    assert!(client.broadcast().time_ms >= before);
}

#[test]
fn nothing_is_said_about_a_success_unless_asked_for() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "publish", "stream": STREAM, "msg": "{}" })).is_quiet();
    assert_eq!(events(&appliance, STREAM), 1);
}

#[test]
fn each_acknowledgement_names_its_message_and_its_offset() {
    let appliance = Appliance::start();
    create(&appliance, "other", 1);
    let mut client = Client::open(&appliance);
    // In one go: some are stored together, one is refused, one is of another stream, one does not want to know.
    for (at, stream) in [STREAM, "other", "gone", STREAM, STREAM].into_iter().enumerate() {
        let ack = if at == 3 { Value::Null } else { json!({ "at": at })["at"].clone() };
        client.ask(json!({ "type": "publish", "stream": stream, "msg": at.to_string(), "ack": ack }));
    }
    client.ask(json!({ "type": "barrier" }));
    let mut told: Vec<Value> = Vec::new();
    loop {
        let value = client.value();
        if value[1] == json!(7) {
            break;
        }
        told.push(value[3].clone());
    }
    told.sort_by_key(|payload| payload["ack"].as_u64());
    let stored =
        |stream: &str, offset: u64, ack: u64| json!({ "stream": stream, "partition": 0, "offset": offset, "ack": ack });
    let expected = [
        stored(STREAM, 1, 0),
        stored("other", 1, 1),
        json!({ "error": "Stream gone not found.", "ack": 2 }),
        stored(STREAM, 3, 4),
    ];
    assert_eq!(told, expected);
    client.ask(json!({ "type": "resend", "stream": STREAM, "sub": 1, "resend_all": true }));
    let contents: Vec<Value> = resent(&mut client, &json!(1)).into_iter().map(|message| message.content).collect();
    assert_eq!(contents, [json!(0), json!(3), json!(4)], "what an offset was acknowledged for lies there");
}

#[test]
fn what_one_connection_publishes_stays_in_order() {
    const MESSAGES: usize = 5_000;
    let appliance = Appliance::start();
    let mut reader = Client::open(&appliance);
    reader.follow(STREAM);
    let mut client = Client::open(&appliance);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in 0..MESSAGES {
                client.ask(json!({ "type": "publish", "stream": STREAM, "msg": at.to_string() }));
            }
            client.is_quiet();
        });
        for at in 0..MESSAGES {
            let message = reader.broadcast();
            assert_eq!((message.content, message.offset), (json!(at), at as u64 + 1));
            assert_eq!(message.previous, (at > 0).then_some(at as u64));
        }
    });
}

#[test]
fn what_is_no_json_is_refused_at_both_doors() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    let contents =
        ["hello", "{", "{\"a\":}", "[1,]", "'a'", "NaN", "", " ", "null", "{}{}", "\u{feff}{}", "01", "\"\u{1}\""];
    for content in contents {
        client.ask(json!({ "type": "publish", "stream": STREAM, "msg": content, "ack": content }));
        let answer = client.value();
        assert_eq!((&answer[1], &answer[3]["ack"]), (&json!(100), &json!(content)), "{answer}");
        let text = answer[3]["error"].as_str().unwrap();
        assert!(text.starts_with("Message must be stringified JSON!"), "{content:?}: {text}");
        let url = appliance.url("/api/v1/streams/messages/data");
        let (status, answer) = call("POST", &url, Some("application/json"), content);
        let text = answer["error"].as_str().unwrap();
        assert_eq!(status, 400, "{content:?}: {text}");
        assert!(text.starts_with("No request body or invalid request body."), "{content:?}: {text}");
    }
    // Something else than a string is no stringified JSON, even if it is JSON.
    for content in [json!({}), json!(7), json!([]), json!(true), Value::Null] {
        client.ask(json!({ "type": "publish", "stream": STREAM, "msg": content }));
        client.complains("Message must be stringified JSON!");
    }
    client.ask(json!({ "type": "publish", "stream": STREAM })).complains("Message must be stringified JSON!");
    assert_eq!(events(&appliance, STREAM), 0);
    assert_eq!(client.publish(STREAM, &json!("sound")), 1, "the connection lives");
}

#[test]
fn contents_up_to_the_limit_and_not_a_byte_more() {
    const LIMIT: usize = 1 << 20;
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.follow(STREAM);
    for (bytes, fits) in [(LIMIT, true), (LIMIT + 1, false)] {
        let content = format!("\"{}\"", "x".repeat(bytes - 2));
        client.ask(json!({ "type": "publish", "stream": STREAM, "msg": content }));
        if fits {
            assert_eq!(client.broadcast().content.as_str().unwrap().len(), bytes - 2);
        } else {
            client.complains("Message content is larger than 1048576 bytes");
        }
        let mut connection = Connection::open(appliance.address);
        let head = "POST /api/v1/streams/messages/data HTTP/1.1\r\nHost: a\r\n";
        let answer = connection.send(format!("{head}Content-Length: {bytes}\r\n\r\n{content}")).answer();
        assert_eq!(answer.status, if fits { 200 } else { 413 }, "{}", answer.text());
        if fits {
            client.broadcast();
        } else {
            assert!(answer.json()["error"].is_string());
        }
    }
    // Escaped in its envelope it takes up to twice the bytes, and still fits.
    let content = format!("\"{}\"", "\\\"".repeat(LIMIT / 2 - 1));
    assert_eq!(content.len(), LIMIT);
    client.ask(json!({ "type": "publish", "stream": STREAM, "msg": content }));
    client.broadcast();
    assert_eq!(events(&appliance, STREAM), 3);
}

#[test]
fn smaller_limits_of_the_configuration_hold() {
    let appliance = Appliance::start_with(|config| {
        config.limits.event_bytes_max = 100;
        config.limits.key_bytes_max = 5;
        config.limits.json_depth_max = 3;
    });
    let mut client = Client::open(&appliance);
    let publish = |msg: &str, pkey: &str| json!({ "type": "publish", "stream": STREAM, "msg": msg, "pkey": pkey });
    client
        .ask(publish(&format!("\"{}\"", "x".repeat(99)), ""))
        .complains("Message content is larger than 100 bytes")
        .ask(publish("{}", "123456"))
        .complains("Field \"pkey\" is longer than 5 bytes")
        .ask(publish("[[[[]]]]", ""))
        .complains("Message must be stringified JSON! (nested deeper than 3 levels at byte 3)");
    let url = |query: &str| appliance.url(&format!("/api/v1/streams/messages/data{query}"));
    let error = |query: &str, body: &str| call("POST", &url(query), None, body);
    assert_eq!(error("", &"1".repeat(101)).0, 413);
    assert_eq!(error("?pkey=123456", "1").1["error"], "Field \"pkey\" is longer than 5 bytes");
    assert_eq!(error("", "[[[[]]]]").0, 400);
    assert_eq!(events(&appliance, STREAM), 0);
}

#[test]
fn over_http_the_body_may_come_in_chunks() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    let head = "POST /api/v1/streams/messages/data?ts=7 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let answer = connection.send(format!("{head}3\r\n{{\"a\r\n4\r\n\":1}}\r\n0\r\n\r\n")).answer();
    assert_eq!((answer.status, answer.text()), (200, ""));
    let last =
        connection.send("GET /api/v1/streams/messages/data/partitions/0/last HTTP/1.1\r\nHost: a\r\n\r\n").answer();
    assert_eq!(last.text(), r#"[[28,"messages",0,7,0,1,null,27,"{\"a\":1}"]]"#);
}

#[test]
fn many_publishers_at_once_lose_and_repeat_nothing() {
    const PUBLISHERS: usize = 8;
    const MESSAGES: usize = 200;
    let appliance = Appliance::start();
    let mut reader = Client::open(&appliance);
    reader.follow(STREAM);
    let acknowledged: Vec<(u64, String)> = std::thread::scope(|scope| {
        let publish = |publisher: usize| {
            let mut client = Client::open(&appliance);
            let one = |at| {
                let content = format!("{publisher}-{at}");
                (client.publish(STREAM, &json!(content)), content)
            };
            (0..MESSAGES).map(one).collect::<Vec<_>>()
        };
        let publishers: Vec<_> = (0..PUBLISHERS).map(|publisher| scope.spawn(move || publish(publisher))).collect();
        publishers.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let messages: Vec<_> = (0..PUBLISHERS * MESSAGES).map(|_| reader.broadcast()).collect();
    assert!(offsets(&messages).into_iter().eq(1..=(PUBLISHERS * MESSAGES) as u64));
    for (offset, content) in &acknowledged {
        assert_eq!(messages[*offset as usize - 1].content, json!(content));
    }
    assert_eq!(acknowledged.into_iter().collect::<HashSet<_>>().len(), PUBLISHERS * MESSAGES);
}
