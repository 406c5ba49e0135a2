//! The four feeds, chunk by chunk.

use serde_json::{Value, json};

use crate::{
    common::Appliance,
    couch::{
        DB, HASH_OF_EMPTY, ask, ask_with, body, chunk, chunks, doc, foreign, get, publish, row, short, token,
        tombstone, with,
    },
};

fn line(seq: u64, id: &str) -> String {
    format!("{{\"seq\":\"{seq}\",\"id\":\"{id}\",\"changes\":[{{\"rev\":\"{seq}-{HASH_OF_EMPTY}\"}}]}}\n")
}

fn block(seq: u64, id: &str) -> String {
    format!("data: {}id: \"{seq}\"\n\n", line(seq, id))
}

fn last(seq: u64, pending: u64) -> String {
    format!("{{\"last_seq\":\"{seq}\",\"pending\":{pending}}}\n")
}

fn end_of_object(seq: u64, pending: u64) -> String {
    format!("\n],\n\"last_seq\":\"{seq}\",\"pending\":{pending}}}\n")
}

#[test]
fn an_empty_database() {
    let appliance = with(&[]);
    assert_eq!(body(&appliance, ""), format!("{{\"results\":[\n{}\n", end_of_object(0, 0)));
    let mut waiting = ask(&appliance, "feed=longpoll&timeout=200");
    assert_eq!(waiting.head().status, 200);
    assert_eq!(chunks(&mut waiting), ["{\"results\":[\n", "\n", &end_of_object(0, 0), "\n"]);
    let mut feed = ask(&appliance, "feed=continuous&timeout=200");
    assert_eq!(feed.head().status, 200);
    assert_eq!(chunks(&mut feed), ["\n", &last(0, 0), "\n"]);
    assert!(feed.at_end());
}

/// The captured rows of `t1`, with its revisions.
#[test]
fn a_row_a_line() {
    let appliance = with(&[
        doc("a", "1-731bef401491606a3b246ed178e697c1", &json!({ "n": 1 })),
        doc("b", "1-1111bef401491606a3b246ed178e697c", &json!({})),
        doc("c", "1-2acff5ec499bf1cf4a478896765b824e", &json!({ "n": 3 })),
        tombstone("b", "2-6b4cac76d0f72a9035d0e6b20c710a24"),
    ]);
    let rows = "{\"seq\":\"1\",\"id\":\"a\",\"changes\":[{\"rev\":\"1-731bef401491606a3b246ed178e697c1\"}]},\r\n\
         {\"seq\":\"3\",\"id\":\"c\",\"changes\":[{\"rev\":\"1-2acff5ec499bf1cf4a478896765b824e\"}]},\r\n\
         {\"seq\":\"4\",\"id\":\"b\",\"changes\":[{\"rev\":\"2-6b4cac76d0f72a9035d0e6b20c710a24\"}],\"deleted\":true}";
    let mut normal = ask(&appliance, "");
    let head = normal.head();
    assert_eq!(head.header("Content-Type"), Some("application/json"));
    assert_eq!(head.header("Cache-Control"), Some("must-revalidate"));
    assert_eq!(head.header("Transfer-Encoding"), Some("chunked"));
    assert_eq!(head.header("X-CouchDB-Body-Time"), Some("0"));
    assert_eq!(head.header("X-Couch-Request-ID").map(str::len), Some(10));
    assert!(head.header("ETag").is_some() && head.header("Connection").is_none());
    assert_eq!(chunks(&mut normal), ["{\"results\":[\n", &format!("{rows}{}", end_of_object(4, 0)), "\n"]);
    let docs = body(&appliance, "include_docs=true&since=0");
    assert!(docs.contains(
        "\"deleted\":true,\"doc\":{\"_id\":\"b\",\"_rev\":\"2-6b4cac76d0f72a9035d0e6b20c710a24\",\"_deleted\":true}}\n"
    ));
    assert!(docs.contains("\"doc\":{\"_id\":\"a\",\"_rev\":\"1-731bef401491606a3b246ed178e697c1\",\"n\":1}},\r\n"));
}

