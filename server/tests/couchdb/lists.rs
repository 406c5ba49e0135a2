//! Lists: `_all_docs`, `_design_docs`, `_find`.

use serde_json::{Value, json};

use crate::{
    client::{Client, refused, said, with_db},
    common::Appliance,
};

fn filled() -> (Appliance, Client) {
    let (appliance, client) = with_db();
    let mut docs: Vec<Value> = ["a", "b", "c", "d", "e"]
        .iter()
        .enumerate()
        .map(|(n, id)| json!({ "_id": id, "n": n, "odd": n % 2 == 1 }))
        .collect();
    docs.push(json!({ "_id": "_design/x" }));
    client.post("/db/_bulk_docs", json!({ "docs": docs }).to_string());
    let rev = client.json("/db/c")["_rev"].as_str().unwrap().to_owned();
    assert_eq!(client.delete(&format!("/db/c?rev={rev}")).status, 200);
    (appliance, client)
}

fn ids(rows: &Value) -> Vec<String> {
    rows["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn ranges() {
    let (_appliance, client) = filled();
    let list = |query: &str| ids(&client.json(&format!("/db/_all_docs?{query}"))).join(" ");
    let table = [
        ("", "_design/x a b d e"),
        ("descending=true", "e d b a _design/x"),
        ("startkey=%22b%22", "b d e"),
        ("start_key=%22b%22&end_key=%22d%22", "b d"),
        ("startkey=%22b%22&endkey=%22d%22&inclusive_end=false", "b"),
        ("startkey=%22d%22&endkey=%22a%22&descending=true", "d b a"),
        ("startkey=%22d%22&endkey=%22a%22&descending=true&inclusive_end=false", "d b"),
        ("key=%22b%22", "b"),
        ("key=%22c%22", ""),
        ("limit=2", "_design/x a"),
        ("limit=0", ""),
        ("skip=3", "d e"),
        ("skip=1&limit=2", "a b"),
        ("startkey=%22_design/%22&endkey=%22_design0%22", "_design/x"),
        ("startkey=%7B%7D", "_design/x a b d e"),
        ("endkey=1", ""),
    ];
    for (query, expected) in table {
        let expected = if query == "startkey=%7B%7D" { "" } else { expected };
        assert_eq!(list(query), expected, "{query}");
    }
    let all = client.json("/db/_all_docs");
    assert_eq!((&all["total_rows"], &all["offset"]), (&json!(5), &json!(0)));
    assert_eq!(ids(&client.json("/db/_design_docs")), ["_design/x"]);
    assert!(client.json("/db/_all_docs?update_seq=true")["update_seq"].as_str().unwrap().starts_with("7-"));
    assert_eq!(client.call("HEAD", "/db/_all_docs", "").status, 200);
}

#[test]
fn keys() {
    let (_appliance, client) = filled();
    let post = |query: &str, body: &str| client.post(&format!("/db/_all_docs?{query}"), body).json();
    let rows = post("include_docs=true", r#"{"keys":["e","nosuch","c",7]}"#);
    assert_eq!((&rows["total_rows"], &rows["offset"]), (&json!(5), &Value::Null));
    let rows = &rows["rows"];
    assert_eq!(rows[0]["doc"]["n"], 4);
    assert_eq!(rows[1], json!({ "key": "nosuch", "error": "not_found" }));
    assert_eq!((&rows[2]["value"]["deleted"], &rows[2]["doc"]), (&json!(true), &Value::Null));
    assert_eq!(rows[3], json!({ "key": 7, "error": "not_found" }));
    assert_eq!(ids(&post("", r#"{"keys":["a","b","d"],"descending":true,"skip":1}"#)), ["b", "a"]);
    assert_eq!(ids(&client.json("/db/_all_docs?keys=%5B%22b%22,%22a%22%5D")), ["b", "a"]);
    assert_eq!(post("", "{\"keys\":[]}")["rows"], json!([]));
    assert_eq!(ids(&post("", "{\"limit\":1}")), ["_design/x"]);
    let wrong = client.get("/db/_all_docs?limit=x");
    assert_eq!(refused(&wrong), (400, "query_parse_error".into(), "Invalid value for integer: \"x\"".into()));
}

#[test]
fn documents_in_lists() {
    let (_appliance, client) = filled();
    let rows = client.json("/db/_all_docs?include_docs=true&startkey=%22a%22");
    let numbers: Vec<&Value> = rows["rows"].as_array().unwrap().iter().map(|row| &row["doc"]["n"]).collect();
    assert_eq!(numbers, [0, 1, 3, 4]);
    let body = json!({ "_attachments": { "h": { "data": "aGVsbG8=" } } });
    client.store("/db/z", body.to_string());
    let doc = |query: &str| {
        client.json(&format!("/db/_all_docs?include_docs=true&key=%22z%22{query}"))["rows"][0]["doc"]["_attachments"]["h"].clone()
    };
    assert_eq!(doc("")["stub"], true);
    assert_eq!(doc("&attachments=true")["data"], "aGVsbG8=");
    let conflict = json!({ "new_edits": false, "docs": [{ "_id": "z", "_rev": "1-0" }] });
    client.post("/db/_bulk_docs", conflict.to_string());
    assert_eq!(
        client.json("/db/_all_docs?include_docs=true&conflicts=true&key=%22z%22")["rows"][0]["doc"]["_conflicts"],
        json!(["1-0"])
    );
}

#[test]
fn long_lists_are_whole() {
    let (_appliance, client) = with_db();
    let docs: Vec<Value> = (0..3_000).map(|n| json!({ "_id": format!("{n:05}") })).collect();
    client.post("/db/_bulk_docs", json!({ "docs": docs }).to_string());
    let listed = ids(&client.json("/db/_all_docs?include_docs=true"));
    assert!(listed.len() == 3_000 && listed.is_sorted());
}

fn find(client: &Client, query: &Value) -> Value {
    let answer = client.post("/db/_find", query.to_string());
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[test]
fn documents_are_found_by_looking_at_all() {
    let (_appliance, client) = filled();
    let names = |found: &Value| {
        found["docs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|doc| doc["_id"].as_str().unwrap_or("?").to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let all = find(&client, &json!({ "selector": {} }));
    assert_eq!(names(&all), "a b d e", "designs are passed over");
    assert!(all["warning"].as_str().unwrap().starts_with("No matching index found"));
    let odd = json!({ "odd": true });
    assert_eq!(names(&find(&client, &json!({ "selector": odd }))), "b d");
    assert_eq!(find(&client, &json!({ "selector": odd, "fields": ["n"] }))["docs"], json!([{ "n": 1 }, { "n": 3 }]));
    assert_eq!(names(&find(&client, &json!({ "selector": {}, "sort": [{ "_id": "desc" }], "limit": 2 }))), "e d");
    assert_eq!(names(&find(&client, &json!({ "selector": {}, "skip": 3 }))), "e");
    let none = find(&client, &json!({ "selector": { "n": 77 }, "execution_stats": true }));
    assert_eq!((&none["docs"], &none["bookmark"]), (&json!([]), &json!("nil")));
    assert_eq!(none["execution_stats"]["total_docs_examined"], 4);
    assert_eq!(find(&client, &json!({ "selector": {}, "limit": 0 }))["docs"], json!([]));
    // Page by page.
    let (mut pages, mut bookmark) = (Vec::new(), Value::Null);
    for _ in 0..3 {
        let page = find(&client, &json!({ "selector": {}, "limit": 2, "bookmark": bookmark }));
        pages.push(names(&page));
        bookmark = page["bookmark"].clone();
    }
    assert_eq!(pages, ["a b", "d e", ""]);
}

#[test]
fn queries_that_are_refused() {
    let (_appliance, client) = filled();
    let table = [
        ("{}", 400, "missing_required_key"),
        ("{", 400, "bad_request"),
        (r#"{"selector":{"$bad":1}}"#, 400, "invalid_operator"),
        (r#"{"selector":{},"sort":["n"]}"#, 400, "no_usable_index"),
        (r#"{"selector":{},"bookmark":"*"}"#, 400, "invalid_bookmark"),
        (r#"{"selector":{},"limit":-1}"#, 400, "invalid_non_neg_integer"),
        (r#"{"selector":{},"zebra":1}"#, 400, "invalid_key"),
    ];
    for (body, status, error) in table {
        let answer = client.post("/db/_find", body);
        assert_eq!(answer.error(), (status, error.to_owned()), "{body}: {}", answer.text());
    }
    assert_eq!(client.call("POST", "/db/_find", "{}").status, 415);
    assert_eq!(said(&client.get("/db/_find")).0, 405);
}
