//! Databases: creating, describing, deleting, what is set for one, purges.

use serde_json::{Value, json};

use crate::{
    client::{Client, appliance, refused, rev, said, with_db},
    common::Appliance,
};

#[test]
fn a_database_comes_and_goes() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    assert_eq!(refused(&client.get("/db")), (404, "not_found".into(), "Database does not exist.".into()));
    let created = client.put("/db", "");
    assert_eq!(said(&created), (201, "{\"ok\":true}"));
    assert_eq!(created.header("Location"), Some(appliance.url("/db").as_str()));
    let exists = "The database could not be created, the file already exists.";
    assert_eq!(refused(&client.put("/db/", "")), (412, "file_exists".into(), exists.into()));
    for path in ["/db", "/db/"] {
        assert_eq!(client.call("HEAD", path, "").status, 200);
        assert_eq!(client.json(path)["db_name"], "db");
    }
    let rev_reason =
        "You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a document instead?";
    assert_eq!(refused(&client.delete("/db?rev=1-a")), (400, "bad_request".into(), rev_reason.into()));
    assert_eq!(said(&client.delete("/db")), (200, "{\"ok\":true}"));
    assert_eq!(client.delete("/db").status, 404);
    assert_eq!(client.call("HEAD", "/db", "").status, 404);
    let allowed = client.call("PATCH", "/db", "");
    assert_eq!((allowed.status, allowed.header("Allow")), (405, Some("DELETE,GET,HEAD,POST,PUT")));
}

#[test]
fn a_database_describes_itself() {
    let (_appliance, client) = with_db();
    let info = client.json("/db");
    let names: Vec<&str> = info.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "instance_start_time",
        "db_name",
        "purge_seq",
        "update_seq",
        "sizes",
        "props",
        "doc_del_count",
        "doc_count",
        "disk_format_version",
        "compact_running",
        "cluster",
    ];
    assert_eq!(names, expected);
    assert!(info["update_seq"].as_str().unwrap().starts_with("0-"));
    assert!(info["purge_seq"].as_str().unwrap().starts_with("0-"));
    let started: u64 = info["instance_start_time"].as_str().unwrap().parse().unwrap();
    assert!(started > 1_700_000_000);
    let rev = client.store("/db/a", "{}");
    client.store("/db/b", "{}");
    client.store("/db/_design/d", "{}");
    client.store("/db/_local/l", "{}");
    assert_eq!(client.delete(&format!("/db/a?rev={rev}")).status, 200);
    let info = client.json("/db");
    assert_eq!((&info["doc_count"], &info["doc_del_count"]), (&json!(2), &json!(1)));
    assert!(info["update_seq"].as_str().unwrap().starts_with("4-"));
    assert_eq!(info["cluster"], json!({"q":1,"n":1,"w":1,"r":1}));
    let commit = client.post("/db/_ensure_full_commit", "");
    assert_eq!((commit.status, &commit.json()["instance_start_time"]), (201, &info["instance_start_time"]));
}

#[test]
fn names_are_checked() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    for name in ["a", "a_b$c(d)+e-f", "a%2Fb", "a%2Bb"] {
        assert_eq!(client.put(&format!("/{name}"), "").status, 201, "{name}");
        client.store(&format!("/{name}/doc"), "{}");
        assert_eq!(client.json(&format!("/{name}"))["doc_count"], 1, "{name}");
    }
    let long = "x".repeat(239);
    for name in ["BadName", "1a", "a.b", "_users", "v1", "xrpc", "api", &long] {
        let answer = client.put(&format!("/{name}"), "");
        assert_eq!((answer.status, answer.error().1.as_str()), (400, "illegal_database_name"), "{name}");
    }
    assert_eq!(client.put(&format!("/{}", &long[1..]), "").status, 201);
}

#[test]
fn a_database_does_not_take_the_feed_of_another_dialect() {
    let appliance = appliance(|_| {});
    let client = Client::new(&appliance);
    let shared = Client::shared(&appliance);
    assert_eq!(client.put("/repos", "").status, 201, "there is a feed of that name, but no database");
    client.store("/repos/a", "{}");
    let feeds = shared.json("/v1/feeds");
    let bound = |feed: &&Value| feed["dialects"]["couchdb"]["db"] == "repos";
    let feed = feeds["feeds"].as_array().unwrap().iter().find(bound).unwrap();
    assert!(feed["feed"].as_str().or(feed["name"].as_str()).unwrap().starts_with("couchdb-"), "{feed}");
    assert_eq!(client.delete("/repos").status, 200);
    assert_eq!(shared.get("/v1/feeds/repos").status, 200);
    // Nor that of another database.
    let bound = r#"{"dialects":{"couchdb":{"db":"other"}}}"#;
    assert_eq!(shared.with("Content-Type: application/json").put("/v1/feeds/one", bound).status, 201);
    assert_eq!((client.put("/one", "").status, client.put("/other", "").status), (201, 412));
}

