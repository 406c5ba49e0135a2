//! `/query/1`.

use std::thread;

use serde_json::json;

use crate::client::{appliance, with};

#[test]
fn documents_are_written_and_read() {
    let (appliance, client) = appliance();
    let pizza = client.ok("A.create({ name: 'pizza', n: 1 })");
    let id = pizza["@doc"]["id"].as_str().unwrap().to_owned();
    assert_eq!(pizza["@doc"]["coll"], json!({ "@mod": "A" }));
    assert_eq!(client.ok(&format!("A.byId('{id}')")), pizza);
    assert_eq!(client.ok(&format!("A.byId('{id}')!.update({{ n: 2 }}).n")), json!({ "@int": "2" }));
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "1" }));
    assert_eq!(client.ok("A.where(.n == 2).map(.name).toArray()"), json!(["pizza"]));
    client.ok(&format!("A.byId('{id}')!.delete()"));
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "0" }));
    assert_eq!(client.ok("B.all().count()"), json!({ "@int": "0" }));
    // Other protocols see natural events.
    let page = appliance.get("/v1/feeds/documents/events?format=json&cursor=1").1;
    let seen: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| (&event["kind"], &event["key"])).collect();
    let key = json!(format!("A/{id}"));
    let (put, delete) = (json!("put"), json!("delete"));
    let (a, b) = (json!("Collection/A"), json!("Collection/B"));
    assert_eq!(seen, [(&put, &a), (&put, &b), (&put, &key), (&put, &key), (&delete, &key)]);
    assert_eq!(page["events"][3]["body"], json!({ "name": "pizza", "n": 2 }));
}

/// Traps T3 and T15 of the answer: the known keys and no other, in their order.
#[test]
fn an_answer_has_the_known_keys() {
    let (_appliance, client) = appliance();
    let answer = client.query("A.all().eventSource()");
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&answer.json()), ["data", "static_type", "summary", "txn_ts", "stats", "schema_version"]);
    let stats = [
        "compute_ops",
        "read_ops",
        "write_ops",
        "query_time_ms",
        "contention_retries",
        "storage_bytes_read",
        "storage_bytes_write",
        "rate_limits_hit",
    ];
    assert_eq!(keys(&answer.json()["stats"]), stats);
    assert_eq!(answer.header("Content-Type"), Some("application/json;charset=utf-8"));
    assert!(client.bare().query("A.all().eventSource()").json()["data"].is_string(), "the default format is simple");
}

#[test]
fn what_is_answered_can_be_read_by_the_next() {
    let (_appliance, client) = with(|config| config.shards = Some(2));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let client = client.clone();
            thread::spawn(move || {
                for n in 0..25 {
                    let id = 1000 * writer + n;
                    client.ok(&format!("A.create({{ id: '{id}', n: {n} }})"));
                    assert_eq!(client.ok(&format!("A.byId('{id}')!.n")), json!({ "@int": n.to_string() }));
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "100" }));
}

