//! The Streamr legacy protocol: WebSocket control layer 0 with messages of version 28, and the HTTP API beside it.
//!
//! | file | what it owns |
//! | --- | --- |
//! | `request` | what a client's WebSocket message asks for |
//! | `http` | what an HTTP request asks for: publishing, queries, keys |
//! | `partition` | which partition a key belongs to |
//! | `cursor` | what a resend or a query means against what the feed holds |
//! | `encode` | events as messages, every other answer, bodies of HTTP answers |
//! | `system` | the events of the `_system` feed |
//! | `rest` | descriptions: a stream, a session, the server's volume |
//! | `errors` | every refusal, its status, and its two spellings |
//!
//! Each partition of a stream is a feed. An event's `seq` is its offset, the seq before it the previous offset. The
//! content of a message is the event's body as JSON text *in a JSON string*. Tests lie next to the code; the golden
//! bytes in them have been read by the protocol's own decoders.

pub mod cursor;
pub mod encode;
pub mod errors;
pub mod http;
pub mod partition;
pub mod request;
pub mod rest;
pub mod system;
