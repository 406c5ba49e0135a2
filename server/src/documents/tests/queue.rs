//! What waits, what is refused, and reads that wait for what they were told of.

use std::{sync::Arc, thread};

use futures_lite::future::{block_on, poll_once};

use super::common::{Running, edit, options};
use crate::documents::{DocumentsError, Mode, Order, Update, WriteLimits};

fn update(ids: impl Iterator<Item = u64>) -> Update {
    Update { edits: ids.map(|n| edit(&format!("d{n:05}"), None, false, "{}")).collect(), mode: Mode::NewEdits }
}

#[test]
fn a_request_that_is_larger_than_a_group_is_answered_whole() {
    let dir = tempfile::tempdir().unwrap();
    let write = WriteLimits { group_edits_max: 7, ..WriteLimits::default() };
    let db = Running::open_with(dir.path(), crate::documents::DocumentsOptions { write, ..options() });
    let waiting: Vec<_> = (0..5).map(|n| db.database.update(update(n * 100..n * 100 + 50 + n))).collect();
    let answers: Vec<_> = waiting.into_iter().map(|update| block_on(update).unwrap()).collect();
    for (n, outcomes) in answers.iter().enumerate() {
        assert_eq!(outcomes.len(), 50 + n);
        assert_eq!(outcomes[0].id, format!("d{:05}", n * 100));
        assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    }
    assert_eq!(db.changes(0, Order::Ascending).len(), 260);
    db.close();
}

#[test]
fn too_much_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = WriteLimits { requests_max: 1, ..WriteLimits::default() };
    let db = Running::open_with(dir.path(), crate::documents::DocumentsOptions { write, ..options() });
    let turn = db.database.turns.take();
    let mut first = Box::pin(db.database.update(update(0..1)));
    assert!(block_on(poll_once(&mut first)).is_none());
    let refused = block_on(db.database.update(update(1..2))).unwrap_err();
    assert!(matches!(refused, DocumentsError::Overloaded { requests: 1, .. }), "{refused}");
    drop(turn);
    block_on(first).unwrap();
    block_on(db.database.update(update(1..2))).unwrap();
    db.close();
}

#[test]
fn a_closed_database_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.database.close();
    let refused = block_on(db.database.update(update(0..1))).unwrap_err();
    assert!(matches!(refused, DocumentsError::Closed), "{refused}");
    db.close();
}

#[test]
fn a_feed_that_is_closed_fails_the_write_and_leaves_the_index_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.put("a", None, "{}").unwrap();
    block_on(db.feed.close()).unwrap();
    let refused = block_on(db.database.update(update(0..1))).unwrap_err();
    assert!(matches!(refused, DocumentsError::Append(_)), "{refused}");
    assert_eq!(db.all().len(), 1);
    db.close();
}

#[test]
fn whoever_saw_a_change_finds_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = Arc::new(Running::open(dir.path()));
    let writing = db.clone();
    let writer = thread::spawn(move || {
        for n in 0..200 {
            writing.put(&format!("d{n}"), None, "{}").unwrap();
        }
    });
    let mut reader = db.feed.read(1);
    for _ in 0..200 {
        let key = loop {
            if let Some(event) = reader.next() {
                break event.unwrap().key.to_owned();
            }
            thread::yield_now();
        };
        db.get(&key).unwrap();
    }
    writer.join().unwrap();
    Arc::into_inner(db).unwrap().close();
}

#[test]
fn nobody_has_to_read_for_the_index_to_come_on() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.publish("put", "a", "{}");
    assert!(db.database.is_behind());
    db.database.nudge();
    while db.database.is_behind() {
        thread::yield_now();
    }
    assert_eq!(db.database.known_seq(), 1);
    db.close();
}
