//! The engine against a model: random edits, replicated histories, purges, events of other protocols; reopening in between,
//! with the index or without.
//!
//! The model is CouchDB's rules written down again, as plainly as they can be: a document is a set of revisions, each with its
//! parent and, if it was stored, its text. It shares no code with the revision tree of the wire.

mod model;

use std::path::Path;

use proptest::prelude::*;

use self::model::Model;
use super::common::{Running, edit, history, lose_index};
use crate::documents::{Asked, Edit, Mode, Order};

/// Something that happens to a database of few documents. Revisions are picked by number among those there are.
#[derive(Clone, Debug)]
enum Op {
    /// Edits of one request.
    Put(Vec<Put>),
    /// A revision with a history that begins with one that is there, or with nothing.
    Replicate {
        doc: u8,
        from: u8,
        generations: u8,
        name: u8,
        deleted: bool,
    },
    Purge {
        doc: u8,
        revs: Vec<u8>,
    },
    Publish {
        doc: u8,
        deleted: bool,
    },
    Reopen {
        with_index: bool,
    },
}

#[derive(Clone, Debug)]
struct Put {
    doc: u8,
    parent: Option<u8>,
    deleted: bool,
    text: u8,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let put = (0..4_u8, prop::option::weighted(0.7, any::<u8>()), prop::bool::weighted(0.2), any::<u8>());
    let put = put.prop_map(|(doc, parent, deleted, text)| Put { doc, parent, deleted, text });
    let replicate = (0..4_u8, any::<u8>(), 1..4_u8, 0..6_u8, prop::bool::weighted(0.3));
    let op = prop_oneof![
        6 => prop::collection::vec(put, 1..5).prop_map(Op::Put),
        6 => replicate.prop_map(|(doc, from, generations, name, deleted)| {
            Op::Replicate { doc, from, generations, name, deleted }
        }),
        2 => (0..4_u8, prop::collection::vec(any::<u8>(), 1..4)).prop_map(|(doc, revs)| Op::Purge { doc, revs }),
        1 => (0..4_u8, any::<bool>()).prop_map(|(doc, deleted)| Op::Publish { doc, deleted }),
        1 => any::<bool>().prop_map(|with_index| Op::Reopen { with_index }),
    ];
    prop::collection::vec(op, 1..40)
}

fn id(doc: u8) -> String {
    format!("doc{doc}")
}

fn perform(db: Running, dir: &Path, model: &mut Model, op: &Op) -> Running {
    match op {
        Op::Put(puts) => put(&db, model, puts),
        Op::Replicate { doc, from, generations, name, deleted } => {
            let path = model.path_for(&id(*doc), *from, *generations, *name);
            let body = format!("{{\"name\":{name}}}");
            let (pos, ids) = (path[0].0, path.iter().map(|(_, hash)| hash.as_str()).collect::<Vec<_>>().join(" "));
            let edit = Edit { history: Some(history(pos, &ids)), ..edit(&id(*doc), None, *deleted, &body) };
            let rev = db.one(edit, Mode::KeepRevs).unwrap();
            assert_eq!(rev, format!("{}-{}", path[0].0, path[0].1));
            model.replicate(&id(*doc), &path, *deleted, &body);
        }
        Op::Purge { doc, revs } => {
            let revs: Vec<String> = revs.iter().filter_map(|rev| model.some_rev(&id(*doc), *rev)).collect();
            let mut purged = db.purge(&id(*doc), &revs.iter().map(String::as_str).collect::<Vec<_>>());
            purged.sort();
            assert_eq!(purged, model.purge(&id(*doc), &revs));
        }
        Op::Publish { doc, deleted } => {
            let seq = db.publish(if *deleted { "delete" } else { "put" }, &id(*doc), "{\"theirs\":1}");
            model.publish(&id(*doc), seq, *deleted, "{\"theirs\":1}");
        }
        Op::Reopen { with_index } => {
            db.close();
            if !with_index {
                lose_index(dir);
            }
            return Running::open(dir);
        }
    }
    db
}

fn put(db: &Running, model: &mut Model, puts: &[Put]) {
    let edits = puts.iter().map(|put| {
        let parent = put.parent.and_then(|parent| model.some_rev(&id(put.doc), parent));
        edit(&id(put.doc), parent.as_deref(), put.deleted, &format!("{{\"n\":{}}}", put.text))
    });
    let edits: Vec<Edit> = edits.collect();
    let asked: Vec<(String, Option<String>, bool, String)> = edits
        .iter()
        .map(|edit| {
            let rev = edit.history.as_ref().map(|history| history.rev().to_string());
            (edit.id.clone(), rev, edit.deleted, edit.body.clone())
        })
        .collect();
    for (result, (id, rev, deleted, body)) in db.update(edits, Mode::NewEdits).into_iter().zip(asked) {
        let made = result.ok().map(|rev| rev.to_string());
        model.put(&id, rev.as_deref(), deleted, &body, made);
    }
}

/// What the database says is what the model says.
fn compare(db: &Running, model: &Model) {
    for (id, doc) in model.docs() {
        assert_eq!(db.leaves(id), doc.leaves_shown(), "{id}");
        for (rev, body, deleted) in doc.stored() {
            let found = db.get_rev(id, &rev).unwrap();
            assert_eq!((found.body.as_str(), found.deleted), (body, deleted), "{id} {rev}");
        }
        let asked = Asked { conflicts: true, ..Asked::default() };
        let shown = db.database.get(id, None, asked).unwrap().ok();
        let shown = shown.map(|doc| (doc.rev.to_string(), doc.conflicts.len()));
        assert_eq!(shown, doc.winner_shown(), "{id}");
    }
    let changes = model.changes();
    assert_eq!(db.changes(0, Order::Ascending), changes);
    assert!(db.changes(0, Order::Descending).iter().eq(changes.iter().rev()));
    assert_eq!(db.database.changes(0, Order::Ascending).unwrap().pending().unwrap(), changes.len() as u64);
    assert_eq!(db.all(), model.live_docs());
    let summary = db.database.summary().unwrap();
    let live = model.live_docs().len() as u64;
    let counts = (summary.doc_count, summary.doc_del_count, summary.purge_seq, summary.update_seq);
    assert_eq!(counts, (live, changes.len() as u64 - live, model.purges, model.seq));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if std::env::var_os("TAILWATER_LONG").is_some() { 2_000 } else { 40 }))]
    #[test]
    fn the_engine_is_the_model(ops in ops()) {
        let dir = tempfile::tempdir().unwrap();
        let mut db = Running::open(dir.path());
        let mut model = Model::default();
        for op in &ops {
            db = perform(db, dir.path(), &mut model, op);
            compare(&db, &model);
        }
        db.close();
        lose_index(dir.path());
        let db = Running::open(dir.path());
        compare(&db, &model);
        db.close();
    }
}
