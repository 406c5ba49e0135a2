//! A database that comes, moves and goes while its feed stays.

use std::fs;

use serde_json::{Value, json};

use crate::{
    client::{Client, appliance},
    common::Appliance,
    in_band::Both,
};

const FEED: &str = "/v1/feeds/documents";

#[track_caller]
fn patch(appliance: &Appliance, change: &Value) {
    let (status, answer) = appliance.patch(FEED, &change.to_string());
    assert_eq!(status, 200, "{answer}");
}

/// The options of the only history there is.
fn history_options(appliance: &Appliance) -> Option<Value> {
    let feeds = fs::read_dir(appliance.directory().join("log/feeds")).unwrap().map(|entry| entry.unwrap().path());
    let history = feeds.into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("_fauna."))?;
    let described: Value = serde_json::from_slice(&fs::read(history.join("feed.json")).unwrap()).unwrap();
    Some(described["options"].clone())
}

#[test]
fn a_database_that_moves_or_goes_ends_its_streams_and_keeps_its_documents() {
    let (appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 1 })");
    let token = client.token("A.all().eventSource()");
    let events = |client: &Client| client.page(json!({ "token": token, "page_size": 100 }))["events"].clone();
    client.ok("A.byId('1')!.update({ n: 2 })");
    let mut stream = client.stream(&token);
    let first = stream.event();
    let before = events(&client);
    let both = Both::open(&client, &json!({ "token": token }));
    patch(&appliance, &json!({ "dialects": { "fauna": { "database": "Moved" } } }));
    assert_eq!(stream.next()["type"], "error");
    assert!(stream.has_ended());
    assert_eq!(both.error()["code"], "permission_loss");
    assert_eq!(client.query("1").status, 404, "nothing is there any more");
    let moved = client.bearer("s:Moved:admin");
    assert_eq!(moved.ok("A.byId('1')!.n"), json!({ "@int": "2" }));
    assert_eq!(events(&moved), before, "tokens and cursors stay good");
    assert_eq!(moved.stream(&token).event(), first);
    patch(&appliance, &json!({ "dialects": { "fauna": null } }));
    assert_eq!(moved.query("1").status, 401);
    assert_eq!(history_options(&appliance), None, "what was derived goes with it");
    // Of another collection by default, with what came meanwhile.
    assert_eq!(appliance.publish("documents", r#"{"kind":"put","key":"7","body":{"n":7}}"#).0, 200);
    patch(&appliance, &json!({ "dialects": { "fauna": { "collection": "Thing" } } }));
    assert_eq!(client.ok("Thing.all().count() + A.all().count()"), json!({ "@int": "2" }));
    let appliance = Appliance::start_in(appliance.stop(), |config| config.feeds.clear());
    assert_eq!(Client::new(&appliance).ok("Thing.all().count()"), json!({ "@int": "1" }));
}

#[test]
fn its_history_is_kept_for_as_long_as_its_feed_is() {
    let (appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 1 })");
    let mut stream = client.stream(&client.token("A.all().eventSource()"));
    patch(
        &appliance,
        &json!({ "retention": { "age_ms": 77_000_000, "bytes": 80_000_000 }, "segment_bytes_max": 2_097_152 }),
    );
    let options = history_options(&appliance).unwrap();
    assert_eq!(options["retention"], json!({ "age_ms": 77_000_000, "bytes": 320_000_000 }));
    assert_eq!(options["segment_bytes_max"], 2_097_152);
    client.ok("A.create({ id: '2' })");
    assert_eq!(stream.event()["type"], "add", "who reads goes on");
}

/// The history of a feed that was deleted at the moment of a crash, and one that cannot be written any more.
#[test]
fn a_history_that_nobody_needs_is_removed_at_a_start() {
    let (appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 1 })");
    let directory = appliance.stop();
    fs::remove_dir_all(directory.path().join("log/feeds/documents")).unwrap();
    let appliance = Appliance::start_in(directory, |_| {});
    let client = Client::new(&appliance);
    client.ok("Collection.create({ name: 'A' })");
    client.ok("A.create({ id: '1', n: 5 })");
    let directory = appliance.stop();
    let feeds = directory.path().join("log/feeds");
    let histories = || {
        let names = fs::read_dir(&feeds).unwrap().map(|entry| entry.unwrap().path());
        names.filter(|path| path.to_string_lossy().contains("/_fauna.")).collect::<Vec<_>>()
    };
    assert_eq!(histories().len(), 1);
    for segment in fs::read_dir(histories()[0].join("segments")).unwrap() {
        fs::remove_file(segment.unwrap().path()).unwrap();
    }
    let appliance = Appliance::start_in(directory, |_| {});
    assert_eq!(Client::new(&appliance).ok("A.byId('1')!.n"), json!({ "@int": "5" }));
}
