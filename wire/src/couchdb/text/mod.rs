//! JSON of this dialect: bodies checked once, then read in place, member by member.
//!
//! It owns the walk over text that is known to be valid and compact, and what CouchDB does to a body before anything
//! else: duplicate keys go, the last of them stays. The grammar and the limits are those of [`crate::json`]. Nothing
//! here builds a tree. Tests lie next to the code.

mod body;
mod integer;
mod number;
mod skip;
mod value;

pub use body::{BodyError, parse_body, parse_object};
pub use integer::erlang_integer;
pub use number::Number;
pub use value::{Key, Kind, Member, Value};
