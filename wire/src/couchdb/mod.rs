//! CouchDB's `_changes` and what surrounds it.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`rev`] | revision ids, CouchDB's hash of an edit, the revision tree |
//! | [`doc`] | documents as they are sent and as they are shown |
//! | [`selector`] | Mango selectors |
//! | [`event`] | a change as it lies in the log |
//! | [`changes`] | `_changes`: requests, rows, feeds, encodings |
//! | [`errors`] | refusals as HTTP responses |
//! | [`text`] | JSON read in place |

pub mod changes;
pub mod doc;
pub mod errors;
pub mod event;
pub mod rev;
pub mod selector;
pub mod text;
