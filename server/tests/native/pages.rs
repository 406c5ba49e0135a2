//! Pages of events.

use serde_json::{Value, json};

use super::common::Appliance;
use super::feeds::error;

const PAGE: &str = "/v1/feeds/repos/events?format=json";

fn seqs(page: &Value) -> Vec<u64> {
    page["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

fn appliance_with(events: usize) -> Appliance {
    let appliance = Appliance::start();
    let lines: Vec<String> = (1..=events).map(|n| format!(r#"{{"kind":"put","key":"{n}","body":{n}}}"#)).collect();
    assert_eq!(appliance.publish("repos", &lines.join("\n")).0, 200);
    appliance
}

#[test]
fn following_the_cursor_gives_every_event_once() {
    let appliance = appliance_with(250);
    for limit in [1, 7, 100, 250, 10_000] {
        let (mut cursor, mut seen) = (0, Vec::new());
        loop {
            let (status, page) = appliance.get(&format!("{PAGE}&cursor={cursor}&limit={limit}"));
            assert_eq!(status, 200);
            let found = seqs(&page);
            cursor = page["cursor"].as_u64().unwrap();
            if found.is_empty() {
                break;
            }
            assert!(found.len() <= limit && cursor == found.last().unwrap() + 1);
            seen.extend(found);
        }
        assert_eq!((seen, cursor), ((1..=250).collect(), 251), "{limit}");
    }
}

#[test]
fn a_page_without_parameters_holds_the_oldest_hundred() {
    let appliance = appliance_with(150);
    let (_, page) = appliance.get(PAGE);
    assert_eq!((seqs(&page), &page["cursor"]), ((1..=100).collect(), &json!(101)));
    assert_eq!(page["events"][4]["body"], 5);
}

#[test]
fn an_empty_page_keeps_its_cursor() {
    let appliance = Appliance::start();
    assert_eq!(appliance.get(PAGE), (200, json!({"events": [], "cursor": 1})));
    appliance.put("/v1/feeds/late", r#"{"first_seq":50}"#);
    assert_eq!(appliance.get("/v1/feeds/late/events?format=json&cursor=0"), (200, json!({"events": [], "cursor": 50})));
    assert_eq!(
        appliance.get("/v1/feeds/late/events?format=json&cursor=50"),
        (200, json!({"events": [], "cursor": 50}))
    );
}

#[test]
fn gaps_between_seqs_are_no_gaps_between_pages() {
    let appliance = Appliance::start();
    let frames = [5, 90, 91, 1_000].map(|seq| super::common::frame(seq, "x"));
    assert_eq!(appliance.publish_frames("repos", "preserve", &frames).0, 200);
    for (cursor, expected, next) in
        [(0, vec![5, 90], 91), (5, vec![5, 90], 91), (6, vec![90, 91], 92), (92, vec![1_000], 1_001)]
    {
        let (_, page) = appliance.get(&format!("{PAGE}&cursor={cursor}&limit=2"));
        assert_eq!((seqs(&page), &page["cursor"]), (expected, &json!(next)), "{cursor}");
    }
}

#[test]
fn parameters_that_cannot_be() {
    let appliance = appliance_with(1);
    let events = "/v1/feeds/repos/events?";
    for (query, name) in [
        ("format=json&limit=0", "InvalidRequest"),
        ("format=json&limit=10001", "InvalidRequest"),
        ("format=json&limit=ten", "InvalidRequest"),
        ("format=json&limit=5&limit=6", "InvalidRequest"),
        ("format=ndjson&limit=5", "InvalidRequest"),
        ("format=xml", "InvalidRequest"),
        ("format=cbor", "InvalidRequest"),
        ("format=json&cursor=-1", "InvalidCursor"),
        ("format=json&cursor=", "InvalidCursor"),
        ("format=json&cursor=1e3", "InvalidCursor"),
        ("format=json&cursor=9007199254740992", "InvalidCursor"),
        ("format=json&cursor=3", "FutureCursor"),
        ("format=ndjson&cursor=3", "FutureCursor"),
        ("format=sse&cursor=9007199254740991", "FutureCursor"),
    ] {
        let (status, answer) = appliance.get(&format!("{events}{query}"));
        assert_eq!((status, error(&answer)), (400, name), "{query}: {answer}");
    }
    assert_eq!(appliance.get("/v1/feeds/none/events?format=json").1["error"], "FeedNotFound");
}
