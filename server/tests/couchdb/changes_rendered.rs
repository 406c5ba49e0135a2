//! What is made for one request: limits, the way back, intervals, conflicts, ids.

use serde_json::{Value, json};

use crate::{
    common::raw::Connection,
    couch::{DB, HASH_OF_EMPTY, ask, ask_post, body, body_post, chunk, chunks, foreign, get, publish, row, t3, with},
};

fn row_of(seq: &str, id: &str, rev_seq: u64) -> String {
    format!("{{\"seq\":{seq},\"id\":\"{id}\",\"changes\":[{{\"rev\":\"{rev_seq}-{HASH_OF_EMPTY}\"}}]}}")
}

fn object(rows: &[String], seq: u64, pending: u64) -> String {
    format!("{{\"results\":[\n{}\n],\n\"last_seq\":\"{seq}\",\"pending\":{pending}}}\n\n", rows.join(",\r\n"))
}

/// Seqs and ids of rows, the last seq and what is pending.
fn summary(text: &str) -> (Vec<(Value, String)>, String, u64) {
    let whole: Value = serde_json::from_str(text).unwrap();
    let rows = whole["results"].as_array().unwrap().iter();
    let rows = rows.map(|row| (row["seq"].clone(), row["id"].as_str().unwrap().to_owned())).collect();
    (rows, whole["last_seq"].as_str().unwrap().to_owned(), whole["pending"].as_u64().unwrap())
}

#[test]
fn limits_count_rows_and_what_is_left() {
    // Live are 2:b, 4:a, 5:c.
    let appliance = with(&foreign(["a", "b", "a", "a", "c"]));
    let rows = [row_of("\"2\"", "b", 2), row_of("\"4\"", "a", 4), row_of("\"5\"", "c", 5)];
    assert_eq!(body(&appliance, "limit=0"), object(&[], 0, 3));
    assert_eq!(body(&appliance, "limit=1"), object(&rows[..1], 2, 2));
    assert_eq!(body(&appliance, "limit=3"), object(&rows, 5, 0));
    assert_eq!(body(&appliance, "limit=9"), object(&rows, 5, 0));
    assert_eq!(body(&appliance, "limit=0&since=now"), object(&[], 5, 0));
    assert_eq!(body(&appliance, "LIMIT=1&limit=2"), object(&rows[..2], 4, 1));
    let second = get(&appliance, "limit=1").json()["last_seq"].as_str().unwrap().to_owned();
    assert_eq!(body(&appliance, &format!("since={second}&limit=1")), object(&rows[1..2], 4, 1));
    assert_eq!(body(&appliance, &format!("since={second}&limit=0")), object(&[], 2, 2));
    // A feed with a limit ends with its last row.
    let line = |row: &String| format!("{row}\n");
    let ended = |query: &str| {
        let mut feed = ask(&appliance, query);
        assert_eq!(feed.head().status, 200);
        chunks(&mut feed)
    };
    assert_eq!(
        ended("feed=continuous&limit=2&heartbeat=1000"),
        [line(&rows[0]) + &line(&rows[1]) + "{\"last_seq\":\"4\",\"pending\":1}\n", "\n".into()]
    );
    assert_eq!(ended("feed=live&limit=0"), ["{\"last_seq\":\"0\",\"pending\":3}\n", "\n"]);
    assert_eq!(
        ended("feed=longpoll&limit=1"),
        ["{\"results\":[\n", &object(&rows[..1], 2, 2)[13..][..object(&rows[..1], 2, 2).len() - 14], "\n"]
    );
    let blocks = format!("data: {}\nid: \"2\"\n\ndata: {}\nid: \"4\"\n\n", rows[0], rows[1]);
    assert_eq!(ended("feed=eventsource&limit=2"), [blocks, "\n".into()]);
    // Nothing is waited for in vain but with a long poll.
    assert_eq!(
        ended("feed=longpoll&limit=0&timeout=200"),
        ["{\"results\":[\n", "\n", "\n],\n\"last_seq\":\"0\",\"pending\":3}\n", "\n"]
    );
}

#[test]
fn a_limit_is_reached_live() {
    let appliance = with(&foreign(["a"]));
    let mut feed = ask(&appliance, "feed=continuous&limit=3");
    feed.head();
    assert_eq!(chunk(&mut feed), row_of("\"1\"", "a", 1) + "\n");
    publish(&appliance, &foreign(["a"]));
    assert_eq!((chunk(&mut feed), chunk(&mut feed)), ("\n".into(), row_of("\"2\"", "a", 2) + "\n"));
    publish(&appliance, &foreign(["b", "c", "d"]));
    assert_eq!(chunk(&mut feed), "\n");
    assert_eq!(chunk(&mut feed), row_of("\"3\"", "b", 3) + "\n{\"last_seq\":\"3\",\"pending\":2}\n");
    assert_eq!((chunk(&mut feed), feed.chunk()), ("\n".into(), None));
}

