//! CouchDB's `_changes` and what surrounds it.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`rev`] | revision ids, CouchDB's hash of an edit, the revision tree |
//! | [`doc`] | documents as they are sent and as they are shown |
//! | [`event`] | a change as it lies in the log |
//! | [`changes`] | `_changes`: requests, rows, feeds, encodings |
//! | [`selector`] | Mango selectors |
//! | [`bulk`], [`revs_diff`], [`all_docs`], [`find`] | bodies of requests for many documents, and their answers |
//! | [`listing`] | answers that are one long array |
//! | [`multipart`] | documents together with their attachments |
//! | [`auth`], [`cookie`], [`security`] | who sends a request, and what they may do |
//! | [`errors`] | refusals as HTTP responses |
//! | [`text`] | JSON read in place |
//!
//! Answers are those of CouchDB 3.5.0, or of its main branch where it refuses more clearly. What was captured from it
//! is compared byte for byte in the tests, here and in `tests/couchdb_*.rs`.

pub mod all_docs;
pub mod auth;
pub mod bulk;
pub mod changes;
pub mod cookie;
pub mod doc;
pub mod errors;
pub mod event;
pub mod find;
pub mod listing;
pub mod multipart;
pub mod rev;
pub mod revs_diff;
pub mod security;
pub mod selector;
pub mod text;
