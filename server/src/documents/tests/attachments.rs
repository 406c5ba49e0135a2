//! Attachments of documents.

use tailwater_wire::couchdb::doc::{DocError, attachment::digest};

use super::common::{Running, edit, history, lose_index};
use crate::documents::{Edit, EditError, Mode, NewAttachment, Source, StoredAttachment, Swept};

fn attachment(name: &str, revpos: Option<u64>, source: Source) -> NewAttachment {
    NewAttachment { name: name.into(), content_type: "text/plain".into(), revpos, source }
}

fn with(edit: Edit, attachments: Vec<NewAttachment>) -> Edit {
    Edit { attachments, ..edit }
}

fn stub(name: &str) -> NewAttachment {
    attachment(name, None, Source::Stub)
}

/// Name, generation and bytes of each.
fn shown(attachments: &[StoredAttachment]) -> Vec<(&str, u64, u64)> {
    attachments.iter().map(|one| (one.info.name.as_str(), one.info.revpos, one.info.length)).collect()
}

fn bytes(db: &Running, text: &str) -> Source {
    Source::Stored(db.database.blobs().store(text.as_bytes()).unwrap())
}

#[test]
fn stubs_stand_for_what_the_revision_before_has() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let new = with(
        edit("a", None, false, "{}"),
        vec![attachment("x", Some(9), bytes(&db, "xx")), attachment("y", None, bytes(&db, "yyy"))],
    );
    let first = db.one(new, Mode::NewEdits).unwrap();
    assert_eq!(shown(&db.get("a").unwrap().attachments), [("x", 1, 2), ("y", 1, 3)]);
    let next = with(edit("a", Some(&first), false, "{}"), vec![stub("y"), attachment("z", None, bytes(&db, "z"))]);
    let second = db.one(next, Mode::NewEdits).unwrap();
    assert_eq!(shown(&db.get("a").unwrap().attachments), [("y", 1, 3), ("z", 2, 1)]);
    let error = |result: Result<String, EditError>| result.unwrap_err().to_string();
    let none = with(edit("a", Some(&second), false, "{}"), vec![stub("x")]);
    assert_eq!(error(db.one(none, Mode::NewEdits)), "Invalid attachment stub in a for x");
    let other = with(edit("a", Some(&second), false, "{}"), vec![attachment("z", Some(1), Source::Stub)]);
    assert_eq!(error(db.one(other, Mode::NewEdits)), "Invalid attachment stub in a for z");
    let new = with(edit("b", None, false, "{}"), vec![stub("x")]);
    let stub_error = EditError::Document(DocError::Stub { id: "b".into(), name: "x".into() });
    assert_eq!(db.one(new, Mode::NewEdits), Err(stub_error));
    assert_eq!(shown(&db.get_rev("a", &first).unwrap().attachments), [("x", 1, 2), ("y", 1, 3)]);
    db.close();
}

#[test]
fn the_stubs_of_one_request_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let path = |pos, ids| Some(history(pos, ids));
    let first = with(edit("a", None, false, "{}"), vec![attachment("x", Some(1), bytes(&db, "xx"))]);
    let first = Edit { history: path(1, "a"), ..first };
    let second = with(edit("a", None, false, "{}"), vec![attachment("x", Some(1), Source::Stub)]);
    let second = Edit { history: path(4, "d c b a"), ..second };
    assert!(db.update(vec![first, second], Mode::KeepRevs).iter().all(Result::is_ok));
    assert_eq!(shown(&db.get("a").unwrap().attachments), [("x", 1, 2)]);
    db.close();
}

#[test]
fn the_event_names_them() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let gzipped = Source::Stored(db.database.blobs().store(b"zipped").unwrap().gzipped(100));
    db.one(with(edit("a", None, false, r#"{"n":1}"#), vec![attachment("x", None, gzipped)]), Mode::NewEdits).unwrap();
    let body = db.bodies().remove(0);
    let stub = r#""n":1,"_attachments":{"x":{"content_type":"text/plain","revpos":1,"digest":"md5-jivh6uNGwlFo4VQ3ZtI1bg==","length":100,"stub":true,"encoding":"gzip","encoded_length":6}}}"#;
    assert!(body.ends_with(stub), "{body}");
    let doc = db.get("a").unwrap();
    assert_eq!(doc.attachments[0].encoding, Some(("gzip".into(), 6)));
    assert_eq!(doc.attachments[0].info.digest, digest(b"zipped"));
    db.close();
}

#[test]
fn a_sweep_keeps_what_the_log_names() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let new = with(edit("a", None, false, "{}"), vec![attachment("x", None, bytes(&db, "xx"))]);
    let rev = db.one(new, Mode::NewEdits).unwrap();
    db.put("a", Some(&rev), "{}").unwrap();
    bytes(&db, "nobody's");
    assert_eq!(db.database.sweep_attachments().unwrap(), Swept { seen: 2, removed: 1, removed_bytes: 8 });
    db.close();
    lose_index(dir.path());
    let db = Running::open(dir.path());
    assert_eq!(db.database.sweep_attachments().unwrap(), Swept { seen: 1, removed: 0, removed_bytes: 0 });
    assert!(db.database.blobs().read(digest(b"xx")).unwrap().is_some());
    db.close();
}
