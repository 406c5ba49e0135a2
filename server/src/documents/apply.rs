//! What an event of the log does to its document. The index is this, for every event in order; nothing else.
//!
//! | event | then the document |
//! | --- | --- |
//! | that purges ([`super::purge_event`]) | has the leaves it names and what these came from; or it is gone |
//! | with a revision | has that one with its history, and no leaf but those the event names |
//! | any other | is that one revision, whatever it was: `{seq}-{hash}` |
//!
//! That an event's leaves are all there are makes what the log shows and what the index knows the same, even where an event
//! of another protocol, or one that compaction has dropped, came in between. Tested in `tests/foreign.rs` and
//! `tests/compact.rs`, and against an oracle in `tests/oracle.rs`.

use tailwater_core::{Event, Feed};
use tailwater_wire::couchdb::{
    event::json_body,
    rev::{Body, History, Rev, RevTree},
};

use super::{
    error::DocumentsError,
    layer::LastEvent,
    prune::{with_leaves, without_leaves},
    purge_event::read_left,
    record::Record,
    shelf::Shelf,
    staging::Staging,
    stored::{Said, deletes, id_of, read_attachments, read_said},
};

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
    if let Some(left) = read_left(event, &json) {
        let record = purged(before, |leaf| !left.contains(leaf));
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
    let rev = history.rev();
    // Then an event that is not in the log any more had made an end of it, and of what came from it: now it is this one's.
    let is_known = tree.body(&rev).is_some();
    tree.insert(history, body, revs_limit);
    let is_other = |leaf: &Rev| !named.is_empty() && !named.contains(leaf);
    if is_known || tree.leaves().iter().any(|leaf| is_other(leaf.rev)) {
        let body_of = |other: &Rev| if *other == rev { Some(body) } else { tree.body(other) };
        return with_leaves(&tree, named, body_of);
    }
    tree
}

/// A document without some of its leaves. What is left still has the event it had.
pub(super) fn purged(record: &Record, goes: impl FnMut(&Rev) -> bool) -> Record {
    let tree = without_leaves(&record.tree, goes);
    if tree.is_empty() { Record::default() } else { Record { tree, ..*record } }
}

/// Brings what is known from where it is to the tail of the log. Only one at a time may do it; see [`super::turns`].
pub(super) fn catch_up(shelf: &Shelf, feed: &Feed, revs_limit: usize, bytes_max: usize) -> Result<(), DocumentsError> {
    let mut reader = feed.read(shelf.known_seq() + 1);
    loop {
        let mut staging = Staging::new(shelf);
        let (mut events, mut bytes, mut last) = (0, 0, None);
        while events < GROUP_EVENTS && bytes < GROUP_BYTES {
            let Some(event) = reader.next().transpose()? else { break };
            apply(&event, revs_limit, &mut staging)?;
            events += 1;
            bytes += event.body.len();
            last = Some(LastEvent::of(&event));
        }
        if last.is_none() {
            return Ok(());
        }
        shelf.show(staging.news(last)?)?;
        if shelf.unwritten_bytes() >= bytes_max {
            shelf.write_out()?;
        }
    }
}
