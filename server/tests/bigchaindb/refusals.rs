//! Bad input: each kind refused in the protocol's own words, and nothing stored.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Made, Owner, accepted, ask, create, data, golden, id_of, post_request, sign, transfer},
        raw::{Answer, Connection},
    },
    follow, last_height, message,
};

/// Posts what has to be refused; the status and the message.
pub fn refused(appliance: &Appliance, body: &str) -> (u16, String) {
    let answer = ask(appliance, post_request(body));
    let message = refusal(&answer);
    (answer.status, message)
}

/// The message of a refusal in the protocol's form.
pub fn refusal(answer: &Answer) -> String {
    assert_eq!(answer.header("Content-Type"), Some("application/json"), "{answer:?}");
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
    let told = answer.json();
    assert_eq!(
        (told["status"].as_u64(), told.as_object().unwrap().len()),
        (Some(answer.status.into()), 2),
        "{answer:?}"
    );
    assert!(answer.text().ends_with('\n'));
    told["message"].as_str().unwrap().to_owned()
}

/// Nothing was stored, and the chain goes on.
fn check_untouched(appliance: &Appliance, height: u64) {
    assert_eq!(last_height(appliance), height);
    let mut stream = follow(appliance, STREAM);
    let made = create(&Owner::new(99), json!({ "height": height }), &[1]);
    accepted(appliance, &made.json);
    assert_eq!(message(&mut stream), made.message(height + 1));
}

#[test]
fn bodies_that_are_no_transaction() {
    let appliance = Appliance::start();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for (body, words) in [
        ("", "Failed to decode JSON object: the JSON ends too early at byte 0"),
        ("{", "Failed to decode JSON object: the JSON ends too early at byte 1"),
        ("[]", "Invalid transaction schema: [] is not of type 'object'"),
        ("null", "Invalid transaction schema: None is not of type 'object'"),
        ("{}", "Invalid transaction (InvalidHash): No transaction id found!"),
        (&deep, "Failed to decode JSON object: nested deeper than 128 levels at byte 128"),
    ] {
        assert_eq!(refused(&appliance, body), (400, words.to_owned()), "{body:.20}");
    }
    let answer = ask(
        &appliance,
        [b"POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n".as_slice(), &[0xff; 2]].concat(),
    );
    assert_eq!(refusal(&answer), "Failed to decode JSON object: the text is not UTF-8");
    check_untouched(&appliance, 0);
}