#[test]
fn the_way_back() {
    let appliance = with(&foreign(["a", "b", "a", "c"]));
    let rows = [row_of("\"4\"", "c", 4), row_of("\"3\"", "a", 3), row_of("\"2\"", "b", 2)];
    assert_eq!(body(&appliance, "descending=true"), object(&rows, 2, 0));
    // Where it would start does not matter.
    assert_eq!(body(&appliance, "descending=true&since=now"), object(&rows, 2, 0));
    assert_eq!(body(&appliance, "descending=true&limit=1"), object(&rows[..1], 4, 2));
    assert_eq!(body(&appliance, "feed=longpoll&descending=true"), object(&rows, 2, 0));
    assert_eq!(body(&appliance, "descending=1&limit=1"), object(&[row_of("\"2\"", "b", 2)], 2, 2));
    let mut feed = ask(&appliance, "feed=continuous&descending=true&heartbeat=1000");
    feed.head();
    assert_eq!(
        chunks(&mut feed).concat(),
        format!("{}\n{}\n{}\n{{\"last_seq\":\"2\",\"pending\":0}}\n\n", rows[0], rows[1], rows[2])
    );
    let many: Vec<String> = (0..5_000).map(|n| format!("d{n}")).collect();
    publish(&appliance, &foreign(&many));
    let (rows, last_seq, pending) = summary(&body(&appliance, "descending=true"));
    let seqs: Vec<u64> = rows.iter().map(|(seq, _)| seq.as_str().unwrap().parse().unwrap()).collect();
    assert!(seqs.is_sorted_by(|a, b| a > b) && seqs.len() == 5_003);
    assert_eq!((last_seq.as_str(), pending), ("2", 0));
}

#[test]
fn intervals() {
    let appliance = with(&foreign(["a", "b", "c", "d"]));
    let seqs = |query: &str| {
        let (rows, last_seq, _) = summary(&body(&appliance, query));
        let seqs: Vec<Option<u64>> = rows.iter().map(|(seq, _)| seq.as_str().map(|seq| seq.parse().unwrap())).collect();
        (seqs, last_seq)
    };
    assert_eq!(seqs("seq_interval=2"), (vec![Some(1), None, Some(3), None], "4".into()));
    assert_eq!(seqs("seq_interval=2&limit=3"), (vec![None, Some(2), None], "3".into()));
    assert_eq!(seqs("seq_interval=100&limit=100"), (vec![Some(1), None, None, None], "4".into()));
    let mut feed = ask(&appliance, "feed=eventsource&seq_interval=4");
    feed.head();
    let blocks = chunk(&mut feed);
    assert!(blocks.contains("\nid: \"1\"\n\ndata: {\"seq\":null,") && blocks.contains("\nid: null\n\n"), "{blocks}");
    publish(&appliance, &foreign(["e"]));
    assert_eq!(row(&mut feed), format!("data: {}\nid: \"5\"\n\n", row_of("\"5\"", "e", 5)));
}

