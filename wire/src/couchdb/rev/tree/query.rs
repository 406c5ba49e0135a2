//! Leaves, the winner among them, and the way back from each.

use std::cmp::Reverse;

use super::{Body, RevTree};
use crate::couchdb::rev::{History, Rev};

/// A stored revision that nothing followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<'t> {
    /// Its id.
    pub rev: &'t Rev,
    /// Where its document is.
    pub body: Body,
}

impl<'t> Leaf<'t> {
    /// Live before deleted, then the longest history, then the largest hash: the winner comes last.
    fn rank(&self) -> (bool, &'t Rev) {
        (!self.body.deleted, self.rev)
    }
}

/// What there is of a revision, in the words of `_revs_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its document is stored.
    Available,
    /// It is stored, and deletes the document.
    Deleted,
    /// Only its id is known.
    Missing,
}

impl Status {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Deleted => "deleted",
            Self::Missing => "missing",
        }
    }
}

impl RevTree {
    /// All leaves, the winner first: live ones before deleted ones, then by generation and hash, largest first. This
    /// is the order of `style=all_docs`.
    pub fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut leaves: Vec<_> = self.unsorted_leaves().collect();
        leaves.sort_unstable_by_key(|leaf| Reverse(leaf.rank()));
        leaves
    }

    /// The revision that stands for the document; none if there is no leaf.
    pub fn winner(&self) -> Option<Leaf<'_>> {
        self.unsorted_leaves().max_by_key(Leaf::rank)
    }

    /// Whether the document is deleted or was never there.
    pub fn is_deleted(&self) -> bool {
        self.winner().is_none_or(|winner| winner.body.deleted)
    }

    /// Live leaves that lost (`_conflicts`), in the order of [`leaves`](Self::leaves).
    pub fn conflicts(&self) -> Vec<&Rev> {
        self.losers(false)
    }

    /// Deleted leaves that lost (`_deleted_conflicts`).
    pub fn deleted_conflicts(&self) -> Vec<&Rev> {
        self.losers(true)
    }

    fn losers(&self, deleted: bool) -> Vec<&Rev> {
        let leaves = self.leaves();
        let losers = leaves.iter().skip(1).filter(|leaf| leaf.body.deleted == deleted);
        losers.map(|leaf| leaf.rev).collect()
    }

    /// Whether `rev` is a leaf.
    pub fn is_leaf(&self, rev: &Rev) -> bool {
        self.unsorted_leaves().any(|leaf| leaf.rev == rev)
    }

    /// Where the document of `rev` is, leaf or not; `None` if it is unknown or not stored.
    pub fn body(&self, rev: &Rev) -> Option<Body> {
        self.find(rev).and_then(|at| self.nodes[at].body)
    }

    /// `rev` and its ancestors, as far back as they are known.
    pub fn history(&self, rev: &Rev) -> Option<History> {
        let path = self.path(self.find(rev)?);
        History::new(rev.pos, path.map(|at| self.nodes[at].rev.hash.clone()).collect())
    }

    /// What there is of `rev` and its ancestors, newest first (`_revs_info`).
    pub fn revs_info(&self, rev: &Rev) -> Vec<(&Rev, Status)> {
        let path = self.find(rev).into_iter().flat_map(|at| self.path(at));
        path.map(|at| (&self.nodes[at].rev, self.status(at))).collect()
    }

    /// Calls `forget` with the seq of every stored revision that is no leaf, and keeps its document no longer if it
    /// says so (compaction).
    pub fn forget_bodies(&mut self, mut forget: impl FnMut(&Rev, u64) -> bool) {
        let parents = self.parents();
        for (at, node) in self.nodes.iter_mut().enumerate() {
            if parents.has(at) && node.body.is_some_and(|body| forget(&node.rev, body.seq)) {
                node.body = None;
            }
        }
    }

    fn status(&self, at: usize) -> Status {
        match self.nodes[at].body {
            None => Status::Missing,
            Some(Body { deleted: true, .. }) => Status::Deleted,
            Some(_) => Status::Available,
        }
    }

    /// Indices from a node to its root.
    pub(super) fn path(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at), |at| self.parent_of(*at))
    }

    fn unsorted_leaves(&self) -> impl Iterator<Item = Leaf<'_>> {
        let parents = self.parents();
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(move |(at, _)| !parents.has(*at)).filter_map(|(_, node)| {
            let body = node.body?;
            Some(Leaf { rev: &node.rev, body })
        })
    }
}
