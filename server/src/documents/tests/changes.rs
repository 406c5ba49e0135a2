//! Changes of one request: which rows, in which order, how many are left.

use super::common::{Running, edit};
use crate::documents::{Changes, Mode, Order};

/// Writes 50 documents, then every third of them once more.
fn filled(dir: &std::path::Path) -> (Running, Vec<(u64, String)>) {
    let db = Running::open(dir);
    let results = db.update((0..50).map(|n| edit(&format!("d{n:02}"), None, false, "{}")).collect(), Mode::NewEdits);
    let mut expected: Vec<(u64, String)> = (0..50).map(|n| (n + 1, format!("d{n:02}"))).collect();
    for (n, rev) in results.into_iter().enumerate().step_by(3) {
        db.put(&format!("d{n:02}"), Some(&rev.unwrap().to_string()), r#"{"n":1}"#).unwrap();
        expected.retain(|(_, id)| *id != format!("d{n:02}"));
        expected.push((db.feed.last_seq(), format!("d{n:02}")));
    }
    (db, expected)
}

fn take(changes: &mut Changes, count: usize) -> Vec<(u64, String)> {
    let next = || changes.next(|event| (event.seq, event.key.to_owned())).unwrap();
    std::iter::from_fn(next).take(count).collect()
}

#[test]
fn each_document_once() {
    let dir = tempfile::tempdir().unwrap();
    let (db, expected) = filled(dir.path());
    assert_eq!(db.changes(0, Order::Ascending), expected);
    let reversed: Vec<_> = expected.iter().rev().cloned().collect();
    assert_eq!(db.changes(0, Order::Descending), reversed);
    for since in [1, 20, 49, 50, 66, 67, 1_000] {
        let after: Vec<_> = expected.iter().filter(|(seq, _)| *seq > since).cloned().collect();
        assert_eq!(db.changes(since, Order::Ascending), after, "{since}");
        assert!(after.iter().rev().eq(&db.changes(since, Order::Descending)), "{since}");
    }
    db.close();
}

#[test]
fn pending_is_exact_at_every_row() {
    let dir = tempfile::tempdir().unwrap();
    let (db, expected) = filled(dir.path());
    for order in [Order::Ascending, Order::Descending] {
        let mut changes = db.database.changes(10, order).unwrap();
        let total = expected.iter().filter(|(seq, _)| *seq > 10).count() as u64;
        for sent in 0..total {
            assert_eq!(changes.pending().unwrap(), total - sent);
            assert!(changes.next(|_| ()).unwrap().is_some());
        }
        assert_eq!((changes.pending().unwrap(), changes.next(|_| ()).unwrap()), (0, None));
    }
    db.close();
}

#[test]
fn another_request_goes_on_where_one_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (db, expected) = filled(dir.path());
    let (mut since, mut rows) = (0, Vec::new());
    loop {
        let mut changes = db.database.changes(since, Order::Ascending).unwrap();
        assert_eq!(changes.position(), since);
        let part = take(&mut changes, 7);
        since = changes.position();
        if part.is_empty() {
            assert_eq!(since, changes.end());
            break;
        }
        rows.extend(part);
    }
    assert_eq!(rows, expected);
    db.close();
}

#[test]
fn the_end_is_fixed_when_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let (db, expected) = filled(dir.path());
    let mut changes = db.database.changes(0, Order::Ascending).unwrap();
    take(&mut changes, 1);
    db.put("new", None, "{}").unwrap();
    let rest = take(&mut changes, 1_000);
    assert_eq!(rest, expected[1..]);
    assert_eq!((changes.end(), changes.pending().unwrap()), (67, 0));
    assert_eq!(db.changes(changes.end(), Order::Ascending), [(68, "new".into())]);
    drop(changes);
    db.close();
}

#[test]
fn some_documents_only() {
    let dir = tempfile::tempdir().unwrap();
    let (db, _) = filled(dir.path());
    let ids = ["d49", "nosuch", "d00", "d01", "d01"];
    let of = |since, order| db.database.changes_of(ids, since, order).unwrap();
    let mut changes = of(0, Order::Ascending);
    assert_eq!(changes.pending().unwrap(), 3);
    assert_eq!(take(&mut changes, 1), [(2, "d01".into())]);
    assert_eq!(changes.pending().unwrap(), 2);
    assert_eq!(take(&mut changes, 9), [(50, "d49".into()), (51, "d00".into())]);
    assert_eq!(take(&mut of(2, Order::Descending), 9), [(51, "d00".into()), (50, "d49".into())]);
    drop(changes);
    db.close();
}
