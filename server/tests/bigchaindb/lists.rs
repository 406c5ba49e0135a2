//! Lists: outputs of an owner, transactions of an asset, validators.

use std::{collections::BTreeMap, fmt::Write, fs, thread};

use serde_json::{Value, json};
use tailwater::config::Retention;

use super::common::{
    Appliance,
    bigchaindb::{Made, Owner, accepted, ask, create, get, golden, sign, transfer},
    eventually,
    raw::{Answer, Connection},
};

fn check(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text()), (status, body));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

/// The text of a list of outputs.
fn outputs(of: &[(&Made, u64)]) -> String {
    let items: Vec<String> = of
        .iter()
        .map(|(made, index)| format!("{{\"transaction_id\": \"{}\", \"output_index\": {index}}}", made.id))
        .collect();
    format!("[{}]\n", items.join(", "))
}

/// The text of a list of transactions.
fn transactions(of: &[&Made]) -> String {
    format!("[{}]\n", of.iter().map(|made| &*made.json).collect::<Vec<_>>().join(", "))
}

fn outputs_of(appliance: &Appliance, owner: &Owner, rest: &str) -> Answer {
    get(appliance, &format!("/api/v1/outputs?public_key={}{rest}", owner.public))
}

#[test]
fn outputs_of_an_owner_spent_or_not() {
    let appliance = Appliance::start();
    let [alice, bob, carol] = [1, 2, 3].map(Owner::new);
    let created = create(&alice, json!({ "n": 1 }), &[6, 4]);
    let other = create(&alice, json!({ "n": 2 }), &[1]);
    let given = transfer(&alice, &created.id, &[(&created.id, 0)], &[(&bob, 5), (&alice, 1)]);
    for made in [&created, &other, &given] {
        accepted(&appliance, &made.json);
    }
    let all = outputs(&[(&created, 0), (&created, 1), (&other, 0), (&given, 1)]);
    let unspent = outputs(&[(&created, 1), (&other, 0), (&given, 1)]);
    for (rest, expected) in [
        ("", &all),
        ("&spent=false", &unspent),
        ("&spent=False&spent=true", &unspent),
        ("&spent=true", &outputs(&[(&created, 0)])),
    ] {
        check(&outputs_of(&appliance, &alice, rest), 200, expected);
    }
    check(&outputs_of(&appliance, &bob, ""), 200, &outputs(&[(&given, 0)]));
    check(&outputs_of(&appliance, &bob, "&spent=true"), 200, "[]\n");
    check(&outputs_of(&appliance, &carol, ""), 200, "[]\n");
    check(&get(&appliance, &format!("/api/v1/outputs/?public_key={}", "z".repeat(44))), 200, "[]\n");
}

#[test]
fn an_output_of_several_owners_is_listed_for_each() {
    let appliance = Appliance::start();
    // The text of the list of each owner.
    let mut expected: BTreeMap<String, String> = BTreeMap::new();
    let mut owners_max = 0;
    for name in ["js_create", "js_transfer", "js_threshold_transfer"] {
        accepted(&appliance, &golden(name));
        let transaction: Value = serde_json::from_str(&golden(name)).unwrap();
        let id = transaction["id"].as_str().unwrap();
        for (index, output) in transaction["outputs"].as_array().unwrap().iter().enumerate() {
            let keys = output["public_keys"].as_array().unwrap();
            owners_max = keys.len().max(owners_max);
            for key in keys {
                let list = expected.entry(key.as_str().unwrap().to_owned()).or_default();
                let before = if list.is_empty() { "[" } else { ", " };
                write!(list, "{before}{{\"transaction_id\": \"{id}\", \"output_index\": {index}}}").unwrap();
            }
        }
    }
    assert!(owners_max > 1, "one of them belongs to several");
    for (key, list) in expected {
        check(&get(&appliance, &format!("/api/v1/outputs?public_key={key}")), 200, &format!("{list}]\n"));
    }
}

