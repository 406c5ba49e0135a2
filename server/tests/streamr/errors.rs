//! Every refusal in its own words: over WebSocket in both styles, over HTTP with its status.

use serde_json::{Value, json};

use super::{
    client::{Client, STREAM, events},
    common::{Appliance, raw::Connection},
};

const KEYED: &str = "open";

/// Keys `r` (reads `messages`) and `w` (writes it), a stream `open` that is public.
fn with_keys(config: &mut tailwater::config::Config) {
    use sha2::{Digest, Sha256};
    use tailwater::config::Key;
    let key = |name: &str, read: &[&str], write: &[&str]| Key {
        name: name.to_owned(),
        secret_sha256: Some(Sha256::digest(name).into()),
        read: read.iter().map(|name| (*name).to_owned()).collect(),
        write: write.iter().map(|name| (*name).to_owned()).collect(),
        admin: false,
    };
    config.keys = vec![key("r", &[STREAM], &[]), key("w", &[], &[STREAM])];
    let mut open = super::client::feed(KEYED, 2, config);
    open.public = true;
    config.feeds.push(open);
}

/// What goes wrong without keys: the request, and the text.
fn table() -> Vec<(String, String)> {
    let text = |request: &str, error: &str| (request.to_owned(), error.to_owned());
    let long = "s".repeat(257);
    vec![
        text("", "Message is not valid JSON: the JSON ends too early at byte 0"),
        text("hello", "Message is not valid JSON: unexpected \"h\" at byte 0"),
        text("{\"type\":", "Message is not valid JSON: the JSON ends too early at byte 8"),
        text("{} {}", "Message is not valid JSON: something follows the JSON value at byte 3"),
        text("[1,9,\"S\",0]", "Message is not a JSON object; only requests of control layer version 0 are understood"),
        text("7", "Message is not a JSON object; only requests of control layer version 0 are understood"),
        text("{}", "Unknown request type: undefined"),
        text(r#"{"type":"x"}"#, "Unknown request type: x"),
        text(r#"{"type":7}"#, "Unknown request type: 7"),
        text(r#"{"type":"subscribe"}"#, "Error: stream id not defined. Are you using an outdated client?"),
        text(r#"{"type":"subscribe","stream":""}"#, "Error: stream id not defined. Are you using an outdated client?"),
        text(r#"{"type":"subscribe","stream":7}"#, "Field \"stream\" is not a string"),
        text(r#"{"type":"subscribe","stream":"gone"}"#, "Stream gone not found."),
        text(r#"{"type":"subscribe","stream":"messages","partition":3}"#, "Partition 3 of stream messages not found."),
        text(r#"{"type":"subscribe","stream":"messages","partition":"x"}"#, "Invalid partition: x"),
        (
            format!(r#"{{"type":"subscribe","stream":"{long}"}}"#),
            "Field \"stream\" is longer than 256 bytes".to_owned(),
        ),
        text(r#"{"type":"unsubscribe","stream":"gone"}"#, "Not subscribed"),
        text(r#"{"type":"unsubscribe"}"#, "Not subscribed"),
        text(
            r#"{"type":"resend"}"#,
            "Failed to request resend from stream undefined and partition 0: stream id not defined",
        ),
        text(
            r#"{"type":"resend","stream":"gone","resend_all":true}"#,
            "Failed to request resend from stream gone and partition 0: Stream gone not found.",
        ),
        text(
            r#"{"type":"resend","stream":"messages","resend_last":"x"}"#,
            "Failed to request resend from stream messages and partition 0: resend_last is not a number",
        ),
        text(r#"{"type":"publish","msg":"{}"}"#, "Publish request is missing the stream id!"),
        text(r#"{"type":"publish","stream":"gone","msg":"{}"}"#, "Stream gone not found."),
        text(r#"{"type":"publish","stream":"messages","msg":{}}"#, "Message must be stringified JSON!"),
        text(
            r#"{"type":"publish","stream":"messages","msg":"hello"}"#,
            "Message must be stringified JSON! (unexpected \"h\" at byte 0)",
        ),
        text(
            r#"{"type":"publish","stream":"messages","msg":"null"}"#,
            "Message must be stringified JSON! (null is no message)",
        ),
        text(r#"{"type":"publish","stream":"messages","msg":"{}","ts":"x"}"#, "Invalid timestamp: x"),
        text(r#"{"type":"publish","stream":"messages","msg":"{}","ts":-1}"#, "Invalid timestamp: -1"),
        text(r#"{"type":"publish","stream":"messages","msg":"{}","ts":{"a":1}}"#, "Invalid timestamp: {\"a\":1}"),
        text(r#"{"type":"publish","stream":"messages","msg":"{}","pkey":{}}"#, "Field \"pkey\" is not a string"),
        text(
            r#"{"type":"publish","stream":"messages","msg":"{}","ack":[]}"#,
            "Field \"ack\" is not a string, a number or a boolean",
        ),
        (format!(r#"{{"type":"{}"}}"#, "ü".repeat(80)), format!("Unknown request type: {}...", "ü".repeat(50))),
    ]
}

#[test]
fn over_websocket_as_text_and_as_object() {
    let appliance = Appliance::start();
    let mut old = Client::open(&appliance);
    let mut new = Client::open_new(&appliance);
    for (request, error) in table() {
        assert_eq!(old.ask_text(request.clone()).value(), json!([0, 7, "", error]), "{request:.200}");
        let mut object = new.ask_text(request.clone()).value();
        if error == "Not subscribed" {
            let payload = object[3].as_object_mut().unwrap();
            let repeated = payload.remove("request").unwrap();
            assert_eq!(repeated, serde_json::from_str::<Value>(&request).unwrap());
        }
        assert_eq!(object, json!([0, 7, "", { "error": error }]), "{request:.200}");
    }
    assert_eq!(events(&appliance, STREAM), 0, "nothing was stored");
    for client in [&mut old, &mut new] {
        client.follow(STREAM);
    }
}

#[test]
fn a_session_token_shows_a_new_client() {
    let appliance = Appliance::start();
    let mut client = Client::open(&appliance);
    client.ask(json!({ "type": "x" })).says(r#"[0,7,"","Unknown request type: x"]"#);
    client.ask(json!({ "type": "x", "sessionToken": null })).says(r#"[0,7,"",{"error":"Unknown request type: x"}]"#);
    client.ask(json!({ "type": "x" })).says(r#"[0,7,"",{"error":"Unknown request type: x"}]"#);
}

#[test]
fn keys_over_websocket() {
    let appliance = Appliance::start_with(with_keys);
    for (at, mut client) in [Client::open(&appliance), Client::open_new(&appliance)].into_iter().enumerate() {
        let mut refused = |request: Value, error: &str| {
            let payload = if at == 0 { json!(error) } else { json!({ "error": error }) };
            assert_eq!(client.ask(request.clone()).value(), json!([0, 7, "", payload]), "{request}");
        };
        for key in [Value::Null, json!("wrong"), json!("w")] {
            refused(
                json!({ "type": "subscribe", "stream": STREAM, "authKey": key }),
                "Not authorized to subscribe to stream messages and partition 0",
            );
            refused(
                json!({ "type": "resend", "stream": STREAM, "authKey": key, "resend_all": true }),
                "Failed to request resend from stream messages and partition 0: Not authorized to subscribe to stream \
                 messages and partition 0",
            );
        }
        for key in [Value::Null, json!(""), json!("wrong"), json!(7)] {
            refused(
                json!({ "type": "publish", "stream": STREAM, "authKey": key, "msg": "{}" }),
                "Authentication failed while trying to publish to stream messages",
            );
        }
        for (stream, key) in [(STREAM, "r"), (KEYED, "r"), (KEYED, "w")] {
            refused(
                json!({ "type": "publish", "stream": stream, "authKey": key, "msg": "{}" }),
                &format!("You are not allowed to write to stream {stream}"),
            );
        }
        // A wrong key opens less than none.
        refused(
            json!({ "type": "subscribe", "stream": KEYED, "partition": 1, "authKey": "wrong" }),
            "Not authorized to subscribe to stream open and partition 1",
        );
    }
    for (stream, authorization) in [(STREAM, "token r"), (KEYED, "")] {
        let last = format!("/api/v1/streams/{stream}/data/partitions/0/last");
        assert_eq!(request(&appliance, "GET", &last, authorization, ""), (200, json!([])), "nothing was stored");
    }
}

#[test]
fn a_full_disk_is_named_and_reading_goes_on() {
    let appliance = Appliance::start_with(super::client::with_short_window);
    super::client::produce(&appliance, "short", "", "1");
    let appliance = Appliance::start_in(appliance.stop(), |config| {
        super::client::with_short_window(config);
        config.storage.disk_low_water_bytes = 1 << 60;
    });
    let mut client = Client::open(&appliance);
    let msg = json!("x".repeat(500_000)).to_string();
    // What there is of the segment is used up first.
    let mut stored = 1;
    let refused = loop {
        let answer = client.ask(json!({ "type": "publish", "stream": "short", "msg": msg, "ack": 0 })).value();
        match answer[3]["error"].as_str() {
            Some(error) => break error.to_owned(),
            None => stored += 1,
        }
        assert!(stored < 10, "a segment has its end");
    };
    let expected = "Publish request failed: the feed is read-only";
    assert!(refused.starts_with(expected) && refused.contains("free some space"), "{refused}");
    let (status, answer) = request(&appliance, "POST", "/api/v1/streams/short/data", "", &msg);
    assert!(status == 507 && answer["error"].as_str().unwrap().starts_with(expected), "{status} {answer}");
    client.ask(json!({ "type": "resend", "stream": "short", "sub": 0, "resend_all": true }));
    assert_eq!(super::client::resent(&mut client, &json!(0)).len(), stored);
}

/// One HTTP request with an `Authorization` header, or without.
fn request(appliance: &Appliance, method: &str, path: &str, authorization: &str, body: &str) -> (u16, Value) {
    let fields = if authorization.is_empty() { String::new() } else { format!("Authorization: {authorization}\r\n") };
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    let answer = Connection::open(appliance.address).send(head + body).answer();
    (answer.status, answer.json())
}

#[test]
fn over_http() {
    let appliance = Appliance::start_with(with_keys);
    let data = "/api/v1/streams/messages/data";
    let last = format!("{data}/partitions/0/last");
    let range = |query: &str| format!("{data}/partitions/0/range?{query}");
    let malformed = "Authorization header malformed. Should be of form \"token authKey\".";
    let body = "No request body or invalid request body.";
    let table = [
        ("POST", format!("{data}?ts=x"), "token w", "{}", 400, "Invalid timestamp: x"),
        ("POST", format!("{data}?ttl=x"), "token w", "{}", 400, "Invalid ttl: x"),
        ("POST", data.to_owned(), "token w", "", 400, body),
        (
            "POST",
            data.to_owned(),
            "token w",
            "{",
            400,
            "No request body or invalid request body. (the JSON ends too early at byte 1)",
        ),
        ("POST", data.to_owned(), "w", "{}", 400, malformed),
        ("POST", data.to_owned(), "doken w", "{}", 400, malformed),
        ("POST", data.to_owned(), "", "{}", 401, "Request failed."),
        ("POST", data.to_owned(), "token wrong", "{}", 401, "Request failed."),
        ("POST", data.to_owned(), "token r", "{}", 403, "Authentication failed."),
        ("POST", "/api/v1/streams/gone/data".to_owned(), "token w", "{}", 404, "Stream gone not found."),
        ("GET", last.clone(), "", "", 401, "Request failed."),
        ("GET", last.clone(), "token wrong", "", 401, "Request failed."),
        ("GET", last.clone(), "token w", "", 403, "Authentication failed."),
        ("GET", last.clone(), "r", "", 400, malformed),
        ("GET", "/api/v1/streams/gone/data/partitions/0/last".to_owned(), "token r", "", 404, "Stream gone not found."),
        ("GET", format!("{data}/partitions/1/last"), "token r", "", 404, "Partition 1 of stream messages not found."),
        (
            "GET",
            format!("{data}/partitions/zero/last"),
            "token r",
            "",
            400,
            "Path parameter \"partition\" not a number: zero",
        ),
        (
            "GET",
            format!("{last}?count=sixsixsix"),
            "token r",
            "",
            400,
            "Query parameter \"count\" not a number: sixsixsix",
        ),
        (
            "GET",
            format!("{last}?wrapper=xml"),
            "token r",
            "",
            400,
            "Invalid value for query parameter \"wrapper\": xml",
        ),
        ("GET", range(""), "token r", "", 400, "Query parameter \"fromOffset\" or \"fromTimestamp\" required."),
        ("GET", range("fromOffset=x"), "token r", "", 400, "Query parameter \"fromOffset\" not a number: x"),
        (
            "GET",
            range("fromOffset=1&fromTimestamp=1"),
            "token r",
            "",
            400,
            "Query parameters \"fromOffset\" and \"fromTimestamp\" cannot be used simultaneously.",
        ),
        (
            "GET",
            range("fromOffset=1&toOffset=1&toTimestamp=1"),
            "token r",
            "",
            400,
            "Query parameters \"toOffset\" and \"toTimestamp\" cannot be used simultaneously.",
        ),
        (
            "GET",
            range("fromOffset=1&toTimestamp=1"),
            "token r",
            "",
            400,
            "Using query parameters \"fromOffset\" and \"toTimestamp\" together is not yet supported.",
        ),
        (
            "GET",
            range("fromTimestamp=1&toOffset=1"),
            "token r",
            "",
            400,
            "Using query parameters \"fromTimestamp\" and \"toOffset\" together is not yet supported.",
        ),
        ("GET", "/api/v1/streams/messages".to_owned(), "", "", 401, "Request failed."),
        ("DELETE", "/api/v1/streams/messages".to_owned(), "token w", "", 403, "Authentication failed."),
        ("POST", "/api/v1/streams".to_owned(), "token w", "{\"id\":\"x\"}", 403, "Authentication failed."),
        ("POST", "/api/v1/streams".to_owned(), "", "{\"id\":\"x\"}", 401, "Request failed."),
        ("GET", "/api/v1/streams".to_owned(), "token wrong", "", 401, "Request failed."),
        ("POST", "/api/v1/login/apikey".to_owned(), "", "{\"apiKey\":\"wrong\"}", 403, "Authentication failed."),
        ("POST", "/api/v1/login/apikey".to_owned(), "", "{}", 400, "Login request is missing the \"apiKey\""),
    ];
    for (method, path, authorization, body, status, error) in table {
        let answer = request(&appliance, method, &path, authorization, body);
        assert_eq!(answer, (status, json!({ "error": error })), "{method} {path} {authorization}");
    }
    assert_eq!(request(&appliance, "GET", &last, "token r", ""), (200, json!([])), "nothing was stored");
}
