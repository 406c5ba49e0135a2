//! `/stream/1`: what it shows, where it begins, how it ends.

use serde_json::{Value, json};

use crate::client::{appliance, changes, with};

#[test]
fn status_first_then_what_happens() {
    let (_appliance, client) = appliance();
    let mut stream = client.stream(&client.token("A.all().eventSource()"));
    assert_eq!(stream.head.header("Content-Type"), Some("application/json;charset=utf-8"));
    assert!(stream.head.header("x-fauna-stream-id").unwrap().parse::<u64>().is_ok());
    client.ok("A.create({ id: '1', n: 1 })");
    client.ok("A.byId('1')!.update({ n: 2 })");
    client.ok("B.create({ id: '1', n: 9 })");
    client.ok("A.byId('1')!.delete()");
    let events: Vec<Value> = (0..3).map(|_| stream.next()).collect();
    assert_eq!(
        events.iter().map(crate::client::change).collect::<Vec<_>>(),
        changes(&[("add", 1), ("update", 2), ("remove", 2)])
    );
    let times: Vec<_> = events.iter().map(|event| event["txn_ts"].as_u64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] > stream.status["txn_ts"].as_u64().unwrap());
}

/// Publishers of other protocols say times of their own, and batches of one moment can be stored in another order.
#[test]
fn times_of_transactions_never_go_back() {
    let (appliance, client) = appliance();
    let mut stream = client.stream(&client.token("Event.all().eventSource()"));
    let begun = stream.status["txn_ts"].as_u64().unwrap();
    for (n, time_us) in [(1, begun + 60_000_000), (2, begun + 1), (3, 1)] {
        let line = json!({ "kind": "put", "key": n.to_string(), "time": time_us, "body": { "n": n } });
        assert_eq!(appliance.publish("documents", &format!("{line}\n")).0, 200);
    }
    client.ok("Event.create({ n: 4 })");
    let events: Vec<Value> = (0..4).map(|_| stream.next()).collect();
    let times: Vec<_> = events.iter().map(|event| event["txn_ts"].as_u64().unwrap()).collect();
    assert_eq!(times[..3], [begun + 60_000_000; 3]);
    assert!(times[3] > times[2], "{times:?}");
}

/// Everything from where the token begins, whoever reads it and when: replay and live are the same.
#[test]
fn a_stream_begins_where_its_token_does() {
    let (_appliance, client) = appliance();
    client.ok("A.create({ n: 0 })");
    let token = client.token("A.all().eventSource()");
    client.ok("Set.sequence(1, 200).forEach(n => A.create({ n: n }))");
    for _ in 0..2 {
        let mut stream = client.stream(&token);
        let expected: Vec<_> = (1..200).map(|n| ("add", n)).collect();
        assert_eq!(stream.changes(199), changes(&expected), "there is no ceiling to what is replayed");
    }
}

#[test]
fn a_cursor_is_exclusive_and_counts_within_a_transaction() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    client.ok("A.create({ n: 1 }); A.create({ n: 2 }); A.create({ n: 3 })");
    client.ok("A.create({ n: 4 })");
    let mut stream = client.stream(&token);
    let events: Vec<Value> = (0..4).map(|_| stream.event()).collect();
    assert_eq!(events[0]["txn_ts"], events[2]["txn_ts"]);
    for (at, event) in events.iter().enumerate() {
        let mut resumed = client.stream_with(json!({ "token": token, "cursor": event["cursor"] }));
        assert_eq!((&resumed.status["cursor"], &resumed.status["txn_ts"]), (&event["cursor"], &event["txn_ts"]));
        let expected: Vec<_> = (at as i64 + 2..5).map(|n| ("add", n)).collect();
        assert_eq!(resumed.changes(3 - at), changes(&expected));
    }
    // A time excludes the whole transaction on a stream, and only its first event on a feed.
    let start_ts = events[0]["txn_ts"].clone();
    let mut by_time = client.stream_with(json!({ "token": token, "start_ts": start_ts }));
    assert_eq!(by_time.changes(1), changes(&[("add", 4)]));
    let page = client.page(json!({ "token": token, "start_ts": start_ts }));
    assert_eq!(page["events"].as_array().unwrap().len(), 3);
    // The cursor of a status is as good as any.
    let mut from_status = client.stream_with(json!({ "token": token, "cursor": stream.status["cursor"] }));
    assert_eq!(from_status.changes(1), changes(&[("add", 1)]));
}

