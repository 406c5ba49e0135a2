//! `POST /{db}/_compact`: superseded bodies go, nothing else changes for anybody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    client::{Client, appliance, refused, rev, said, user, with_db},
    common::{
        connect_narrow, eventually,
        process::{Serving, serve},
        raw::Connection,
    },
};

/// Compacts a database, and waits for the end.
fn compact(client: &Client, db: &str) {
    assert_eq!(said(&client.post(&format!("{db}/_compact"), "")), (202, r#"{"ok":true}"#));
    eventually("the end of the compaction", || client.json(db)["compact_running"] == false);
}

/// Stores or updates documents of so many bytes each; their revisions.
fn write_all(client: &Client, revs: &mut BTreeMap<String, String>, ids: std::ops::Range<usize>, n: u64, bytes: usize) {
    let text = "x".repeat(bytes);
    let docs = ids.map(|id| {
        let id = format!("doc{id:04}");
        let mut doc = json!({ "_id": id, "n": n, "text": text });
        if let Some(rev) = revs.get(&id) {
            doc["_rev"] = rev.as_str().into();
        }
        doc
    });
    let answer = client.post("/db/_bulk_docs", json!({ "docs": docs.collect::<Vec<_>>() }).to_string());
    assert_eq!(answer.status, 201, "{}", answer.text());
    for row in answer.json().as_array().unwrap() {
        revs.insert(row["id"].as_str().unwrap().to_owned(), row["rev"].as_str().unwrap().to_owned());
    }
}

/// All that clients see, as text. ETags may be others.
fn seen(client: &Client) -> Vec<String> {
    let paths = [
        "/db/_changes",
        "/db/_changes?include_docs=true&style=all_docs&conflicts=true",
        "/db/_changes?descending=true&limit=7",
        "/db/_changes?since=0&limit=0",
        "/db/_all_docs?include_docs=true",
    ];
    let text = |path: &&str| {
        let answer = client.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text().to_owned()
    };
    let mut seen: Vec<String> = paths.iter().map(text).collect();
    let mut info = client.json("/db");
    info["sizes"]["file"].take();
    seen.push(info.to_string());
    seen
}

#[test]
fn old_bodies_go_and_nothing_else_changes() {
    let (appliance, client) = with_db();
    let mut revs = BTreeMap::new();
    for n in 0..5 {
        write_all(&client, &mut revs, 0..150, n, 5_000);
    }
    let old = client.json("/db/doc0007?revs=true");
    let hash = old["_revisions"]["ids"][3].as_str().unwrap();
    let conflict =
        json!({ "_id": "doc0007", "_rev": "2-abc", "_revisions": { "start": 2, "ids": ["abc", "def"] }, "n": -1 });
    client.post("/db/_bulk_docs", json!({ "new_edits": false, "docs": [conflict] }).to_string());
    assert_eq!(client.delete(&format!("/db/doc0009?rev={}", revs["doc0009"])).status, 200);
    client.store("/db/_local/l", "{}");
    assert_eq!(client.json(&format!("/db/doc0007?rev=2-{hash}"))["n"], 1);
    let (before, sizes) = (seen(&client), client.json("/db")["sizes"].clone());
    compact(&client, "/db");
    assert_eq!(seen(&client), before);
    let after = client.json("/db")["sizes"].clone();
    let file = |sizes: &Value| sizes["file"].as_u64().unwrap();
    assert!(file(&after) * 4 < file(&sizes), "{sizes} {after}");
    assert_eq!((&after["external"], &after["active"]), (&sizes["external"], &sizes["active"]));
    let gone = client.get(&format!("/db/doc0007?rev=2-{hash}"));
    assert_eq!(said(&gone), (404, r#"{"error":"not_found","reason":"missing"}"#));
    let asked = json!({ "docs": [{ "id": "doc0007", "rev": format!("2-{hash}") }] }).to_string();
    let got = client.post("/db/_bulk_get", asked).json();
    assert_eq!(got["results"][0]["docs"][0]["error"]["error"], "not_found", "{got}");
    assert_eq!(client.json("/db/doc0007?rev=2-abc")["n"], -1, "a leaf stays");
    let infos = client.json("/db/doc0007?revs_info=true")["_revs_info"].clone();
    let status: Vec<&str> = infos.as_array().unwrap().iter().map(|info| info["status"].as_str().unwrap()).collect();
    assert_eq!(status, ["available", "missing", "missing", "missing", "missing"]);
    assert_eq!(client.get("/db/doc0009").json()["reason"], "deleted");
    assert_eq!(client.get("/db/_local/l").status, 200);
    // What comes then goes on where it was.
    assert!(rev(&client.put(&format!("/db/doc0001?rev={}", revs["doc0001"]), "{}")).starts_with("6-"));
    let (before, directory) = (seen(&client), appliance.stop());
    let again = crate::common::Appliance::start_in(directory, |_| {});
    assert_eq!(seen(&Client::new(&again)), before);
}

#[test]
fn readers_in_the_midst_of_it_lose_nothing() {
    let (appliance, client) = with_db();
    let mut revs = BTreeMap::new();
    for n in 0..2 {
        write_all(&client, &mut revs, 0..600, n, 20_000);
    }
    let changes = |query: &str| {
        let mut connection = Connection::on(connect_narrow(appliance.address));
        connection.send(format!("GET /db/_changes?{query} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(connection.head().status, 200);
        connection
    };
    // Of each feed only the beginning is read; the rest waits in segments that are about to be rewritten.
    let queries = [
        "feed=continuous&include_docs=true&timeout=2000",
        "include_docs=true",
        "feed=continuous&include_docs=true&since=0&heartbeat=1000",
    ];
    let mut slow: Vec<Connection> = queries.iter().map(|query| changes(query)).collect();
    let begun: Vec<Vec<Value>> = slow.iter_mut().map(|feed| rows(feed, 3)).collect();
    let mut live = changes("feed=continuous&since=now");
    let to_native = Client::shared(&appliance);
    let feed = native_feed(&to_native);
    let mut native = to_native.send("GET", &format!("/v1/feeds/{feed}/events?cursor=0&format=ndjson"), "");
    assert_eq!(native.head().status, 200);
    let first = rows(&mut native, 2);
    assert_eq!(first[0]["seq"], 1);
    compact(&client, "/db");
    write_all(&client, &mut revs, 0..300, 2, 100);
    compact(&client, "/db");
    for (feed, mut seen) in slow.iter_mut().zip(begun) {
        while seen.last().unwrap()["id"] != "doc0599" {
            seen.extend(rows(feed, 1));
        }
        let seqs: Vec<u64> = seen.iter().map(seq).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
        // What was superseded before it was read may be left out, the rest may not.
        for id in 300..600 {
            let id = format!("doc{id:04}");
            let row = seen.iter().find(|row| row["id"] == id.as_str()).unwrap_or_else(|| panic!("{id} is lost"));
            assert_eq!((&row["doc"]["n"], row["doc"]["text"].as_str().unwrap().len()), (&json!(1), 20_000));
        }
    }
    let told = rows(&mut live, 300);
    assert_eq!(told.iter().map(seq).collect::<Vec<_>>(), (1_201..=1_500).collect::<Vec<_>>());
    let mut last = 0;
    while last < 1_500 {
        let next = rows(&mut native, 1)[0]["seq"].as_u64().unwrap();
        assert!(next > last, "{next} after {last}");
        last = next;
    }
}

fn seq(row: &Value) -> u64 {
    let token = row["seq"].as_str().unwrap();
    token.split('-').next().unwrap().parse().unwrap()
}

/// The next rows of a feed, whatever its form; what else there is in it is passed over.
fn rows(feed: &mut Connection, count: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    while rows.len() < count {
        let chunk = feed.chunk().expect("there are more rows");
        let text = String::from_utf8(chunk).unwrap();
        let lines = text.lines().map(|line| line.trim_matches(|c| c == ',' || c == '\r'));
        rows.extend(
            lines.filter(|line| line.starts_with("{\"seq\"")).map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
    }
    rows
}

fn native_feed(client: &Client) -> String {
    let feeds = client.json("/v1/feeds");
    let bound = |feed: &&Value| feed["dialects"]["couchdb"]["db"] == "db";
    let feed = feeds["feeds"].as_array().unwrap().iter().find(bound).unwrap();
    feed["feed"].as_str().or(feed["name"].as_str()).unwrap().to_owned()
}

#[test]
fn it_is_shown_while_it_runs_and_is_an_administrators() {
    let appliance = appliance(|config| config.users = vec![user("root", "pw", &["_admin"]), user("joe", "pw", &[])]);
    let client = Client::new(&appliance).basic("root", "pw");
    assert_eq!(client.put("/db", "").status, 201);
    let mut revs = BTreeMap::new();
    for n in 0..8 {
        write_all(&client, &mut revs, 0..1_000, n, 10);
    }
    let joe = Client::new(&appliance).basic("joe", "pw");
    assert_eq!(joe.post("/db/_compact", "").status, 403);
    let mut task = Value::Null;
    eventually("a row in _active_tasks", || {
        assert_eq!(client.post("/db/_compact", "").status, 202, "one that runs is as good as another");
        task = client.json("/_active_tasks")[0].take();
        task.is_object()
    });
    assert_eq!((&task["type"], &task["database"]), (&json!("database_compaction"), &json!("db")));
    assert!(task["changes_done"].as_u64().unwrap() <= task["total_changes"].as_u64().unwrap(), "{task}");
    assert!(task["progress"].as_u64().unwrap() <= 100 && task["started_on"].as_u64() <= task["updated_on"].as_u64());
    eventually("the end", || client.json("/db")["compact_running"] == false);
    assert_eq!(said(&client.get("/_active_tasks")), (200, "[]"));
}

#[test]
fn a_database_is_deleted_while_it_is_compacted() {
    let (_appliance, client) = with_db();
    let mut revs = BTreeMap::new();
    for n in 0..8 {
        write_all(&client, &mut revs, 0..1_000, n, 10);
    }
    assert_eq!(client.post("/db/_compact", "").status, 202);
    assert_eq!(client.delete("/db").status, 200);
    assert_eq!(refused(&client.post("/db/_compact", "")).0, 404);
    assert_eq!(client.put("/db", "").status, 201);
    client.store("/db/a", "{}");
    compact(&client, "/db");
    assert_eq!(client.json("/db")["doc_count"], 1);
}

/// A process is killed while it compacts, again and again: what was there before is there afterwards.
#[test]
fn a_process_is_killed_while_it_compacts() {
    let dir = tempfile::tempdir().unwrap();
    let mut revs = BTreeMap::new();
    let rounds = if std::env::var_os("TAILWATER_LONG").is_some() { 30 } else { 5 };
    let mut before: Option<Vec<String>> = None;
    for round in 0..rounds {
        let serving = Serving::start(&mut serve(dir.path()));
        let client = Client::at(serving.address);
        if before.is_none() {
            assert_eq!(client.put("/db", "").status, 201);
        }
        let found = seen(&client);
        assert!(before.is_none_or(|before| before == found), "round {round}");
        for n in 0..2 {
            write_all(&client, &mut revs, 0..400, 2 * round + n, 5_000);
        }
        before = Some(seen(&client));
        assert_eq!(client.post("/db/_compact", "").status, 202);
        thread::sleep(Duration::from_millis(3 + 29 * (round % 5)));
        drop(serving);
    }
    // The index is built anew from what is left of the log.
    std::fs::remove_dir_all(dir.path().join("index")).unwrap();
    let serving = Serving::start(&mut serve(dir.path()));
    let client = Client::at(serving.address);
    let found = seen(&client);
    assert!(before.unwrap() == found);
    compact(&client, "/db");
    assert!(seen(&client) == found);
    let sizes = client.json("/db")["sizes"].clone();
    assert!(sizes["file"].as_u64().unwrap() < 2 * sizes["active"].as_u64().unwrap(), "{sizes}");
}

/// Ends the others, also where the test fails.
struct EndOnDrop<'o>(&'o AtomicBool);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn it_goes_on_while_everybody_reads_and_writes() {
    let (appliance, client) = with_db();
    let mut revs = BTreeMap::new();
    write_all(&client, &mut revs, 0..50, 0, 3_000);
    let mut live = Connection::open(appliance.address);
    live.send("GET /db/_changes?feed=continuous&include_docs=true&heartbeat=1000 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(live.head().status, 200);
    let over = AtomicBool::new(false);
    let goes_on = || !over.load(Ordering::Relaxed);
    const ROUNDS: u64 = 60;
    thread::scope(|scope| {
        let ended = EndOnDrop(&over);
        scope.spawn(|| {
            while goes_on() {
                compact(&client, "/db");
            }
        });
        scope.spawn(|| {
            while goes_on() {
                let answer = client.json("/db/_changes?include_docs=true");
                let rows = answer["results"].as_array().unwrap();
                let seqs: Vec<u64> = rows.iter().map(seq).collect();
                assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
                let ids: BTreeSet<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
                assert!(ids.len() == rows.len() && rows.iter().all(|row| row["doc"]["_id"] == row["id"]), "{answer}");
            }
        });
        scope.spawn(|| {
            while goes_on() {
                for id in 0..50 {
                    let answer = client.get(&format!("/db/doc{id:04}"));
                    assert_eq!(answer.status, 200, "{}", answer.text());
                }
                let listed = client.json("/db/_all_docs?include_docs=true");
                let rows = listed["rows"].as_array().unwrap();
                assert!(rows.len() == 50 && rows.iter().all(|row| row["doc"].is_object()), "{listed}");
            }
        });
        let reader = scope.spawn(|| {
            let mut seen = Vec::new();
            while seen.last().is_none_or(|row: &Value| row["doc"]["n"] != ROUNDS || row["id"] != "doc0049") {
                seen.extend(rows(&mut live, 1));
            }
            seen
        });
        for n in 1..=ROUNDS {
            write_all(&client, &mut revs, 0..50, n, 3_000);
        }
        let seen = reader.join();
        drop(ended);
        let seen = seen.unwrap();
        let seqs: Vec<u64> = seen.iter().map(seq).collect();
        assert!(seqs.is_sorted_by(|a, b| a < b), "{seqs:?}");
        let last = &seen[seen.len() - 50..];
        assert!(last.iter().all(|row| row["doc"]["n"] == ROUNDS), "the latest of each came last");
    });
}
