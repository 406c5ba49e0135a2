//! Events of other protocols in the same feed.

use std::sync::Arc;

use futures_lite::future::block_on;
use tailwater_core::{Batch, BodyFormat, Draft, Event, SeqMode};
use tailwater_wire::couchdb::event::foreign_rev;

use super::common::{Running, edit, lose_index};
use crate::documents::{Missing, Mode, Order};

pub(super) fn rev(seq: u64, body: &str) -> String {
    let event = Event { seq, time_us: 0, kind: "put", key: "", format: BodyFormat::Json, body: body.as_bytes() };
    foreign_rev(&event).to_string()
}

#[test]
fn they_replace_the_document() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.replicate("a", 2, "b a", false, "{}");
    db.replicate("a", 2, "c a", false, "{}");
    let seq = db.publish("put", "a", r#"{"x":1,"_y":2}"#);
    let foreign = rev(seq, r#"{"x":1,"_y":2}"#);
    assert_eq!(db.shown("a").unwrap(), (foreign.clone(), r#"{"x":1}"#.into()));
    assert_eq!(db.leaves("a"), [foreign.as_str()]);
    let own = db.put("a", Some(&foreign), r#"{"x":2}"#).unwrap();
    assert_eq!((own.split('-').next(), db.leaves("a")), (Some("4"), vec![own.clone()]));
    let seq = db.publish("delete", "a", "null");
    assert_eq!(db.get("a"), Err(Missing::Deleted));
    assert_eq!(db.leaves("a"), [format!("{} deleted", rev(seq, "null"))]);
    assert_eq!(db.publish("put", "", "[1]"), 6);
    assert_eq!(db.shown("6").unwrap(), (rev(6, "[1]"), r#"{"body":[1]}"#.into()), "without a key the seq is the id");
    assert_eq!(db.changes(0, Order::Ascending), [(5, "a".into()), (6, String::new())]);
    let summary = db.database.summary().unwrap();
    assert_eq!((summary.doc_count, summary.doc_del_count), (1, 1));
    db.close();
}

#[test]
fn what_only_looks_like_ours_does_no_harm() {
    let bodies = [
        r#"{"_id":"a","_rev":"x"}"#,
        r#"{"_id":"a","_rev":"1-x","_revisions":7}"#,
        r#"{"_id":"a","_rev":"1-x","_revisions":{"start":9007199254740991,"ids":["x"]}}"#,
        r#"{"_id":"a","_rev":"2-y","_revisions":{"start":2,"ids":["y","x"]},"_leaves":[["7-z",false]]}"#,
        r#"{"_id":"a","_rev":"2-y","_leaves":[[],7,["?"]],"_winner_doc":3,"_attachments":[]}"#,
        r#"{"_purged":["2-y",7,"?"]}"#,
        r#"{"_purged":[],"_left":["2-y",7,"?"]}"#,
        "",
    ];
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    for kind in ["put", "delete", "purge", "x", ""] {
        for body in bodies {
            db.publish(kind, "a", body);
            db.leaves("a");
            db.get("a").ok();
        }
    }
    db.publish("put", "a", "{}");
    assert_eq!(db.leaves("a").len(), 1);
    let before = db.database.summary().unwrap();
    db.close();
    lose_index(dir.path());
    let db = Running::open(dir.path());
    assert_eq!(db.database.summary().unwrap(), before);
    db.close();
}

#[test]
fn other_formats_are_documents_too() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let mut batch = Batch::new();
    let body = [0xa1, 0x61, b'a', 0x01];
    let draft = Draft { seq: None, time_us: 1, kind: "put", key: "c", format: BodyFormat::DagCbor, body: &body };
    batch.push(&draft).unwrap();
    block_on(db.feed.append(batch, SeqMode::Assign)).unwrap();
    assert_eq!(db.shown("c").unwrap().1, r#"{"a":1}"#);
    db.close();
}

#[test]
fn publishers_of_both_kinds_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = Arc::new(Running::open(dir.path()));
    let publishing = db.clone();
    let other = std::thread::spawn(move || {
        for n in 0..300 {
            publishing.publish("put", &format!("k{}", n % 10), &format!("{{\"theirs\":{n}}}"));
        }
    });
    let mut stored = 0;
    for n in 0..300 {
        let edits = (0..3).map(|k| edit(&format!("k{}", (n + k) % 20), None, false, &format!("{{\"ours\":{n}}}")));
        stored += db.update(edits.collect(), Mode::NewEdits).iter().filter(|result| result.is_ok()).count() as u64;
    }
    other.join().unwrap();
    assert!(stored > 0);
    let db = Arc::into_inner(db).unwrap();
    assert_eq!(db.feed.last_seq(), 300 + stored);
    let view = |db: &Running| {
        let leaves: Vec<_> = (0..20).map(|k| db.leaves(&format!("k{k}"))).collect();
        (leaves, db.changes(0, Order::Ascending), db.database.summary().unwrap())
    };
    let before = view(&db);
    db.close();
    lose_index(dir.path());
    let db = Running::open(dir.path());
    assert_eq!(view(&db), before, "the index is what the log says, whoever wrote it");
    db.close();
}
