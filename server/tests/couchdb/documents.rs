//! Documents, one at a time.

use serde_json::{Value, json};

use crate::client::{refused, rev, said, with_db};

const CONFLICT: &str = "Document update conflict.";

#[test]
fn a_revision_can_be_named_in_three_places() {
    let (_appliance, client) = with_db();
    let one = client.store("/db/a", "{}");
    let two = client.store("/db/a", json!({ "_rev": one }).to_string());
    let three = client.store(&format!("/db/a?rev={two}"), "{}");
    let four = rev(&client.with(format!("If-Match: \"{three}\"")).put("/db/a", "{}"));
    assert!(four.starts_with("4-"));
    let differs = client.put(&format!("/db/a?rev={one}"), json!({ "_rev": four }).to_string());
    let reason = "Document rev from request body and query string have different values";
    assert_eq!(refused(&differs), (400, "bad_request".into(), reason.into()));
    let differs = client.with(format!("If-Match: \"{one}\"")).put("/db/a", json!({ "_rev": four }).to_string());
    assert_eq!(refused(&differs).2, "Document rev and etag have different values");
    assert_eq!(refused(&client.put("/db/a?rev=bogus", "{}")).2, "Invalid rev format");
    for (path, body) in [
        ("/db/a", "{}".to_owned()),
        ("/db/a", json!({ "_rev": one }).to_string()),
        ("/db/a?rev=9-x", "{}".to_owned()),
        ("/db/new?rev=1-x", "{}".to_owned()),
    ] {
        assert_eq!(refused(&client.put(path, &body)), (409, "conflict".into(), CONFLICT.into()), "{path} {body}");
    }
}

#[test]
fn equal_edits_have_equal_revisions() {
    let (_appliance, client) = with_db();
    // What CouchDB 3.5.0 makes of it.
    assert_eq!(client.store("/db/doc1", "{\"a\":1}"), "1-23202479633c2b380f79507a776743d5");
    assert_eq!(client.store("/db/doc2", "{ \"a\" : 1 }"), "1-23202479633c2b380f79507a776743d5");
    assert_eq!(client.store("/db/empty", "{}"), "1-967a00dff5e02add41819138abb3284d");
}

#[test]
fn deleting() {
    let (_appliance, client) = with_db();
    let one = client.store("/db/a", "{\"v\":1}");
    assert_eq!(refused(&client.delete("/db/none")), (404, "not_found".into(), "missing".into()));
    assert_eq!(client.delete("/db/a").status, 409);
    assert_eq!(client.delete("/db/a?rev=1-x").status, 409);
    assert_eq!(client.delete("/db/a?rev=x").status, 400);
    let gone = client.delete(&format!("/db/a?rev={one}"));
    assert_eq!(gone.status, 200);
    let two = rev(&gone);
    assert_eq!(refused(&client.get("/db/a")), (404, "not_found".into(), "deleted".into()));
    assert_eq!(refused(&client.delete(&format!("/db/a?rev={two}"))).2, "deleted");
    let tombstone = client.json(&format!("/db/a?rev={two}"));
    assert_eq!(tombstone, json!({ "_id": "a", "_rev": two, "_deleted": true }));
    let three = client.store("/db/a", "{}");
    assert!(three.starts_with("3-"));
    let kept = client.put(&format!("/db/a?rev={three}"), "{\"_deleted\":true,\"why\":1}");
    assert_eq!(client.json(&format!("/db/a?rev={}", rev(&kept)))["why"], 1);
}