#[test]
fn every_update_is_shown_live_and_the_latest_afterwards() {
    let appliance = with(&[]);
    let mut feed = ask(&appliance, "feed=continuous");
    let mut docs = ask(&appliance, "feed=eventsource&include_docs=true");
    assert_eq!((feed.head().status, docs.head().status), (200, 200));
    assert_eq!((chunk(&mut feed), chunk(&mut docs)), ("\n".into(), "\n".into()));
    for n in 1..=200 {
        publish(&appliance, &[json!({ "kind": "put", "key": "x", "body": { "n": n } })]);
    }
    for n in 1..=200 {
        let row: Value = serde_json::from_str(&row(&mut feed)).unwrap();
        assert_eq!((&row["seq"], &row["id"]), (&json!(n.to_string()), &json!("x")));
        let block = crate::couch::row(&mut docs);
        assert!(block.contains(&format!("\"n\":{n}}}}}\nid: \"{n}\"\n\n")), "{block}");
    }
    let afterwards = get(&appliance, "").json();
    assert_eq!(afterwards["results"].as_array().unwrap().len(), 1);
    assert!(afterwards["last_seq"].as_str().unwrap().starts_with("200-"));
    // Those who come later catch up with what is left, and see everything from then on.
    let mut late = ask(&appliance, "feed=continuous");
    late.head();
    assert!(row(&mut late).starts_with("{\"seq\":\"200\""));
    publish(&appliance, &foreign(["x", "x"]));
    assert_eq!((row(&mut late), row(&mut late)), (line(201, "x"), line(202, "x")));
}

#[test]
fn event_source_in_both_wordings() {
    let appliance = with(&foreign(["a"]));
    let mut couch = ask(&appliance, "feed=eventsource");
    let head = couch.head();
    assert_eq!(head.header("Content-Type"), Some("text/event-stream"));
    assert_eq!(head.header("Cache-Control"), Some("no-cache"));
    assert_eq!(chunk(&mut couch), block(1, "a"));
    let mut spec = ask(&appliance, "feed=eventsource&sse=asyncapi");
    spec.head();
    let seq = token(&appliance, 1);
    let bare = String::from_utf8(spec.chunk().unwrap()).unwrap();
    assert!(bare.starts_with(&format!("event: change\nid: {seq}\ndata: {{\"seq\":\"{seq}\"")), "{bare}");
    publish(&appliance, &foreign(["b"]));
    assert_eq!(chunk(&mut couch), block(2, "b"));
    assert!(chunk(&mut spec).starts_with("event: change\nid: 2-"));
}

#[test]
fn event_source_reconnects_behind_what_it_had() {
    let appliance = with(&foreign(["a", "b", "c"]));
    let second = token(&appliance, 2);
    for sent in [second.clone(), format!("\"{second}\"")] {
        let mut feed = ask_with(&appliance, "feed=eventsource&since=0", &format!("Last-Event-ID: {sent}\r\n"));
        feed.head();
        assert_eq!(chunk(&mut feed), block(3, "c"), "{sent}");
        // For other feeds the header means nothing.
        let mut feed = ask_with(&appliance, "feed=continuous", &format!("Last-Event-ID: {sent}\r\n"));
        feed.head();
        assert_eq!(chunk(&mut feed), line(1, "a"));
    }
    assert_eq!(body(&appliance, &format!("since=0&last-event-id={second}")).matches("\"id\"").count(), 1);
    assert_eq!(body(&appliance, &format!("last-event-id={second}&since=0")).matches("\"id\"").count(), 3);
}

