//! What has left the window.

use serde_json::{Value, json};
use tailwater::config::Retention;

use crate::{
    client::{Client, with},
    common::{Appliance, eventually},
    frames::{DATA, END_STREAM, GO, Http2},
};

fn small() -> (Appliance, Client) {
    with(|config| {
        for feed in config.feeds.iter_mut().filter(|feed| feed.fauna.is_some()) {
            feed.retention = Retention { age_ms: None, bytes: Some(1 << 20) };
            feed.segment_bytes_max = 1 << 20;
        }
    })
}

fn fill(client: &Client) {
    let text = "x".repeat(12_000);
    let query = json!({
        "query": { "fql": ["Set.sequence(0, 500).forEach(n => A.create({ t: t }))"] }, "arguments": { "t": text }
    });
    assert_eq!(client.call("POST", "/query/1", query.to_string()).status, 200);
}

#[test]
fn a_start_too_far_in_the_past_is_an_error_event() {
    let (appliance, client) = small();
    client.ok("A.create({ id: '1', n: 1 })");
    let token = client.token("A.all().eventSource()");
    let status = client.stream(&token).status;
    let has_moved = || {
        fill(&client);
        appliance.get("/v1/feeds/documents").1["first_seq"].as_u64() > Some(50)
            && client.page(json!({ "token": token }))["events"][0]["type"] == "error"
    };
    eventually("the window moves", has_moved);
    let started = status["txn_ts"].clone();
    for body in [
        json!({ "token": token }),
        json!({ "token": token, "cursor": status["cursor"] }),
        json!({ "token": token, "start_ts": started }),
    ] {
        let mut stream = client.stream_with(body.clone());
        let error = stream.next();
        assert_eq!(error["error"]["code"], "invalid_stream_start_time", "{body}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("Stream start time 20"), "{message}");
        assert!(message.ends_with("Z is too far in the past. Recreate the stream and try again."), "{message}");
        assert!(stream.has_ended());
        let mut http2 = Http2::open(client.address);
        let over_http2 = http2.request("POST", "/stream/1", GO, body.to_string().as_bytes());
        assert!(http2.is_ok(over_http2));
        assert_eq!(http2.event(over_http2)["type"], "status");
        assert_eq!(http2.event(over_http2), error);
        let end = http2.of_stream(over_http2);
        assert_eq!((end.kind, end.flags & END_STREAM, end.payload.len()), (DATA, END_STREAM, 0));
        let page = client.page(body);
        assert_eq!((page["events"].as_array().unwrap().len(), &page["has_next"]), (1, &json!(false)));
        assert_eq!(page["events"][0]["error"], error["error"]);
    }
    // What has left the window is gone; collections stay.
    assert_eq!(client.ok("A.byId('1').exists()"), json!(false));
    client.ok("B.create({ n: 1 })");
    client.stream(&client.token("A.all().eventSource()"));
}

/// Over HTTP/2 the windows of a reader hold it up, and meanwhile what it has not read is dropped.
#[test]
fn a_stream_over_http2_that_is_left_behind() {
    let (appliance, client) = small();
    let request = json!({ "token": client.token("A.all().eventSource()") }).to_string();
    let mut http2 = Http2::open(client.address);
    let stream = http2.request("POST", "/stream/1", GO, request.as_bytes());
    assert!(http2.is_ok(stream));
    assert_eq!(http2.event(stream)["type"], "status");
    let has_moved = || {
        fill(&client);
        appliance.get("/v1/feeds/documents").1["first_seq"].as_u64() > Some(2_000)
            && client.page(serde_json::from_str(&request).unwrap())["events"][0]["type"] == "error"
    };
    eventually("the window moves", has_moved);
    // An event is split for a window that stays too small for it; what is read makes it larger.
    let rest = String::from_utf8(http2.body(stream)).unwrap();
    let events: Vec<Value> = rest.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (error, shown) = events.split_last().unwrap();
    assert!(shown.iter().all(|event| event["type"] == "add"), "nothing but the last is an error");
    let message = "Too many events to replay. Recreate the stream and try again.";
    assert_eq!(error["error"], json!({ "code": "stream_replay_volume_exceeded", "message": message }));
}
