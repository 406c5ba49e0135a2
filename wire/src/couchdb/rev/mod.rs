//! Revisions: their ids, how a new one comes about, and the tree of all of a document's.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`id`] | `N-hash`: reading, writing, order |
//! | [`hash`] | the hash of a new revision, the same as CouchDB's |
//! | [`history`] | `_revisions`: a revision and its ancestors |
//! | [`tree`] | the revision tree and what is asked of it |
//! | [`codec`] | a tree as bytes, for an index |
//!
//! It never sees a document's text beyond what goes into a hash, and keeps nothing but the trees it is given.

pub mod codec;
mod etf;
pub mod hash;
pub mod history;
pub mod id;
pub mod tree;

pub use hash::{AttachmentDigest, Edit, new_rev};
pub use history::History;
pub use id::{Rev, RevHash, RevSyntaxError};
pub use tree::{Body, Conflict, Leaf, RevTree};