#[test]
fn etags() {
    let (_appliance, client) = with_db();
    let one = client.store("/db/a", "{}");
    let etag = format!("\"{one}\"");
    assert_eq!(client.get("/db/a").header("ETag"), Some(etag.as_str()));
    let same = client.with(format!("If-None-Match: {etag}")).get("/db/a");
    assert_eq!((same.status, same.text(), same.header("ETag")), (304, "", Some(etag.as_str())));
    let two = client.store(&format!("/db/a?rev={one}"), "{}");
    assert_eq!(client.with(format!("If-None-Match: {etag}")).get("/db/a").status, 200);
    assert_eq!(client.call("HEAD", "/db/a", "").header("ETag"), Some(format!("\"{two}\"").as_str()));
    for query in ["revs_info=true", "local_seq=true"] {
        assert_eq!(client.get(&format!("/db/a?{query}")).header("ETag"), None, "{query}");
    }
}

/// A document with two live leaves and a deleted one.
fn conflicted() -> (crate::common::Appliance, crate::client::Client) {
    let (appliance, client) = with_db();
    let doc = |rev: &str, deleted: bool| json!({ "_id": "cf", "_rev": format!("2-{rev}"), "_revisions": { "start": 2, "ids": [rev, "aaa0"] }, "v": rev, "_deleted": deleted });
    let docs = json!({ "new_edits": false, "docs": [doc("bbb1", false), doc("ccc2", false), doc("ddd3", true)] });
    assert_eq!(said(&client.post("/db/_bulk_docs", docs.to_string())), (201, "[]"));
    (appliance, client)
}

