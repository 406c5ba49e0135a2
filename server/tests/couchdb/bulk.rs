//! Many documents at once: `_bulk_docs`, `_bulk_get`, `_revs_diff`.

use serde_json::{Value, json};

use crate::client::{Client, appliance, refused, said, user, with_db};

#[test]
fn answers_come_in_order() {
    let (_appliance, client) = with_db();
    let one = client.store("/db/b", "{}");
    let docs = json!({ "docs": [{ "_id": "a" }, { "_id": "b" }, { "_id": "c", "_rev": "1-x" }, { "_id": "b", "_rev": one }, { "_id": "a" }] });
    let answer = client.post("/db/_bulk_docs", docs.to_string());
    assert_eq!(answer.status, 201);
    let rows = answer.json();
    let conflict = |id: &str| json!({ "id": id, "error": "conflict", "reason": "Document update conflict." });
    assert_eq!(rows[0]["ok"], true);
    assert_eq!((&rows[1], &rows[2], &rows[4]), (&conflict("b"), &conflict("c"), &conflict("a")));
    assert!(rows[3]["rev"].as_str().unwrap().starts_with("2-"));
    assert_eq!(said(&client.post("/db/_bulk_docs", "{\"docs\":[]}")), (201, "[]"));
}

#[test]
fn local_documents_among_others() {
    let (_appliance, client) = with_db();
    let docs = r#"{"docs":[{"_id":"_local/x","v":1},{"_id":"a"},{"_id":"_local/none","_deleted":true}]}"#;
    let rows = client.post("/db/_bulk_docs", docs).json();
    assert_eq!(rows[0], json!({ "ok": true, "id": "_local/x", "rev": "0-1" }));
    assert_eq!(rows[2]["rev"], "0-0");
    assert_eq!(client.json("/db/_local/x")["v"], 1);
}

