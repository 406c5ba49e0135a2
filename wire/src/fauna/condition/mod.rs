//! Compiled conditions: what a `where` asks of a document, answered from the text of its body.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `compile` | which functions are conditions |
//! | `holds` | whether a document satisfies one |
//! | `watch` | whether a change touches the fields of `eventsOn` |
//!
//! Comparisons of fields with constants and with each other, truths of fields, `&&`, `||` and `!` are compiled. Any
//! other function is evaluated instead, with the same answers: a property test says so.

mod compile;
mod holds;
mod watch;

pub(crate) use watch::touches;

use super::document::Path;
use super::fql::ast::BinaryOp;
use super::value::Value;

/// A compiled condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All hold, looked at in order up to the first that does not.
    All(Vec<Condition>),
    /// One holds, looked at in order up to the first that does.
    Any(Vec<Condition>),
    /// The other one does not hold.
    Not(Box<Condition>),
    /// The operator holds between both.
    Compare(Operand, BinaryOp, Operand),
    /// It is true; null counts as false, and anything else is an error.
    Truth(Operand),
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A field of the document; the document itself if the path is empty.
    Field(Path),
    /// Always the same.
    Constant(Value),
}

impl Condition {
    /// The condition that all of `conditions` hold.
    pub(crate) fn all(conditions: Vec<Condition>) -> Self {
        Self::All(conditions)
    }
}
