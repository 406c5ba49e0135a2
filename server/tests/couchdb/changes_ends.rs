//! How feeds of changes end.

use serde_json::json;

use crate::{
    common::{Appliance, eventually, raw::Connection},
    couch::{DB, ask, ask_post, chunk, chunks, foreign, publish, row, with},
};

const QUERIES: [&str; 9] = [
    "feed=continuous",
    "feed=continuous&include_docs=true&heartbeat=30000",
    "feed=continuous&limit=1000",
    "feed=eventsource",
    "feed=eventsource&limit=1000",
    "feed=longpoll&since=now",
    "feed=longpoll&since=now&limit=25",
    "feed=longpoll&since=now&seq_interval=3",
    "feed=longpoll&since=now&heartbeat=30000&filter=_design",
];

/// Opens a feed of each kind, which has got everything there is.
fn open_all(appliance: &Appliance, rows: usize) -> Vec<(&'static str, Connection)> {
    QUERIES
        .into_iter()
        .map(|query| {
            let mut feed = ask(appliance, query);
            assert_eq!(feed.head().status, 200, "{query}");
            if query.contains("longpoll") {
                assert_eq!((chunk(&mut feed), chunk(&mut feed)), ("{\"results\":[\n".into(), "\n".into()));
            } else {
                let mut got = String::new();
                while got.matches("\"seq\":").count() < rows {
                    got += &row(&mut feed);
                }
            }
            (query, feed)
        })
        .collect()
}

/// What a feed says last, having had everything up to `seq`.
fn last_words(query: &str, seq: u64) -> Vec<String> {
    let beat = "\n".to_owned();
    if query.contains("eventsource") {
        vec![beat]
    } else if query.contains("longpoll") {
        vec![format!("\n],\n\"last_seq\":\"{seq}\",\"pending\":0}}\n"), beat]
    } else {
        vec![format!("{{\"last_seq\":\"{seq}\",\"pending\":0}}\n"), beat]
    }
}

#[test]
fn after_a_silence() {
    let appliance = with(&foreign(["a", "b"]));
    for query in QUERIES.into_iter().filter(|query| !query.contains("heartbeat")) {
        let mut feed = ask(&appliance, &format!("{query}&timeout=300"));
        feed.head();
        let chunks = chunks(&mut feed);
        let words = last_words(query, 2);
        assert!(chunks.ends_with(&words), "{query}: {chunks:?}");
        // One that is made for the request leaves the connection to the next.
        let is_made = query.contains("limit=1000") || query.contains("seq_interval");
        if !is_made {
            assert!(feed.at_end(), "{query}");
        }
    }
    let mut at_once = ask(&appliance, "feed=longpoll&since=now&timeout=0");
    at_once.head();
    assert_eq!(chunks(&mut at_once).len(), 4);
}

/// Something that was not for it is a sign that others are alive: a silence begins anew. The third silence would be over
/// before the last event came.
#[test]
fn a_silence_is_broken_by_events_for_others() {
    let appliance = with(&[]);
    let body = json!({ "selector": { "n": 9 } }).to_string();
    let mut feed = ask_post(&appliance, "feed=continuous&filter=_selector&timeout=1500", &body);
    let mut poll = ask_post(&appliance, "feed=longpoll&filter=_selector&timeout=1500", &body);
    assert_eq!((feed.head().status, poll.head().status), (200, 200));
    for n in 0..10 {
        std::thread::sleep(std::time::Duration::from_millis(300));
        publish(&appliance, &[json!({ "kind": "put", "key": "k", "body": { "n": n } })]);
    }
    assert!(row(&mut feed).contains("\"seq\":\"10\""));
    assert_eq!(chunks(&mut feed), ["{\"last_seq\":\"10\",\"pending\":0}\n", "\n"]);
    assert!(chunks(&mut poll).concat().contains("\"last_seq\":\"10\""));
}

#[test]
fn with_their_database() {
    let appliance = with(&foreign(["a", "b"]));
    let mut feeds = open_all(&appliance, 2);
    assert_eq!(appliance.delete(&format!("/v1/feeds/{DB}")).0, 200);
    for (query, feed) in &mut feeds {
        assert_eq!(chunks(feed), last_words(query, 2), "{query}");
    }
    eventually("their connections are gone", || appliance.running().subscribers() == 0);
}

#[test]
fn with_the_appliance() {
    let appliance = with(&foreign(["a", "b"]));
    let mut feeds = open_all(&appliance, 2);
    let directory = appliance.stop();
    for (query, feed) in &mut feeds {
        assert_eq!(chunks(feed), last_words(query, 2), "{query}");
        assert!(feed.at_end(), "{query}");
    }
    // What they were told is where they go on.
    let again = Appliance::start_in(directory, |_| {});
    publish(&again, &foreign(["c"]));
    let rows = crate::couch::body(&again, "");
    assert!(rows.contains("\"seq\":\"3\",\"id\":\"c\""), "{rows}");
}

#[test]
fn a_thousand_at_once() {
    let appliance = with(&foreign(["a"]));
    let mut feeds: Vec<Connection> = (0..1_000)
        .map(|n| {
            let query = ["feed=continuous", "feed=longpoll&since=now&limit=25", "feed=eventsource&since=now"][n % 3];
            ask(&appliance, query)
        })
        .collect();
    feeds.iter_mut().for_each(|feed| assert_eq!(feed.head().status, 200));
    eventually("all wait", || appliance.running().subscribers() == 1_000);
    assert_eq!(appliance.delete(&format!("/v1/feeds/{DB}")).0, 200);
    for feed in &mut feeds {
        while feed.chunk().is_some() {}
        assert!(feed.at_end());
    }
    drop(feeds);
    eventually("their connections are gone", || appliance.running().connections() == 0);
    assert_eq!(crate::couch::get(&appliance, "").status, 404);
}

/// A whole answer that cannot be completed is cut off, so that nobody takes a part for the whole.
#[test]
fn a_whole_answer_is_whole_or_cut_off() {
    let appliance = with(&[]);
    let text = "x".repeat(10_000);
    for _ in 0..40 {
        let docs: Vec<_> = (0..100).map(|_| json!({ "kind": "put", "body": { "text": text } })).collect();
        publish(&appliance, &docs);
    }
    let mut normal = Connection::on(crate::common::connect_narrow(appliance.address));
    normal.send(format!("GET /{DB}/_changes?include_docs=true HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(normal.head().status, 200);
    assert_eq!(chunk(&mut normal), "{\"results\":[\n");
    std::thread::scope(|scope| {
        scope.spawn(|| appliance.delete(&format!("/v1/feeds/{DB}")));
        let mut last = String::new();
        loop {
            let next = crate::couch::short(&String::from_utf8(normal.chunk().unwrap()).unwrap());
            if next.starts_with("\n{\"code\":404,\"error\":\"not_found\"") {
                break;
            }
            assert!(next.starts_with(",\r\n{\"seq\":") || last.is_empty(), "{}", &next[..100.min(next.len())]);
            last = next;
        }
    });
    assert!(normal.at_end(), "there is no last chunk");
}
