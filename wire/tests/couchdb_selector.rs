//! Selectors against what CouchDB 3.5.0 said: 222 selectors, each tried on 47 documents, refusals included.
//!
//! The cases lie outside the repository. They are looked for in `$TAILWATER_SHARED` or in `shared` next to the checkout;
//! without them this test passes without testing, unless `TAILWATER_REQUIRE_SHARED=1` is set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use tailwater_wire::couchdb::selector::Selector;
use tailwater_wire::couchdb::text::Value;

fn vectors() -> Option<Json> {
    let shared = std::env::var_os("TAILWATER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let file = std::fs::read(shared.join("captures/couchdb/selector-vectors.json")).ok();
    let required = std::env::var_os("TAILWATER_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(file.is_some() || !required, "selector-vectors.json is not in {}", shared.display());
    serde_json::from_slice(&file?).ok()
}

/// The refusal, or the ids of the documents that match, sorted.
fn decide(selector: &str, documents: &[(String, String)]) -> Result<Vec<String>, (u16, String)> {
    let selector = Selector::parse(Value::new(selector.as_bytes()));
    let selector = selector.map_err(|error| (error.status(), error.to_string()))?;
    let canonical = Selector::parse(Value::new(selector.canonical().as_bytes())).unwrap();
    let mut matching = Vec::new();
    for (id, text) in documents {
        let document = Value::new(text.as_bytes());
        assert_eq!(selector.matches(document), canonical.matches(document), "{id} {}", selector.canonical());
        matching.extend(selector.matches(document).then(|| id.clone()));
    }
    matching.sort();
    Ok(matching)
}

#[test]
fn every_captured_case() {
    let Some(vectors) = vectors() else { return };
    let documents = vectors["docs"].as_array().unwrap();
    let documents: Vec<_> =
        documents.iter().map(|doc| (doc["_id"].as_str().unwrap().to_owned(), doc.to_string())).collect();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!((documents.len(), cases.len()), (47, 222));
    for case in cases {
        let selector = case["selector"].to_string();
        let decided = decide(&selector, &documents);
        let expected = case["match"].as_array().map(|ids| {
            let mut ids: Vec<_> = ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect();
            ids.sort();
            ids
        });
        let refusal = || {
            // 3.5.0 fails on an empty part of a path while it matches; later versions refuse the selector.
            let status = if selector.contains("a..b") { 400 } else { case["status"].as_u64().unwrap() as u16 };
            let reason =
                if selector.contains("a..b") { "Invalid field name: a..b" } else { case["reason"].as_str().unwrap() };
            (status, reason.to_owned())
        };
        assert_eq!(decided, expected.ok_or_else(refusal), "{selector}");
    }
}
