//! JSON text: checked and compacted in one pass, and written.
//!
//! It owns the grammar (RFC 8259), the limits on nesting and numbers, and escaping. Values are never built here: events
//! keep their JSON as text, so that numbers stay digit for digit what the publisher wrote. Conversion to and from
//! DAG-CBOR is in [`crate::dag_cbor`]. Tests lie next to the code; the grammar's are in `compact_tests.rs`.

mod compact;
mod error;
mod plain;
mod scan;
mod unescape;
mod write;

pub use compact::{check, compact};
pub use error::{JsonError, JsonErrorKind};
pub(crate) use scan::Scanner;
pub use write::{write_error, write_f64, write_i128, write_str, write_u64};

/// The deepest nesting of arrays and objects that is ever accepted.
pub const DEPTH_MAX: usize = 128;
