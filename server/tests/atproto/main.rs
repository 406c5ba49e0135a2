//! The AT Protocol dialect over real sockets, as its contract with clients in the field has it.
//!
//! What unmodified clients make of it is tested in `clients/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod bindings;
mod cursors;
mod endings;
mod forms;
mod golden;
mod http;
mod joining;
mod window;
