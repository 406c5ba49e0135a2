//! Files that are damaged or cannot be used: requests are told so, streams end where the damage begins, and what can be
//! derived again is.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tailwater::config::Config;

use crate::{
    client::{Client, appliance, change, refused, with},
    common::{
        Appliance,
        damage::{damage, files, segments},
        eventually,
    },
    in_band::Both,
};

type Refusal = (u16, String, String);

fn internal(message: &str) -> Refusal {
    (500, "internal_error".to_owned(), message.to_owned())
}

const MIB: u64 = 1 << 20;

/// Writes documents of 12 kB, with the numbers from `from` on and before `to`.
fn fill(client: &Client, from: u64, to: u64) {
    let text = "x".repeat(12_000);
    let query = format!("Set.sequence({from}, {to}).forEach(n => A.create({{ id: n, n: n, t: t }}))");
    let body = json!({ "query": { "fql": [query] }, "arguments": { "t": text } });
    assert_eq!(client.call("POST", "/query/1", body.to_string()).status, 200);
}

/// A database whose segments are small.
fn small_segments(config: &mut Config) {
    for feed in config.feeds.iter_mut().filter(|feed| feed.fauna.is_some()) {
        feed.segment_bytes_max = MIB;
    }
}

/// The history cannot be read from its middle on. Whoever is in front of that is shown everything up to there.
#[test]
fn a_damaged_history() {
    let (appliance, client) = with(small_segments);
    let token = client.token("A.all().eventSource()");
    for from in [1, 201, 401] {
        fill(&client, from, from + 200);
    }
    let directory = appliance.stop();
    let segments = segments(directory.path(), "_fauna.");
    damage(&segments[segments.len() / 2], MIB / 2, 64);
    let appliance = Appliance::start_in(directory, small_segments);
    let client = Client::new(&appliance);
    let error = Both::open(&client, &json!({ "token": token })).error();
    let message = "The database cannot be read beyond this point.";
    assert_eq!(error, json!({ "code": "internal_error", "message": message }));
    let mut request = json!({ "token": token, "page_size": 10 });
    let unreadable = internal("The database's events cannot be read.");
    let found = loop {
        let answer = client.call("POST", "/feed/1", request.to_string());
        if answer.status != 200 {
            break refused(&answer);
        }
        request["cursor"] = answer.json()["cursor"].clone();
    };
    assert_eq!(found, unreadable);
    assert_eq!(client.no_stream(request.to_string()), unreadable);
    // Documents are looked up elsewhere.
    assert_eq!(client.ok("A.byId('150')!.n"), json!({ "@int": "150" }));
}

/// A document cannot be read where the feed is damaged; the others can.
#[test]
fn a_damaged_feed() {
    let (appliance, client) = with(small_segments);
    for from in [1, 201, 401] {
        fill(&client, from, from + 200);
    }
    let directory = appliance.stop();
    let segments = segments(directory.path(), "documents");
    damage(&segments[segments.len() / 2], MIB / 2, 64);
    let appliance = Appliance::start_in(directory, small_segments);
    let client = Client::new(&appliance);
    let unreadable = internal("The database's documents cannot be read.");
    let ids = 1..=600;
    let read = ids.clone().map(|id| client.query(&format!("A.byId('{id}')!.n")));
    let (whole, broken): (Vec<_>, Vec<_>) = read.partition(|answer| answer.status == 200);
    assert!(!broken.is_empty() && whole.len() > ids.count() / 2, "{} {}", whole.len(), broken.len());
    assert!(broken.iter().all(|answer| refused(answer) == unreadable));
    assert_eq!(client.err("A.all().where(.n > 0).count()"), unreadable);
}

/// A feed that cannot be written any more takes nothing until a restart; what is there can be read.
#[test]
fn a_feed_that_has_failed() {
    let (appliance, client) = with(small_segments);
    client.ok("A.create({ id: '1', n: 1 })");
    let segments = appliance.directory().join("log/feeds/documents/segments");
    fs::rename(&segments, segments.with_file_name("away")).unwrap();
    let is_failed = || {
        let answer = client.query(&format!("A.create({{ t: '{}' }})", "x".repeat(200_000)));
        answer.status != 200 && {
            let (status, code, message) = refused(&answer);
            assert_eq!((status, code.as_str()), (500, "internal_error"), "{message}");
            assert!(message.starts_with("the feed has failed and takes no more events: "), "{message}");
            true
        }
    };
    eventually("a segment is missing", is_failed);
    assert!(is_failed());
    assert_eq!(client.ok("A.byId('1')!.n"), json!({ "@int": "1" }));
}

