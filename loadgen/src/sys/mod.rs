//! The system calls the engines stand on, each a thin safe wrapper.
//!
//! Owns nothing but the shape of the calls: readiness (`poll`), sockets (`socket`) and the process (`process`). No unsafe code:
//! `rustix` offers every call needed here. What they are used for is decided elsewhere.

pub(crate) mod poll;
pub(crate) mod process;
pub(crate) mod socket;
