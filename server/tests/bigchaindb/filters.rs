//! Filters: which transactions a stream shows, and how many different filters there are at a time.

use serde_json::json;

use super::{
    STREAM,
    common::{
        Appliance,
        bigchaindb::{Made, Owner, accepted, ask, create, golden, transfer},
        eventually,
        frames::upgrade,
        raw::Connection,
    },
    follow, message,
};

/// Two assets, each created and passed on: alice's to bob, bob's to carol.
fn assets(appliance: &Appliance) -> Vec<Made> {
    let [alice, bob, carol] = [1, 2, 3].map(Owner::new);
    let mut made = Vec::new();
    for (from, to) in [(&alice, &bob), (&bob, &carol)] {
        let created = create(from, json!({ "of": from.public }), &[1]);
        let passed = transfer(from, &created.id, &[(&created.id, 0)], &[(to, 1)]);
        made.extend([created, passed]);
    }
    made.iter().for_each(|made| accepted(appliance, &made.json));
    made
}

/// The filters, and which of the [`assets`] they show.
fn table(made: &[Made]) -> Vec<(String, Vec<usize>)> {
    let [alice, bob, carol] = [1, 2, 3].map(|number| Owner::new(number).public);
    let asset = &made[0].id;
    vec![
        (String::new(), vec![0, 1, 2, 3]),
        (format!("asset_id={asset}"), vec![0, 1]),
        (format!("asset_id={}", asset.to_uppercase()), vec![0, 1]),
        ("operation=CREATE".to_owned(), vec![0, 2]),
        ("operation=transfer".to_owned(), vec![1, 3]),
        (format!("public_key={alice}"), vec![0]),
        (format!("public_key={bob}"), vec![1, 2]),
        (format!("public_key={bob}&operation=create"), vec![2]),
        (format!("public_key={carol}&asset_id={asset}"), vec![]),
        (format!("operation=TRANSFER&asset_id={asset}"), vec![1]),
    ]
}

#[test]
fn a_stream_shows_what_it_is_asked_for() {
    let appliance = Appliance::start();
    let expected = assets(&Appliance::start());
    let mut live: Vec<_> = table(&expected)
        .into_iter()
        .map(|(query, shown)| (follow(&appliance, &format!("{STREAM}?{query}")), query, shown))
        .collect();
    let made = assets(&appliance);
    // The last is of an asset of its own for each stream to end with.
    let last = create(&Owner::new(2), json!({ "is": "last" }), &[1]);
    let replayed = |query: &str| follow(&appliance, &format!("{STREAM}?since_height=0&{query}"));
    let mut replays: Vec<_> = table(&made).into_iter().map(|(query, shown)| (replayed(&query), query, shown)).collect();
    accepted(&appliance, &last.json);
    for (stream, query, shown) in live.iter_mut().chain(&mut replays) {
        for at in shown.iter() {
            assert_eq!(message(stream), made[*at].message(*at as u64 + 1), "{query}");
        }
        let is_shown = !query.contains("asset_id")
            && !query.to_lowercase().contains("transfer")
            && !query.contains(&Owner::new(1).public);
        if is_shown {
            assert_eq!(message(stream), last.message(5), "{query}");
        }
    }
}

#[test]
fn every_owner_of_an_output_counts() {
    let appliance = Appliance::start();
    let text = golden("py_two_signers");
    let transaction: serde_json::Value = serde_json::from_str(&text).unwrap();
    let owners: Vec<&str> = transaction["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|output| output["public_keys"].as_array().unwrap())
        .map(|key| key.as_str().unwrap())
        .collect();
    assert!(!owners.is_empty());
    let mut streams: Vec<_> =
        owners.iter().map(|key| follow(&appliance, &format!("{STREAM}?public_key={key}"))).collect();
    accepted(&appliance, &text);
    for stream in &mut streams {
        assert!(message(stream).contains(transaction["id"].as_str().unwrap()));
    }
}

#[test]
fn filters_that_cannot_be() {
    let appliance = Appliance::start();
    let key = Owner::new(1).public;
    for (query, body) in [
        ("asset_id=abc", "400: asset_id: Invalid hash"),
        ("asset_id=", "400: asset_id: Invalid hash"),
        ("operation=GENESIS", "400: operation: Operation must be \"CREATE\" or \"TRANSFER\""),
        ("public_key=0", "400: public_key: Invalid base58 ed25519 key"),
        (&format!("public_key={key}&public_key={key}"), "400: public_key: Given more than once"),
    ] {
        let answer = ask(&appliance, upgrade(&format!("{STREAM}?{query}")) + "\r\n");
        assert_eq!((answer.status, answer.text()), (400, body), "{query}");
    }
}

fn by_key(number: u64) -> String {
    format!("{STREAM}?public_key={}", Owner::new(number).public)
}

#[test]
fn there_are_so_many_different_filters() {
    let appliance = Appliance::start_with(|config| config.bigchaindb.filters_max = 2);
    let mut first = follow(&appliance, &by_key(1));
    let second = follow(&appliance, &by_key(2));
    let refused = ask(&appliance, upgrade(&by_key(3)) + "\r\n");
    let words = "429: As many different filters are in use as may be (bigchaindb.filters_max). Use one of them, or try again \
                 later.";
    assert_eq!((refused.status, refused.text(), refused.header("Retry-After")), (429, words, Some("5")));
    // One that is there already, or none, is not another one.
    let also = follow(&appliance, &by_key(2));
    follow(&appliance, STREAM);
    follow(&appliance, &format!("{STREAM}?since_height=0"));
    drop(second);
    assert_eq!(ask(&appliance, upgrade(&by_key(3)) + "\r\n").status, 429, "somebody still follows it");
    drop(also);
    let mut third = None;
    eventually("the place of a filter that nobody follows", || {
        let mut stream = Connection::open(appliance.address);
        let begun = stream.send(upgrade(&by_key(3)) + "\r\n").head().status == 101;
        third = begun.then_some(stream);
        begun
    });
    assert_eq!(ask(&appliance, upgrade(&by_key(2)) + "\r\n").status, 429);
    let made: Vec<_> = [1, 2, 3].map(|number| create(&Owner::new(number), json!(null), &[1])).into();
    made.iter().for_each(|made| accepted(&appliance, &made.json));
    assert_eq!(message(&mut first), made[0].message(1));
    assert_eq!(message(&mut third.unwrap()), made[2].message(3));
}

#[test]
fn many_filters_take_turns() {
    let appliance = Appliance::start_with(|config| config.bigchaindb.filters_max = 3);
    let made: Vec<_> = (0..12).map(|number| create(&Owner::new(number), json!(null), &[1])).collect();
    made.iter().for_each(|made| accepted(&appliance, &made.json));
    std::thread::scope(|scope| {
        for reader in 0..3 {
            let (appliance, made) = (&appliance, &made);
            scope.spawn(move || {
                for turn in 0..30 {
                    let number = (turn * 5 + reader * 4) % made.len();
                    let request = upgrade(&format!("{}&since_height=0", by_key(number as u64))) + "\r\n";
                    let mut stream = None;
                    // Another reader may hold the place of one that is about to be given up.
                    eventually("a place", || {
                        let mut connection = Connection::open(appliance.address);
                        let begun = connection.send(&request).head().status == 101;
                        stream = begun.then_some(connection);
                        begun
                    });
                    assert_eq!(message(&mut stream.unwrap()), made[number].message(number as u64 + 1));
                }
            });
        }
    });
}
