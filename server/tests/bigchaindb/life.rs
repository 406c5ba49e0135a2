//! The chain's coming and going: with its feed, and with an index that is there, not there, or not to be had.

use std::{fs, path::Path};

use serde_json::json;
use tailwater::config::{Mirror, MirrorStart, Upstream};

use super::{
    STREAM, alone,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, ask, create, get, post, transfer},
        eventually,
        frames::upgrade,
    },
    follow, last_height, message,
};

const NOT_FOUND: &str = "{\"message\":\"Not found\",\"status\":404}\n";

/// The directories of the indexes.
fn indexes(data: &Path) -> Vec<String> {
    let entries = fs::read_dir(data.join("log/index")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn without_a_chain_there_is_nothing() {
    let appliance = Appliance::start_with(alone_without_a_chain);
    let post = ask(&appliance, "POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!((post.status, post.text()), (404, NOT_FOUND));
    for path in ["/api/v1/transactions/x", "/api/v1/blocks/1", "/api/v1/blocks?transaction_id=x"] {
        let answer = get(&appliance, path);
        assert_eq!((answer.status, answer.text()), (404, NOT_FOUND), "{path}");
    }
    let stream = ask(&appliance, upgrade(STREAM) + "\r\n");
    assert_eq!((stream.status, stream.text()), (404, "404: Not Found"));
    assert_eq!(get(&appliance, "/api/v1").status, 200);
}

fn alone_without_a_chain(config: &mut tailwater::config::Config) {
    alone(config);
    config.feeds.retain(|feed| !feed.bigchaindb);
}

#[test]
fn a_chain_that_comes_and_goes_with_its_feed() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let made = create(&owner, json!(null), &[1]);
    // The chain of the configuration keeps everything, so it is another one than these.
    assert_eq!(appliance.delete("/v1/feeds/blocks").0, 200);
    for name in ["blocks", "another", "blocks"] {
        let options = r#"{"dialects":{"bigchaindb":{}}}"#;
        let (status, answer) = appliance.put(&format!("/v1/feeds/{name}"), options);
        assert_eq!(status, 201, "{answer}");
        // What another chain held is not there: it begins at 1, and can have the same transaction.
        let mut stream = follow(&appliance, STREAM);
        assert_eq!(get(&appliance, &format!("/api/v1/transactions/{}", made.id)).status, 404);
        accepted(&appliance, &made.json);
        assert_eq!(message(&mut stream), made.message(1));
        assert_eq!(post(&appliance, &made.json).0, 400);
        assert_eq!(appliance.delete(&format!("/v1/feeds/{name}")).0, 200);
        assert_eq!(post(&appliance, &made.json).0, 404);
    }
    let data = appliance.stop();
    assert_eq!(indexes(data.path()), Vec::<String>::new());
}

#[test]
fn nothing_is_kept_for_a_chain_that_nobody_uses() {
    let appliance = Appliance::start();
    follow(&appliance, STREAM);
    let data = appliance.stop();
    assert_eq!(indexes(data.path()), Vec::<String>::new());
}

#[test]
fn indexes_of_feeds_that_are_gone_are_removed() {
    let appliance = Appliance::start();
    accepted(&appliance, &create(&Owner::new(1), json!(null), &[1]).json);
    let data = appliance.stop();
    let kept = indexes(data.path());
    assert_eq!(kept.len(), 1);
    fs::create_dir(data.path().join("log/index/0123456789abcdef")).unwrap();
    let data = Appliance::start_in(data, |_| {}).stop();
    assert_eq!(indexes(data.path()), kept);
}

#[test]
fn an_index_that_is_lost_is_built_from_the_blocks() {
    let owner = Owner::new(1);
    let appliance = Appliance::start();
    let created = create(&owner, json!(null), &[1]);
    let passed = transfer(&owner, &created.id, &[(&created.id, 0)], &[(&owner, 1)]);
    accepted(&appliance, &created.json);
    accepted(&appliance, &passed.json);
    let data = appliance.stop();
    fs::remove_dir_all(data.path().join("log/index")).unwrap();
    let appliance = Appliance::start_in(data, |_| {});
    let again = transfer(&owner, &created.id, &[(&created.id, 0)], &[(&Owner::new(2), 1)]);
    let (status, answer) = post(&appliance, &again.json);
    assert!(status == 400 && answer["message"].as_str().unwrap().contains("DoubleSpend"), "{answer}");
    assert_eq!(get(&appliance, &format!("/api/v1/blocks?transaction_id={}", passed.id)).text(), "[2]\n");
    let last = transfer(&owner, &created.id, &[(&passed.id, 0)], &[(&owner, 1)]);
    accepted(&appliance, &last.json);
    assert_eq!(last_height(&appliance), 3);
}

#[test]
fn without_an_index_the_chain_waits_for_one() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("log/index");
    fs::create_dir(directory.path().join("log")).unwrap();
    // A file where the indexes are to be.
    fs::write(&blocked, "").unwrap();
    let appliance = Appliance::start_in(directory, |_| {});
    let mut stream = follow(&appliance, STREAM);
    let made = create(&Owner::new(1), json!(null), &[1]);
    let words = "{\"message\":\"The index of this chain is being built from its blocks. Try again in a \
                 moment.\",\"status\":503}\n";
    let asked = [
        ask(&appliance, super::common::bigchaindb::post_request(&made.json)),
        get(&appliance, &format!("/api/v1/transactions/{}", made.id)),
    ];
    for answer in asked {
        assert_eq!((answer.status, answer.text(), answer.header("Retry-After")), (503, words, Some("1")));
    }
    // What needs no index is answered.
    assert_eq!(get(&appliance, "/api/v1/blocks/1").status, 404);
    assert_eq!(get(&appliance, "/api/v1").status, 200);
    assert_eq!(last_height(&appliance), 0, "nothing was stored");
    fs::remove_file(&blocked).unwrap();
    eventually("the chain", || post(&appliance, &made.json).0 == 202);
    assert_eq!(message(&mut stream), made.message(1));
}

#[test]
fn a_disk_that_is_too_full() {
    let owner = Owner::new(1);
    let made = create(&owner, json!(null), &[1]);
    let appliance = Appliance::start();
    accepted(&appliance, &made.json);
    let appliance = Appliance::start_in(appliance.stop(), |config| config.storage.disk_low_water_bytes = 1 << 60);
    // The free space is looked at about once a second.
    let mut others = 0;
    eventually("a refusal", || {
        others += 1;
        post(&appliance, &create(&owner, json!({ "other": others }), &[1]).json).0 == 507
    });
    let passed = transfer(&owner, &made.id, &[(&made.id, 0)], &[(&owner, 1)]);
    let (status, answer) = post(&appliance, &passed.json);
    let message = answer["message"].as_str().unwrap();
    assert_eq!((status, &answer["status"]), (507, &507.into()));
    assert!(message.starts_with("The block could not be stored: the feed is read-only: "), "{message}");
    // What is not valid is refused for that, and what is there is found.
    assert_eq!(post(&appliance, &made.json).0, 400);
    assert_eq!(get(&appliance, &format!("/api/v1/transactions/{}", made.id)).status, 200);
    assert_eq!(last_height(&appliance), others, "one less than was tried, and the first");
    // The output was not spent by what could not be stored.
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    accepted(&appliance, &passed.json);
}

#[test]
fn a_chain_that_a_mirror_fills() {
    let appliance = Appliance::start_with(|config| {
        config.mirrors = vec![Mirror {
            feed: "blocks".to_owned(),
            upstream: Upstream { tls: false, host: "127.0.0.1".to_owned(), port: 1, target: "/x".to_owned() },
            start: MirrorStart::Live,
            backoff_ms_min: 1_000,
            backoff_ms_max: 1_000,
            user_agent: None,
            frame_bytes_max: 1_000,
            ca_file: None,
        }];
    });
    let (status, answer) = post(&appliance, &create(&Owner::new(1), json!(null), &[1]).json);
    assert_eq!((status, &answer["message"]), (409, &"This chain is filled by a mirror. Post to its upstream.".into()));
    assert_eq!(last_height(&appliance), 0);
}
