//! Adding revisions.

use super::{Body, Node, RevTree};
use crate::couchdb::rev::{History, Rev};

/// An edit that does not extend the document: somebody else was faster, or the revision is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Document update conflict.")]
pub struct Conflict;

/// What became of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is a new leaf: its document must be stored.
    Leaf,
    /// It was there, or something that followed it was: nothing has changed.
    Known,
}

impl RevTree {
    /// Whether an interactive edit (`new_edits=true`) is allowed, and what it extends.
    ///
    /// `parent` is the revision the client wants to replace, `deleted` whether it deletes the document. The answer is
    /// the parent of the new revision: none for a document's first, the winning tombstone for one that is created
    /// again.
    ///
    /// # Errors
    /// [`Conflict`], unless the edit extends a leaf of a live document, or creates one that is not there.
    pub fn check_edit(&self, parent: Option<&Rev>, deleted: bool) -> Result<Option<Rev>, Conflict> {
        let Some(winner) = self.winner() else {
            return if parent.is_none() { Ok(None) } else { Err(Conflict) };
        };
        match parent {
            None if winner.body.deleted && !deleted => Ok(Some(winner.rev.clone())),
            Some(rev) if !winner.body.deleted && self.is_leaf(rev) => Ok(Some(rev.clone())),
            _ => Err(Conflict),
        }
    }

    /// Adds a revision with its history, whatever else there is (`new_edits=false`, or an edit that
    /// [`check_edit`](Self::check_edit) allowed), and then forgets ancestors beyond `revs_limit` generations.
    pub fn insert(&mut self, history: &History, body: Body, revs_limit: usize) -> Inserted {
        let rev = history.rev();
        if let Some(at) = self.find(&rev)
            && (self.nodes[at].body.is_some() || self.parents().has(at))
        {
            return Inserted::Known;
        }
        self.merge(history);
        if let Some(at) = self.find(&rev) {
            self.nodes[at].body = Some(body);
        }
        self.stem(revs_limit);
        Inserted::Leaf
    }

    /// Adds the nodes of a path that are not there yet, and the edges between them.
    fn merge(&mut self, history: &History) {
        if self.nodes.is_empty() {
            let node = |(at, rev): (u32, Rev)| Node { rev, parent: at.checked_sub(1), body: None };
            self.nodes = (0..).zip(history.revs_oldest_first()).map(node).collect();
            return;
        }
        let mut path: Vec<Rev> = history.revs().collect();
        path.reverse();
        let new = path.iter().filter(|rev| self.find(rev).is_none()).cloned().collect();
        self.add_nodes(new);
        for pair in path.windows(2) {
            if let (Some(parent), Some(child)) = (self.find(&pair[0]), self.find(&pair[1])) {
                self.link(parent, child);
            }
        }
    }

    /// Adds nodes without a parent. `new` is sorted, and none of it is there.
    fn add_nodes(&mut self, new: Vec<Rev>) {
        let mut new = new.into_iter().peekable();
        let old = std::mem::take(&mut self.nodes);
        let mut moved = Vec::with_capacity(old.len());
        for mut node in old {
            while let Some(rev) = new.next_if(|rev| *rev < node.rev) {
                self.nodes.push(Node { rev, parent: None, body: None });
            }
            moved.push(self.nodes.len() as u32);
            // Parents come first, so they have been moved already.
            node.parent = node.parent.map(|parent| moved[parent as usize]);
            self.nodes.push(node);
        }
        self.nodes.extend(new.map(|rev| Node { rev, parent: None, body: None }));
    }

    /// Two histories that disagree about a parent are a forgery. The smaller one stays, so that the order of merges
    /// does not matter.
    fn link(&mut self, parent: usize, child: usize) {
        let child = &mut self.nodes[child];
        child.parent = Some(child.parent.map_or(parent as u32, |other| other.min(parent as u32)));
    }
}