#[test]
fn bodies_that_are_too_large() {
    let appliance = Appliance::start();
    let head = |fields: &str| format!("POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    // The length announced is enough; so is what comes in chunks.
    for request in [
        head("Content-Length: 1048577\r\n"),
        head("Transfer-Encoding: chunked\r\n") + "100001\r\n" + &"x".repeat(0x10_0001),
    ] {
        let mut connection = Connection::open(appliance.address);
        let answer = connection.send(request).answer();
        assert_eq!((answer.status, &*refusal(&answer)), (413, "the request body is larger than 1048576 bytes"));
        assert_eq!(answer.header("Connection"), Some("close"));
    }
    // The largest there may be is one like any other.
    let owner = Owner::new(1);
    let without = create(&owner, json!({ "x": "" }), &[1]).json.len();
    let largest = create(&owner, json!({ "x": "x".repeat((1 << 20) - without) }), &[1]);
    assert_eq!(largest.json.len(), 1 << 20);
    accepted(&appliance, &largest.json);
    check_untouched(&appliance, 1);
}

#[test]
fn the_limits_of_the_configuration_hold() {
    let owner = Owner::new(1);
    let of_bytes = |bytes: usize| {
        let without = create(&owner, json!({ "x": "" }), &[1]).json.len();
        create(&owner, json!({ "x": "x".repeat(bytes - without) }), &[1])
    };
    let appliance = Appliance::start_with(|config| {
        config.limits.event_bytes_max = 1_000;
        config.limits.json_depth_max = 6;
    });
    let words = "the request body is larger than 1000 bytes".to_owned();
    assert_eq!(refused(&appliance, &of_bytes(1_001).json), (413, words));
    let deep = create(&owner, json!({ "a": [[[[0]]]] }), &[1]);
    let (status, message) = refused(&appliance, &deep.json);
    assert!(
        status == 400 && message.starts_with("Failed to decode JSON object: nested deeper than 6 levels"),
        "{message}"
    );
    accepted(&appliance, &of_bytes(1_000).json);
    check_untouched(&appliance, 1);
}

/// A transaction of which something was changed, with the id that belongs to it.
pub fn changed(made: &Made, change: impl FnOnce(&mut Value)) -> String {
    let mut transaction: Value = serde_json::from_str(&made.json).unwrap();
    change(&mut transaction);
    transaction["id"] = id_of(&transaction).into();
    transaction.to_string()
}

#[test]
fn transactions_that_contradict_themselves() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let made = create(&owner, json!({ "a": 1 }), &[1]);
    let wrong_id = made.json.replace(&made.id, &"ab".repeat(32));
    let (status, words) = refused(&appliance, &wrong_id);
    let expected = format!(
        "Invalid transaction (InvalidHash): The transaction's id '{}' isn't equal to the hash of its body, i.e. it's not \
         valid.",
        "ab".repeat(32)
    );
    assert_eq!((status, words), (400, expected));
    let signature = "Invalid transaction (InvalidSignature): Transaction signature is invalid.";
    let uri = "Invalid transaction (InvalidSignature): Fulfillment URI couldn't been parsed";
    let other = Owner::new(2);
    let mut foreign: Value = serde_json::from_str(&made.json).unwrap();
    sign(&other, &mut foreign);
    for (body, words) in [
        (
            changed(&made, |it| it["version"] = "1.0".into()),
            "Invalid transaction schema: '1.0' does not match '^2\\\\.0$'",
        ),
        (
            changed(&made, |it| drop(it.as_object_mut().unwrap().shift_remove("metadata"))),
            "Invalid transaction schema: 'metadata' is a required property",
        ),
        (changed(&made, |it| it["asset"]["data"]["a"] = 2.into()), signature),
        (changed(&made, |it| it["inputs"][0]["owners_before"][0] = other.public.clone().into()), signature),
        (changed(&made, |it| it["inputs"][0]["fulfillment"] = "pGSA".into()), uri),
        (foreign.to_string(), signature),
    ] {
        let (status, message) = refused(&appliance, &body);
        assert_eq!(status, 400);
        assert_eq!(message, words, "{body}");
    }
    check_untouched(&appliance, 0);
}

#[test]
fn transactions_that_contradict_the_chain() {
    let appliance = Appliance::start();
    let [alice, bob] = [1, 2].map(Owner::new);
    let one = create(&alice, json!({ "n": 1 }), &[5]);
    let two = create(&alice, json!({ "n": 2 }), &[5]);
    for made in [&one, &two] {
        accepted(&appliance, &made.json);
    }
    let spent = transfer(&alice, &one.id, &[(&one.id, 0)], &[(&bob, 5)]);
    accepted(&appliance, &spent.json);
    let unknown = "ab".repeat(32);
    let signature = "Invalid transaction (InvalidSignature): Transaction signature is invalid.".to_owned();
    for (body, words) in [
        (&one.json, format!("Invalid transaction (DuplicateTransaction): transaction `{}` already exists", one.id)),
        (&spent.json, format!("Invalid transaction (DoubleSpend): input `{}` was already spent", one.id)),
        (
            &transfer(&alice, &one.id, &[(&one.id, 0)], &[(&alice, 5)]).json,
            format!("Invalid transaction (DoubleSpend): input `{}` was already spent", one.id),
        ),
        (
            &transfer(&alice, &unknown, &[(&unknown, 0)], &[(&bob, 1)]).json,
            format!("Invalid transaction (InputDoesNotExist): input `{unknown}` doesn't exist"),
        ),
        (
            &transfer(&alice, &two.id, &[(&two.id, 1)], &[(&bob, 5)]).json,
            format!("Invalid transaction (InputDoesNotExist): input `{}` doesn't exist", two.id),
        ),
        (&transfer(&bob, &two.id, &[(&two.id, 0)], &[(&bob, 5)]).json, signature.clone()),
        (
            &transfer(&alice, &two.id, &[(&two.id, 0)], &[(&bob, 4)]).json,
            "Invalid transaction (AmountError): The amount used in the inputs `5` needs to be same as the amount used in the \
             outputs `4`"
                .to_owned(),
        ),
        (
            &transfer(&alice, &one.id, &[(&two.id, 0)], &[(&bob, 5)]).json,
            "Invalid transaction (AssetIdMismatch): The asset id of the input does not match the asset id of the transaction"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(&appliance, body), (400, words));
    }
    let twice = transfer(&alice, &two.id, &[(&two.id, 0), (&two.id, 0)], &[(&bob, 10)]);
    let words = format!("Invalid transaction (DoubleSpend): tx \"{}\" spends inputs twice", twice.id);
    assert_eq!(refused(&appliance, &twice.json), (400, words));
    check_untouched(&appliance, 3);
}