#[test]
fn transactions_of_an_asset() {
    let appliance = Appliance::start();
    let [alice, bob] = [1, 2].map(Owner::new);
    let created = create(&alice, json!({ "n": 1 }), &[1]);
    let beside = create(&alice, json!({ "n": 2 }), &[1]);
    let passed = transfer(&alice, &created.id, &[(&created.id, 0)], &[(&bob, 1)]);
    let back = transfer(&bob, &created.id, &[(&passed.id, 0)], &[(&alice, 1)]);
    for made in [&created, &beside, &passed, &back] {
        accepted(&appliance, &made.json);
    }
    let upper = created.id.to_uppercase();
    let table: [(&str, &str, &[&Made]); 12] = [
        (&created.id, "", &[&created, &passed, &back]),
        (&upper, "&x=y", &[&created, &passed, &back]),
        (&created.id, "&operation=CREATE", &[&created]),
        (&created.id, "&operation=transfer", &[&passed, &back]),
        (&created.id, "&last_tx=true", &[&back]),
        (&created.id, "&last_tx=false", &[&created, &passed, &back]),
        (&created.id, "&last_tx=true&operation=CREATE", &[&created]),
        (&created.id, "&last_tx=true&operation=TRANSFER", &[&back]),
        (&beside.id, "&last_tx=true", &[&beside]),
        (&beside.id, "&operation=TRANSFER&last_tx=true", &[]),
        // As the original: whatever has the id, even if that is no asset.
        (&passed.id, "", &[&passed]),
        (&passed.id, "&operation=CREATE", &[]),
    ];
    for (id, rest, expected) in table {
        for slash in ["", "/"] {
            let answer = get(&appliance, &format!("/api/v1/transactions{slash}?asset_id={id}{rest}"));
            check(&answer, 200, &transactions(expected));
        }
    }
    check(&get(&appliance, &format!("/api/v1/transactions?asset_id={}", "ab".repeat(32))), 200, "[]\n");
}

#[test]
fn nobody_validates() {
    let appliance = Appliance::start();
    for path in ["/api/v1/validators", "/api/v1/validators/", "/api/v1/validators?x=y"] {
        check(&get(&appliance, path), 200, "[]\n");
    }
}

#[test]
fn parameters_that_are_refused() {
    let appliance = Appliance::start();
    let key = Owner::new(1).public;
    let hash = "1".repeat(64);
    let missing = "Missing required parameter in the JSON body or the post body or the query string";
    let boolean = "Boolean value must be \\\"true\\\" or \\\"false\\\" (lowercase)";
    for (path, name, words) in [
        ("outputs".to_owned(), "public_key", missing),
        ("outputs?public_key=abc".to_owned(), "public_key", "Invalid base58 ed25519 key"),
        (format!("outputs?public_key={key}&spent=tru"), "spent", boolean),
        ("transactions".to_owned(), "asset_id", missing),
        ("transactions?operation=CREATE".to_owned(), "asset_id", missing),
        (format!("transactions?asset_id={}", &hash[1..]), "asset_id", "Invalid hash"),
        (
            format!("transactions?asset_id={hash}&operation=CEATE"),
            "operation",
            "Operation must be \\\"CREATE\\\" or \\\"TRANSFER\\\"",
        ),
        (format!("transactions?asset_id={hash}&last_tx="), "last_tx", boolean),
    ] {
        let expected = format!("{{\"message\": {{\"{name}\": \"{words}\"}}}}\n");
        check(&get(&appliance, &format!("/api/v1/{path}")), 400, &expected);
    }
    check(
        &get(&appliance, &format!("/api/v1/outputs?public_key={key}&unspent=true")),
        400,
        "{\"message\": \"Unknown arguments: unspent\"}\n",
    );
}

/// Publishes a block of these transactions, whatever they are.
fn block(appliance: &Appliance, made: &[Made]) {
    let texts: Vec<&str> = made.iter().map(|made| &*made.json).collect();
    let line = format!("{{\"kind\":\"block\",\"body\":{{\"transactions\":[{}]}}}}\n", texts.join(","));
    assert_eq!(appliance.publish("blocks", &line).0, 200);
}

#[test]
fn long_lists_leave_in_pieces_and_are_whole() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    // More rows than are looked at in one go, in few blocks and in many, each block more than a piece.
    let created = create(&owner, json!({ "long": "x".repeat(100_000) }), &[1; 900]);
    accepted(&appliance, &created.json);
    let mut passed: Vec<Made> = Vec::new();
    for part in 0..3 {
        let made: Vec<Made> =
            (0..500).map(|n| transfer(&owner, &created.id, &[(&created.id, part * 500 + n)], &[(&owner, 1)])).collect();
        block(&appliance, &made);
        passed.extend(made);
    }
    let all: Vec<&Made> = [&created].into_iter().chain(&passed).collect();
    let listed = get(&appliance, &format!("/api/v1/transactions?asset_id={}", created.id));
    assert_eq!(listed.header("Transfer-Encoding"), Some("chunked"));
    assert!(listed.text() == transactions(&all), "{} bytes", listed.text().len());
    let own = (0..900).map(|index| (&created, index));
    let of_passed = passed.iter().map(|made| (made, 0));
    let expected: Vec<_> = own.clone().chain(of_passed.clone()).collect();
    assert!(outputs_of(&appliance, &owner, "").text() == outputs(&expected));
    let unspent: Vec<_> = of_passed.collect();
    assert!(outputs_of(&appliance, &owner, "&spent=false").text() == outputs(&unspent));
    // The same without chunks, for those who do not know them; and nothing for those who want only the head.
    let path = format!("/api/v1/transactions?asset_id={}", created.id);
    let old = appliance.raw(format!("GET {path} HTTP/1.0\r\n\r\n"));
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && !head.contains("chunked") && body == listed.text(), "{head}");
    let mut connection = Connection::open(appliance.address);
    let head = connection.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n")).head();
    assert_eq!(head.status, 200);
    let next = connection.send("GET /api/v1/validators HTTP/1.1\r\nHost: a\r\n\r\n").answer();
    check(&next, 200, "[]\n");
}

