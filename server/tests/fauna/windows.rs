//! What has left the window.

use serde_json::json;
use tailwater::config::Retention;

use crate::{
    client::{Client, with},
    common::{Appliance, eventually},
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
    let text = "x".repeat(60_000);
    let query = json!({
        "query": { "fql": ["Set.sequence(0, 100).forEach(n => A.create({ t: t }))"] }, "arguments": { "t": text }
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
        let page = client.page(body);
        assert_eq!((page["events"].as_array().unwrap().len(), &page["has_next"]), (1, &json!(false)));
        assert_eq!(page["events"][0]["error"], error["error"]);
    }
    // What has left the window is gone; collections stay.
    assert_eq!(client.ok("A.byId('1').exists()"), json!(false));
    client.ok("B.create({ n: 1 })");
    client.stream(&client.token("A.all().eventSource()"));
}
