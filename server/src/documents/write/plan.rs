//! One edit: whether it is allowed, and the event it becomes.
//!
//! Owns CouchDB's rules as far as the revision tree does not: which revision comes out, and that the event carries the winner's
//! document where the winner is another. Tested in `tests/`.

use tailwater_core::DraftError;
use tailwater_wire::couchdb::{
    doc::{DocError, Shown, attachment::Info, id::IdError},
    event::NewChange,
    rev::{self, AttachmentDigest, Body, History, Leaf, Rev, RevTree, tree::Inserted},
};

use super::{
    attach::write_stubs,
    group::{Group, kind_of},
};
use crate::documents::{
    edit::{Edit, EditError, Mode},
    error::DocumentsError,
    record::Record,
    staging::Slot,
    stored::StoredAttachment,
};

impl Group<'_> {
    /// Tries an edit; what it changes is there for the next one.
    pub(super) fn add(&mut self, edit: &Edit, mode: Mode) -> Result<Result<Rev, EditError>, DocumentsError> {
        let slot = self.staging.slot(&edit.id)?;
        let (history, attached) = match self.judge(slot, edit, mode)? {
            Ok(judged) => judged,
            Err(refused) => return Ok(Err(refused)),
        };
        let rev = history.rev();
        let mut tree = self.staging.record(slot).tree.clone();
        let body = Body { seq: self.next_seq(), deleted: edit.deleted };
        if tree.insert(&history, body, self.revs_limit) == Inserted::Known {
            return Ok(Ok(rev));
        }
        if let Err(refused) = self.write_event(edit, &tree, &history, &attached)? {
            return Ok(Err(refused));
        }
        for attachment in &attached {
            self.staging.name_attachment(attachment.info.digest, body.seq);
        }
        self.finish(slot, &edit.id, tree);
        Ok(Ok(rev))
    }

    /// The event that was written last has made this tree.
    pub(super) fn finish(&mut self, slot: Slot, id: &str, tree: RevTree) {
        let bytes = self.last_bytes();
        self.staging.replace(slot, id, Record { seq: self.next_seq() - 1, bytes, tree });
    }

    /// Which revision an edit makes, with its ancestors, and what it has attached.
    fn judge(
        &self,
        slot: Slot,
        edit: &Edit,
        mode: Mode,
    ) -> Result<Result<(History, Vec<StoredAttachment>), EditError>, DocumentsError> {
        let tree = &self.staging.record(slot).tree;
        match mode {
            Mode::KeepRevs => {
                let Some(mut history) = edit.history.clone() else { return Ok(Err(DocError::NeedsRev.into())) };
                history.truncate(self.revs_limit);
                let stored = history.revs().skip(1).find_map(|rev| tree.body(&rev));
                let attached = self.attach(edit, history.start(), stored)?;
                Ok(attached.map(|attached| (history, attached)))
            }
            Mode::NewEdits => {
                let replaced = edit.history.as_ref().map(History::rev);
                let Ok(parent) = tree.check_edit(replaced.as_ref(), edit.deleted) else {
                    return Ok(Err(EditError::Conflict));
                };
                let pos = parent.as_ref().map_or(1, |parent| parent.pos + 1);
                let stored = parent.as_ref().and_then(|parent| tree.body(parent));
                let attached = self.attach(edit, pos, stored)?;
                Ok(attached.map(|attached| (self.new_history(tree, edit, parent.as_ref(), &attached), attached)))
            }
        }
    }

    fn new_history(&self, tree: &RevTree, edit: &Edit, parent: Option<&Rev>, attached: &[StoredAttachment]) -> History {
        let digests: Vec<AttachmentDigest<'_>> = attached.iter().map(digest).collect();
        let rev = rev::new_rev(&rev::Edit { parent, deleted: edit.deleted, body: &edit.body, attachments: &digests });
        let ancestors = parent.and_then(|parent| tree.history(parent));
        let Some(ancestors) = ancestors else { return History::of(rev) };
        let kept = ancestors.ids().iter().take(self.revs_limit.saturating_sub(1));
        let ids = [&rev.hash].into_iter().chain(kept).cloned().collect();
        History::new(rev.pos, ids).unwrap_or_else(|| History::of(rev))
    }

    fn write_event(
        &mut self,
        edit: &Edit,
        tree: &RevTree,
        history: &History,
        attached: &[StoredAttachment],
    ) -> Result<Result<(), EditError>, DocumentsError> {
        let leaves = tree.leaves();
        let winner_doc = match leaves.first() {
            Some(winner) if *winner.rev != history.rev() => self.winner_doc(&edit.id, winner)?,
            _ => None,
        };
        let stubs = write_stubs(attached);
        let change = NewChange {
            id: &edit.id,
            history,
            leaves: &leaves,
            winner_doc: winner_doc.as_deref(),
            body: &edit.body,
            deleted: edit.deleted,
            attachments: stubs.as_deref(),
        };
        change.write_body(&mut self.bodies);
        Ok(self.push(kind_of(edit.deleted), &edit.id).map_err(|error| refusal(&edit.id, error)))
    }

    /// The winner's document, which the event of another revision carries with it.
    fn winner_doc(&self, id: &str, winner: &Leaf<'_>) -> Result<Option<Vec<u8>>, DocumentsError> {
        let Some(doc) = self.doc(winner.body.seq)? else { return Ok(None) };
        let stubs = write_stubs(&doc.attachments);
        let rev = winner.rev.to_string();
        let shown = Shown {
            id,
            rev: &rev,
            body: &doc.body,
            deleted: winner.body.deleted,
            attachments: stubs.as_deref(),
            ..Shown::default()
        };
        let mut text = Vec::with_capacity(doc.body.len() + 128);
        shown.write(&mut text);
        Ok(Some(text))
    }
}

/// What the hash of a revision says of an attachment.
fn digest(attachment: &StoredAttachment) -> AttachmentDigest<'_> {
    let Info { name, content_type, digest, .. } = &attachment.info;
    AttachmentDigest { name, content_type, md5: *digest }
}

/// What a client is told of an event that cannot be stored.
fn refusal(id: &str, error: DraftError) -> EditError {
    match error {
        DraftError::KeyTooLong { .. } => DocError::Id(IdError::TooLong).into(),
        _ => DocError::TooLarge(id.to_owned()).into(),
    }
}
