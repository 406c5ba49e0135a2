//! What is derived from a feed can be lost: it is derived again, and tokens, cursors and events are as they were.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    client::{Client, appliance},
    common::Appliance,
};

/// The directory of the only history there is.
fn history(directory: &TempDir) -> PathBuf {
    let feeds = directory.path().join("log/feeds");
    let is_history = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("_fauna.");
    fs::read_dir(feeds).unwrap().map(|entry| entry.unwrap().path()).find(is_history).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn write(client: &Client, from: u64) {
    client.ok(&format!("Set.sequence({from}, {}).forEach(n => A.create({{ id: n, n: n }}))", from + 20));
    client.ok(&format!("A.byId('{from}')!.update({{ n: 0 }}); A.byId('{}')!.delete()", from + 1));
}

fn events(client: &Client, token: &str) -> Vec<Value> {
    let page = client.page(json!({ "token": token, "page_size": 1000 }));
    assert_eq!(page["has_next"], false);
    page["events"].as_array().unwrap().clone()
}

#[test]
fn what_is_lost_is_derived_again() {
    let (appliance, client) = appliance();
    let tokens = ["A.all()", "A.where(.n > 5)"].map(|set| client.token(&format!("{set}.eventSource()")));
    write(&client, 1);
    let directory = appliance.stop();
    let early = directory.path().join("early");
    copy(&history(&directory), &early);
    let appliance = Appliance::start_in(directory, |_| {});
    let client = Client::new(&appliance);
    write(&client, 101);
    let expected = tokens.clone().map(|token| events(&client, &token));
    assert_eq!(expected[0].len(), 44);
    let mut directory = appliance.stop();
    type Loss = fn(&TempDir, &Path);
    let losses: [(&str, Loss); 4] = [
        ("the index", |directory, _| fs::remove_dir_all(directory.path().join("log/index")).unwrap()),
        ("the end of the history", |directory, early| {
            let history = history(directory);
            fs::remove_dir_all(&history).unwrap();
            copy(early, &history);
        }),
        ("the history", |directory, _| fs::remove_dir_all(history(directory)).unwrap()),
        ("both", |directory, _| {
            fs::remove_dir_all(history(directory)).unwrap();
            fs::remove_dir_all(directory.path().join("log/index")).unwrap();
        }),
    ];
    for (what, lose) in losses {
        lose(&directory, &early);
        let appliance = Appliance::start_in(directory, |_| {});
        let client = Client::new(&appliance);
        for (token, expected) in tokens.iter().zip(&expected) {
            assert_eq!(&events(&client, token), expected, "{what}");
        }
        assert_eq!(client.ok("A.all().count()"), json!({ "@int": "38" }), "{what}");
        assert_eq!(client.ok("A.byId('101')!.n"), json!({ "@int": "0" }), "{what}");
        let cursor = expected[0][10]["cursor"].clone();
        let mut stream = client.stream_with(json!({ "token": tokens[0], "cursor": cursor }));
        assert_eq!(stream.event(), expected[0][11], "{what}");
        drop(stream);
        directory = appliance.stop();
    }
}

#[test]
fn a_feed_takes_its_history_with_it() {
    let (appliance, client) = appliance();
    client.ok("Database.create({ name: 'Child' })");
    client.bearer("s:Child:admin").ok("Event.create({})");
    let count = |directory: &Path| fs::read_dir(directory.join("log/feeds")).unwrap().count();
    client.ok("Database.byName('Child')!.delete()");
    let directory = appliance.stop();
    let (feeds, index) = (count(directory.path()), directory.path().join("log/index"));
    assert_eq!(feeds, 8, "six feeds, the one of the appliance, and one history");
    assert_eq!(fs::read_dir(&index).unwrap().count(), 1);
}