/// Nobody's update is lost, and transactions have times of their own in the order of the log.
#[test]
fn queries_that_write_take_turns() {
    let (appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 0 })");
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            thread::spawn(move || {
                for _ in 0..25 {
                    client.ok("let d = A.byId('1')!; d.update({ n: d.n + 1 })");
                }
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    assert_eq!(client.ok("A.byId('1')!.n"), json!({ "@int": "100" }));
    let page = appliance.get("/v1/feeds/documents/events?format=json&cursor=3&limit=1000").1;
    let times: Vec<String> = page["events"].as_array().unwrap().iter().map(|event| event["time"].to_string()).collect();
    assert_eq!(times.len(), 101);
    assert!(times.is_sorted_by(|one, other| one < other), "{times:?}");
}

/// A transaction is stored whole or not at all.
#[test]
fn a_query_that_fails_writes_nothing() {
    let (_appliance, client) = appliance();
    let (status, code, message) = client.err("A.create({ n: 1 }); abort('no')");
    assert_eq!((status, code.as_str(), message.as_str()), (400, "abort", "Query aborted."));
    assert_eq!(client.ok("A.all().count()"), json!({ "@int": "0" }));
    client.ok("A.create({ n: 1 }); A.create({ n: 2 }); B.create({ n: 3 })");
    assert_eq!(client.ok("[A.all().count(), B.all().count()]"), json!([{ "@int": "2" }, { "@int": "1" }]));
}

#[test]
fn collections_come_and_go() {
    let (_appliance, client) = appliance();
    assert_eq!(client.err("C.create({})").1, "unbound_variable");
    client.ok("Collection.create({ name: 'C', history_days: 3 })");
    client.ok("C.create({ id: '1', n: 1 })");
    assert_eq!(client.ok("C.all().count()"), json!({ "@int": "1" }));
    client.ok("Collection.byName('C')!.delete()");
    assert_eq!(client.err("C.all().count()").1, "unbound_variable");
    client.ok("Collection.create({ name: 'C' })");
    assert_eq!(client.ok("C.all().count()"), json!({ "@int": "0" }), "its documents went with it");
    let (status, code, _) = client.err("Collection.byName('Event')!.delete()");
    assert_eq!((status, code.as_str()), (403, "permission_denied"), "the feed's own collection stays");
}

/// What other protocols publish belongs to the feed's own collection, or to the one in front of its key.
#[test]
fn events_of_other_protocols_are_documents() {
    let (appliance, client) = appliance();
    let lines = [
        r#"{"kind":"put","key":"k","body":{"n":1}}"#,
        r#"{"kind":"put","key":"A/7","body":{"n":2}}"#,
        r#"{"kind":"put","body":{"n":3}}"#,
        r#"{"kind":"put","key":"x","body":[1]}"#,
    ];
    assert_eq!(appliance.publish("documents", &lines.join("\n")).0, 200);
    assert_eq!(client.ok("A.byId('7')!.n"), json!({ "@int": "2" }));
    assert_eq!(client.ok("Event.where(.n == 1).map(.id).toArray()"), json!(["k"]));
    assert_eq!(client.ok("Event.all().count()"), json!({ "@int": "3" }));
    let stream_of = client.token("Event.all().eventSource()");
    assert_eq!(appliance.publish("documents", r#"{"kind":"delete","key":"k","body":null}"#).0, 200);
    assert_eq!(client.stream(&stream_of).changes(1), [("remove".to_owned(), 1)]);
    assert_eq!(client.ok("Event.all().count()"), json!({ "@int": "2" }));
    client.ok("Event.create({ id: '77', n: 5 })");
    let page = appliance.get("/v1/feeds/documents/events?format=json&cursor=8").1;
    assert_eq!(page["events"][0]["key"], "77");
}

#[test]
fn databases_lie_below_one_another() {
    let (appliance, client) = appliance();
    client.ok("Database.create({ name: 'Child' })");
    assert_eq!(client.ok("Database.byName('Child')!.exists()"), json!(true));
    let child = client.bearer("secret:Child:admin");
    child.ok("Collection.create({ name: 'Own' })");
    child.ok("Own.create({ n: 1 })");
    assert_eq!(client.err("Own.all().count()").1, "unbound_variable");
    child.ok("Database.create({ name: 'Grandchild' })");
    client.bearer("secret:Child/Grandchild:admin").ok("Collection.create({ name: 'Deep' })");
    assert_eq!(appliance.get("/v1/feeds/fauna.Child").1["dialects"]["fauna"]["database"], "Child");
    client.ok("Database.byName('Child')!.delete()");
    assert_eq!(client.ok("Database.byName('Child').exists()"), json!(false));
    for secret in ["secret:Child:admin", "secret:Child/Grandchild:admin"] {
        assert_eq!(client.bearer(secret).err("1").0, 401);
    }
    assert_eq!(client.err("Database.create({ name: 'X' }); A.create({})").1, "invalid_request");
}

#[test]
fn a_database_is_there_after_a_restart() {
    let (appliance, client) = appliance();
    client.ok("A.create({ id: '1', n: 1 })");
    client.ok("Database.create({ name: 'Child' })");
    let token = client.token("A.all().eventSource()");
    let directory = appliance.stop();
    let again = crate::common::Appliance::start_in(directory, |_| {});
    let client = crate::client::Client::new(&again);
    assert_eq!(client.ok("A.byId('1')!.n"), json!({ "@int": "1" }));
    client.bearer("s:Child:admin").ok("1");
    let mut stream = client.stream(&token);
    client.ok("A.byId('1')!.update({ n: 2 })");
    assert_eq!(stream.changes(1), [("update".to_owned(), 2)]);
}
