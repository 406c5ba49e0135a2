//! Keys, in the forms in which drivers show them.

use serde_json::json;
use sha2::{Digest, Sha256};
use tailwater::config::{Config, Key};

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, ask, create},
        frames::upgrade,
        raw::Answer,
    },
    last_height,
};

fn with_keys(config: &mut Config) {
    let key = |name: &str, read: &[&str], write: &[&str]| Key {
        name: name.to_owned(),
        secret_sha256: Some(Sha256::digest(name).into()),
        read: read.iter().map(|name| (*name).to_owned()).collect(),
        write: write.iter().map(|name| (*name).to_owned()).collect(),
        ..Key::default()
    };
    config.keys =
        vec![key("reader", &["blocks"], &[]), key("writer", &[], &["blocks"]), key("other", &["repos"], &["repos"])];
}

/// Each way to show a secret, as a header.
fn shown(secret: &str) -> [String; 3] {
    [
        format!("Authorization: Bearer {secret}\r\n"),
        format!("Authorization: token {secret}\r\n"),
        format!("app_id: x\r\napp_key: {secret}\r\n"),
    ]
}

fn post(appliance: &Appliance, number: u64, field: &str) -> Answer {
    let body = create(&Owner::new(1), json!({ "n": number }), &[1]).json;
    let head =
        format!("POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\n{field}Content-Length: {}\r\n\r\n", body.len());
    ask(appliance, head + &body)
}

fn get(appliance: &Appliance, path: &str, field: &str) -> Answer {
    ask(appliance, format!("GET {path} HTTP/1.1\r\nHost: a\r\n{field}\r\n"))
}

fn stream(appliance: &Appliance, field: &str) -> Answer {
    super::common::raw::Connection::open(appliance.address).send(format!("{}{field}\r\n", upgrade(STREAM))).head()
}

#[test]
fn posting_takes_a_key_that_may_write() {
    let appliance = Appliance::start_with(with_keys);
    for (number, field) in (0..).zip(shown("writer")) {
        assert_eq!(post(&appliance, number, &field).status, 202, "{field}");
    }
    for field in shown("reader").into_iter().chain(shown("other")) {
        let answer = post(&appliance, 7, &field);
        let words = "{\"message\":\"Your key does not open this ([[key]]).\",\"status\":403}\n";
        assert_eq!((answer.status, answer.text()), (403, words), "{field}");
    }
    for field in shown("nobody").into_iter().chain([String::new()]) {
        let answer = post(&appliance, 7, &field);
        let words = "{\"message\":\"A key is needed: send `Authorization: Bearer SECRET` or `app_key: SECRET` with one that \
                     is configured ([[key]]).\",\"status\":401}\n";
        assert_eq!((answer.status, answer.text()), (401, words), "{field}");
        assert_eq!(answer.header("WWW-Authenticate"), Some("Bearer realm=\"tailwater\""));
    }
    let heights = get(&appliance, "/api/v1/blocks/3", &shown("reader")[0]);
    assert_eq!(heights.status, 200, "three were stored");
    assert_eq!(get(&appliance, "/api/v1/blocks/4", &shown("reader")[0]).status, 404, "and no more");
}

#[test]
fn reading_takes_a_key_that_may_read() {
    let appliance = Appliance::start_with(with_keys);
    assert_eq!(post(&appliance, 0, &shown("writer")[2]).status, 202);
    let id = create(&Owner::new(1), json!({ "n": 0 }), &[1]).id;
    let paths = [
        format!("/api/v1/transactions/{id}"),
        "/api/v1/blocks/1".to_owned(),
        format!("/api/v1/blocks?transaction_id={id}"),
        format!("/api/v1/transactions?asset_id={id}"),
        format!("/api/v1/outputs?public_key={}", Owner::new(1).public),
        "/api/v1/validators".to_owned(),
    ];
    for path in &paths {
        for field in shown("reader") {
            assert_eq!(get(&appliance, path, &field).status, 200, "{path} {field}");
        }
        assert_eq!(get(&appliance, path, &shown("other")[2]).status, 403, "{path}");
        assert_eq!(get(&appliance, path, &shown("nobody")[0]).status, 401, "{path}");
        assert_eq!(get(&appliance, path, "").status, 401, "{path}");
    }
    assert_eq!(stream(&appliance, &shown("reader")[2]).status, 101);
    for (field, status, words) in [
        (shown("other")[0].clone(), 403, "403: Forbidden"),
        (shown("nobody")[2].clone(), 401, "401: Unauthorized"),
        (String::new(), 401, "401: Unauthorized"),
    ] {
        let answer = ask(&appliance, format!("{}{field}\r\n", upgrade(STREAM)));
        assert_eq!((answer.status, answer.text()), (status, words), "{field}");
    }
    // Where things are is no secret.
    assert_eq!(get(&appliance, "/api/v1", "").status, 200);
}

#[test]
fn a_public_chain_is_read_by_everybody() {
    let appliance = Appliance::start_with(|config| {
        with_keys(config);
        config.feeds.iter_mut().find(|feed| feed.bigchaindb).unwrap().public = true;
    });
    assert_eq!(stream(&appliance, "").status, 101);
    assert_eq!(get(&appliance, "/api/v1/blocks/1", "").status, 404);
    assert_eq!(post(&appliance, 0, "").status, 401);
    assert_eq!(
        get(&appliance, "/api/v1/blocks/1", &shown("nobody")[0]).status,
        401,
        "who shows a wrong key may nothing"
    );
}

#[test]
fn without_keys_nobody_needs_one() {
    let appliance = Appliance::start();
    for (number, field) in (0..).zip(shown("anything").into_iter().chain([String::new()])) {
        assert_eq!(post(&appliance, number, &field).status, 202, "{field}");
    }
    assert_eq!(last_height(&appliance), 4);
}
