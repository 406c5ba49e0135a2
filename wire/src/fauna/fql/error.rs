//! What can be wrong with a query, in the shape of the protocol's errors.
//!
//! Codes and sentences are those of the original wherever it has some.

use super::SUPPORTED;
use super::span::Span;
use crate::fauna::value::Value;

/// Why a query is refused or failed. Nothing of it is written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct FqlError {
    /// The code programs compare, such as `invalid_query`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// The HTTP status: 400, unless it is not the query's fault.
    pub status: u16,
    /// Where in the query's text, if it is about a place in it.
    pub span: Option<Span>,
    /// What else belongs to the error.
    pub detail: Detail,
}

/// What some errors carry besides their message.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Nothing.
    None,
    /// The value given to `abort`.
    Abort(Box<Value>),
    /// The constraints that a write would break.
    Constraints(Vec<ConstraintFailure>),
}

/// A constraint that a write would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintFailure {
    /// The field it is about.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// The code of a query that is wrong before anything of it is evaluated.
const INVALID_QUERY: &str = "invalid_query";

impl FqlError {
    /// An error of evaluation.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: 400, span: None, detail: Detail::None }
    }

    /// A text that is no query.
    pub(crate) fn syntax(message: impl Into<String>, span: Span) -> Self {
        Self::new(INVALID_QUERY, message).at(span)
    }

    /// A text that is FQL, but not the part of it that is supported here.
    pub(crate) fn unsupported(what: &str, span: Span) -> Self {
        Self::syntax(format!("{what} is not supported. {SUPPORTED}"), span)
    }

    /// A limit of [`Limits`](super::Limits) is exceeded.
    pub(crate) fn limit(what: &str, limit: impl std::fmt::Display) -> Self {
        Self::new("value_too_large", format!("Value too large: {what} exceeds the limit of {limit}."))
    }

    /// The call of a function that its receiver does not have, or not here.
    pub(crate) fn no_function(name: &str, receiver: &str) -> Self {
        Self::new(
            "invalid_function_invocation",
            format!("The function `{name}` does not exist on `{receiver}`. {SUPPORTED}"),
        )
    }

    /// A name that stands for nothing.
    pub(crate) fn unbound(name: &str) -> Self {
        Self::new("unbound_variable", format!("Unbound variable `{name}`"))
    }

    /// A field of nothing.
    pub(crate) fn null_access(name: &str) -> Self {
        Self::new("invalid_null_access", format!("Cannot access `{name}` on null."))
    }

    /// An argument of the wrong type.
    pub(crate) fn argument_type(name: &str, expected: &str, received: &Value) -> Self {
        let received = received.type_name();
        Self::new("invalid_argument", format!("expected value for `{name}` of type {expected}, received {received}"))
    }

    /// An argument with a wrong value.
    pub(crate) fn argument(name: &str, reason: impl std::fmt::Display) -> Self {
        Self::new("invalid_argument", format!("invalid argument `{name}`: {reason}"))
    }

    /// A value of the wrong type.
    pub(crate) fn type_mismatch(expected: &str, received: &Value) -> Self {
        Self::new("type_mismatch", format!("expected type: {expected}, received {}", received.type_name()))
    }

    /// Something that event sources may not do.
    pub(crate) fn effect(action: &str, effect: &str) -> Self {
        // Functions are spelled as code, other actions as the sentence's first words.
        let tick = if action.starts_with(|c: char| c.is_ascii_uppercase()) { "" } else { "`" };
        Self::new(
            "invalid_effect",
            format!("{tick}{action}{tick} performs {effect}, which is not allowed in stream subscriptions."),
        )
    }

    /// A source that cannot be followed.
    pub(crate) fn receiver(method: &str, reason: &str) -> Self {
        Self::new("invalid_receiver", format!("can't call `.{method}()` because {reason}"))
    }

    /// The call of `abort`.
    pub(crate) fn abort(value: Value) -> Self {
        Self { detail: Detail::Abort(Box::new(value)), ..Self::new("abort", "Query aborted.") }
    }

    /// A write that would break constraints.
    pub(crate) fn constraint(message: impl Into<String>, failures: Vec<ConstraintFailure>) -> Self {
        Self { detail: Detail::Constraints(failures), ..Self::new("constraint_failure", message) }
    }

    /// The same error with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same error at a place, unless it has one.
    pub(crate) fn at(self, span: Span) -> Self {
        Self { span: self.span.or(Some(span)), ..self }
    }

    /// The same error without a place, where its text is not the reader's.
    pub(crate) fn without_place(self) -> Self {
        Self { span: None, ..self }
    }

    /// Whether the query was refused before anything of it was evaluated.
    pub fn is_check(&self) -> bool {
        self.code == INVALID_QUERY
    }

    /// The sentence of the error object; the reason is in the summary.
    pub fn failure_message(&self) -> &str {
        if self.is_check() { "The query failed 1 validation check" } else { &self.message }
    }
}
