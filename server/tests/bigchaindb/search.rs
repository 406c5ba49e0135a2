//! Searching assets and metadata.

use std::fs;

use serde_json::{Value, json};
use tailwater::config::Retention;

use super::common::{
    Appliance,
    bigchaindb::{Made, Owner, accepted, create, get, sign, transfer},
    eventually,
    raw::Answer,
};

fn check(answer: &Answer, status: u16, body: &str) {
    assert_eq!((answer.status, answer.text()), (status, body));
    assert_eq!(answer.header("Content-Type"), Some("application/json"));
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
}

fn search_once(appliance: &Appliance, table: &str, text: &str, rest: &str) -> Answer {
    let text = text.replace('%', "%25").replace('&', "%26").replace(' ', "+").replace('"', "%22");
    get(appliance, &format!("/api/v1/{table}?search={text}{rest}"))
}

/// Asks again for as long as the index is being built: on a busy machine that may take a moment.
fn search(appliance: &Appliance, table: &str, text: &str, rest: &str) -> Answer {
    let mut answer = search_once(appliance, table, text, rest);
    eventually("an answer", || {
        let waits = answer.status == 503;
        if waits {
            answer = search_once(appliance, table, text, rest);
        }
        !waits
    });
    answer
}

/// An asset with this subject, which has metadata.
fn about(owner: &Owner, subject: &str, metadata: Value) -> Made {
    let mut transaction: Value =
        serde_json::from_str(&create(owner, json!({ "subject": subject }), &[1]).json).unwrap();
    transaction["metadata"] = metadata;
    signed(owner, transaction)
}

fn signed(owner: &Owner, mut transaction: Value) -> Made {
    sign(owner, &mut transaction);
    let id = transaction["id"].as_str().unwrap().to_owned();
    transaction.sort_all_objects();
    Made { asset: id.clone(), id, json: transaction.to_string() }
}

/// The list of these assets.
fn assets(of: &[(&Made, &str)]) -> String {
    let items: Vec<String> = of
        .iter()
        .map(|(made, subject)| format!("{{\"data\": {}, \"id\": \"{}\"}}", json!({ "subject": subject }), made.id))
        .collect();
    format!("[{}]\n", items.join(", "))
}

#[test]
fn words_phrases_and_what_is_excluded() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let subjects =
        ["coffee", "Coffee Shopping", "Baking a cake", "baking", "Café Con Leche", "Сырники", "coffee and cream"];
    let made = subjects.map(|subject| about(&owner, subject, Value::Null));
    made.iter().for_each(|made| accepted(&appliance, &made.json));
    let table: [(&str, &str, &[usize]); 13] = [
        ("coffee", "", &[0, 1, 6]),
        ("coffee", "&limit=2", &[0, 1]),
        ("coffee", "&limit=-1", &[0]),
        ("coffee", "&limit=0&other=x", &[0, 1, 6]),
        ("bake coffee cake", "", &[2, 0, 3, 1, 6]),
        ("\"coffee shop\"", "", &[1]),
        ("\"coffee shop\" -shopping", "", &[]),
        ("coffee -shop", "", &[0, 6]),
        ("coffee -\"and cream\"", "", &[0, 1]),
        ("сы́рники CAFÉS", "", &[5, 4]),
        ("subject", "", &[]),
        ("the", "", &[]),
        ("-coffee", "", &[]),
    ];
    for (text, rest, expected) in table {
        let expected: Vec<_> = expected.iter().map(|at| (&made[*at], subjects[*at])).collect();
        check(&search(&appliance, "assets", text, rest), 200, &assets(&expected));
        check(&search(&appliance, "assets/", text, rest), 200, &assets(&expected));
    }
    check(&search(&appliance, "assets", &made[3].id, ""), 200, &assets(&[(&made[3], "baking")]));
    check(&search(&appliance, "metadata", "coffee", ""), 200, "[]\n");
}

