//! The tree of a document's revisions.
//!
//! Which revisions there are and which came from which, from any mix of edits and replications. Nodes lie sorted by
//! revision, each with the index of its parent, so that a tree is the same whatever order it was built in. A
//! document's text is elsewhere: a node knows the seq of the event that brought it.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `insert.rs` | adding a revision: the rules of interactive edits, merging of histories |
//! | `query.rs` | leaves, winner, conflicts, histories |
//! | `lookup.rs` | what `_revs_diff` and `open_revs` ask |
//! | `stem.rs` | forgetting old ancestors |
//!
//! A revision is a *leaf* if it is stored and nothing followed it. Ancestors that only a history mentioned are nodes
//! without a body.

mod insert;
mod lookup;
mod query;
mod stem;

pub use insert::{Conflict, Inserted};
pub use lookup::Opened;
pub use query::{Leaf, Status};

use super::id::Rev;

/// How many generations of ancestors a tree keeps, if nobody says otherwise.
pub const REVS_LIMIT_DEFAULT: usize = 1_000;

/// Where the document of a revision is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// The event that brought it.
    pub seq: u64,
    /// Whether the revision deletes the document.
    pub deleted: bool,
}

/// A revision tree; a forest, once ancestors have been forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RevTree {
    /// Sorted by revision, so that a parent comes before its children.
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) rev: Rev,
    pub(super) parent: Option<u32>,
    pub(super) body: Option<Body>,
}

impl RevTree {
    /// A tree without revisions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there are no revisions.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many revisions it knows, ancestors included.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Takes nodes that are sorted and whose parents come before them.
    pub(super) fn from_nodes(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    fn find(&self, rev: &Rev) -> Option<usize> {
        self.nodes.binary_search_by(|node| node.rev.cmp(rev)).ok()
    }

    fn parent_of(&self, index: usize) -> Option<usize> {
        self.nodes[index].parent.map(|parent| parent as usize)
    }

    /// Which nodes something followed.
    fn parents(&self) -> Parents {
        let mut parents = Parents::none_of(self.nodes.len());
        self.nodes.iter().filter_map(|node| node.parent).for_each(|parent| parents.add(parent as usize));
        parents
    }
}

/// A set of nodes. Most trees are small, and asked often: theirs is a number.
enum Parents {
    Few(u64),
    Many(Vec<bool>),
}

impl Parents {
    /// An empty one, of so many nodes.
    fn none_of(nodes: usize) -> Self {
        if nodes <= u64::BITS as usize { Self::Few(0) } else { Self::Many(vec![false; nodes]) }
    }

    fn add(&mut self, at: usize) {
        match self {
            Self::Few(bits) => *bits |= 1 << at,
            Self::Many(nodes) => nodes[at] = true,
        }
    }

    fn has(&self, at: usize) -> bool {
        match self {
            Self::Few(bits) => bits >> at & 1 == 1,
            Self::Many(nodes) => nodes[at],
        }
    }
}

#[cfg(test)]
mod tests;