#[test]
fn conflicts() {
    let (_appliance, client) = conflicted();
    assert_eq!(said(&client.get("/db/cf")), (200, r#"{"_id":"cf","_rev":"2-ccc2","v":"ccc2"}"#));
    let meta = client.json("/db/cf?meta=true");
    assert_eq!(meta["_conflicts"], json!(["2-bbb1"]));
    assert_eq!(meta["_deleted_conflicts"], json!(["2-ddd3"]));
    assert_eq!(meta["_revs_info"], json!([{"rev":"2-ccc2","status":"available"},{"rev":"1-aaa0","status":"missing"}]));
    assert_eq!(client.get("/db/cf?conflicts=true").header("ETag"), None);
    assert_eq!(client.json("/db/cf?rev=2-bbb1")["v"], "bbb1");
    assert_eq!(refused(&client.get("/db/cf?rev=1-aaa0")).2, "missing");
    assert_eq!(client.json("/db/cf?rev=1-aaa0&latest=true")["_rev"], "2-ccc2");
    let json = client.with("Accept: application/json");
    let all = json.json("/db/cf?open_revs=all");
    let revs: Vec<&Value> = all.as_array().unwrap().iter().map(|one| &one["ok"]["_rev"]).collect();
    assert_eq!(revs, ["2-ccc2", "2-bbb1", "2-ddd3"]);
    let some = json.get("/db/cf?open_revs=%5B%222-bbb1%22,%229-x%22%5D&revs=true");
    let expected = r#"[{"ok":{"_id":"cf","_rev":"2-bbb1","v":"bbb1","_revisions":{"start":2,"ids":["bbb1","aaa0"]}}},{"missing":"9-x"}]"#;
    assert_eq!(said(&some), (200, expected));
    assert_eq!(said(&json.get("/db/none?open_revs=%5B%221-a%22%5D")), (200, r#"[{"missing":"1-a"}]"#));
    assert_eq!(said(&json.get("/db/none?open_revs=%5B%5D")), (200, "[]"));
    assert_eq!(json.get("/db/none?open_revs=all").status, 404);
    assert_eq!(refused(&json.get("/db/cf?open_revs=x")).2, "invalid UTF-8 JSON");
    // The loser can be edited away.
    assert_eq!(client.delete("/db/cf?rev=2-bbb1").status, 200);
    assert!(client.json("/db/cf?conflicts=true").get("_conflicts").is_none());
}

#[test]
fn several_revisions_in_parts() {
    let (_appliance, client) = conflicted();
    let answer = client.get("/db/cf?open_revs=%5B%222-ccc2%22,%229-x%22%5D");
    let content_type = answer.header("Content-Type").unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/mixed; boundary=\"").unwrap().trim_end_matches('"');
    let expected = format!(
        "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{\"_id\":\"cf\",\"_rev\":\"2-ccc2\",\"v\":\"ccc2\"}}\r\n\
         --{boundary}\r\nContent-Type: application/json; error=\"true\"\r\n\r\n{{\"missing\":\"9-x\"}}\r\n--{boundary}--"
    );
    assert_eq!(answer.text(), expected);
}

#[test]
fn a_replicated_revision_is_kept() {
    let (_appliance, client) = with_db();
    let put = |body: &str| client.put("/db/a?new_edits=false", body);
    assert_eq!(refused(&put("{}")).2, "When `new_edits: false`, the document needs `_rev` or `_revisions` specified");
    assert_eq!(
        said(&put(r#"{"_rev":"3-c","_revisions":{"start":3,"ids":["c","b"]}}"#)),
        (201, r#"{"ok":true,"id":"a","rev":"3-c"}"#)
    );
    assert_eq!(rev(&put(r#"{"_rev":"2-x"}"#)), "2-x");
    assert_eq!(rev(&put(r#"{"_rev":"3-c"}"#)), "3-c", "it was there");
    assert_eq!(client.json("/db/a?conflicts=true")["_conflicts"], json!(["2-x"]));
    assert_eq!(client.json("/db/a?revs=true")["_revisions"], json!({"start":3,"ids":["c","b"]}));
}

#[test]
fn ids() {
    let (_appliance, client) = with_db();
    for (path, id) in [
        ("a%2Fb", "a/b"),
        ("%C3%A4%20b", "ä b"),
        ("a%3Fb", "a?b"),
        ("_design/x", "_design/x"),
        ("_design%2Fy", "_design/y"),
        ("a+b", "a+b"),
    ] {
        client.store(&format!("/db/{path}"), "{}");
        assert_eq!(client.json(&format!("/db/{path}"))["_id"], id);
    }
    for path in ["_bad", "_design", "_local", "_design/", "_local/"] {
        let answer = client.put(&format!("/db/{path}"), "{}");
        assert_eq!(answer.error(), (400, "illegal_docid".into()), "{path}: {}", answer.text());
    }
    assert_eq!(client.put(&format!("/db/{}", "x".repeat(1_024)), "{}").status, 201);
    let long = client.put(&format!("/db/{}", "x".repeat(1_025)), "{}");
    assert_eq!(refused(&long), (400, "illegal_docid".into(), "Document id is too long".into()));
    assert_eq!(client.get("/db/_bad").status, 404);
    let made = client.post("/db", "{}").json();
    assert_eq!(made["id"].as_str().unwrap().len(), 32);
    assert_eq!(client.post("/db", "{\"_id\":\"given\"}").json()["id"], "given");
    assert_eq!(client.post("/db", "{\"_id\":\"_given\"}").error(), (400, "illegal_docid".into()));
    assert_eq!(client.post("/db", "{\"_id\":7}").error(), (400, "illegal_docid".into()));
}

#[test]
fn members_and_numbers_stay_as_they_were_written() {
    let (_appliance, client) = with_db();
    let body = r#"{"z":1.50,"a":[1e3,-0.0,123456789012345678901234567890],"u":"\u00e4ö\/","n":null,"o":{"b":1,"a":2}}"#;
    let rev = client.store("/db/a", body);
    let expected = format!("{{\"_id\":\"a\",\"_rev\":\"{rev}\",{}", &body[1..]);
    assert_eq!(said(&client.get("/db/a")), (200, expected.as_str()));
    client.store("/db/b", "{\"a\":1,\"b\":2,\"a\":3}");
    assert_eq!(client.json("/db/b")["a"], 3);
}

#[test]
fn writes_that_are_not_waited_for() {
    let (_appliance, client) = with_db();
    assert_eq!(said(&client.put("/db/a?batch=ok", "{}")), (202, r#"{"ok":true,"id":"a"}"#));
    assert_eq!(client.get("/db/a").status, 200);
    assert_eq!(client.put("/db/a?batch=ok", "{}").status, 202, "conflicts are not told");
    assert_eq!(client.put("/db/b?batch=ok", "[]").status, 400);
}

#[test]
fn local_documents() {
    let (_appliance, client) = with_db();
    let path = "/db/_local/a_b.c%3D%3D";
    assert_eq!(refused(&client.get(path)).2, "missing");
    assert_eq!(rev(&client.put(path, "{\"v\":1}")), "0-1");
    assert_eq!(rev(&client.put(path, "{\"v\":2}")), "0-1");
    assert_eq!(rev(&client.put(path, "{\"v\":3,\"_rev\":\"0-1\"}")), "0-2");
    assert_eq!(rev(&client.put(&format!("{path}?rev=0-2"), "{\"v\":4}")), "0-3");
    assert_eq!(client.json(path), json!({ "_id": "_local/a_b.c==", "_rev": "0-3", "v": 4 }));
    let etag = client.get(path).header("ETag").unwrap().to_owned();
    assert_eq!(client.with(format!("If-None-Match: {etag}")).get(path).status, 304);
    assert_eq!(client.json("/db/_changes")["results"], json!([]));
    let listed = client.json("/db/_local_docs");
    assert_eq!(listed["rows"], json!([{ "id": "_local/a_b.c==", "key": "_local/a_b.c==", "value": { "rev": "0-3" } }]));
    assert_eq!(client.json("/db/_all_docs")["rows"], json!([]));
    assert_eq!(rev(&client.delete(&format!("{path}?rev=0-3"))), "0-0");
    assert_eq!(client.delete(path).status, 404);
    for body in ["[]", "{", "{\"_rev\":\"1-a\"}", "{\"_foo\":1}"] {
        assert_eq!(client.put(path, body).status, 400, "{body}");
    }
    assert_eq!(rev(&client.post("/db", "{\"_id\":\"_local/x\",\"v\":1}")), "0-1");
    assert_eq!(client.json("/db/_local/x")["v"], 1);
}

#[test]
fn every_update_is_told() {
    let (_appliance, client) = with_db();
    let mut feed = client.send("GET", "/db/_changes?feed=continuous&since=now&heartbeat=60000", "");
    assert_eq!(feed.head().status, 200);
    let mut revision = client.store("/db/a", "{}");
    let mut expected = vec![revision.clone()];
    for n in 0..20 {
        revision = client.store(&format!("/db/a?rev={revision}"), format!("{{\"n\":{n}}}"));
        expected.push(revision.clone());
    }
    let mut told = Vec::new();
    while told.len() < expected.len() {
        let rows = feed.event().unwrap();
        let revs = rows
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["changes"][0]["rev"].as_str().unwrap().to_owned());
        told.extend(revs);
    }
    assert_eq!(told, expected);
    assert_eq!(client.json("/db/_changes")["results"].as_array().unwrap().len(), 1);
}

#[test]
fn functions_that_are_not_run() {
    let (_appliance, client) = with_db();
    let view = |path: &str| refused(&client.get(path));
    assert_eq!(view("/db/_design/d/_view/v"), (404, "not_found".into(), "missing".into()));
    client.store("/db/_design/d", r#"{"views":{"v":{"map":"function(doc){}"}},"shows":{"s":"x"}}"#);
    assert_eq!(view("/db/_design/d/_view/w"), (404, "not_found".into(), "missing_named_view".into()));
    assert_eq!(view("/db/_design/d/_list/l/v"), (404, "not_found".into(), "missing".into()));
    for path in ["/db/_design/d/_view/v?key=1", "/db/_design/d/_show/s/id", "/db/_design/d/_info"] {
        let (status, error, _) = view(path);
        assert_eq!((status, error.as_str()), (501, "not_implemented"), "{path}");
    }
    assert_eq!(client.post("/db/_design/d/_view/v", "{}").status, 501);
    assert_eq!(view("/db/_design/d/att").2, "Document is missing attachment");
}
