//! Selectors: from frames, live, and one encoding for all who ask alike.

use serde_json::{Value, json};

use crate::{
    common::{Appliance, eventually},
    couch::{DB, ask, ask_post, body_post, chunk, chunks, foreign, publish, row, t3, with},
};

const KINDS: [&str; 2] = ["odd", "even"];

fn numbers(from: u64, to: u64) -> Vec<Value> {
    (from..=to)
        .map(|n| json!({ "kind": "put", "key": format!("d{n}"), "body": { "n": n, "kind": KINDS[n as usize % 2] } }))
        .collect()
}

fn selector(selector: &Value) -> String {
    json!({ "selector": selector }).to_string()
}

fn ids(text: &str) -> Vec<String> {
    let whole: Value = serde_json::from_str(text).unwrap();
    whole["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn encodings(appliance: &Appliance) -> Vec<String> {
    let feed = appliance.get(&format!("/v1/feeds/{DB}")).1;
    let names = feed["encodings"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("couchdb-continuous-")).collect();
    names.sort_unstable();
    names
}

#[test]
fn what_matches() {
    let appliance = with(&numbers(1, 9));
    let big = selector(&json!({ "n": { "$gt": 7 } }));
    assert_eq!(ids(&body_post(&appliance, "filter=_selector", &big)), ["d8", "d9"]);
    let last = body_post(&appliance, "filter=_selector&limit=1", &big);
    assert!(last.ends_with("\"last_seq\":\"8\",\"pending\":1}\n\n"), "{last}");
    let none = body_post(&appliance, "filter=_selector", &selector(&json!({ "n": 70 })));
    assert_eq!(none, "{\"results\":[\n\n],\n\"last_seq\":\"9\",\"pending\":0}\n\n");
    // Only the latest of a document counts.
    publish(&appliance, &[json!({ "kind": "put", "key": "d9", "body": { "n": 0 } })]);
    assert_eq!(ids(&body_post(&appliance, "filter=_selector", &big)), ["d8"]);
    let fields = json!({ "selector": { "n": 8 }, "fields": ["kind", "_id"] }).to_string();
    let shown = body_post(&appliance, "filter=_selector&include_docs=true", &fields);
    assert!(shown.contains(r#","doc":{"kind":"odd","_id":"d8"}}"#), "{shown}");
}

#[test]
fn what_matches_live() {
    let appliance = with(&numbers(1, 3));
    let body = selector(&json!({ "kind": "even" }));
    let mut lines = ask_post(&appliance, "feed=continuous&filter=_selector", &body);
    let mut blocks = ask_post(&appliance, "feed=eventsource&include_docs=true&since=now&filter=_selector", &body);
    let mut poll = ask_post(&appliance, "feed=longpoll&since=now&filter=_selector", &body);
    let mut limited = ask_post(&appliance, "feed=longpoll&since=now&limit=1&include_docs=true&filter=_selector", &body);
    for connection in [&mut lines, &mut blocks, &mut poll, &mut limited] {
        assert_eq!(connection.head().status, 200);
    }
    assert!(row(&mut lines).contains("\"id\":\"d1\"") && row(&mut lines).contains("\"id\":\"d3\""));
    publish(&appliance, &numbers(4, 4));
    publish(&appliance, &numbers(6, 7));
    publish(&appliance, &numbers(9, 9));
    assert!(row(&mut lines).contains("\"seq\":\"6\",\"id\":\"d7\"") && row(&mut lines).contains("\"id\":\"d9\""));
    assert!(
        row(&mut blocks).ends_with("\"n\":7,\"kind\":\"even\"}}\nid: \"6\"\n\n")
            && row(&mut blocks).contains("\"id\":\"d9\"")
    );
    let answer = chunks(&mut poll);
    assert!(answer[3].starts_with("{\"seq\":\"6\",\"id\":\"d7\""), "{answer:?}");
    let answer = chunks(&mut limited);
    assert!(answer[3].contains("\"doc\":{\"_id\":\"d7\"") && answer[3].contains("\"last_seq\":\"6\""), "{answer:?}");
}

#[test]
fn large_answers() {
    let appliance = with(&[]);
    publish(&appliance, &numbers(1, 5_000));
    publish(&appliance, &numbers(1, 1_000));
    let found = ids(&body_post(&appliance, "filter=_selector", &selector(&json!({ "n": { "$mod": [100, 7] } }))));
    let expected: Vec<String> = (10..50).chain(0..10).map(|n| format!("d{}", 100 * n + 7)).collect();
    assert_eq!(found, expected);
    // Nothing matches: the answer is whole, or is waited for.
    let nothing = selector(&json!({ "n": -1 }));
    assert_eq!(
        body_post(&appliance, "filter=_selector", &nothing),
        "{\"results\":[\n\n],\n\"last_seq\":\"6000\",\"pending\":0}\n\n"
    );
    let mut poll = ask_post(&appliance, "feed=longpoll&filter=_selector", &nothing);
    poll.head();
    assert_eq!((chunk(&mut poll), chunk(&mut poll)), ("{\"results\":[\n".into(), "\n".into()));
    publish(&appliance, &numbers(1, 1));
    publish(&appliance, &[json!({ "kind": "put", "key": "minus", "body": { "n": -1 } })]);
    assert!(row(&mut poll).starts_with("{\"seq\":\"6002\",\"id\":\"minus\""));
}

/// Ten different selectors, spelled differently too, make ten encodings, however many follow them.
#[test]
fn equal_selectors_share_an_encoding() {
    let appliance = with(&numbers(1, 1));
    let mut feeds = Vec::new();
    for n in 0..60 {
        let body = match n % 3 {
            0 => json!({ "selector": { "n": n % 10, "kind": "even" } }),
            1 => json!({ "selector": { "$and": [{ "kind": { "$eq": "even" } }, { "n": n % 10 }] } }),
            _ => json!({ "selector": { "kind": "even", "n": { "$eq": n % 10 } } }),
        };
        let mut feed = ask_post(&appliance, "feed=continuous&since=now&filter=_selector", &body.to_string());
        feed.head();
        feeds.push((n % 10, feed));
    }
    assert_eq!(encodings(&appliance).len(), 10);
    publish(&appliance, &numbers(0, 9));
    for (n, feed) in &mut feeds {
        if *n % 2 == 1 {
            assert!(row(feed).contains(&format!("\"id\":\"d{n}\"")));
        }
    }
}

#[test]
fn there_is_an_end_to_different_selectors() {
    let appliance = Appliance::start_with(|config| {
        config.couchdb.filters_max = 2;
        config.storage.frame_idle_ms = 1_000;
    });
    let open = |n: u64| {
        let mut feed =
            ask_post(&appliance, "feed=continuous&since=now&filter=_selector", &selector(&json!({ "n": n })));
        (feed.head(), feed)
    };
    let (first, second) = (open(1), open(2));
    assert_eq!((first.0.status, second.0.status), (200, 200));
    let mut refused = open(3);
    assert_eq!((refused.0.status, refused.0.header("Retry-After")), (503, Some("5")));
    let length: usize = refused.0.header("Content-Length").unwrap().parse().unwrap();
    let body = String::from_utf8(refused.1.take(length)).unwrap();
    assert!(body.contains("couchdb.filters_max"), "{body}");
    // Others who want the same are welcome, and what nobody follows makes room.
    let again = open(1);
    assert_eq!(again.0.status, 200);
    drop(second);
    eventually("there is room", || open(3).0.status == 200);
}

/// Every leaf is looked at, and those that match are listed; the document is the winner's.
#[test]
fn leaf_by_leaf() {
    let appliance = with(&t3());
    let matching =
        body_post(&appliance, "filter=_selector&style=all_docs&include_docs=true", &selector(&json!({ "v": 2 })));
    assert!(
        matching
            .contains(r#"{"seq":"1","id":"cf","changes":[{"rev":"2-ccc2"}],"doc":{"_id":"cf","_rev":"2-ccc2","v":2}}"#),
        "{matching}"
    );
    assert_eq!(ids(&body_post(&appliance, "filter=_selector&style=all_docs", &selector(&json!({ "k": 1 })))), ["att"]);
}

/// Deletions keep nothing that could match, save that they are deletions.
#[test]
fn deletions() {
    let appliance = with(&numbers(1, 2));
    publish(&appliance, &[json!({ "kind": "delete", "key": "d1" })]);
    assert_eq!(ids(&body_post(&appliance, "filter=_selector", &selector(&json!({ "n": { "$gt": 0 } })))), ["d2"]);
    assert_eq!(ids(&body_post(&appliance, "filter=_selector", &selector(&json!({ "_deleted": true })))), ["d1"]);
}

/// A filter that is not there costs nothing.
#[test]
fn an_empty_filter_is_none() {
    let appliance = with(&foreign(["a"]));
    let mut feed = ask(&appliance, "feed=continuous&filter=");
    feed.head();
    assert!(row(&mut feed).contains("\"id\":\"a\""));
    assert!(encodings(&appliance).is_empty());
}