/// The captured database with a conflict, row by row.
#[test]
fn conflicts() {
    let appliance = with(&t3());
    let first = |query: &str| {
        let text = body(&appliance, query);
        text.lines().nth(1).unwrap().trim_end_matches(',').to_owned()
    };
    let row = |rest: &str| format!("{{\"seq\":\"1\",\"id\":\"cf\",\"changes\":{rest}}}");
    let all = r#"[{"rev":"2-ccc2"},{"rev":"2-bbb1"},{"rev":"2-ddd3"}]"#;
    let shown = r#""doc":{"_id":"cf","_rev":"2-ccc2","v":2,"_conflicts":["2-bbb1"]}"#;
    assert_eq!(first(""), row(r#"[{"rev":"2-ccc2"}]"#));
    assert_eq!(first("conflicts=true"), row(r#"[{"rev":"2-ccc2"}]"#));
    assert_eq!(first("style=all_docs"), row(all));
    assert_eq!(first("include_docs=true&conflicts=true"), row(&format!("[{{\"rev\":\"2-ccc2\"}}],{shown}")));
    assert_eq!(first("include_docs=true&conflicts=true&style=all_docs"), row(&format!("{all},{shown}")));
    let mut feed = ask(&appliance, "feed=continuous&include_docs=true&style=all_docs");
    feed.head();
    assert_eq!(chunk(&mut feed), row(&format!("{all},\"doc\":{{\"_id\":\"cf\",\"_rev\":\"2-ccc2\",\"v\":2}}")) + "\n");
}

/// What a filter does not name stays pending, and the last seq is the database's.
#[test]
fn named_documents() {
    let appliance = with(&foreign(["a", "b", "c", "a", "_design/x", "d"]));
    let doc_ids = |ids: &str| format!("filter=_doc_ids&doc_ids=%5B{}%5D", ids.replace('"', "%22"));
    let rows = [row_of("\"2\"", "b", 2), row_of("\"4\"", "a", 4)];
    assert_eq!(body(&appliance, &doc_ids(r#""a","nosuch","b","a""#)), object(&rows, 6, 3));
    assert_eq!(body(&appliance, &format!("{}&limit=1", doc_ids(r#""a","b""#))), object(&rows[..1], 2, 4));
    assert_eq!(
        body(&appliance, &format!("{}&descending=true", doc_ids(r#""a","b""#))),
        object(&[rows[1].clone(), rows[0].clone()], 2, 3)
    );
    assert_eq!(body_post(&appliance, "filter=_doc_ids", r#"{"doc_ids":["b"]}"#), object(&rows[..1], 6, 4));
    assert_eq!(body(&appliance, "filter=_design"), object(&[row_of("\"5\"", "_design/x", 5)], 6, 4));
    // Those that name many are not looked up.
    let many: Vec<String> = (0..1_001).map(|n| format!("x{n}")).chain(["b".to_owned()]).collect();
    assert_eq!(
        body_post(&appliance, "filter=_doc_ids", &json!({ "doc_ids": many }).to_string()),
        object(&rows[..1], 6, 0)
    );
    let since = get(&appliance, "limit=2").json()["last_seq"].as_str().unwrap().to_owned();
    assert_eq!(body(&appliance, &format!("{}&since={since}", doc_ids(r#""a","b""#))), object(&rows[1..], 6, 2));
}

/// Recorded: each update wakes the poll, which says so, and the right one ends it.
#[test]
fn a_poll_for_named_documents() {
    let appliance = with(&foreign(["a"]));
    let mut poll = ask_post(&appliance, "feed=longpoll&since=now&filter=_doc_ids", r#"{"doc_ids":["zz"]}"#);
    poll.head();
    assert_eq!((chunk(&mut poll), chunk(&mut poll)), ("{\"results\":[\n".into(), "\n".into()));
    for other in ["x", "y"] {
        publish(&appliance, &foreign([other]));
        assert_eq!(chunk(&mut poll), "\n");
    }
    publish(&appliance, &foreign(["zz"]));
    assert_eq!(chunk(&mut poll), "\n");
    assert_eq!(chunk(&mut poll), format!("{}\n],\n\"last_seq\":\"4\",\"pending\":0}}\n", row_of("\"4\"", "zz", 4)));
    assert_eq!((chunk(&mut poll), poll.chunk()), ("\n".into(), None));
    // The connection takes the next request.
    let next = poll.send(format!("GET /{DB}/_changes?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n")).answer();
    assert_eq!((next.status, next.json()["results"].as_array().unwrap().len()), (200, 1));
}

#[test]
fn a_connection_takes_many_requests() {
    let appliance = with(&foreign(["a", "b"]));
    let mut connection = Connection::open(appliance.address);
    for query in ["limit=1", "", "descending=true", "limit=1&buffer_response=true", "since=now", "feed=longpoll"] {
        let answer = connection.send(format!("GET /{DB}/_changes?{query} HTTP/1.1\r\nHost: a\r\n\r\n")).answer();
        assert_eq!(answer.status, 200, "{query}");
        assert!(answer.json()["last_seq"].is_string(), "{query}");
    }
    let last = connection.send(format!("GET /{DB}/_changes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")).answer();
    assert_eq!(last.header("Connection"), Some("close"));
    assert!(connection.at_end());
}

#[test]
fn since_a_time() {
    let appliance = with(&[]);
    let at = |id: &str, seconds: u64| {
        let time_us = (1_767_225_600 + seconds) * 1_000_000;
        json!({ "kind": "put", "key": id, "time": time_us, "body": {} })
    };
    // Seconds since 2026-01-01T00:00:00Z.
    publish(&appliance, &[at("a", 0), at("b", 3 * 3_600 + 1), at("c", 31 * 86_400)]);
    let ids = |time: &str| {
        let (rows, _, _) = summary(&body(&appliance, &format!("since={time}")));
        rows.into_iter().map(|(_, id)| id).collect::<String>()
    };
    assert_eq!(ids("2025-01-01T00:00:00Z"), "abc");
    assert_eq!(ids("2026-01-01T03:00:01Z"), "bc");
    assert_eq!(ids("2026-01-01T03:00:02Z"), "c");
    assert_eq!(ids("2027-01-01T00:00:00Z"), "");
    let refused = get(&appliance, "since=2026-99-01T00:00:00Z");
    assert_eq!((refused.status, &refused.json()["reason"]), (400, &json!("invalid_time_format")));
}

/// However large the rows, and however slowly they are read, all of them come.
#[test]
fn large_rows_in_pieces() {
    let appliance = with(&[]);
    let text = "x".repeat(20_000);
    for n in 0..30 {
        let docs: Vec<Value> =
            (0..10).map(|m| json!({ "kind": "put", "key": format!("d{n}-{m}"), "body": { "text": text } })).collect();
        publish(&appliance, &docs);
    }
    for query in [
        "include_docs=true&limit=300",
        "include_docs=true&limit=300&buffer_response=true",
        "include_docs=true&descending=true",
    ] {
        let answer = get(&appliance, query).json();
        let rows = answer["results"].as_array().unwrap();
        assert_eq!(rows.len(), 300);
        assert!(rows.iter().all(|row| row["doc"]["text"].as_str().unwrap().len() == 20_000));
    }
}