#[test]
fn heartbeats_are_chunks_of_their_own() {
    let appliance = with(&foreign(["a"]));
    let cases = [
        ("feed=continuous&since=now", "\n", "\n"),
        ("feed=continuous&since=now&include_docs=true&conflicts=true", "\n", "\n"),
        ("feed=eventsource&since=now", "\n", "event: heartbeat\ndata: \n\n"),
        ("feed=eventsource&since=now&sse=asyncapi", "\n", ": heartbeat\n\n"),
        ("feed=eventsource&since=now&seq_interval=7", "\n", "event: heartbeat\ndata: \n\n"),
    ];
    let mut feeds: Vec<_> = cases
        .into_iter()
        .map(|(query, first, beat)| {
            let mut feed = ask(&appliance, &format!("{query}&heartbeat=100&timeout=1"));
            feed.head();
            assert_eq!(chunk(&mut feed), first, "{query}");
            for _ in 0..3 {
                assert_eq!(chunk(&mut feed), beat, "{query}");
            }
            (query, feed)
        })
        .collect();
    publish(&appliance, &foreign(["b"]));
    for (query, feed) in &mut feeds {
        assert!(row(feed).contains("\"id\":\"b\""), "{query}");
    }
    let mut poll = ask(&appliance, "feed=longpoll&since=now&heartbeat=100");
    poll.head();
    assert_eq!((chunk(&mut poll), chunk(&mut poll)), ("{\"results\":[\n".into(), "\n".into()));
    assert_eq!((chunk(&mut poll), chunk(&mut poll)), ("\n".into(), "\n".into()));
    publish(&appliance, &foreign(["c"]));
    let rows = row(&mut poll);
    assert_eq!(rows, format!("{}{}", line(3, "c").trim_end(), end_of_object(3, 0)));
}

/// One answer for all who wait, whatever they have waited for before.
#[test]
fn long_polls_are_answered_with_all_there_is() {
    let appliance = with(&foreign(["a"]));
    let answer = |connection: &mut crate::common::raw::Connection| {
        assert_eq!(connection.head().header("Connection"), Some("close"));
        chunks(connection)
    };
    let row = |seq, id| line(seq, id).trim_end().to_owned();
    // What is there already is answered at once, and the connection stays.
    let mut first = ask(&appliance, "feed=longpoll");
    assert_eq!(first.head().header("Connection"), None);
    assert_eq!(chunks(&mut first), ["{\"results\":[\n", &format!("{}{}", row(1, "a"), end_of_object(1, 0)), "\n"]);
    let mut waiting: Vec<_> = (0..20).map(|_| ask(&appliance, "feed=longpoll&since=now")).collect();
    let mut limited = ask(&appliance, "feed=longpoll&since=now&limit=2");
    let mut other = ask(&appliance, "feed=longpoll&since=now&style=all_docs&include_docs=true");
    crate::common::eventually("all wait", || appliance.running().subscribers() == 22);
    publish(&appliance, &foreign(["b", "c", "d"]));
    let rows = format!("{},\r\n{},\r\n{}{}", row(2, "b"), row(3, "c"), row(4, "d"), end_of_object(4, 0));
    for connection in &mut waiting {
        assert_eq!(answer(connection), ["{\"results\":[\n", "\n", "\n", &rows, "\n"]);
        assert!(connection.at_end());
    }
    let rows = format!("{},\r\n{}{}", row(2, "b"), row(3, "c"), end_of_object(3, 1));
    assert_eq!(answer(&mut limited), ["{\"results\":[\n", "\n", "\n", &rows, "\n"]);
    assert!(answer(&mut other)[3].contains("\"doc\":{\"_id\":\"b\""));
}

/// Every event reaches a client that polls again and again, whenever it comes.
#[test]
fn polling_loses_nothing() {
    let appliance = with(&[]);
    const EVENTS: u64 = 300;
    std::thread::scope(|scope| {
        for query in ["feed=longpoll", "feed=longpoll&limit=3", "feed=longpoll&include_docs=true&heartbeat=1000"] {
            let appliance: &Appliance = &appliance;
            scope.spawn(move || {
                let (mut since, mut seen) = ("0".to_owned(), Vec::new());
                while seen.len() < EVENTS as usize {
                    let answer = get(appliance, &format!("{query}&since={since}")).json();
                    since = answer["last_seq"].as_str().unwrap().to_owned();
                    let ids = answer["results"].as_array().unwrap().iter();
                    seen.extend(ids.map(|row| row["id"].as_str().unwrap().to_owned()));
                }
                let expected: Vec<String> = (1..=EVENTS).map(|n| format!("d{n}")).collect();
                assert_eq!(seen, expected, "{query}");
            });
        }
        for n in 1..=EVENTS {
            publish(&appliance, &foreign([format!("d{n}")]));
        }
    });
}