/// Where the index cannot be opened, nothing is answered until it can.
#[test]
fn an_index_that_cannot_be_opened() {
    let (appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    let directory = appliance.stop();
    let index = directory.path().join("log/index");
    let index = fs::read_dir(index).unwrap().next().unwrap().unwrap().path();
    fs::remove_dir_all(&index).unwrap();
    fs::write(&index, "no directory").unwrap();
    let appliance = Appliance::start_in(directory, |_| {});
    let client = Client::new(&appliance);
    let request = json!({ "token": token }).to_string();
    let asked = [("/query/1", "{\"query\":\"1\"}"), ("/stream/1", &request), ("/feed/1", &request)];
    for (path, body) in asked {
        let answer = client.call("POST", path, body);
        let expected = (503, "time_out".to_owned(), "The service timed out".to_owned());
        assert_eq!((refused(&answer), answer.header("Retry-After")), (expected, Some("1")), "{path}");
    }
    fs::remove_file(&index).unwrap();
    eventually("the index is built anew", || client.query("1").status == 200);
    client.ok("A.create({ n: 1 })");
    assert_eq!(client.stream(&token).changes(1).len(), 1);
}

/// The id of a document, hardly shorter than its entry in the index.
fn long_id(number: u64) -> String {
    format!("{number:0>1000}")
}

/// More documents, of a collection or the feed's own, than are gathered in memory before they are written to a file.
fn publish_many(appliance: &Appliance, collection: &str) {
    for from in (1..12_000).step_by(500) {
        let key = |number| format!("{collection}{}", long_id(number));
        let line = |number| format!("{{\"kind\":\"put\",\"key\":\"{}\",\"body\":{{\"n\":{number}}}}}\n", key(number));
        let lines: String = (from..from + 500).map(line).collect();
        assert_eq!(appliance.publish("documents", &lines).0, 200);
    }
}

fn is_table(path: &Path) -> bool {
    path.to_string_lossy().contains("/tables/") && size(path) > MIB
}

/// The files of an index, which there have to be some of, once nothing of them is read from memory instead: what tells of
/// them has been written after them.
fn tables(appliance: &Appliance) -> Vec<PathBuf> {
    let mut found = Vec::new();
    eventually("the first documents are in a file", || {
        found = files(&appliance.directory().join("log/index"), is_table);
        let modified = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
        let is_told_of = |table: &PathBuf| modified(&table.with_file_name("../current")) >= modified(table);
        !found.is_empty() && found.iter().all(is_told_of)
    });
    found
}

fn damage_whole(tables: &[PathBuf]) {
    tables.iter().for_each(|table| damage(table, 0, size(table) as usize));
}

const UNREADABLE_INDEX: &str = "The database's index cannot be read. Try again in a moment.";

/// An index that is found damaged while it is used says so to whoever finds it, and is built anew. Streams and pages look up
/// their collection alone: where others have followed it lately, it is in memory, and they go on.
#[test]
fn an_index_that_is_damaged_while_it_is_used() {
    let (appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    publish_many(&appliance, "A/");
    tables(&appliance);
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    let client = Client::new(&appliance);
    let followed = || {
        let page = client.page(json!({ "token": token, "page_size": 2 }));
        (client.stream(&token).changes(2), page["events"].as_array().unwrap().iter().map(change).collect::<Vec<_>>())
    };
    let before = followed();
    damage_whole(&tables(&appliance));
    assert_eq!(followed(), before);
    let first = format!("A.byId('{}')!.n", long_id(1));
    assert_eq!(client.err(&first), internal(UNREADABLE_INDEX));
    eventually("the index is built anew", || client.query(&first).status == 200);
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "12000" }));
}

/// Of a collection that nobody has followed since it was written to a file, streams and pages say so too.
#[test]
fn a_definition_that_is_damaged_while_the_index_is_used() {
    let (appliance, client) = appliance();
    let request = json!({ "token": client.token("A.all().eventSource()") }).to_string();
    // Of a collection behind `A` and in order: no look at the index for one of these comes by the definition of `A`.
    publish_many(&appliance, "");
    for (path, body) in [("/stream/1", &*request), ("/feed/1", &*request), ("/query/1", r#"{"query":"A.all()"}"#)] {
        damage_whole(&tables(&appliance));
        assert_eq!(refused(&client.call("POST", path, body)), internal(UNREADABLE_INDEX), "{path}");
        eventually("the index is built anew", || client.query("1").status == 200);
    }
    assert_eq!(client.ok("A.all().count() + Event.all().count()"), json!({ "@int": "12000" }));
}

/// One that was damaged while nobody served is built anew, whoever comes first. Until then nothing is answered.
#[test]
fn an_index_that_is_damaged_between_two_runs() {
    let (appliance, client) = appliance();
    let request = json!({ "token": client.token("A.all().eventSource()"), "page_size": 1 }).to_string();
    publish_many(&appliance, "");
    tables(&appliance);
    let mut directory = appliance.stop();
    let definition = br#"{"name":"A"}"#;
    for (path, body) in [("/stream/1", &*request), ("/feed/1", &*request), ("/query/1", r#"{"query":"A.all()"}"#)] {
        for is_whole in [true, false] {
            let at = |table: &Path| {
                let bytes = fs::read(table).unwrap();
                bytes.windows(definition.len()).position(|window| window == definition)
            };
            let mut tables = files(&directory.path().join("log/index"), is_table).into_iter();
            let found = tables.find_map(|table| at(&table).map(|at| (table, at)));
            let (table, at) = found.expect("the definition is in a file");
            // All but the definition can be read: then the index can be opened.
            let (from, bytes) = if is_whole { (0, size(&table) as usize) } else { (at as u64, 1) };
            damage(&table, from, bytes);
            let appliance = Appliance::start_in(directory, |_| {});
            let client = Client::new(&appliance);
            eventually("the index is built anew", || {
                let mut connection = client.send("POST", path, body);
                let head = connection.head();
                assert!(matches!(head.status, 200 | 503), "{path} {is_whole}: {}", head.status);
                head.status == 200
            });
            self::tables(&appliance);
            directory = appliance.stop();
        }
    }
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}
