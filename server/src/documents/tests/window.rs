//! A feed that does not keep everything: documents leave with their latest events, as if they had been purged.

use std::thread;

use tailwater_core::{Retention, SEGMENT_BYTES_MIN};

use super::common::{Running, lose_index, options};
use crate::documents::{Asked, Missing, Order};

/// Writes documents of 100 KB until some of the first have left, and returns how many have.
fn filled(dir: &std::path::Path) -> (Running, u64) {
    let retention = Retention { bytes: Some(SEGMENT_BYTES_MIN), ..Retention::default() };
    let db = Running::open_keeping(dir, options(), retention);
    let body = format!("{{\"x\":\"{}\"}}", "x".repeat(100_000));
    for n in 0..25 {
        db.put(&format!("d{n:02}"), None, &body).unwrap();
    }
    while db.feed.first_seq() == 1 {
        thread::yield_now();
    }
    let gone = db.feed.first_seq() - 1;
    (db, gone)
}

#[test]
fn what_has_left_the_window_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (db, gone) = filled(dir.path());
    let rev = db.get("d24").unwrap().rev.to_string();
    assert_eq!(db.get("d00"), Err(Missing::Missing));
    assert_eq!(db.get_rev("d00", &rev), Err(Missing::Missing));
    assert_eq!(db.database.open_revs("d00", None, Asked::default()).unwrap(), None);
    let left = 25 - gone;
    assert_eq!(db.all().len() as u64, left);
    assert_eq!(db.changes(0, Order::Ascending).len() as u64, left);
    assert_eq!(db.database.changes(0, Order::Ascending).unwrap().pending().unwrap(), left);
    assert_eq!(db.database.summary().unwrap().doc_count, 25, "they are counted until they are forgotten");
    db.close();
}

#[test]
fn what_comes_back_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (db, gone) = filled(dir.path());
    assert!(db.put("d00", None, "{}").unwrap().starts_with("1-"));
    assert_eq!(db.leaves("d00").len(), 1);
    assert_eq!(db.database.summary().unwrap().doc_count, 25);
    assert_eq!(db.database.forget_gone().unwrap(), gone - 1);
    assert_eq!(db.database.forget_gone().unwrap(), 0);
    let summary = db.database.summary().unwrap();
    assert_eq!(summary.doc_count, 26 - gone);
    db.put("last", None, "{}").unwrap();
    let view = |db: &Running| (db.all(), db.changes(0, Order::Ascending), db.database.summary().unwrap());
    let before = view(&db);
    db.close();
    let retention = Retention { bytes: Some(SEGMENT_BYTES_MIN), ..Retention::default() };
    let db = Running::open_keeping(dir.path(), options(), retention.clone());
    assert_eq!(view(&db), before);
    db.close();
    lose_index(dir.path());
    let db = Running::open_keeping(dir.path(), options(), retention);
    assert_eq!(view(&db), before);
    db.close();
}
