//! Operators.

use std::cmp::Ordering;

use super::Machine;
use crate::fauna::fql::ast::{BinaryOp, Expr, UnaryOp};
use crate::fauna::fql::error::FqlError;
use crate::fauna::value::{Value, compare, equal};

/// The longest string that `+` makes.
const TEXT_BYTES_MAX: usize = 1 << 20;

impl Machine<'_> {
    pub(super) fn unary(&mut self, operator: UnaryOp, operand: &Expr) -> Result<Value, FqlError> {
        let operand = self.eval(operand)?;
        match operator {
            UnaryOp::Not => self.truth(&operand).map(|truth| Value::Bool(!truth)),
            UnaryOp::Minus => match operand {
                Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(overflow),
                Value::Double(number) => Ok(Value::Double(-number)),
                other => Err(FqlError::type_mismatch("Number", &other)),
            },
        }
    }

    pub(super) fn binary(&mut self, operator: BinaryOp, left: &Expr, right: &Expr) -> Result<Value, FqlError> {
        let left = self.eval(left)?;
        match operator {
            BinaryOp::Coalesce if self.is_null(&left)? => return self.eval(right),
            BinaryOp::Coalesce => return Ok(left),
            BinaryOp::And if !self.truth(&left)? => return Ok(Value::Bool(false)),
            BinaryOp::Or if self.truth(&left)? => return Ok(Value::Bool(true)),
            _ => {}
        }
        let right = self.eval(right)?;
        match operator {
            BinaryOp::And | BinaryOp::Or => self.truth(&right).map(Value::Bool),
            BinaryOp::Equal => self.equals(&left, &right).map(Value::Bool),
            BinaryOp::NotEqual => self.equals(&left, &right).map(|equal| Value::Bool(!equal)),
            BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
                Ok(Value::Bool(ordered(operator, compare(&left, &right))))
            }
            _ => arithmetic(operator, left, right),
        }
    }

    /// `==`, for which what does not exist is null.
    fn equals(&mut self, left: &Value, right: &Value) -> Result<bool, FqlError> {
        match (left, right) {
            (Value::Null, other) | (other, Value::Null) => self.is_null(other),
            _ => Ok(equal(left, right)),
        }
    }
}

/// Whether an order satisfies a comparison; values without an order satisfy none.
pub(crate) fn ordered(operator: BinaryOp, order: Option<Ordering>) -> bool {
    match operator {
        BinaryOp::Less => order.is_some_and(Ordering::is_lt),
        BinaryOp::LessOrEqual => order.is_some_and(Ordering::is_le),
        BinaryOp::Greater => order.is_some_and(Ordering::is_gt),
        BinaryOp::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        _ => false,
    }
}

fn arithmetic(operator: BinaryOp, left: Value, right: Value) -> Result<Value, FqlError> {
    match (left, right) {
        (Value::Int(left), Value::Int(right)) => integers(operator, left, right),
        (Value::Int(left), Value::Double(right)) => doubles(operator, left as f64, right),
        (Value::Double(left), Value::Int(right)) => doubles(operator, left, right as f64),
        (Value::Double(left), Value::Double(right)) => doubles(operator, left, right),
        (Value::Str(left), Value::Str(right)) if operator == BinaryOp::Add => {
            if left.len() + right.len() > TEXT_BYTES_MAX {
                return Err(FqlError::limit("a string", format_args!("{TEXT_BYTES_MAX} bytes")));
            }
            Ok(Value::Str(left + &right))
        }
        (Value::Str(_), other) if operator == BinaryOp::Add => Err(FqlError::argument_type("other", "String", &other)),
        (Value::Int(_) | Value::Double(_), other) => Err(FqlError::argument_type("other", "Number", &other)),
        (Value::Null, _) => Err(FqlError::null_access(operator.sign())),
        (other, _) => Err(FqlError::no_function(operator.sign(), other.type_name())),
    }
}

fn integers(operator: BinaryOp, left: i64, right: i64) -> Result<Value, FqlError> {
    if right == 0 && matches!(operator, BinaryOp::Divide | BinaryOp::Remainder) {
        return Err(FqlError::new("divide_by_zero", "Attempted integer division by zero."));
    }
    let result = match operator {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide => left.checked_div(right),
        _ => left.checked_rem(right),
    };
    result.map(Value::Int).ok_or_else(overflow)
}

fn doubles(operator: BinaryOp, left: f64, right: f64) -> Result<Value, FqlError> {
    Ok(Value::Double(match operator {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        BinaryOp::Divide => left / right,
        _ => left % right,
    }))
}

fn overflow() -> FqlError {
    FqlError::new("value_too_large", "Value too large: the result does not fit into 64 bits.")
}
