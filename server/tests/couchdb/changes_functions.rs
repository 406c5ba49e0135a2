//! Filters that are JavaScript.

use serde_json::{Value, json};

use crate::{
    common::{Appliance, eventually},
    couch::{ask, ask_post, body, chunk, chunks, doc, foreign, get, publish, row, t3, with},
};

fn design(functions: Value) -> Value {
    doc("_design/d", "1-967a00dff5e02add41819138abb3284d", &functions)
}

fn numbers(from: u64, to: u64) -> Vec<Value> {
    (from..=to).map(|n| json!({ "kind": "put", "key": format!("n{n}"), "body": { "n": n } })).collect()
}

fn ids(text: &str) -> Vec<String> {
    let whole: Value = serde_json::from_str(text).unwrap();
    whole["results"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// The captured answers of the database `t3`.
#[test]
fn captured_answers() {
    let appliance = with(&t3());
    let empty = "{\"results\":[\n\n],\n\"last_seq\":\"3\",\"pending\":0}\n\n";
    assert_eq!(body(&appliance, "filter=f/odd"), empty);
    assert_eq!(ids(&body(&appliance, "filter=f/odd&all=1")), ["cf", "att", "_design/f"]);
    assert_eq!(
        body(&appliance, "filter=_view&view=f/k"),
        "{\"results\":[\n{\"seq\":\"2\",\"id\":\"att\",\"changes\":[{\"rev\":\"1-dd70e172b0089d96e206aa7e181d9382\"}]}\n],\n\
         \"last_seq\":\"3\",\"pending\":0}\n\n"
    );
    let refused = |query: &str| {
        let answer = get(&appliance, query);
        (answer.status, answer.json()["error"].clone(), answer.json()["reason"].as_str().unwrap().to_owned())
    };
    assert_eq!(refused("filter=f/nosuch"), (404, json!("not_found"), "missing json key: nosuch".into()));
    assert_eq!(refused("filter=_view&view=f/odd"), (404, json!("not_found"), "missing json key: odd".into()));
    assert_eq!(refused("filter=g/odd"), (404, json!("not_found"), "missing".into()));
    let (status, error, reason) = refused("filter=f/boom");
    assert_eq!((status, error), (500, json!("error")));
    assert_eq!(reason, r#"f/boom threw for the document "cf": {"forbidden":"x"}"#);
    for feed in ["continuous", "longpoll", "eventsource"] {
        assert_eq!(refused(&format!("filter=f/boom&feed={feed}")).0, 500, "{feed}");
    }
}

#[test]
fn what_passes_live_and_afterwards() {
    let appliance = with(&[design(
        json!({ "filters": { "third": "function(doc, req) { return doc.n % 3 == req.query.rest; }" } }),
    )]);
    publish(&appliance, &numbers(1, 10));
    let query = "filter=d/third&rest=0";
    assert_eq!(ids(&body(&appliance, query)), ["n3", "n6", "n9"]);
    assert_eq!(ids(&body(&appliance, &format!("{query}&descending=true&limit=2"))), ["n9", "n6"]);
    let mut lines = ask(&appliance, &format!("feed=continuous&{query}"));
    let mut blocks = ask(&appliance, &format!("feed=eventsource&since=now&include_docs=true&{query}"));
    let mut poll = ask(&appliance, &format!("feed=longpoll&since=now&{query}"));
    let mut limited = ask(&appliance, &format!("feed=continuous&limit=4&{query}"));
    let mut other = ask(&appliance, "feed=continuous&since=now&filter=d/third&rest=1");
    for connection in [&mut lines, &mut blocks, &mut poll, &mut limited, &mut other] {
        assert_eq!(connection.head().status, 200);
    }
    for id in ["n3", "n6", "n9"] {
        assert!(row(&mut lines).contains(&format!("\"id\":\"{id}\"")));
    }
    assert!(row(&mut limited).matches("\"seq\":").count() == 3);
    publish(&appliance, &numbers(11, 11));
    // An update that is superseded at once is seen by all who are there.
    publish(&appliance, &[numbers(12, 12), numbers(12, 13)].concat());
    assert!(row(&mut lines).contains("\"seq\":\"13\",\"id\":\"n12\"") && row(&mut lines).contains("\"seq\":\"14\""));
    assert!(row(&mut blocks).contains("\"n\":12}}\nid: \"13\"\n"));
    let answer = chunks(&mut poll);
    assert!(answer.concat().contains("{\"seq\":\"13\",\"id\":\"n12\""), "{answer:?}");
    let limited = row(&mut limited);
    assert!(limited.contains("\"seq\":\"13\"") && limited.contains("{\"last_seq\":\"13\",\"pending\":"), "{limited}");
    assert!(row(&mut other).contains("\"id\":\"n13\""));
    assert_eq!(ids(&body(&appliance, query)), ["n3", "n6", "n9", "n12"]);
}

/// The functions run once for each event, whoever asks, and whoever comes later.
#[test]
fn equal_functions_are_run_once() {
    // It passes every document once, and never again.
    let once = "function(doc) { var seen = this.seen = this.seen || {}; var is_new = !seen[doc._id]; seen[doc._id] = true; return is_new; }";
    let appliance = with(&[design(json!({ "filters": { "once": once } }))]);
    publish(&appliance, &numbers(1, 20));
    let mut feeds: Vec<_> =
        (0..20).map(|_| ask(&appliance, "feed=continuous&filter=d/once&heartbeat=50000&a=1&b=2")).collect();
    feeds.iter_mut().for_each(|feed| assert_eq!(feed.head().status, 200));
    publish(&appliance, &numbers(21, 22));
    for feed in &mut feeds {
        let mut got = String::new();
        while got.matches("\"seq\":").count() < 23 {
            got += &row(feed);
        }
    }
    assert_eq!(ids(&body(&appliance, "b=2&filter=d/once&a=1")).len(), 23);
    assert_eq!(ids(&body(&appliance, "b=2&filter=d/once&a=1&limit=30&since=0")).len(), 23);
}

#[test]
fn whole_answers_through_a_function() {
    let appliance = with(&[design(
        json!({ "filters": { "rare": "function(doc) { return doc.n % 1000 == 1; }", "none": "function() {}" } }),
    )]);
    publish(&appliance, &numbers(1, 5_000));
    publish(&appliance, &numbers(1, 1));
    assert_eq!(ids(&body(&appliance, "filter=d/rare")), ["n1001", "n2001", "n3001", "n4001", "n1"]);
    assert_eq!(body(&appliance, "filter=d/none"), "{\"results\":[\n\n],\n\"last_seq\":\"5002\",\"pending\":0}\n\n");
    let mut poll = ask(&appliance, "feed=longpoll&filter=d/rare&include_docs=true");
    poll.head();
    assert_eq!(chunks(&mut poll).concat().matches("\"doc\":").count(), 5);
    let mut waiting = ask(&appliance, "feed=longpoll&filter=d/none&timeout=300");
    waiting.head();
    assert!(chunks(&mut waiting).concat().ends_with("\n],\n\"last_seq\":\"5002\",\"pending\":0}\n\n"));
}

#[test]
fn a_changed_function_is_another() {
    let appliance = with(&[design(json!({ "filters": { "f": "function(doc) { return doc.n == 1; }" } }))]);
    publish(&appliance, &numbers(1, 2));
    let mut old = ask(&appliance, "feed=continuous&filter=d/f");
    old.head();
    assert!(row(&mut old).contains("\"id\":\"n1\""));
    publish(
        &appliance,
        &[doc("_design/d", "2-abc", &json!({ "filters": { "f": "function(doc) { return doc.n == 2; }" } }))],
    );
    assert_eq!(ids(&body(&appliance, "filter=d/f")), ["n2"]);
    publish(&appliance, &numbers(1, 2));
    assert!(row(&mut old).contains("\"seq\":\"5\",\"id\":\"n1\""));
    publish(&appliance, &[crate::couch::tombstone("_design/d", "3-abc")]);
    assert_eq!(get(&appliance, "filter=d/f").json()["reason"], "deleted");
}

/// A function that goes on for ever, or that takes all the memory there is, is stopped, and others are not kept from running.
#[test]
fn limits() {
    let appliance = Appliance::start_with(|config| {
        config.couchdb.filter_time_ms_max = 200;
        config.couchdb.filter_memory_bytes_max = 8 << 20;
    });
    let functions = json!({ "filters": {
        "loops": "function(doc) { if (doc.n == 3) for (;;) {} return true; }",
        "allocates": "function(doc) { var a = []; for (;;) a.push(new Array(1000).fill(1)); }",
        "recurses": "function f(doc) { return f(doc); }",
        "broken": "function(doc {",
        "fine": "function(doc) { return doc.n == 4; }",
    } });
    publish(&appliance, &[design(functions)]);
    publish(&appliance, &numbers(1, 4));
    let refused = |query: &str| {
        let answer = get(&appliance, query);
        (answer.status, answer.json()["error"].as_str().unwrap_or_default().to_owned(), answer.text().to_owned())
    };
    for (name, error, word) in [
        ("loops", "timeout", "couchdb.filter_time_ms_max"),
        ("allocates", "too_much_memory", "couchdb.filter_memory_bytes_max"),
        ("recurses", "error", "Maximum call stack size exceeded"),
        ("broken", "compilation_error", "SyntaxError"),
    ] {
        let (status, code, text) = refused(&format!("filter=d/{name}"));
        assert_eq!((status, code.as_str()), (500, error), "{text}");
        assert!(text.contains(word), "{text}");
        assert_eq!(ids(&body(&appliance, "filter=d/fine")), ["n4"]);
    }
    // Nobody is kept from what lies behind the document that cannot be judged, and who gets there live is told.
    let mut feed = ask(&appliance, "feed=continuous&since=now&filter=d/loops&heartbeat=50000");
    assert_eq!(feed.head().status, 200);
    publish(&appliance, &numbers(5, 5));
    assert!(row(&mut feed).contains("\"id\":\"n5\""));
    publish(&appliance, &numbers(3, 3));
    let last = chunk(&mut feed);
    assert!(last.starts_with("\n{\"code\":500,\"error\":\"timeout\""), "{last}");
    assert!(feed.at_end(), "there is no last chunk");
    // Once the document is another one, everything is as it was.
    publish(&appliance, &[json!({ "kind": "put", "key": "n3", "body": { "n": 30 } })]);
    assert_eq!(ids(&body(&appliance, "filter=d/loops")), ["_design/d", "n1", "n2", "n4", "n5", "n3"]);
}

/// A loop of the engine's own cannot be interrupted: its thread is left to itself, and another one takes over.
#[test]
fn a_function_that_does_not_come_back() {
    let appliance = Appliance::start_with(|config| config.couchdb.filter_time_ms_max = 100);
    let functions = json!({ "filters": {
        "stuck": "function(doc) { return Array.prototype.reverse.call({ length: 4e9 }); }",
        "fine": "function(doc) { return doc.n == 2; }",
    } });
    publish(&appliance, &[design(functions)]);
    publish(&appliance, &numbers(1, 2));
    let mut feed = ask(&appliance, "feed=continuous&filter=d/fine");
    feed.head();
    assert!(row(&mut feed).contains("\"id\":\"n2\""));
    let mut stuck = ask(&appliance, "filter=d/stuck");
    let head = stuck.head();
    // A busy machine takes so long to notice that the answer has begun, and is cut off.
    let said = match head.header("Content-Length") {
        Some(length) => stuck.take(length.parse().unwrap()),
        None => std::iter::from_fn(|| stuck.chunk()).find(|chunk| chunk.starts_with(b"\n{")).unwrap(),
    };
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("\"error\":\"timeout\""), "{}: {said}", head.status);
    publish(&appliance, &[json!({ "kind": "put", "key": "x", "body": { "n": 2 } })]);
    assert!(row(&mut feed).contains("\"id\":\"x\""));
    assert_eq!(ids(&body(&appliance, "filter=d/fine")), ["n2", "x"]);
}

#[test]
fn there_is_an_end_to_different_functions() {
    let appliance = Appliance::start_with(|config| config.couchdb.filters_max = 2);
    publish(&appliance, &[design(json!({ "filters": { "f": "function(doc, req) { return true; }" } }))]);
    let open = |n: u64| {
        let mut feed = ask(&appliance, &format!("feed=continuous&filter=d/f&n={n}"));
        (feed.head().status, feed)
    };
    let (first, second) = (open(1), open(2));
    assert_eq!((first.0, second.0, open(3).0), (200, 200, 503));
    assert_eq!(open(1).0, 200);
    drop(second);
    eventually("there is room", || open(3).0 == 200);
}

/// What a function sees of a request is what does not change from one to the next.
#[test]
fn req() {
    let shows = "function(doc, req) { throw({ query: req.query, method: req.method, path: req.path, body: req.body, \
                 user: req.userCtx, id: req.id }); }";
    let appliance = with(&[design(json!({ "filters": { "shows": shows } }))]);
    let thrown = |answer: crate::common::raw::Answer| -> Value {
        let reason = answer.json()["reason"].as_str().unwrap().to_owned();
        serde_json::from_str(&reason[reason.find('{').unwrap()..]).unwrap()
    };
    let query = "filter=d/shows&since=0&limit=3&Heartbeat=1000&b=2&a=x%20y&style=main_only&b=3&feed=normal";
    assert_eq!(
        thrown(get(&appliance, query)),
        json!({
            "query": { "a": "x y", "b": "3", "filter": "d/shows" },
            "method": "GET",
            "path": ["events", "_changes"],
            "body": "undefined",
            "user": { "db": "events", "name": null, "roles": ["_admin"] },
            "id": null,
        })
    );
    assert_eq!(thrown(ask_post(&appliance, query, "{\"k\":[1]}").answer())["body"], "{\"k\":[1]}");
}

#[test]
fn a_database_that_goes_takes_its_views_along() {
    let appliance = with(&[design(json!({ "filters": { "f": "function(doc) { return false; }" } }))]);
    let mut feed = ask(&appliance, "feed=continuous&filter=d/f");
    let mut poll = ask(&appliance, "feed=longpoll&filter=d/f");
    assert_eq!((feed.head().status, poll.head().status), (200, 200));
    publish(&appliance, &foreign(["a"]));
    assert_eq!(appliance.delete("/v1/feeds/events").0, 200);
    // The function may not have been asked about the last one yet, which is pending then.
    let last = [(1, 1), (2, 0)].map(|(seq, pending)| format!("\"last_seq\":\"{seq}\",\"pending\":{pending}}}\n\n"));
    let (feed, poll) = (chunks(&mut feed).concat(), chunks(&mut poll).concat());
    assert!(last.iter().any(|last| feed.ends_with(&format!("{{{last}"))), "{feed}");
    assert!(last.iter().any(|last| poll.ends_with(&format!("\n],\n{last}"))), "{poll}");
}
