//! HTTP/1.1, server side: request heads and bodies in, response heads, bodies and chunks out (RFC 9110, RFC 9112).
//!
//! It owns the syntax and the defences that belong to it: limits on every part, and refusal of whatever two parsers
//! could read differently (request smuggling). It never routes, and it keeps no connection state beyond
//! [`BodyDecoder`]. Tests lie next to the code.

mod body;
mod chunk;
mod head;
mod headers;
mod query;
mod response;
mod target;

pub use body::{BodyDecoder, BodyError, ChunkedDecoder};
pub use chunk::{LAST_CHUNK, chunk, chunk_with};
pub use head::{Head, HeadError, HeadLimits, Version, parse_head};
pub use headers::BodyKind;
pub use query::Query;
pub use response::{CONTINUE, HttpDate, ResponseHead, reason, write_json_error};