#[test]
fn modes_that_are_none() {
    let appliance = Appliance::start();
    let body = create(&Owner::new(1), json!(null), &[1]).json;
    for query in ["mode=", "mode=now", "mode=commit&mode=x"] {
        let request = format!(
            "POST /api/v1/transactions?{query} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = ask(&appliance, request);
        let words = "{\"message\": {\"mode\": \"Mode must be \\\"async\\\", \\\"sync\\\" or \\\"commit\\\"\"}}\n";
        assert_eq!((answer.status, answer.text()), (400, words), "{query}");
    }
    check_untouched(&appliance, 0);
}

/// Applies the edit of a line of `edited.jsonl`.
fn edited(case: &Value) -> String {
    let mut tree: Value = serde_json::from_str(&golden(case["base"].as_str().unwrap())).unwrap();
    let (last, parents) = case["path"].as_array().unwrap().split_last().unwrap();
    let parent = parents.iter().fold(&mut tree, |parent, step| match step {
        Value::String(name) => &mut parent[name],
        step => &mut parent[step.as_u64().unwrap() as usize],
    });
    match (parent, last, case.get("set")) {
        (Value::Object(map), Value::String(name), Some(value)) => drop(map.insert(name.clone(), value.clone())),
        (Value::Object(map), Value::String(name), None) => drop(map.shift_remove(name)),
        (Value::Array(list), at, Some(value)) => list[at.as_u64().unwrap() as usize] = value.clone(),
        (Value::Array(list), at, None) => drop(list.remove(at.as_u64().unwrap() as usize)),
        _ => panic!("{case}"),
    }
    tree["id"] = case["id"].clone();
    tree.to_string()
}

#[test]
fn what_the_original_refuses_is_refused() {
    let appliance = Appliance::start();
    let ancestors = ["js_create", "js_transfer", "py_create", "py_transfer"];
    ancestors.iter().for_each(|name| accepted(&appliance, &golden(name)));
    let mut connection = Connection::open(appliance.address);
    let mut cases = 0;
    for line in data("edited.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let answer = connection.send(post_request(&edited(&case))).answer();
        assert_eq!(answer.status, 400, "{line}");
        let message = refusal(&answer);
        assert!(message.starts_with("Invalid transaction"), "{line}: {message}");
        // Where it differs, ours stands before the original's, which would have failed later, or never.
        cases += usize::from(case["message"] == *message);
    }
    assert!(cases > 250, "{cases}");
    check_untouched(&appliance, ancestors.len() as u64);
}

#[test]
fn damaged_transactions_change_nothing() {
    let appliance = Appliance::start();
    let text = golden("js_create");
    accepted(&appliance, &text);
    let connection = std::cell::RefCell::new(Connection::open(appliance.address));
    let damage = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    let outcome =
        TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() }).run(&damage, |damage| {
            let mut body = text.clone().into_bytes();
            for (at, byte) in damage {
                let at = at.index(body.len());
                body[at] = byte;
            }
            let head =
                format!("POST /api/v1/transactions HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
            let answer = connection.borrow_mut().send([head.as_bytes(), &body].concat()).answer();
            // One that says the same is there already.
            prop_assert_eq!(answer.status, 400);
            refusal(&answer);
            Ok(())
        });
    outcome.unwrap();
    check_untouched(&appliance, 1);
}
