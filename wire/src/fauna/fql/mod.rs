//! The part of FQL that drivers and their tests use: enough to write documents and to mint event sources.
//!
//! | module | what it owns |
//! | --- | --- |
//! | [`template`] | the driver's composed query as one text and its values |
//! | `lex`, `parse` | text to a tree |
//! | [`ast`] | the tree |
//! | `display` | the tree as text again, canonically |
//! | [`eval`] | what a tree means, given a [`Store`] |
//! | [`error`](FqlError), [`summary`] | what can be wrong, and a picture of where |
//!
//! It never writes anything: evaluation ends in a list of [`Write`]s for the caller. Whatever is not supported is
//! refused with an error that says so and names what is. Everything is limited: [`Limits`].

pub mod ast;
mod close;
mod display;
mod error;
pub mod eval;
mod lex;
mod limits;
mod parse;
mod span;
pub mod summary;
pub mod template;

pub(crate) use close::canonical;
pub(crate) use display::write_set;
pub use display::{is_identifier, literal, write_text_literal};
pub use error::{ConstraintFailure, Detail, FqlError};
pub use eval::{
    CollectionInfo, DatabaseInfo, Effects, Lambda, Lazy, Outcome, Set, SetSource, SetStep, Store, StoreError, Stored,
    Write, access, evaluate, is_collection_name,
};
pub(crate) use eval::{Machine, ordered};
pub use limits::Limits;
pub use parse::{parse, parse_with};
pub use span::Span;

/// What queries may use, for the errors that refuse everything else.
pub const SUPPORTED: &str = "Supported here: Collection.create, Collection.byName, Database.create, Database.byName; \
    of a collection: create, byId, all, where, firstWhere; of a document: update, replace, delete, exists; of a set: \
    where, map, first, take, count, isEmpty, toArray, forEach, eventSource, eventsOn (toStream, changesOn); \
    Set.sequence, Set.single, Time, Date, Bytes, newId, abort; literals, operators, let, if, functions and projections";
