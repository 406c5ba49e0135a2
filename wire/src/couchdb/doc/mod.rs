//! Documents: what comes in with a write, what goes out with a read.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`id`] | what a document may be called |
//! | [`parse`] | a document as sent: its own members apart from those of the protocol |
//! | [`attachment`] | `_attachments`: inline data, stubs, bodies that follow |
//! | [`target`] | which revision a write replaces: body, query and header together |
//! | [`query`] | the parameters of a read |
//! | [`shown`] | a document as shown: `_id` and `_rev` first |
//! | [`error`] | what is wrong with a document |

pub mod attachment;
pub mod error;
pub mod id;
pub mod parse;
pub mod query;
mod revisions;
pub mod shown;
pub mod target;

pub use error::DocError;
pub use parse::{DocLimits, Document};
pub use shown::Shown;
