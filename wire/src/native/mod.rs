//! Tailwater's own dialect: publishing, and plain streams for clients without one of the other protocols.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`request`] | publish bodies as batches, the parameters of a read |
//! | [`cursor`] | what `cursor` may be |
//! | [`encode`] | events as NDJSON lines, SSE blocks, WebSocket messages, pages |
//! | [`errors`] | refusals as HTTP responses |

pub mod cursor;
pub mod encode;
pub mod errors;
pub mod request;
