//! The CouchDB dialect over real sockets, as its contract with clients in the field has it.
//!
//! What unmodified clients make of it is tested in `clients/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod attachments;
mod auth;
mod bad;
mod bulk;
mod captured;
mod changes_captured;
mod changes_ends;
mod changes_errors;
mod changes_filters;
mod changes_functions;
mod changes_rendered;
mod changes_streams;
mod client;
mod compaction;
mod cors;
mod couch;
mod databases;
mod documents;
mod encoded;
mod lists;
mod server;
