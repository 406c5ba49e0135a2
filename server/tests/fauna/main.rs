//! The Fauna dialect over real sockets, as its contract with drivers in the field has it.
//!
//! What unmodified drivers make of it is tested in `clients/`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod bad;
mod bindings;
mod broken;
mod client;
mod crash;
mod crowded;
mod errors;
mod fql;
mod frames;
mod histories;
mod http2;
mod in_band;
mod pages;
mod queries;
mod secrets;
mod slow;
mod sources;
mod streams;
mod threads;
mod traps;
mod windows;
mod wording;