#[test]
fn lists_are_the_same_after_a_restart_and_from_an_index_that_is_built_anew() {
    let mut appliance = Appliance::start();
    let [alice, bob] = [1, 2].map(Owner::new);
    let created = create(&alice, json!({ "n": 1 }), &[3, 4]);
    let passed = transfer(&alice, &created.id, &[(&created.id, 1)], &[(&bob, 4)]);
    for made in [&created, &passed] {
        accepted(&appliance, &made.json);
    }
    let paths = [
        format!("/api/v1/outputs?public_key={}&spent=false", alice.public),
        format!("/api/v1/outputs?public_key={}", bob.public),
        format!("/api/v1/transactions?asset_id={}", created.id),
    ];
    let before = paths.each_ref().map(|path| get(&appliance, path).text().to_owned());
    assert_eq!(before[0], outputs(&[(&created, 0)]));
    for lose in [false, true] {
        let directory = appliance.stop();
        if lose {
            fs::remove_dir_all(directory.path().join("log/index")).unwrap();
        }
        appliance = Appliance::start_in(directory, |_| {});
        for (path, before) in paths.iter().zip(&before) {
            eventually("the index", || get(&appliance, path).status == 200);
            assert_eq!(get(&appliance, path).text(), before, "{path}");
        }
    }
}

#[test]
fn what_has_left_the_window_is_not_listed() {
    let appliance = Appliance::start_with(|config| {
        let blocks = config.feeds.iter_mut().find(|feed| feed.bigchaindb).unwrap();
        blocks.segment_bytes_max = 1 << 20;
        blocks.retention = Retention { bytes: Some(2 << 20), ..blocks.retention };
    });
    let owner = Owner::new(1);
    let created = create(&owner, json!(null), &[1, 1]);
    accepted(&appliance, &created.json);
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    eventually("retention", || {
        assert_eq!(appliance.publish("blocks", &line.repeat(5)).0, 200);
        appliance.get("/v1/feeds/blocks").1["first_seq"].as_u64().unwrap() > 1
    });
    let passed = transfer(&owner, &created.id, &[(&created.id, 0)], &[(&owner, 1)]);
    accepted(&appliance, &passed.json);
    check(&outputs_of(&appliance, &owner, ""), 200, &outputs(&[(&passed, 0)]));
    let of_asset = format!("/api/v1/transactions?asset_id={}", created.id);
    check(&get(&appliance, &of_asset), 200, &transactions(&[&passed]));
    check(&get(&appliance, &format!("{of_asset}&operation=CREATE")), 200, "[]\n");
}

#[test]
fn whoever_posts_finds_what_came_of_it_at_once() {
    let appliance = Appliance::start();
    thread::scope(|scope| {
        for number in 0..4 {
            let appliance = &appliance;
            scope.spawn(move || {
                let owner = Owner::new(number);
                let mut last = create(&owner, json!({ "number": number }), &[1]);
                accepted(appliance, &last.json);
                for _ in 0..20 {
                    check(&outputs_of(appliance, &owner, "&spent=false"), 200, &outputs(&[(&last, 0)]));
                    last = transfer(&owner, &last.asset, &[(&last.id, 0)], &[(&owner, 1)]);
                    accepted(appliance, &last.json);
                }
                let newest = get(appliance, &format!("/api/v1/transactions?asset_id={}&last_tx=true", last.asset));
                check(&newest, 200, &transactions(&[&last]));
            });
        }
    });
}

#[test]
fn keys_that_are_named_but_have_no_condition_own_nothing() {
    let appliance = Appliance::start();
    let [alice, bob] = [1, 2].map(Owner::new);
    let mut transaction: Value = serde_json::from_str(&create(&alice, json!(null), &[1]).json).unwrap();
    transaction["outputs"][0]["public_keys"] = json!([alice.public, bob.public]);
    sign(&alice, &mut transaction);
    accepted(&appliance, &transaction.to_string());
    assert_eq!(outputs_of(&appliance, &alice, "").json().as_array().unwrap().len(), 1);
    check(&outputs_of(&appliance, &bob, ""), 200, "[]\n");
    let methods = ask(&appliance, "POST /api/v1/outputs HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((methods.status, methods.header("Allow")), (405, Some("GET, HEAD, OPTIONS")));
}
