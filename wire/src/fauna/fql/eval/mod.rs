//! What a tree means.
//!
//! Evaluation reads through a [`Store`] and writes nothing: what a query would write is part of its [`Outcome`], and
//! what it reads shows its own writes. It ends at the first error, at the latest when a limit is reached.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `store` | what evaluation needs of a server, and what it hands to it |
//! | `transaction` | reads that show the query's own writes; what is written in the end |
//! | `machine` | variables, limits, expressions |
//! | `operators` | operators |
//! | `access` | fields of values |
//! | `chain` | links of chains |
//! | `modules`, `collection`, `document`, `named`, `set` | what can be called, and on what |
//! | `materialize` | an answer without references and sets |
//!
//! The same machine evaluates the functions of event sources, without a store: `Machine::pure`.

mod access;
mod chain;
mod collection;
mod document;
mod machine;
mod materialize;
mod modules;
mod named;
mod operators;
mod set;
mod store;
mod transaction;

pub use access::access;
pub(crate) use machine::Machine;
pub use named::is_collection_name;
pub(crate) use operators::ordered;
pub use store::{CollectionInfo, DatabaseInfo, Store, StoreError, Stored, Write};

use super::ast::Expr;
use super::error::FqlError;
use super::limits::Limits;
use super::template::Template;
use crate::fauna::source::Source;
use crate::fauna::value::{DocumentRef, Moment, Value};

/// What a query can hold but nothing outside of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Lazy {
    /// A set whose elements have not been looked at.
    Set(Set),
    /// An event source without its token.
    Source(Source),
    /// A function.
    Lambda(Lambda),
}

impl Lazy {
    /// The name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Set(_) => "Set<Any>",
            Self::Source(_) => "EventSource<Any>",
            Self::Lambda(_) => "function <lambda>",
        }
    }
}

/// A function that needs nothing of where it was written: the variables it uses have become values.
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    /// Its parameters; `None` for those without a name.
    pub parameters: Vec<Option<String>>,
    /// Its body.
    pub body: Expr,
}

/// A set: where its elements come from, and what happens to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Set {
    /// Where they come from.
    pub source: SetSource,
    /// What happens to each, in order.
    pub steps: Vec<SetStep>,
}

/// Where the elements of a set come from.
#[derive(Clone, Debug, PartialEq)]
pub enum SetSource {
    /// All documents of a collection.
    Collection(String),
    /// One document.
    Document(DocumentRef),
    /// The integers from the first up to, but without, the second.
    Sequence(i64, i64),
    /// These values.
    Values(Vec<Value>),
}

/// What happens to the elements of a set.
#[derive(Clone, Debug, PartialEq)]
pub enum SetStep {
    /// Those stay that the function is true for.
    Where(Lambda),
    /// Each becomes what the function makes of it.
    Map(Lambda),
    /// The first ones stay.
    Take(u64),
}

/// What a query came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Its value: no sets, no references to what could be shown.
    pub value: Value,
    /// What it read, and what it wants written.
    pub effects: Effects,
}

/// What a query cost and what it wants written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// To be written all or not at all.
    pub writes: Vec<Write>,
    /// Steps of evaluation.
    pub steps: u64,
    /// Documents read.
    pub reads: u64,
    /// Bytes of documents read.
    pub read_bytes: u64,
    /// Bytes of documents to be written.
    pub write_bytes: u64,
}

/// Evaluates a query. `arguments` are its variables; `now_us` is the time of its transaction.
///
/// # Errors
/// The first one; nothing is to be written then.
pub fn evaluate(
    template: &Template,
    arguments: Vec<(String, Value)>,
    store: &mut dyn Store,
    now_us: u64,
    limits: &Limits,
) -> Result<Outcome, FqlError> {
    let tree = super::parse_with(template, limits)?;
    let mut machine = Machine::query(store, Moment::from_us(now_us), limits);
    for (name, value) in arguments {
        machine.bind(name, value);
    }
    let value = machine.eval(&tree)?;
    let value = machine.materialize(value)?;
    let effects = machine.finish()?;
    Ok(Outcome { value, effects })
}

#[cfg(test)]
mod test_memory;
#[cfg(test)]
#[path = "../eval_tests.rs"]
mod tests;