#[test]
fn one_mistake_refuses_all() {
    let (_appliance, client) = with_db();
    let table = [
        (
            r#"{"docs":[{"_id":"a"},{"_id":"_bad"}]}"#,
            400,
            "illegal_docid",
            "Only reserved document ids may start with underscore.",
        ),
        (r#"{"docs":[{"_id":"a"},{"_foo":1}]}"#, 400, "doc_validation", "Bad special document member: _foo"),
        (r#"{"docs":[{"_id":"a"},1]}"#, 400, "bad_request", "Document must be a JSON object"),
        (r#"{"docs":[],"new_edits":1}"#, 400, "bad_request", "`new_edits` parameter must be a boolean."),
        ("{", 400, "bad_request", "invalid UTF-8 JSON"),
        ("[]", 400, "bad_request", "Request body must be a JSON object"),
    ];
    for (body, status, error, reason) in table {
        assert_eq!(refused(&client.post("/db/_bulk_docs", body)), (status, error.into(), reason.into()), "{body}");
    }
    assert_eq!(client.get("/db/a").status, 404, "nothing of it was stored");
    assert_eq!(client.call("POST", "/db/_bulk_docs", "{\"docs\":[]}").status, 415);
}

#[test]
fn replicated_revisions() {
    let (_appliance, client) = with_db();
    let doc = |rev: &str, ids: Value| json!({ "_id": "n", "_rev": rev, "_revisions": { "start": 3, "ids": ids } });
    let docs = json!({ "new_edits": false, "docs": [doc("3-c", json!(["c", "b", "a"])), doc("3-x", json!(["x", "b", "a"])), doc("3-c", json!(["c", "b", "a"]))] });
    assert_eq!(said(&client.post("/db/_bulk_docs", docs.to_string())), (201, "[]"));
    assert_eq!(client.json("/db/n?conflicts=true"), json!({ "_id": "n", "_rev": "3-x", "_conflicts": ["3-c"] }));
    let diff = client.post("/db/_revs_diff", r#"{"n":["3-c","4-d","3-x"],"zzz":["2-b","1-a"],"m":[]}"#);
    assert_eq!(
        said(&diff),
        (200, r#"{"n":{"missing":["4-d"],"possible_ancestors":["3-x","3-c"]},"zzz":{"missing":["2-b","1-a"]}}"#)
    );
    assert_eq!(
        said(&client.post("/db/_missing_revs", r#"{"n":["3-c","4-d"],"m":["1-a"]}"#)),
        (200, r#"{"missing_revs":{"n":["4-d"],"m":["1-a"]}}"#)
    );
    for body in ["[]", "{\"a\":1}", "{\"a\":[\"x\"]}", "{"] {
        assert_eq!(client.post("/db/_revs_diff", body).status, 400, "{body}");
    }
}

#[test]
fn many_are_read_at_once() {
    let (_appliance, client) = with_db();
    let docs = json!({ "new_edits": false, "docs": [{ "_id": "a", "_rev": "2-x" }, { "_id": "a", "_rev": "2-b" }, { "_id": "b", "_rev": "1-b" }] });
    client.post("/db/_bulk_docs", docs.to_string());
    let get = |body: &str| client.post("/db/_bulk_get?revs=true", body).text().to_owned();
    assert_eq!(get("{\"docs\":[]}"), "{\"results\":[]}\n");
    let expected = concat!(
        r#"{"results":[{"id":"a","docs":[{"ok":{"_id":"a","_rev":"2-x","_revisions":{"start":2,"ids":["x"]}}},"#,
        r#"{"ok":{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b"]}}}]},"#,
        r#"{"id":"b","docs":[{"error":{"rev":"7-x","reason":"missing","id":"b","error":"not_found"}}]},"#,
        r#"{"id":"c","docs":[{"error":{"rev":"undefined","reason":"missing","id":"c","error":"not_found"}}]},"#,
        r#"{"id":"_x","docs":[{"error":{"rev":null,"reason":"Only reserved document ids may start with underscore.","id":"_x","error":"illegal_docid"}}]}]}"#,
        "\n"
    );
    assert_eq!(get(r#"{"docs":[{"id":"a"},{"id":"b","rev":"7-x"},{"id":"c"},{"id":"_x"}]}"#), expected);
    assert_eq!(refused(&client.post("/db/_bulk_get", "{}")).2, "Missing JSON list of 'docs'.");
    // More than fits into one piece.
    let large = "y".repeat(50_000);
    for n in 0..20 {
        client.store(&format!("/db/l{n}"), json!({ "v": large }).to_string());
    }
    let wanted: Vec<Value> = (0..20).map(|n| json!({ "id": format!("l{n}") })).collect();
    let answer = client.post("/db/_bulk_get", json!({ "docs": wanted }).to_string()).json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 20);
    assert!((0..20).all(|n| results[n]["docs"][0]["ok"]["_id"] == format!("l{n}") && results[n]["docs"][0]["ok"]["v"] == large));
}

#[test]
fn who_may_not_write_designs_is_told_in_their_place() {
    let appliance =
        appliance(|config| config.users = vec![user("adm", "pass", &["_admin"]), user("bob", "bobpw", &[])]);
    let admin = Client::new(&appliance).basic("adm", "pass");
    assert_eq!(admin.put("/db", "").status, 201);
    assert_eq!(admin.put("/db/_security", "{\"members\":{\"names\":[\"bob\"]}}").status, 200);
    let rows = Client::new(&appliance)
        .basic("bob", "bobpw")
        .post("/db/_bulk_docs", r#"{"docs":[{"_id":"_design/x"},{"_id":"a"}]}"#)
        .json();
    assert_eq!(
        rows[0],
        json!({ "id": "_design/x", "error": "forbidden", "reason": "You are not a db or server admin." })
    );
    assert_eq!(rows[1]["ok"], true);
}

#[test]
fn a_thousand_documents() {
    let (_appliance, client) = with_db();
    let docs: Vec<Value> = (0..1_000).map(|n| json!({ "_id": format!("{n:04}"), "n": n })).collect();
    let rows = client.post("/db/_bulk_docs", json!({ "docs": docs }).to_string()).json();
    assert!(rows.as_array().unwrap().iter().all(|row| row["ok"] == true) && rows.as_array().unwrap().len() == 1_000);
    let info = client.json("/db");
    assert!(info["doc_count"] == 1_000 && info["update_seq"].as_str().unwrap().starts_with("1000-"));
}
