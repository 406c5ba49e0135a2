//! Documents as a feed holds them: the body of an event.
//!
//! A body is one JSON object, so that every other protocol sees natural JSON. Of FQL's types, JSON has its own form for
//! these, and they are stored plainly:
//!
//! | FQL | body |
//! | --- | --- |
//! | null, booleans, strings, arrays, objects | as they are |
//! | an integer up to 2^53-1 either side of 0 | `1`, no fraction, no exponent |
//! | a finite float | `1.0`, `1e+300`: always a fraction or an exponent |
//!
//! Everything else is stored as the tagged format spells it: `{"@time":"..."}`, `{"@ref":{...}}`, and an integer beyond
//! 2^53-1 as `{"@long":"..."}`, which readers with 64-bit floats would round. An object with a field whose name begins
//! with `@` is stored inside `{"@object":...}`.
//!
//! Bodies of other protocols are read by the same rules. What only looks like a tag (`{"@id":"x"}`, `{"@int":"x"}`) is
//! an object. A body that is no object is a document with the one field `value`.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `stored` | values as a body and back |
//! | `walk` | steps over JSON text without checking or building anything |
//! | `wire` | a body as the fields of a document on the wire, without building values |
//! | `path` | the value at the end of a path, without building the others |
//! | `view` | a document of a feed as conditions and events see it |

mod path;
mod stored;
mod view;
mod walk;
mod wire;

pub(crate) use path::{Found, STEPS_MAX, resolve};
pub use path::{Path, Step};
pub use stored::{read_fields, write_fields};
pub use view::View;
pub(crate) use wire::write_stored_tagged;

/// The deepest nesting of what a query stores. In a body, and in an event, every level can take a tag besides, and both
/// must stay within what every reader of JSON here accepts.
pub const STORED_DEPTH_MAX: usize = 50;

/// The field that a body which is no object becomes.
pub const VALUE_FIELD: &str = "value";
