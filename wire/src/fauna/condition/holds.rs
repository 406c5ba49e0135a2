//! Whether a document satisfies a condition.

use super::{Condition, Operand};
use crate::fauna::document::{Found, View, resolve};
use crate::fauna::fql::ast::BinaryOp;
use crate::fauna::fql::{FqlError, ordered};
use crate::fauna::value::{Value, compare, equal};

impl Condition {
    /// Whether the document satisfies the condition.
    ///
    /// # Errors
    /// What evaluating the function would say: a field of nothing, a truth of what is neither true nor false.
    pub fn holds(&self, view: &View<'_>) -> Result<bool, FqlError> {
        match self {
            Self::All(conditions) => {
                for condition in conditions {
                    if !condition.holds(view)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(conditions) => {
                for condition in conditions {
                    if condition.holds(view)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(view)?),
            Self::Compare(left, operator, right) => {
                let (left, right) = (found(left, view)?, found(right, view)?);
                Ok(compared(left, *operator, right))
            }
            Self::Truth(operand) => match found(operand, view)?.into_value() {
                Value::Bool(truth) => Ok(truth),
                Value::Null => Ok(false),
                other => Err(FqlError::type_mismatch("Boolean", &other)),
            },
        }
    }
}

/// An operand without its value being copied.
enum Side<'a> {
    Found(Found<'a>),
    Constant(&'a Value),
}

impl Side<'_> {
    fn into_value(self) -> Value {
        match self {
            Self::Found(found) => found.into_value(),
            Self::Constant(value) => value.clone(),
        }
    }

    /// The text, if this is a string that stands for itself.
    fn plain_text(&self) -> Option<&str> {
        match self {
            Self::Found(Found::Stored(raw)) => {
                raw.strip_prefix('"')?.strip_suffix('"').filter(|inner| !inner.contains('\\'))
            }
            Self::Constant(Value::Str(text)) => Some(text),
            _ => None,
        }
    }
}

fn found<'a>(operand: &'a Operand, view: &'a View<'_>) -> Result<Side<'a>, FqlError> {
    match operand {
        Operand::Field(path) => resolve(view, path).map(Side::Found),
        Operand::Constant(value) => Ok(Side::Constant(value)),
    }
}

fn compared(left: Side<'_>, operator: BinaryOp, right: Side<'_>) -> bool {
    if let (Some(left), Some(right)) = (left.plain_text(), right.plain_text()) {
        return match operator {
            BinaryOp::Equal => left == right,
            BinaryOp::NotEqual => left != right,
            _ => ordered(operator, Some(left.cmp(right))),
        };
    }
    let (left, right) = (left.into_value(), right.into_value());
    match operator {
        BinaryOp::Equal => equal(&left, &right),
        BinaryOp::NotEqual => !equal(&left, &right),
        _ => ordered(operator, compare(&left, &right)),
    }
}

#[cfg(test)]
#[path = "../condition_tests.rs"]
mod tests;
