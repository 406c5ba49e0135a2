//! Removing revisions for good.
//!
//! Owns the events of a purge: one of a kind of its own, which is no change, and behind it, if anything is left of the
//! document, its winner once more: so a row of `_changes` tells who has the document what is left of it. Both are of one
//! batch, and so are there together or not at all. Tested in `tests/purge.rs`.

use tailwater_wire::couchdb::{
    event::NewChange,
    rev::{Rev, RevTree},
};

use super::{attach::write_stubs, group::Group, group::kind_of};
use crate::documents::{
    apply::purged,
    error::DocumentsError,
    purge_event::{PURGE, write_body},
    record::Standing,
};

impl Group<'_> {
    /// Removes those of `revs` that are leaves of the document, and returns them.
    pub(super) fn purge(&mut self, id: &str, revs: &[Rev]) -> Result<Vec<Rev>, DocumentsError> {
        let slot = self.staging.slot(id)?;
        let record = self.staging.record(slot);
        let mut leaves: Vec<Rev> = revs.iter().filter(|rev| record.tree.is_leaf(rev)).cloned().collect();
        leaves.sort_unstable();
        leaves.dedup();
        if leaves.is_empty() {
            return Ok(leaves);
        }
        let left = purged(record, |leaf| leaves.contains(leaf));
        let again = match left.standing() {
            Standing::Nothing => None,
            _ => Some(self.again(id, &left.tree)?),
        };
        let left_leaves: Vec<Rev> = left.tree.leaves().iter().map(|leaf| leaf.rev.clone()).collect();
        self.bodies.extend_from_slice(&write_body(id, &leaves, &left_leaves));
        if self.push(PURGE, id).is_err() {
            return Ok(Vec::new());
        }
        self.staging.count_purge();
        let tree = left.tree.clone();
        self.staging.replace(slot, id, left);
        if let Some((kind, body)) = again {
            self.bodies.extend_from_slice(&body);
            if self.push(kind, id).is_ok() {
                self.finish(slot, id, tree);
            }
        }
        Ok(leaves)
    }

    /// The event that says once more what wins, among fewer leaves.
    fn again(&self, id: &str, tree: &RevTree) -> Result<(&'static str, Vec<u8>), DocumentsError> {
        let leaves = tree.leaves();
        let mut body = Vec::new();
        let Some(winner) = leaves.first() else { return Ok((PURGE, body)) };
        let Some(history) = tree.history(winner.rev) else { return Ok((PURGE, body)) };
        let doc = self.doc(winner.body.seq)?;
        let (text, stubs) = doc.map_or_else(|| ("{}".into(), None), |doc| (doc.body, write_stubs(&doc.attachments)));
        let deleted = winner.body.deleted;
        let change = NewChange {
            id,
            history: &history,
            leaves: &leaves,
            winner_doc: None,
            body: &text,
            deleted,
            attachments: stubs.as_deref(),
        };
        change.write_body(&mut body);
        Ok((kind_of(deleted), body))
    }
}
