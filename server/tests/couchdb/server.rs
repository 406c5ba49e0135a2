//! The server as a whole: who it is, its databases, news of them.

use serde_json::{Value, json};

use crate::client::{Client, appliance, refused, said};

#[test]
fn who_it_is() {
    let appliance = appliance(|_| {});
    let (own, shared) = (Client::new(&appliance).json("/"), Client::shared(&appliance).json("/"));
    assert_eq!(
        (&own["couchdb"], &own["version"], &own["vendor"]["name"]),
        (&json!("Welcome"), &json!("3.5.0"), &json!("Tailwater"))
    );
    assert_eq!(own["uuid"].as_str().unwrap().len(), 32);
    assert!(own["features"].is_array() && own["git_sha"].is_string());
    assert_eq!(
        (&shared["couchdb"], &shared["uuid"], &shared["software"]),
        (&json!("Welcome"), &own["uuid"], &json!("Tailwater"))
    );
    let client = Client::new(&appliance);
    assert_eq!(client.call("HEAD", "/", "").status, 200);
    assert_eq!(client.call("POST", "/", "").header("Allow"), Some("GET,HEAD"));
    assert_eq!(said(&client.get("/_up")), (200, r#"{"status":"ok","seeds":{}}"#));
    assert_eq!(said(&client.get("/_active_tasks")), (200, "[]"));
    assert_eq!(client.get("/_nothing").status, 404);
    assert_eq!(client.get("/_node/_local/_config").status, 404);
}

#[test]
fn fresh_ids() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    let ids = client.json("/_uuids?count=3")["uuids"].clone();
    assert_eq!(ids.as_array().unwrap().len(), 3);
    assert_eq!(client.json("/_uuids")["uuids"].as_array().unwrap().len(), 1);
    assert_eq!(client.get("/_uuids?count=1001").status, 400);
    assert_eq!(client.get("/_uuids?count=x").status, 400);
    assert_eq!(client.post("/_uuids", "").status, 405);
}

#[test]
fn lists_of_databases() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    for db in ["c", "a", "b"] {
        client.put(&format!("/{db}"), "");
    }
    let list = |query: &str| client.json(&format!("/_all_dbs?{query}"));
    assert_eq!(list(""), json!(["a", "b", "c", "events"]));
    assert_eq!(list("startkey=%22b%22&limit=2"), json!(["b", "c"]));
    assert_eq!(list("descending=true&skip=1&endkey=%22b%22"), json!(["c", "b"]));
    assert_eq!(list("startkey=%22a%22&endkey=%22b%22&inclusive_end=false"), json!(["a"]));
    assert_eq!(client.get("/_all_dbs?limit=x").error(), (400, "query_parse_error".into()));
    let etag = client.get("/_all_dbs").header("ETag").unwrap().to_owned();
    assert_eq!(client.with(format!("If-None-Match: {etag}")).get("/_all_dbs").status, 304);
    let info = client.post("/_dbs_info", r#"{"keys":["a","nosuch"]}"#).json();
    assert_eq!((&info[0]["key"], &info[0]["info"]["db_name"]), (&json!("a"), &json!("a")));
    assert_eq!(info[1], json!({ "key": "nosuch", "error": "not_found" }));
    assert_eq!(client.json("/_dbs_info").as_array().unwrap().len(), 4);
    assert_eq!(client.post("/_dbs_info", "{}").status, 400);
}

fn rows(answer: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    answer["results"].as_array().unwrap().iter().map(|row| (text(row, "db_name"), text(row, "type"))).collect()
}

fn row(db: &str, kind: &str) -> (String, String) {
    (db.to_owned(), kind.to_owned())
}

#[test]
fn news_of_databases() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    let first = client.json("/_db_updates");
    assert_eq!(rows(&first), [row("events", "created")]);
    let since = first["last_seq"].as_str().unwrap();
    let mut waiting = client.send("GET", &format!("/_db_updates?feed=longpoll&since={since}"), "");
    assert_eq!(waiting.head().status, 200);
    assert_eq!(waiting.chunk().unwrap(), b"{\"results\":[\n");
    client.put("/db", "");
    let told = waiting.event().unwrap();
    assert!(told.contains("\"db_name\":\"db\""), "{told}");
    client.store("/db/a", "{}");
    let news = client.json(&format!("/_db_updates?since={since}"));
    assert_eq!(rows(&news), [row("db", "updated")]);
    client.delete("/db");
    let news = client.json(&format!("/_db_updates?since={}", news["last_seq"].as_str().unwrap()));
    assert_eq!(rows(&news), [row("db", "deleted")]);
    assert_eq!(rows(&client.json("/_db_updates?limit=1")), [row("events", "created")]);
    assert_eq!(rows(&client.json("/_db_updates?since=now")), []);
    assert_eq!(rows(&client.json("/_db_updates?since=7-abc")).len(), 2, "a token of another run");
    for query in ["feed=Continuous", "limit=x", "heartbeat=-1"] {
        assert_eq!(refused(&client.get(&format!("/_db_updates?{query}"))).0, 400, "{query}");
    }
}

#[test]
fn news_of_databases_without_an_end() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    let mut lines = client.send("GET", "/_db_updates?feed=continuous&limit=2&heartbeat=300", "");
    lines.head();
    assert_eq!(lines.chunk().unwrap(), b"\n");
    let events: Value = serde_json::from_str(&lines.event().unwrap()).unwrap();
    assert_eq!(events["db_name"], "events");
    client.put("/db", "");
    let created: Value = serde_json::from_str(&lines.event().unwrap()).unwrap();
    assert_eq!((&created["db_name"], &created["type"]), (&json!("db"), &json!("created")));
    assert_eq!(lines.event().unwrap(), format!("{{\"last_seq\":{}}}\n", created["seq"]));
    assert!(lines.chunk().is_none());
    let mut blocks = client.send("GET", "/_db_updates?feed=eventsource&since=now", "");
    assert_eq!(blocks.head().header("Content-Type"), Some("text/event-stream"));
    client.delete("/db");
    let block = blocks.event().unwrap();
    assert!(
        block.starts_with("data: {\"db_name\":\"db\",\"type\":\"deleted\"")
            && block.contains("\nid: \"")
            && block.ends_with("\n\n"),
        "{block}"
    );
}