#[test]
fn metadata_of_every_transaction() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let created = about(&owner, "coffee", json!({ "where": ["in Helsinki", { "deep": "Zürich" }] }));
    let mut passed: Value =
        serde_json::from_str(&transfer(&owner, &created.id, &[(&created.id, 0)], &[(&owner, 1)]).json).unwrap();
    passed["metadata"] = json!({ "note": "to Helsinki" });
    let passed = signed(&owner, passed);
    for made in [&created, &passed] {
        accepted(&appliance, &made.json);
    }
    let [first, second] = [&created, &passed].map(|made| {
        let metadata: Value = serde_json::from_str(&made.json).unwrap();
        format!("{{\"id\": \"{}\", \"metadata\": {}}}", made.id, metadata["metadata"])
    });
    check(&search(&appliance, "metadata", "helsinki", ""), 200, &format!("[{first}, {second}]\n"));
    check(&search(&appliance, "metadata", "ZURICH", "&limit=5"), 200, &format!("[{first}]\n"));
    check(&search(&appliance, "metadata", &passed.id, ""), 200, &format!("[{second}]\n"));
    check(&search(&appliance, "assets", "helsinki", ""), 200, "[]\n");
}

#[test]
fn searches_that_are_refused() {
    let appliance = Appliance::start();
    let missing = "{\"message\": {\"search\": \"Missing required parameter in the JSON body or the post body or the query \
                   string\"}}\n";
    let many: String = (0..101).map(|number| format!("w{number} ")).collect();
    let too_many = "{\"message\":\"(OperationError): a search may have 100 different words and phrases at \
                    most\",\"status\":400}\n";
    for table in ["assets", "metadata"] {
        check(&get(&appliance, &format!("/api/v1/{table}")), 400, missing);
        let empty = "{\"message\":\"text_search cannot be empty\",\"status\":400}\n";
        check(&search(&appliance, table, "", ""), 400, empty);
        let limit = "{\"message\": {\"limit\": \"invalid literal for int() with base 10: 'x'\"}}\n";
        check(&search(&appliance, table, "a", "&limit=x"), 400, limit);
        check(&search(&appliance, table, &many, ""), 400, too_many);
        let post = format!("POST /api/v1/{table} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(super::common::bigchaindb::ask(&appliance, post).status, 405);
    }
}

/// Without a limit, so many are ranked and no more.
#[test]
fn searches_that_find_too_much() {
    const EACH: u64 = 1_000;
    let appliance = Appliance::start();
    for block in 0..=100_000 / EACH {
        let asset = |number| {
            format!("{{\"id\":\"{number:064x}\",\"operation\":\"CREATE\",\"asset\":{{\"data\":{{\"a\":\"copper\"}}}}}}")
        };
        let assets: Vec<String> = (block * EACH..(block + 1) * EACH).map(asset).collect();
        let line = format!("{{\"kind\":\"block\",\"body\":{{\"transactions\":[{}]}}}}\n", assets.join(","));
        assert_eq!(appliance.publish("blocks", &line).0, 200);
    }
    let words = "(OperationError): more than 100000 documents match; ask for some of them with a limit";
    let expected = format!("{{\"message\":\"{words}\",\"status\":400}}\n");
    check(&search(&appliance, "assets", "copper", ""), 400, &expected);
    assert_eq!(search(&appliance, "assets", "copper", "&limit=3").json().as_array().unwrap().len(), 3);
}

/// The kinds of indexes there are.
fn kinds(appliance: &Appliance) -> Vec<String> {
    let mut kinds: Vec<String> = fs::read_dir(appliance.directory().join("log/index"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.split_once('-')?.1.to_owned()))
        .collect();
    kinds.sort();
    kinds
}

#[test]
fn those_who_never_search_pay_nothing_and_those_who_do_find_what_was_before() {
    let appliance = Appliance::start();
    let owner = Owner::new(1);
    let first = about(&owner, "first coffee", Value::Null);
    accepted(&appliance, &first.json);
    assert_eq!(kinds(&appliance), ["bigchaindb"]);
    check(&search(&appliance, "assets", "coffee", ""), 200, &assets(&[(&first, "first coffee")]));
    assert_eq!(kinds(&appliance), ["bigchaindb", "words"]);
    // Each search sees all that was acknowledged; after a restart, and when the index is lost, too.
    let second = about(&owner, "second coffee", Value::Null);
    accepted(&appliance, &second.json);
    let both = assets(&[(&first, "first coffee"), (&second, "second coffee")]);
    check(&search(&appliance, "assets", "coffee", ""), 200, &both);
    let appliance = Appliance::start_in(appliance.stop(), |_| {});
    check(&search(&appliance, "assets", "coffee", ""), 200, &both);
    let directory = appliance.stop();
    fs::remove_dir_all(directory.path().join("log/index")).unwrap();
    let appliance = Appliance::start_in(directory, |_| {});
    check(&search(&appliance, "assets", "coffee", ""), 200, &both);
    // It goes with the chain.
    assert_eq!(appliance.delete("/v1/feeds/blocks").0, 200);
    eventually("no index", || kinds(&appliance).is_empty());
}

#[test]
fn without_an_index_searches_wait_for_one() {
    let appliance = Appliance::start();
    let made = about(&Owner::new(1), "coffee", Value::Null);
    accepted(&appliance, &made.json);
    let kept = fs::read_dir(appliance.directory().join("log/index")).unwrap().next().unwrap().unwrap().path();
    let name = kept.file_name().unwrap().to_str().unwrap().replace("bigchaindb", "words");
    // A file where the index is to be.
    let blocked = kept.with_file_name(name);
    fs::write(&blocked, "").unwrap();
    let answer = search_once(&appliance, "assets", "coffee", "");
    let words = "{\"message\":\"What is searched is being indexed, or others are searching. Try again in a \
                 moment.\",\"status\":503}\n";
    check(&answer, 503, words);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    assert_eq!(get(&appliance, &format!("/api/v1/transactions/{}", made.id)).status, 200, "nothing else waits");
    fs::remove_file(&blocked).unwrap();
    check(&search(&appliance, "assets", "coffee", ""), 200, &assets(&[(&made, "coffee")]));
}

#[test]
fn events_of_other_protocols_are_found_and_what_has_left_the_window_is_not() {
    let appliance = Appliance::start_with(|config| {
        let blocks = config.feeds.iter_mut().find(|feed| feed.bigchaindb).unwrap();
        blocks.segment_bytes_max = 1 << 20;
        blocks.retention = Retention { bytes: Some(2 << 20), ..blocks.retention };
    });
    let key = "0f".repeat(32);
    let line = format!("{{\"kind\":\"put\",\"key\":\"{key}\",\"body\":{{\"text\":\"made elsewhere\"}}}}\n");
    assert_eq!(appliance.publish("blocks", &line).0, 200);
    let shown = format!("[{{\"data\": {{\"text\":\"made elsewhere\"}}, \"id\": \"{key}\"}}]\n");
    check(&search(&appliance, "assets", "elsewhere", ""), 200, &shown);
    check(&search(&appliance, "assets", "\"made else\"", ""), 200, &shown);
    let filler = format!("{{\"kind\":\"put\",\"body\":\"{}\"}}\n", "x".repeat(100_000));
    eventually("retention", || {
        assert_eq!(appliance.publish("blocks", &filler.repeat(5)).0, 200);
        appliance.get("/v1/feeds/blocks").1["first_seq"].as_u64().unwrap() > 1
    });
    check(&search(&appliance, "assets", "elsewhere", ""), 200, "[]\n");
}

#[test]
fn many_search_while_others_post() {
    let appliance = Appliance::start();
    std::thread::scope(|scope| {
        for number in 0..4_u64 {
            let appliance = &appliance;
            scope.spawn(move || {
                let owner = Owner::new(number);
                for round in 1..=10 {
                    let made = about(&owner, &format!("word{number} round{round}"), Value::Null);
                    accepted(appliance, &made.json);
                    let answer = search(appliance, "assets", &format!("word{number}"), "");
                    assert_eq!(answer.json().as_array().unwrap().len(), round);
                }
            });
        }
    });
    let all = search(&appliance, "assets", "word0 word1 word2 word3", "").json();
    assert_eq!(all.as_array().unwrap().len(), 40);
}
