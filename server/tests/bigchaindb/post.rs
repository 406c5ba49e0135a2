//! What is accepted: transactions of the protocol's own drivers, in every form in which they come.

use serde_json::{Value, json};

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Owner, accepted, ask, create, get, golden, post_request, transfer},
        raw::Connection,
    },
    follow, last_height, message,
};

/// The golden transactions; each follows those that it spends.
const NAMES: [&str; 8] = [
    "js_create",
    "js_transfer",
    "js_threshold_transfer",
    "py_create",
    "py_transfer",
    "py_merge",
    "py_threshold_transfer",
    "py_two_signers",
];

#[test]
fn what_the_drivers_make_is_accepted_and_streamed() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    for (height, name) in (1..).zip(NAMES) {
        let text = golden(name);
        accepted(&appliance, &text);
        let transaction: Value = serde_json::from_str(&text).unwrap();
        let id = transaction["id"].as_str().unwrap();
        let asset = transaction["asset"]["id"].as_str().unwrap_or(id);
        let expected = format!("{{\"height\": {height}, \"asset_id\": \"{asset}\", \"transaction_id\": \"{id}\"}}");
        assert_eq!(message(&mut stream), expected, "{name}");
    }
    assert_eq!(last_height(&appliance), NAMES.len() as u64);
}

#[test]
fn the_answer_is_the_transaction() {
    let appliance = Appliance::start();
    let made = create(&Owner::new(1), json!({ "b": 1, "a": "ä" }), &[3]);
    let transaction: Value = serde_json::from_str(&made.json).unwrap();
    let spaced = serde_json::to_string_pretty(&transaction).unwrap();
    let answer = ask(&appliance, post_request(&spaced));
    assert_eq!((answer.status, answer.text()), (202, &*format!("{}\n", made.json)));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

#[test]
fn every_form_of_a_post() {
    let appliance = Appliance::start();
    let mut connection = Connection::open(appliance.address);
    let owner = Owner::new(1);
    let forms = [
        ("", "Content-Type: application/json\r\n"),
        ("?mode=async", "Content-Type: text/plain\r\n"),
        ("?mode=sync", "Content-Type: application/x-www-form-urlencoded\r\n"),
        ("?mode=commit", ""),
        ("/", ""),
        ("/?mode=commit&mode=async&x=y", "Expect: 100-continue\r\n"),
    ];
    for (number, (rest, field)) in forms.iter().enumerate() {
        let body = create(&owner, json!({ "number": number }), &[1]).json;
        let request = format!(
            "POST /api/v1/transactions{rest} HTTP/1.1\r\nHost: a\r\n{field}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut answer = connection.send(request).answer();
        if answer.status == 100 {
            answer = connection.answer();
        }
        assert_eq!((answer.status, answer.text()), (202, &*format!("{body}\n")), "{rest} {field}");
    }
    let body = create(&owner, json!({ "in": "chunks" }), &[1]).json;
    let (first, second) = body.split_at(100);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    let request =
        format!("POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(connection.send(request).answer().status, 202);
    assert_eq!(last_height(&appliance), forms.len() as u64 + 1, "one block for each, and none besides");
}

#[test]
fn an_asset_is_divided_and_merged() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let (alice, bob) = (Owner::new(1), Owner::new(2));
    let created = create(&alice, Value::Null, &[6, 4]);
    let given = transfer(&alice, &created.id, &[(&created.id, 0)], &[(&bob, 5), (&alice, 1)]);
    let merged = transfer(&alice, &created.id, &[(&given.id, 1), (&created.id, 1)], &[(&alice, 5)]);
    let back = transfer(&bob, &created.id, &[(&given.id, 0)], &[(&alice, 2), (&alice, 3)]);
    for (height, made) in (1..).zip([&created, &given, &merged, &back]) {
        accepted(&appliance, &made.json);
        assert_eq!(message(&mut stream), made.message(height));
    }
}

#[test]
fn odd_content_is_stored_and_spent_like_any_other() {
    let appliance = Appliance::start();
    let mut stream = follow(&appliance, STREAM);
    let owner = Owner::new(1);
    // As deep as JSON may be: the transaction, its asset, the data, and lists.
    let deep = (0..125).fold(json!({}), |inner, _| json!([inner]));
    let deep = deep[0].clone();
    let odd = [
        json!({ "deep": deep }),
        json!({ "": "", "\u{1}\u{12}\"\\/": "\u{7f}\u{2028}\u{fffd}\u{10ffff}", "id": null, "transactions": [] }),
        json!({ "numbers": [0, -1, 1.5, 18_446_744_073_709_551_615_u64, -9_223_372_036_854_775_808_i64] }),
        json!({ "id": 5, "asset": { "id": 7 }, "outputs": {}, "operation": [] }),
        json!({}),
        Value::Null,
    ];
    for (height, data) in (1..).step_by(2).zip(odd) {
        let created = create(&owner, data, &[1]);
        let passed = transfer(&owner, &created.id, &[(&created.id, 0)], &[(&owner, 1)]);
        for (height, made) in (height..).zip([&created, &passed]) {
            accepted(&appliance, &made.json);
            assert_eq!(message(&mut stream), made.message(height));
            let found = get(&appliance, &format!("/api/v1/transactions/{}", made.id));
            assert_eq!(found.text(), format!("{}\n", made.json));
        }
    }
}

#[test]
fn heights_go_on_after_a_restart() {
    let owner = Owner::new(1);
    let made: Vec<_> = (0..6).map(|number| create(&owner, json!({ "number": number }), &[1])).collect();
    let mut appliance = Appliance::start();
    for (height, made) in (1..).zip(&made) {
        let mut stream = follow(&appliance, STREAM);
        accepted(&appliance, &made.json);
        assert_eq!(message(&mut stream), made.message(height));
        drop(stream);
        appliance = Appliance::start_in(appliance.stop(), |_| {});
    }
    // What was accepted before the restarts still counts.
    for made in &made {
        let (status, answer) = super::common::bigchaindb::post(&appliance, &made.json);
        assert_eq!(status, 400, "{answer}");
        let spending = transfer(&owner, &made.id, &[(&made.id, 0)], &[(&owner, 1)]);
        accepted(&appliance, &spending.json);
    }
    assert_eq!(last_height(&appliance), 12);
}

#[test]
fn transactions_that_come_together_are_one_block() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let mut stream = follow(&appliance, STREAM);
    let mut connections: Vec<_> = (0..64).map(|_| Connection::open(appliance.address)).collect();
    let mut rounds = 0;
    let mut largest = 0;
    // How many come together is a matter of chance, that some do is not.
    while largest < 2 {
        let made: Vec<_> =
            (0..64).map(|number| create(&owner, json!({ "round": rounds, "number": number }), &[1])).collect();
        for (connection, made) in connections.iter_mut().zip(&made) {
            connection.send(post_request(&made.json));
        }
        connections.iter_mut().for_each(|connection| assert_eq!(connection.answer().status, 202));
        let heights: Vec<u64> = made.iter().map(|_| height_of(&message(&mut stream))).collect();
        assert!(heights.is_sorted());
        let sizes = heights.chunk_by(|one, next| one == next).map(<[u64]>::len);
        largest = sizes.max().unwrap();
        rounds += 1;
        assert!(rounds < 100, "no two transactions came together");
    }
}

fn height_of(message: &str) -> u64 {
    serde_json::from_str::<Value>(message).unwrap()["height"].as_u64().unwrap()
}
