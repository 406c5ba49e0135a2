//! The AT Protocol event stream (its specification, "Event Stream", wire protocol v0), and the same stream as JSON.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `request` | which stream is asked for, from where, in which form |
//! | `cursor` | what a cursor means against what the feed holds |
//! | `frame` | taking a frame apart: header, payload, and the few fields a server needs |
//! | `encode` | events as frames |
//! | `errors` | error and info frames, close codes |
//!
//! Frames that came as frames leave byte for byte as they came. Tests lie next to the code and in `tests/corpus.rs`,
//! which reads frames captured in production where they are at hand.

pub mod cursor;
pub mod encode;
pub mod errors;
pub mod frame;
mod payload;
pub mod request;

pub(crate) use payload::without_seq;