/// Status events come while nothing happens. Theirs is where the stream stands, and never ahead of it.
#[test]
fn a_status_never_runs_ahead() {
    let (_appliance, client) = with(|config| config.fauna.status_interval_ms = 100);
    let token = client.token("A.where(.n > 10).eventSource()");
    let mut stream = client.stream(&token);
    let first = stream.next();
    assert_eq!((&first["type"], &first["cursor"]), (&json!("status"), &stream.status["cursor"]));
    // Not shown, so the cursor moves on without it.
    client.ok("A.create({ n: 1 })");
    let moved = loop {
        let status = stream.next();
        if status["cursor"] != first["cursor"] {
            break status;
        }
    };
    assert!(moved["txn_ts"].as_u64() > first["txn_ts"].as_u64());
    client.ok("A.create({ n: 11 })");
    let mut resumed = client.stream_with(json!({ "token": token, "cursor": moved["cursor"] }));
    assert_eq!(resumed.changes(1), changes(&[("add", 11)]));
    let mut by_time = client.stream_with(json!({ "token": token, "start_ts": moved["txn_ts"] }));
    assert_eq!(by_time.changes(1), changes(&[("add", 11)]));
}

#[test]
fn a_source_that_fails_ends_its_streams() {
    let (_appliance, client) = appliance();
    let table = [
        ("A.all().map(d => abort('oops'))", json!({ "code": "abort", "message": "Query aborted.", "abort": "oops" })),
        ("A.all().map(.a.b)", json!({ "code": "invalid_null_access", "message": "Cannot access `b` on null." })),
        (
            "A.all().map(d => d.update({ n: 1 }))",
            json!({ "code": "invalid_effect", "message": "`update` performs a write, which is not allowed in stream subscriptions." }),
        ),
    ];
    for (source, error) in table {
        let token = client.token(&format!("{source}.eventSource()"));
        let mut stream = client.stream(&token);
        let mut other = client.stream(&token);
        client.ok("A.create({ n: 1 }); A.create({ n: 2 })");
        for stream in [&mut stream, &mut other] {
            let event = stream.event();
            let keys: Vec<_> = event.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["type", "error", "stats"], "neither time nor cursor");
            assert_eq!(event["error"], error);
            assert!(stream.has_ended(), "and nothing behind it");
        }
        // Whoever begins behind it goes on.
        let page = client.page(json!({ "token": token }));
        assert_eq!((page["events"].as_array().unwrap().len(), &page["has_next"]), (1, &json!(true)));
        let mut behind = client.stream_with(json!({ "token": token, "cursor": page["cursor"] }));
        assert_eq!(behind.event()["error"], error);
        assert!(behind.has_ended());
    }
}

#[test]
fn a_deleted_database_says_so_and_a_stopping_server_does_not() {
    let (appliance, client) = appliance();
    client.ok("Database.create({ name: 'Child' })");
    let child = client.bearer("s:Child:admin");
    child.ok("Collection.create({ name: 'C' })");
    let mut stream = child.stream(&child.token("C.all().eventSource()"));
    let mut staying = client.stream(&client.token("A.all().eventSource()"));
    client.ok("Database.byName('Child')!.delete()");
    let event = stream.event();
    assert_eq!(
        event["error"],
        json!({ "code": "permission_loss", "message": "Stream authentication is no longer valid." })
    );
    assert!(stream.has_ended());
    appliance.stop();
    assert!(staying.has_ended(), "without an error, so that drivers come back");
}

#[test]
fn a_token_of_a_collection_that_is_gone() {
    let (_appliance, client) = appliance();
    let token = client.token("B.all().eventSource()");
    client.ok("Collection.byName('B')!.delete()");
    let request = json!({ "token": token }).to_string();
    let gone = |what: &str| {
        (400, "invalid_request".to_owned(), format!("Error evaluating provided {what}, Unbound variable `B`"))
    };
    assert_eq!(client.no_stream(&request), gone("stream"));
    assert_eq!(client.no_page(&request), gone("event source"));
}