/// Beyond a thousand rows, objects come from frames.
#[test]
fn large_answers() {
    let appliance = with(&[]);
    let ids: Vec<String> = (0..3_000).map(|n| format!("d{}", n % 2_000)).collect();
    publish(&appliance, &foreign(&ids));
    for query in ["", "feed=longpoll", "include_docs=true", "style=all_docs"] {
        let mut connection = ask(&appliance, query);
        assert_eq!(connection.head().header("Connection"), Some("close"), "{query}");
        let chunks = chunks(&mut connection);
        let text = chunks.concat();
        let whole: Value = serde_json::from_str(&text).unwrap();
        let rows = whole["results"].as_array().unwrap();
        let seqs: Vec<u64> = rows.iter().map(|row| row["seq"].as_str().unwrap().parse().unwrap()).collect();
        let latest: Vec<u64> = (1_001..=3_000).collect();
        assert_eq!(seqs, latest, "{query}");
        assert_eq!((&whole["last_seq"], &whole["pending"]), (&json!("3000"), &json!(0)));
        // A row a line, each with its separator at the end.
        assert_eq!(text.lines().filter(|line| line.starts_with("{\"seq\":")).count(), 2_000);
        assert_eq!((chunks[0].as_str(), chunks.last().unwrap().as_str()), ("{\"results\":[\n", "\n"));
        assert!(connection.at_end());
    }
    let since = token(&appliance, 2_990);
    assert_eq!(body(&appliance, &format!("since={since}")).matches("\"id\"").count(), 10);
}

/// Rows between superseded ones go out many at a time, to readers of any speed.
#[test]
fn rows_between_superseded_ones() {
    let appliance = with(&[]);
    let text = "x".repeat(700);
    let write = |n: u64| json!({ "kind": "put", "key": format!("d{n}"), "body": { "text": text } });
    for from in (0..20_000).step_by(1_000) {
        publish(&appliance, &(from..from + 1_000).map(write).collect::<Vec<_>>());
    }
    publish(&appliance, &(0..20_000).filter(|n| n % 3 == 0).map(write).collect::<Vec<_>>());
    let latest: Vec<u64> = (0..20_000).filter(|n| n % 3 > 0).map(|n| n + 1).chain(20_001..=26_667).collect();
    for query in ["include_docs=true", "feed=continuous&include_docs=true", "feed=continuous"] {
        let mut connection = crate::common::raw::Connection::on(crate::common::connect_narrow(appliance.address));
        connection.send(format!("GET /{DB}/_changes?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(connection.head().status, 200);
        let mut seqs = Vec::new();
        while seqs.len() < latest.len() {
            let chunk = short(&String::from_utf8(connection.chunk().unwrap()).unwrap());
            if let Some((_, row)) = chunk.split_once("{\"seq\":\"") {
                seqs.push(row.split('"').next().unwrap().parse::<u64>().unwrap());
            }
        }
        assert_eq!(seqs, latest, "{query}");
    }
}

#[test]
fn the_wording_of_a_database() {
    let appliance = Appliance::start();
    let options = r#"{"dialects":{"couchdb":{"db":"a/b","sse":"asyncapi"}}}"#;
    assert_eq!(appliance.put("/v1/feeds/f", options).0, 201);
    assert_eq!(appliance.publish("f", "{\"kind\":\"put\",\"key\":\"k\",\"body\":{}}").0, 200);
    let open = |query: &str| {
        let mut connection = crate::common::raw::Connection::open(appliance.address);
        connection.send(format!("GET /a%2Fb/_changes?feed=eventsource&{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(connection.head().status, 200);
        chunk(&mut connection)
    };
    assert!(open("").starts_with("event: change\n"));
    assert!(open("sse=couchdb").starts_with("data: {"));
    assert!(open("sse=asyncapi").starts_with("event: change\n"));
}
