//! Purges: revisions that are removed for good.

use super::common::{Running, lose_index};
use crate::documents::{Missing, Order, PURGE};

#[test]
fn a_whole_document() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let first = db.put("a", None, r#"{"n":1}"#).unwrap();
    let second = db.put("a", Some(&first), r#"{"n":2}"#).unwrap();
    db.put("b", None, "{}").unwrap();
    assert!(db.purge("a", &[&first, "9-x"]).is_empty(), "leaves only");
    assert!(db.purge("nosuch", &[&first]).is_empty());
    assert_eq!(db.feed.last_seq(), 3);
    assert_eq!(db.purge("a", &[&second, &second, "9-x"]), std::slice::from_ref(&second));
    assert_eq!(db.get("a"), Err(Missing::Missing));
    assert_eq!(db.get_rev("a", &first), Err(Missing::Missing));
    assert_eq!(db.changes(0, Order::Ascending), [(3, "b".into())], "a purge is no change");
    let summary = db.database.summary().unwrap();
    assert_eq!((summary.doc_count, summary.update_seq, summary.purge_seq), (1, 4, 1));
    let event = db.feed.read(4).next().unwrap().map(|event| (event.kind.to_owned(), event.body.to_vec())).unwrap();
    assert_eq!(event, (PURGE.to_owned(), format!(r#"{{"_id":"a","_purged":["{second}"],"_left":[]}}"#).into_bytes()));
    assert_eq!(db.put("a", None, r#"{"n":1}"#).unwrap(), first, "it begins anew");
    db.close();
}

#[test]
fn what_is_left_is_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.replicate("a", 2, "b a", false, r#"{"v":"b"}"#);
    db.replicate("a", 3, "d c a", false, r#"{"v":"d"}"#);
    db.replicate("a", 2, "e a", true, "{}");
    assert_eq!(db.leaves("a"), ["3-d", "2-b", "2-e deleted"]);
    assert_eq!(db.purge("a", &["3-d"]), ["3-d"]);
    assert_eq!(db.leaves("a"), ["2-b", "2-e deleted"]);
    assert_eq!(db.shown("a").unwrap().1, r#"{"v":"b"}"#);
    assert_eq!(db.changes(0, Order::Ascending), [(5, "a".into())]);
    let body = db.bodies().remove(0);
    let expected = r#"{"_id":"a","_rev":"2-b","_revisions":{"start":2,"ids":["b","a"]},"_leaves":[["2-b",false],["2-e",true]],"v":"b"}"#;
    assert_eq!(body, expected);
    assert_eq!(db.purge("a", &["2-b"]), ["2-b"]);
    assert_eq!(db.get("a"), Err(Missing::Deleted));
    let before = (db.leaves("a"), db.database.summary().unwrap());
    db.close();
    lose_index(dir.path());
    let db = Running::open(dir.path());
    assert_eq!((db.leaves("a"), db.database.summary().unwrap()), before);
    assert_eq!(before.0, ["2-e deleted"]);
    db.close();
}
