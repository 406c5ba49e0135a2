//! A database that comes, moves and goes while its feed stays.

use std::fs;

use serde_json::{Value, json};

use crate::{
    client::{Client, appliance, key, refused, with_keys},
    common::Appliance,
    frames::{GO, HEADERS, Http2, body},
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
    assert_eq!(moved.query("1").status, 410);
    assert_eq!(history_options(&appliance), None, "what was derived goes with it");
    // Of another collection by default, with what came meanwhile.
    assert_eq!(appliance.publish("documents", r#"{"kind":"put","key":"7","body":{"n":7}}"#).0, 200);
    patch(&appliance, &json!({ "dialects": { "fauna": { "collection": "Thing" } } }));
    assert_eq!(client.ok("Thing.all().count() + A.all().count()"), json!({ "@int": "2" }));
    let appliance = Appliance::start_in(appliance.stop(), |config| config.feeds.clear());
    assert_eq!(Client::new(&appliance).ok("Thing.all().count()"), json!({ "@int": "1" }));
}

fn switched_off(feed: &str) -> (u16, String, String) {
    let what = format!("The feed {feed:?} is not bound to Fauna any more; whoever administers it can bind it again.");
    (410, "forbidden".to_owned(), format!("Your account has been disabled. {what}"))
}

/// What both versions of HTTP answer on all three paths.
#[track_caller]
fn assert_refused(client: &Client, request: &Value, expected: &(u16, String, String)) {
    for (path, asked) in [("/query/1", &json!({ "query": "1" })), ("/stream/1", request), ("/feed/1", request)] {
        assert_eq!(refused(&client.call("POST", path, asked.to_string())), *expected, "{path}");
        let mut http2 = Http2::open(client.address);
        let stream = http2.request("POST", path, GO, &body(asked.clone()));
        let head = http2.of_stream(stream);
        // The status as a literal: 410 in Huffman's code.
        assert_eq!((head.kind, &head.payload[..4]), (HEADERS, &b"\x48\x82\x68\x20"[..]), "{path}");
        assert_eq!(http2.error(stream), json!({ "code": expected.1, "message": expected.2 }), "{path}");
    }
}

/// The feed stays: whoever asks for the database is told that it was switched off, until there is one again.
#[test]
fn a_database_that_is_switched_off() {
    let (appliance, client) = appliance();
    client.ok("A.create({ n: 1 })");
    let request = json!({ "token": client.token("A.all().eventSource()") });
    let both = Both::open(&client, &request);
    let off = json!({ "dialects": { "fauna": null } });
    patch(&appliance, &off);
    let expected = json!({ "code": "permission_loss", "message": "Stream authentication is no longer valid." });
    assert_eq!(both.error(), expected);
    assert_refused(&client, &request, &switched_off("documents"));
    // It is the same database when it is there again.
    patch(&appliance, &json!({ "dialects": { "fauna": {} } }));
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "1" }));
    client.stream_with(request.clone());
    // What the configuration says counts as much.
    let appliance = Appliance::start_in(appliance.stop(), |config| {
        let documents = config.feeds.iter_mut().find(|feed| feed.name == "documents").unwrap();
        documents.fauna = None;
        documents.named = true;
    });
    let client = Client::new(&appliance);
    assert_refused(&client, &request, &switched_off("documents"));
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    let client = Client::new(&appliance);
    assert_refused(&client, &request, &switched_off("documents"));
    // Another feed can be the database.
    assert_eq!(appliance.put("/v1/feeds/other", r#"{"dialects":{"fauna":{"database":"/"}}}"#).0, 201);
    assert_eq!(client.ok("Event.all().count()"), json!({ "@int": "0" }));
    assert_eq!(appliance.delete("/v1/feeds/other").0, 200);
    assert_refused(&client, &request, &switched_off("documents"));
    assert_eq!(appliance.delete(FEED).0, 200);
    assert_eq!(client.query("1").status, 404, "nothing is left of it");
}

/// Who could not read it is not told that it was there.
#[test]
fn a_database_that_is_switched_off_is_shown_to_those_who_could_read_it() {
    let (_appliance, client) = with_keys(vec![
        key("admin", "admin", &[], &[], true),
        key("reader", "reader", &["fauna.Child"], &[], false),
        key("other", "other", &["repos"], &[], false),
    ]);
    let admin = client.bearer("admin");
    admin.ok("Database.create({ name: 'Child' })");
    let secrets = ["admin:Child:admin", "reader:Child:server", "other:Child:server", "wrong:Child:admin"];
    let asked = secrets.map(|secret| client.bearer(secret));
    let statuses = || asked.each_ref().map(|client| client.query("1").status);
    assert_eq!(statuses(), [200, 200, 403, 401]);
    let changed = admin.with("Content-Type: application/merge-patch+json").call(
        "PATCH",
        "/v1/feeds/fauna.Child",
        r#"{"dialects":{"fauna":null}}"#,
    );
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(statuses(), [410, 410, 401, 401]);
    assert_eq!(refused(&asked[1].query("1")), switched_off("fauna.Child"));
    assert_eq!(client.query("1").status, 401);
    // The path is free for another, which has another feed.
    admin.ok("Database.create({ name: 'Child' })");
    assert_eq!(statuses(), [200, 403, 403, 401]);
    admin.ok("Database.byName('Child')!.delete()");
    assert_eq!(statuses(), [410, 410, 401, 401]);
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