#[test]
fn what_other_protocols_publish_are_documents() {
    let appliance = appliance(|_| {});
    let (client, shared) = (Client::new(&appliance), Client::shared(&appliance));
    let lines = "{\"kind\":\"put\",\"key\":\"k\",\"body\":{\"a\":1}}\n";
    let publish = shared.with("Content-Type: application/x-ndjson");
    assert_eq!(publish.call("POST", "/v1/feeds/events/events", lines).status, 200);
    let doc = client.json("/events/k");
    assert_eq!((&doc["_id"], &doc["a"]), (&json!("k"), &json!(1)));
    let rev = doc["_rev"].as_str().unwrap();
    assert_eq!(client.put(&format!("/events/k?rev={rev}"), "{\"a\":2}").status, 201);
    assert_eq!(client.json("/events/k")["a"], 2);
}

#[test]
fn a_new_database_of_an_old_name_is_another() {
    let (appliance, client) = with_db();
    client.store("/db/a", "{}");
    client.store("/db/_local/l", "{}");
    assert_eq!(client.put("/db/_revs_limit", "7").status, 200);
    let old = client.json("/db");
    let since = old["update_seq"].as_str().unwrap();
    assert_eq!(client.delete("/db").status, 200);
    assert_eq!(client.put("/db", "").status, 201);
    for path in ["/db/a", "/db/_local/l"] {
        assert_eq!(client.get(path).status, 404, "{path}");
    }
    assert_eq!(client.get("/db/_revs_limit").text(), "1000\n");
    let refusal = client.get(&format!("/db/_changes?since={since}"));
    assert_eq!(refused(&refusal).2, "Malformed sequence supplied in 'since' parameter.");
    drop(appliance);
}

#[test]
fn everything_outlives_the_process() {
    let (appliance, client) = with_db();
    let revision = client.store("/db/a", "{\"x\":1.50}");
    client.store("/db/_local/l", "{\"v\":1}");
    assert_eq!(client.put("/db/_security", "{\"admins\":{\"names\":[\"x\"]},\"y\":1}").status, 200);
    let (uuid, info) = (client.json("/")["uuid"].clone(), client.json("/db"));
    let directory = appliance.stop();
    let again = Appliance::start_in(directory, |_| {});
    let client = Client::new(&again);
    assert_eq!(client.get("/db/a").text(), format!("{{\"_id\":\"a\",\"_rev\":\"{revision}\",\"x\":1.50}}\n"));
    assert_eq!(client.json("/db/_local/l")["v"], 1);
    assert_eq!(client.get("/db/_security").text(), "{\"admins\":{\"names\":[\"x\"]},\"y\":1}\n");
    assert_eq!(client.json("/")["uuid"], uuid);
    assert_eq!(client.json("/db"), info);
}

#[test]
fn what_is_set() {
    let (_appliance, client) = with_db();
    assert_eq!(client.get("/db/_revs_limit").text(), "1000\n");
    assert_eq!(said(&client.put("/db/_revs_limit", "2")), (200, "{\"ok\":true}"));
    for body in ["0", "-1", "x", "\"3\"", "1.5", ""] {
        assert_eq!(client.put("/db/_revs_limit", body).error(), (400, "bad_request".into()), "{body}");
    }
    let mut revision = client.store("/db/a", "{}");
    for _ in 0..3 {
        revision = client.store(&format!("/db/a?rev={revision}"), "{}");
    }
    assert_eq!(client.json("/db/a?revs=true")["_revisions"]["ids"].as_array().unwrap().len(), 2);
    let table = [
        ("[]", "Request body must be a JSON object"),
        ("{\"admins\":[]}", "admins or members must be a JSON list of strings"),
        ("{\"members\":{\"names\":1}}", "names must be a JSON list of strings"),
    ];
    for (body, reason) in table {
        assert_eq!(refused(&client.put("/db/_security", body)), (400, "bad_request".into(), reason.into()));
    }
    for (path, allow) in [("/db/_security", "GET,HEAD,PUT"), ("/db/_compact", "POST"), ("/db/_find", "POST")] {
        assert_eq!(client.call("DELETE", path, "").header("Allow"), Some(allow));
    }
    assert_eq!(said(&client.post("/db/_compact", "")), (202, "{\"ok\":true}"));
    assert_eq!(client.call("POST", "/db/_compact", "").status, 415);
}

#[test]
fn a_purge_removes_for_good() {
    let (_appliance, client) = with_db();
    let revision = client.store("/db/a", "{}");
    let body = json!({ "a": [revision, "9-x"], "b": ["1-a"] }).to_string();
    let purged = client.post("/db/_purge", body);
    assert_eq!(
        said(&purged),
        (201, format!("{{\"purge_seq\":null,\"purged\":{{\"a\":[\"{revision}\"],\"b\":[]}}}}").as_str())
    );
    assert_eq!(refused(&client.get("/db/a")), (404, "not_found".into(), "missing".into()));
    let info = client.json("/db");
    assert!(info["purge_seq"].as_str().unwrap().starts_with("1-"));
    assert_eq!((&info["doc_count"], &info["doc_del_count"]), (&json!(0), &json!(0)));
    assert_eq!(rev(&client.put("/db/a", "{}")), revision, "it begins again");
    for body in ["[]", "{\"a\":1}", "{\"a\":[\"x\"]}"] {
        assert_eq!(client.post("/db/_purge", body).status, 400, "{body}");
    }
    let many: serde_json::Map<String, Value> = (0..101).map(|n| (n.to_string(), json!([]))).collect();
    assert_eq!(client.post("/db/_purge", Value::from(many).to_string()).status, 400);
}
