//! `/feed/1`.

use serde_json::{Value, json};

use crate::client::{appliance, change};

fn numbers(page: &Value) -> Vec<i64> {
    page["events"].as_array().unwrap().iter().map(|event| change(event).1).collect()
}

#[test]
fn pages_follow_one_another() {
    let (_appliance, client) = appliance();
    let token = client.token("A.all().eventSource()");
    client.ok("Set.sequence(0, 40).forEach(n => A.create({ n: n }))");
    client.ok("B.create({})");
    let mut page = client.page(json!({ "token": token }));
    assert_eq!(numbers(&page), (0..16).collect::<Vec<_>>(), "16 is the default");
    let keys: Vec<_> = page.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["events", "cursor", "has_next", "stats"]);
    let mut seen = numbers(&page);
    while page["has_next"] == true {
        assert_eq!(page["cursor"], page["events"].as_array().unwrap().last().unwrap()["cursor"]);
        page = client.page(json!({ "token": token, "cursor": page["cursor"], "page_size": 7 }));
        seen.extend(numbers(&page));
    }
    assert_eq!(seen, (0..40).collect::<Vec<_>>());
    // A drained feed's cursor moves on although nothing is shown, and is good for a stream too.
    client.ok("B.create({})");
    let empty = client.page(json!({ "token": token, "cursor": page["cursor"] }));
    assert_eq!((&empty["events"], &empty["has_next"]), (&json!([]), &json!(false)));
    assert_ne!(empty["cursor"], page["cursor"]);
    client.ok("A.create({ n: 40 })");
    let mut stream = client.stream_with(json!({ "token": token, "cursor": empty["cursor"] }));
    let event = stream.event();
    assert_eq!(change(&event).1, 40);
    let behind = client.page(json!({ "token": token, "cursor": event["cursor"] }));
    assert_eq!(behind["events"], json!([]), "a stream's cursor is good for a feed");
}

#[test]
fn pages_and_streams_show_the_same() {
    let (_appliance, client) = appliance();
    for source in ["A.all()", "A.where(.n >= 2)", "A.all().map(.n)", "A.where(.n == 1).map(d => { a: d.n })"] {
        let token = client.token(&format!("{source}.eventSource()"));
        client.ok("Set.sequence(0, 4).forEach(n => A.create({ id: n, n: n }))");
        client.ok("A.byId('1')!.update({ n: 2 }); A.byId('2')!.update({ n: 1 })");
        client.ok("A.all().forEach(d => d.delete())");
        let page = client.page(json!({ "token": token, "page_size": 100 }));
        let events = page["events"].as_array().unwrap();
        let mut stream = client.stream(&token);
        for event in events {
            assert_eq!(&stream.event(), event, "{source}");
        }
        assert!(!events.is_empty());
    }
}
