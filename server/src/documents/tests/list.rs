//! `_all_docs`.

use super::common::{Running, edit};
use crate::documents::{Asked, IdRange, Listed, Mode, Order};

fn ids(db: &Running, range: IdRange) -> String {
    let docs = db.database.all_docs(&range).unwrap();
    docs.map(|doc| doc.unwrap().id).collect::<Vec<_>>().join(" ")
}

#[test]
fn documents_in_the_order_of_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let names = ["b", "B", "_design/x", "a", "ä", "a/b", "c", "d"];
    db.update(names.iter().map(|id| edit(id, None, false, "{}")).collect(), Mode::NewEdits);
    db.delete("c", "1-967a00dff5e02add41819138abb3284d").unwrap();
    let whole = IdRange::default();
    assert_eq!(ids(&db, whole.clone()), "B _design/x a a/b b d ä");
    assert_eq!(ids(&db, IdRange { order: Order::Descending, ..whole.clone() }), "ä d b a/b a _design/x B");
    let (start, end) = (Some("a".to_owned()), Some("d".to_owned()));
    let part = IdRange { start: start.clone(), end: end.clone(), ..whole.clone() };
    assert_eq!(ids(&db, part.clone()), "a a/b b d");
    assert_eq!(ids(&db, IdRange { inclusive_end: false, ..part.clone() }), "a a/b b");
    let down = IdRange { start: end, end: start, order: Order::Descending, ..whole.clone() };
    assert_eq!(ids(&db, down.clone()), "d b a/b a");
    assert_eq!(ids(&db, IdRange { inclusive_end: false, skip: 1, ..down.clone() }), "b a/b");
    assert_eq!(ids(&db, IdRange { limit: 2, skip: 1, ..part.clone() }), "a/b b");
    assert_eq!(ids(&db, IdRange { limit: 0, ..part.clone() }), "");
    assert_eq!(ids(&db, IdRange { start: Some("x".into()), end: Some("e".into()), ..whole.clone() }), "", "backwards");
    let rows = db.database.all_docs(&IdRange { skip: 3, ..whole.clone() }).unwrap();
    assert_eq!((rows.total_rows, rows.offset), (7, Some(3)));
    assert_eq!(db.database.all_docs(&part).unwrap().offset, None);
    db.close();
}

#[test]
fn documents_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let rev = db.put("a", None, r#"{"n":1}"#).unwrap();
    let gone = db.put("b", None, "{}").unwrap();
    let gone = db.delete("b", &gone).unwrap();
    let listed = |id: &str, rev: &str, deleted| Listed { id: id.into(), rev: rev.parse().unwrap(), deleted };
    assert_eq!(db.database.listed("nosuch").unwrap(), None);
    let (a, b) = (listed("a", &rev, false), listed("b", &gone, true));
    assert_eq!(db.database.listed("a").unwrap(), Some(a.clone()));
    assert_eq!(db.database.listed("b").unwrap(), Some(b.clone()));
    assert_eq!(db.database.listed_doc(&a, Asked::default()).unwrap().unwrap().body, r#"{"n":1}"#);
    assert_eq!(db.database.listed_doc(&b, Asked::default()).unwrap(), None);
    db.close();
}

#[test]
fn a_list_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.update((0..30).map(|n| edit(&format!("d{n:02}"), None, false, "{}")).collect(), Mode::NewEdits);
    let mut docs = db.database.all_docs(&IdRange::default()).unwrap();
    docs.next();
    db.put("d99", None, "{}").unwrap();
    db.delete("d29", "1-967a00dff5e02add41819138abb3284d").unwrap();
    assert_eq!(docs.map(|doc| doc.unwrap().id).last().as_deref(), Some("d29"));
    db.close();
}
