//! CouchDB's rules, as captured from CouchDB 3.5.0 where a revision is written out.

use tailwater_wire::couchdb::rev::tree::Status;

use super::common::{Running, edit, history};
use crate::documents::{Asked, Edit, EditError, Found, Missing, Mode};

const REVS: [&str; 5] = [
    "1-23202479633c2b380f79507a776743d5",
    "2-71173597778497e0a6aa176963f222db",
    "3-28390acbb2afb09d34e8e35d2d2211ad",
    "4-4ff5290e44a7c5239929d5dd281bb29b",
    "5-abfc05726d06bfc0b187c1fad7b40ca1",
];

#[test]
fn the_life_of_a_document() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    assert_eq!(db.get("doc1"), Err(Missing::Missing));
    assert_eq!(db.put("doc1", None, r#"{"a":1}"#).unwrap(), REVS[0]);
    assert_eq!(db.put("doc1", None, r#"{"a":2}"#), Err(EditError::Conflict));
    assert_eq!(db.put("doc1", Some("9-abc"), r#"{"a":2}"#), Err(EditError::Conflict));
    assert_eq!(db.put("doc1", Some(REVS[0]), r#"{"a":2}"#).unwrap(), REVS[1]);
    assert_eq!(db.put("doc1", Some(REVS[0]), r#"{"a":9}"#), Err(EditError::Conflict), "it is no leaf any more");
    assert_eq!(db.put("doc1", Some(REVS[1]), r#"{"a":3}"#).unwrap(), REVS[2]);
    assert_eq!(db.shown("doc1").unwrap(), (REVS[2].into(), r#"{"a":3}"#.into()));
    assert_eq!(db.get_rev("doc1", REVS[0]).unwrap().body, r#"{"a":1}"#);
    assert_eq!(db.one(edit("doc1", None, true, "{}"), Mode::NewEdits), Err(EditError::Conflict));
    assert_eq!(db.delete("doc1", REVS[2]).unwrap(), REVS[3]);
    assert_eq!(db.get("doc1"), Err(Missing::Deleted));
    assert!(db.get_rev("doc1", REVS[3]).unwrap().deleted);
    let summary = db.database.summary().unwrap();
    assert_eq!((summary.doc_count, summary.doc_del_count, summary.update_seq), (0, 1, 4));
    assert_eq!(db.put("doc1", None, r#"{"a":"recreated"}"#).unwrap(), REVS[4], "it goes on behind the tombstone");
    let asked = Asked { revs: true, revs_info: true, ..Asked::default() };
    let doc = db.database.get("doc1", None, asked).unwrap().unwrap();
    let revs: Vec<String> = doc.revisions.unwrap().revs().map(|rev| rev.to_string()).collect();
    assert!(revs.iter().eq(REVS.iter().rev()), "{revs:?}");
    let status: Vec<Status> = doc.revs_info.unwrap().into_iter().map(|(_, status)| status).collect();
    let available = Status::Available;
    assert_eq!(status, [available, Status::Deleted, available, available, available]);
    db.close();
}

#[test]
fn edits_of_one_request_see_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let first = REVS[0];
    let edits = vec![
        edit("doc1", None, false, r#"{"a":1}"#),
        edit("x1", None, false, "{}"),
        edit("doc1", None, false, r#"{"a":1}"#),
        edit("doc1", Some(first), false, r#"{"a":2}"#),
        edit("doc1", Some(first), false, r#"{"a":3}"#),
    ];
    let results = db.update(edits, Mode::NewEdits);
    let results: Vec<_> = results.iter().map(|result| result.as_ref().map(ToString::to_string).ok()).collect();
    let expected = [Some(first), Some("1-967a00dff5e02add41819138abb3284d"), None, Some(REVS[1]), None];
    assert!(results.iter().map(Option::as_deref).eq(expected), "{results:?}");
    assert_eq!(db.shown("doc1").unwrap().1, r#"{"a":2}"#);
    assert_eq!(db.database.known_seq(), 3);
    db.close();
}

#[test]
fn replicated_revisions_stand_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.replicate("cf", 1, "aaa0", false, r#"{"v":0}"#);
    db.replicate("cf", 2, "bbb1 aaa0", false, r#"{"v":1}"#);
    db.replicate("cf", 2, "ccc2 aaa0", false, r#"{"v":2}"#);
    db.replicate("cf", 2, "ddd3 aaa0", true, "{}");
    assert_eq!(db.leaves("cf"), ["2-ccc2", "2-bbb1", "2-ddd3 deleted"]);
    let asked = Asked { conflicts: true, deleted_conflicts: true, ..Asked::default() };
    let doc = db.database.get("cf", None, asked).unwrap().unwrap();
    let revs = |revs: &[_]| revs.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!((revs(&doc.conflicts), revs(&doc.deleted_conflicts)), (vec!["2-bbb1".into()], vec!["2-ddd3".into()]));
    assert_eq!(db.feed.last_seq(), 4);
    db.replicate("cf", 2, "bbb1 aaa0", false, r#"{"v":1}"#);
    db.replicate("cf", 1, "aaa0", false, r#"{"v":0}"#);
    assert_eq!(db.feed.last_seq(), 4, "what is known makes no event");
    assert_eq!(db.put("cf", Some("2-bbb1"), r#"{"v":3}"#).unwrap().split('-').next(), Some("3"), "any leaf will do");
    assert_eq!(db.leaves("cf").len(), 3);
    assert!(db.put("cf", None, "{}").is_err());
    db.close();
}

#[test]
fn the_event_of_a_loser_has_the_winners_document() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let history = Some(history(2, "ccc2 aaa0"));
    let winner = Edit { history, ..edit("cf", None, false, r#"{"v":2}"#) };
    let loser = Edit { history: Some(super::common::history(2, "bbb1 aaa0")), ..edit("cf", None, false, r#"{"v":1}"#) };
    db.update(vec![winner, loser], Mode::KeepRevs);
    db.replicate("cf", 2, "aaa9 aaa0", true, r#"{"kept":1}"#);
    let body = db.bodies().remove(0);
    assert_eq!(
        body,
        r#"{"_id":"cf","_rev":"2-aaa9","_revisions":{"start":2,"ids":["aaa9","aaa0"]},"_leaves":[["2-ccc2",false],["2-bbb1",false],["2-aaa9",true]],"_winner_doc":{"_id":"cf","_rev":"2-ccc2","v":2},"kept":1,"_deleted":true}"#
    );
    assert_eq!(db.get_rev("cf", "2-aaa9").unwrap().body, r#"{"kept":1}"#);
    assert_eq!(db.get_rev("cf", "2-bbb1").unwrap().body, r#"{"v":1}"#);
    db.close();
}

#[test]
fn several_revisions_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.replicate("n1", 3, "c b a", false, r#"{"v":3}"#);
    db.replicate("n1", 4, "d c b a", false, r#"{"v":4}"#);
    let open = |id: &str, revs: &[&str], latest| {
        let revs: Vec<_> = revs.iter().map(|rev| rev.parse().unwrap()).collect();
        let found = db.database.open_revs(id, Some(&revs), Asked { latest, ..Asked::default() }).unwrap().unwrap();
        let found = found.into_iter().map(|found| match found {
            Found::Doc(doc) => doc.rev.to_string(),
            Found::Missing(rev) => format!("!{rev}"),
        });
        found.collect::<Vec<_>>()
    };
    assert_eq!(open("n1", &["3-c", "4-d", "2-b", "9-zz"], false), ["3-c", "4-d", "!2-b", "!9-zz"]);
    assert_eq!(open("n1", &["3-c", "4-d", "2-b", "9-zz"], true), ["4-d", "!9-zz"]);
    assert_eq!(open("nosuch", &["1-a"], true), ["!1-a"]);
    assert_eq!(db.database.open_revs("nosuch", None, Asked::default()).unwrap(), None);
    let diff = |id: &str, revs: &[&str]| {
        let revs: Vec<_> = revs.iter().map(|rev| rev.parse().unwrap()).collect();
        let diff = db.database.revs_diff(id, &revs).unwrap();
        let text = |revs: Vec<_>| revs.iter().map(ToString::to_string).collect::<Vec<String>>().join(" ");
        (text(diff.missing), text(diff.possible_ancestors))
    };
    assert_eq!(diff("n1", &["3-c", "5-e"]), ("5-e".into(), "4-d".into()));
    assert_eq!(diff("zzz", &["1-a"]), ("1-a".into(), String::new()));
    assert_eq!(diff("n1", &["3-c"]), (String::new(), String::new()));
    db.close();
}

#[test]
fn old_ancestors_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    db.database.change_settings(|settings| settings.revs_limit = 3).unwrap();
    let mut rev = db.put("a", None, "{}").unwrap();
    for n in 0..5 {
        rev = db.put("a", Some(&rev), &format!("{{\"n\":{n}}}")).unwrap();
    }
    let asked = Asked { revs: true, ..Asked::default() };
    let doc = db.database.get("a", None, asked).unwrap().unwrap();
    assert_eq!((doc.rev.pos, doc.revisions.unwrap().ids().len()), (6, 3));
    db.close();
}

#[test]
fn refusals() {
    let dir = tempfile::tempdir().unwrap();
    let db = Running::open(dir.path());
    let message = |result: Result<String, EditError>| result.unwrap_err().to_string();
    let no_rev = db.one(edit("a", None, false, "{}"), Mode::KeepRevs);
    assert_eq!(message(no_rev), "When `new_edits: false`, the document needs `_rev` or `_revisions` specified");
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(5_000_000));
    assert_eq!(message(db.put("a", None, &large)), "a");
    assert_eq!(message(db.put(&"k".repeat(2_000), None, "{}")), "Document id is too long");
    let after = vec![edit("a", None, false, &large), edit("a", None, false, "{}")];
    let results = db.update(after, Mode::NewEdits);
    assert!(results[0].is_err() && results[1].is_ok(), "what is refused leaves nothing behind");
    assert_eq!(db.feed.last_seq(), 1);
    db.close();
}
