//! The native API over real sockets: feeds, publishing, pages, streams.
//!
//! Statuses, names of errors and positions are those a program may rely on; of the sentences only what they have to name.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../common/mod.rs"]
mod common;

mod changes;
mod configured;
mod cursors;
mod endings;
mod feeds;
mod frames;
mod journal;
mod pages;
mod publish;
mod requests;
mod streams;
mod together;
