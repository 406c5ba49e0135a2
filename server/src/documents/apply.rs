//! What an event of the log does to its document. The index is this, for every event in order; nothing else.
//!
//! | event | then the document |
//! | --- | --- |
//! | of kind `purge` ([`purge_body`]) | lacks the leaves it names and what only they came from; it may be gone |
//! | with a revision | has that one with its history, and no leaf but those the event names |
//! | any other | is that one revision, whatever it was: `{seq}-{MD5}` |
//!
//! That an event's leaves are all there are makes what the log shows and what the index knows the same, even where an event
//! of another protocol, or one that compaction has dropped, came in between. Tested in `tests/apply.rs`, and against an
//! oracle in `tests/oracle.rs`.

use tailwater_core::{Event, Feed};
use tailwater_wire::{
    couchdb::{
        doc::shown::write_revs,
        event::json_body,
        rev::{Body, History, Rev, RevTree},
        text::Value,
    },
    json,
};

use super::{
    error::DocumentsError,
    prune::without_leaves,
    record::Record,
    shelf::Shelf,
    staging::Staging,
    stored::{Said, deletes, id_of, read_attachments, read_said},
};

/// The kind of an event that purges revisions. It is no change: no row of `_changes` is made of it.
pub const PURGE: &str = "purge";

/// Events whose changes are written together at most.
const GROUP_EVENTS: usize = 4_000;

/// Bytes of their bodies at most; one is always taken.
const GROUP_BYTES: usize = 16 << 20;

/// Applies one event.
pub(super) fn apply(event: &Event<'_>, revs_limit: usize, staging: &mut Staging<'_>) -> Result<(), DocumentsError> {
    let id = id_of(event);
    let slot = staging.slot(&id)?;
    let before = staging.record(slot);
    let json = json_body(event);
    if event.kind == PURGE {
        let record = purged(before, &purged_revs(&json));
        staging.count_purge();
        staging.replace(slot, &id, record);
        return Ok(());
    }
    let body = Body { seq: event.seq, deleted: deletes(event) };
    let tree = match read_said(event, &json) {
        Said::Ours { history, leaves } => changed(&before.tree, &history, &leaves, body, revs_limit),
        Said::Theirs { rev } => changed(&RevTree::new(), &History::of(rev), &[], body, revs_limit),
    };
    for attachment in read_attachments(&json) {
        staging.name_attachment(attachment.info.digest, event.seq);
    }
    staging.replace(slot, &id, Record { seq: event.seq, bytes: event.body.len() as u64, tree });
    Ok(())
}

/// The tree with one more revision and, unless `named` is empty, no leaves but those.
fn changed(tree: &RevTree, history: &History, named: &[Rev], body: Body, revs_limit: usize) -> RevTree {
    let mut tree = tree.clone();
    tree.insert(history, body, revs_limit);
    let goes = |leaf: &Rev| !named.is_empty() && !named.contains(leaf);
    if tree.leaves().iter().any(|leaf| goes(leaf.rev)) { without_leaves(&tree, goes) } else { tree }
}

/// A document without some of its leaves. What is left still has the event it had.
pub(super) fn purged(record: &Record, revs: &[Rev]) -> Record {
    let tree = without_leaves(&record.tree, |leaf| revs.contains(leaf));
    if tree.is_empty() { Record::default() } else { Record { tree, ..*record } }
}

/// The body of an event that purges these revisions of a document.
pub(super) fn purge_body(id: &str, revs: &[Rev]) -> Vec<u8> {
    let mut body = b"{\"_id\":".to_vec();
    json::write_str(&mut body, id);
    body.extend_from_slice(b",\"_purged\":");
    write_revs(revs, &mut body);
    body.push(b'}');
    body
}

fn purged_revs(json: &[u8]) -> Vec<Rev> {
    let revs = Value::new(json).get("_purged");
    revs.into_iter().flat_map(Value::elements).filter_map(|rev| rev.string()?.parse().ok()).collect()
}

/// Brings the index from where it is to the tail of the log. Only one at a time may do it; see [`super::turns`].
pub(super) fn catch_up(shelf: &Shelf, feed: &Feed, revs_limit: usize) -> Result<(), DocumentsError> {
    let mut reader = feed.read(shelf.index.applied_seq() + 1);
    loop {
        let mut staging = Staging::new(shelf);
        let (mut events, mut bytes) = (0, 0);
        while events < GROUP_EVENTS && bytes < GROUP_BYTES {
            let Some(event) = reader.next().transpose()? else { break };
            apply(&event, revs_limit, &mut staging)?;
            staging.applied(&event);
            events += 1;
            bytes += event.body.len();
        }
        if events == 0 {
            return Ok(());
        }
        staging.ready()?.write(shelf)?;
    }
}
