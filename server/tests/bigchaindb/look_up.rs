//! Questions for what is stored.

use serde_json::json;
use tailwater::config::Retention;

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, create, get, golden, transfer},
        eventually,
        raw::Answer,
    },
    follow, message,
};

fn check(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text()), (status, body));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

const NOT_FOUND: &str = "{\"message\":\"Not found\",\"status\":404}\n";

#[test]
fn a_transaction_a_block_and_the_blocks_of_a_transaction() {
    let appliance = Appliance::start();
    let [alice, bob] = [1, 2].map(Owner::new);
    let created = create(&alice, json!({ "a": [1, { "ä": "\u{1}" }] }), &[1]);
    let passed = transfer(&alice, &created.id, &[(&created.id, 0)], &[(&bob, 1)]);
    for made in [&created, &passed] {
        accepted(&appliance, &made.json);
    }
    for (height, made) in (1..).zip([&created, &passed]) {
        for rest in ["", "/"] {
            check(
                &get(&appliance, &format!("/api/v1/transactions/{}{rest}", made.id)),
                200,
                &format!("{}\n", made.json),
            );
        }
        let block = format!("{{\"height\":{height},\"transactions\":[{}]}}\n", made.json);
        check(&get(&appliance, &format!("/api/v1/blocks/{height}")), 200, &block);
        let heights = format!("[{height}]\n");
        check(&get(&appliance, &format!("/api/v1/blocks?transaction_id={}", made.id)), 200, &heights);
        check(&get(&appliance, &format!("/api/v1/blocks/?transaction_id={}", made.id)), 200, &heights);
    }
}

#[test]
fn every_transaction_of_a_block_is_found() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let made: Vec<_> = (0..5).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    let texts: Vec<&str> = made.iter().map(|made| &*made.json).collect();
    let body = format!("{{\"transactions\":[{}]}}", texts.join(","));
    assert_eq!(appliance.publish("blocks", &format!("{{\"kind\":\"block\",\"body\":{body}}}\n")).0, 200);
    for made in &made {
        check(&get(&appliance, &format!("/api/v1/transactions/{}", made.id)), 200, &format!("{}\n", made.json));
        check(&get(&appliance, &format!("/api/v1/blocks?transaction_id={}", made.id)), 200, "[1]\n");
    }
}

#[test]
fn what_is_not_there() {
    let appliance = Appliance::start();
    accepted(&appliance, &golden("js_create"));
    let unknown = "ab".repeat(32);
    for id in [&unknown, &unknown.to_uppercase(), "x", &"a".repeat(4_000), "%00", "%C3%A4"] {
        check(&get(&appliance, &format!("/api/v1/transactions/{id}")), 404, NOT_FOUND);
        check(&get(&appliance, &format!("/api/v1/blocks?transaction_id={id}")), 200, "[]\n");
    }
    for height in ["0", "2", "9007199254740991", "18446744073709551615", "18446744073709551616"] {
        check(&get(&appliance, &format!("/api/v1/blocks/{height}")), 404, NOT_FOUND);
    }
    let missing = "{\"message\": {\"transaction_id\": \"Missing required parameter in the JSON body or the post body or the \
                   query string\"}}\n";
    check(&get(&appliance, "/api/v1/blocks"), 400, missing);
    check(&get(&appliance, "/api/v1/blocks?status=valid"), 400, missing);
    check(
        &get(&appliance, "/api/v1/blocks?transaction_id=x&status=valid"),
        400,
        "{\"message\": \"Unknown arguments: status\"}\n",
    );
}

#[test]
fn what_was_streamed_is_found_at_once() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let owner = Owner::new(1);
    let made: Vec<_> = (0..50).map(|n| create(&owner, json!({ "n": n }), &[1])).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| made.iter().for_each(|made| accepted(&appliance, &made.json)));
        for (height, made) in (1..).zip(&made) {
            assert_eq!(message(&mut stream), made.message(height));
            assert_eq!(get(&appliance, &format!("/api/v1/transactions/{}", made.id)).status, 200, "{height}");
        }
    });
}

#[test]
fn events_of_other_protocols_are_found_too() {
    let appliance = Appliance::start();
    let key = "0f".repeat(32);
    let put = |body: &str| {
        let line = format!("{{\"kind\":\"put\",\"key\":\"{key}\",\"body\":{body}}}\n");
        assert_eq!(appliance.publish("blocks", &line).0, 200);
    };
    for (height, body) in [(1, "[1]"), (2, "{\"b\":2}")] {
        put(body);
        let shown = format!("{{\"asset\":{{\"data\":{body}}},\"id\":\"{key}\"}}");
        check(&get(&appliance, &format!("/api/v1/transactions/{key}")), 200, &format!("{shown}\n"));
        check(&get(&appliance, &format!("/api/v1/blocks?transaction_id={key}")), 200, &format!("[{height}]\n"));
        let block = format!("{{\"height\":{height},\"transactions\":[{shown}]}}\n");
        check(&get(&appliance, &format!("/api/v1/blocks/{height}")), 200, &block);
    }
}

#[test]
fn what_has_left_the_window() {
    let appliance = Appliance::start_with(|config| {
        let blocks = config.feeds.iter_mut().find(|feed| feed.bigchaindb).unwrap();
        blocks.segment_bytes_max = 1 << 20;
        blocks.retention = Retention { bytes: Some(2 << 20), ..blocks.retention };
    });
    let owner = Owner::new(1);
    let created = create(&owner, json!(null), &[1]);
    accepted(&appliance, &created.json);
    let line = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    eventually("retention", || {
        assert_eq!(appliance.publish("blocks", &line.repeat(5)).0, 200);
        appliance.get("/v1/feeds/blocks").1["first_seq"].as_u64().unwrap() > 1
    });
    check(&get(&appliance, &format!("/api/v1/transactions/{}", created.id)), 404, NOT_FOUND);
    check(&get(&appliance, "/api/v1/blocks/1"), 404, NOT_FOUND);
    check(&get(&appliance, &format!("/api/v1/blocks?transaction_id={}", created.id)), 200, "[]\n");
    // The index still knows it: it cannot come again, and can be spent once.
    let (status, answer) = super::common::bigchaindb::post(&appliance, &created.json);
    assert!(status == 400 && answer["message"].as_str().unwrap().contains("DuplicateTransaction"), "{answer}");
    let passed = transfer(&owner, &created.id, &[(&created.id, 0)], &[(&owner, 1)]);
    accepted(&appliance, &passed.json);
    let again = transfer(&owner, &created.id, &[(&created.id, 0)], &[(&Owner::new(2), 1)]);
    let (status, answer) = super::common::bigchaindb::post(&appliance, &again.json);
    assert!(status == 400 && answer["message"].as_str().unwrap().contains("DoubleSpend"), "{answer}");
}
