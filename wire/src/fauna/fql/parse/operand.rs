//! Literals, names, parentheses.

use super::{KEYWORDS, Parser};
use crate::fauna::fql::ast::{Expr, Kind};
use crate::fauna::fql::error::FqlError;
use crate::fauna::fql::lex::Token;
use crate::fauna::fql::span::Span;
use crate::fauna::value::Value;

impl Parser {
    pub(super) fn operand(&mut self) -> Result<Expr, FqlError> {
        let span = self.span();
        match self.peek() {
            Token::Sign("{") => self.braces(),
            Token::Sign("[") => self.array(),
            Token::Sign("(") => self.parentheses(),
            Token::Placeholder | Token::Int(_) | Token::Double(_) | Token::Str(_) => self.literal(),
            Token::Name(name) if KEYWORDS.contains(&name.as_str()) => self.word(),
            Token::Name(name) => {
                let kind = Kind::Name(name.clone());
                self.step();
                self.build(kind, span)
            }
            Token::Sign(_) | Token::End => Err(self.expected("expression")),
        }
    }

    fn literal(&mut self) -> Result<Expr, FqlError> {
        let lexeme = self.step();
        let value = match lexeme.token {
            Token::Int(digits) => number(&digits),
            Token::Double(text) => double(&text),
            Token::Str(text) => Ok(Value::Str(text)),
            _ => self.values.next().ok_or("Expected a value for this place"),
        };
        self.build(Kind::Value(value.map_err(|message| FqlError::syntax(message, lexeme.span))?), lexeme.span)
    }

    /// A number behind the minus sign at `start`.
    pub(super) fn negative_number(&mut self, start: Span) -> Result<Expr, FqlError> {
        let lexeme = self.step();
        let value = match &lexeme.token {
            Token::Double(text) => double(&format!("-{text}")),
            Token::Int(digits) => number(&format!("-{digits}")),
            _ => Err("Expected a number"),
        };
        let span = start.to(lexeme.span);
        self.build(Kind::Value(value.map_err(|message| FqlError::syntax(message, span))?), span)
    }

    fn word(&mut self) -> Result<Expr, FqlError> {
        let span = self.span();
        let value = match self.peek() {
            Token::Name(name) if name == "null" => Value::Null,
            Token::Name(name) if name == "true" => Value::Bool(true),
            Token::Name(name) if name == "false" => Value::Bool(false),
            _ => return Err(self.expected("expression")),
        };
        self.step();
        self.build(Kind::Value(value), span)
    }

    fn array(&mut self) -> Result<Expr, FqlError> {
        let start = self.step().span;
        let mut items = Vec::new();
        self.list("]", |parser| {
            items.push(parser.plain(Self::expression)?);
            Ok(())
        })?;
        self.build(Kind::Array(items), start.to(self.span_before()))
    }

    /// An expression in parentheses is the expression.
    fn parentheses(&mut self) -> Result<Expr, FqlError> {
        self.step();
        let inner = self.expression()?;
        if self.is_sign(",") {
            return Err(FqlError::unsupported("A tuple", self.span()));
        }
        self.expect(")")?;
        Ok(inner)
    }
}

/// An integer, or a float if it is too large for 64 bits.
fn number(digits: &str) -> Result<Value, &'static str> {
    digits.parse().map(Value::Int).or_else(|_| double(digits))
}

fn double(text: &str) -> Result<Value, &'static str> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite());
    number.map(Value::Double).ok_or("The number is too large")
}
