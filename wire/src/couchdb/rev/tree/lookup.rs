//! What a replicator asks: which revisions are missing, what stands for those that are there.

use super::{Body, RevTree};
use crate::couchdb::rev::Rev;

/// The answer for one revision that was asked for (`open_revs`, `_bulk_get`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened<'t> {
    /// A stored revision: the one asked for, or with `latest` a leaf that came from it.
    Found {
        /// Its id.
        rev: &'t Rev,
        /// Where its document is.
        body: Body,
    },
    /// It is unknown, or its document is not stored any more.
    Missing(Rev),
}

impl RevTree {
    /// Those of `revs` this tree does not know, in ascending order, each once.
    pub fn missing(&self, revs: &[Rev]) -> Vec<Rev> {
        let mut missing: Vec<Rev> = revs.iter().filter(|rev| self.find(rev).is_none()).cloned().collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    /// Leaves that one of `missing` could have come from: those of an earlier generation than the latest of them.
    pub fn possible_ancestors(&self, missing: &[Rev]) -> Vec<&Rev> {
        let latest = missing.iter().map(|rev| rev.pos).max().unwrap_or(0);
        self.leaves().iter().map(|leaf| leaf.rev).filter(|rev| rev.pos < latest).collect()
    }

    /// What stands for each of `revs`. With `latest`, the leaves that came from it, each at most once.
    pub fn open(&self, revs: &[Rev], latest: bool) -> Vec<Opened<'_>> {
        let mut opened: Vec<Opened<'_>> = Vec::with_capacity(revs.len());
        for rev in revs {
            let found = if latest { self.leaves_from(rev) } else { self.stored(rev).into_iter().collect() };
            if found.is_empty() {
                opened.push(Opened::Missing(rev.clone()));
            }
            for one in found {
                if !latest || !opened.contains(&one) {
                    opened.push(one);
                }
            }
        }
        opened
    }

    /// All leaves (`open_revs=all`), the winner first.
    pub fn open_all(&self) -> Vec<Opened<'_>> {
        self.leaves().iter().map(|leaf| Opened::Found { rev: leaf.rev, body: leaf.body }).collect()
    }

    fn stored(&self, rev: &Rev) -> Option<Opened<'_>> {
        let node = &self.nodes[self.find(rev)?];
        node.body.map(|body| Opened::Found { rev: &node.rev, body })
    }

    /// The leaves whose path goes through `rev`.
    fn leaves_from(&self, rev: &Rev) -> Vec<Opened<'_>> {
        let Some(from) = self.find(rev) else { return Vec::new() };
        let mut descends = vec![false; self.nodes.len()];
        descends[from] = true;
        for at in from + 1..self.nodes.len() {
            descends[at] = self.parent_of(at).is_some_and(|parent| descends[parent]);
        }
        let leaves = self.leaves();
        let from_rev = leaves.iter().filter(|leaf| self.find(leaf.rev).is_some_and(|at| descends[at]));
        from_rev.map(|leaf| Opened::Found { rev: leaf.rev, body: leaf.body }).collect()
    }
}
