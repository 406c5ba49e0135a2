//! Which functions are conditions.

use super::{Condition, Operand};
use crate::fauna::fql::ast::{BinaryOp, Expr, Kind, UnaryOp};
use crate::fauna::fql::{Lambda, Limits, Machine};
use crate::fauna::source::path_of;
use crate::fauna::value::Value;

impl Condition {
    /// The condition that a function is; `None` if it must be evaluated.
    pub fn compile(predicate: &Lambda) -> Option<Self> {
        let [Some(parameter)] = predicate.parameters.as_slice() else { return None };
        condition(parameter, &predicate.body)
    }
}

fn condition(parameter: &str, expr: &Expr) -> Option<Condition> {
    match &expr.kind {
        Kind::Binary(BinaryOp::And, left, right) => {
            Some(Condition::All(vec![condition(parameter, left)?, condition(parameter, right)?]))
        }
        Kind::Binary(BinaryOp::Or, left, right) => {
            Some(Condition::Any(vec![condition(parameter, left)?, condition(parameter, right)?]))
        }
        Kind::Unary(UnaryOp::Not, inner) => Some(Condition::Not(Box::new(condition(parameter, inner)?))),
        Kind::Binary(operator, left, right) if is_comparison(*operator) => {
            Some(Condition::Compare(operand(parameter, left)?, *operator, operand(parameter, right)?))
        }
        _ => operand(parameter, expr).map(Condition::Truth),
    }
}

fn is_comparison(operator: BinaryOp) -> bool {
    use BinaryOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    matches!(operator, Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual)
}

fn operand(parameter: &str, expr: &Expr) -> Option<Operand> {
    path_of(parameter, expr).map(Operand::Field).or_else(|| constant(expr).map(Operand::Constant))
}

/// The value of an expression that depends on nothing, not even on the time.
fn constant(expr: &Expr) -> Option<Value> {
    let value = Machine::pure(None, &Limits::of_an_event()).eval(expr).ok()?;
    (!is_lazy(&value)).then_some(value)
}

fn is_lazy(value: &Value) -> bool {
    match value {
        Value::Lazy(_) => true,
        Value::Array(items) => items.iter().any(is_lazy),
        Value::Object(fields) => fields.iter().any(|(_, value)| is_lazy(value)),
        _ => false,
    }
}
