//! `if`, functions, operators, projections.

use super::{Parser, Short};
use crate::fauna::fql::ast::{BinaryOp, Expr, Kind, UnaryOp};
use crate::fauna::fql::error::FqlError;
use crate::fauna::fql::lex::Token;
use crate::fauna::fql::span::Span;

/// Operators of FQL that are not supported.
const UNSUPPORTED: [&str; 4] = ["**", "=~", "!~", "isa"];

impl Parser {
    /// Any expression.
    pub(super) fn expression(&mut self) -> Result<Expr, FqlError> {
        self.nested(|parser| match parser.peek() {
            Token::Name(name) if name == "if" => parser.if_else(),
            Token::Name(name) if name == "at" || name == "match" => {
                Err(FqlError::unsupported(&format!("`{name}`"), parser.span()))
            }
            _ if parser.is_function() => parser.function(),
            _ => {
                let operators = parser.binary(0)?;
                parser.projections(operators)
            }
        })
    }

    fn if_else(&mut self) -> Result<Expr, FqlError> {
        let start = self.step().span;
        self.expect("(")?;
        let condition = self.plain(Self::expression)?;
        self.expect(")")?;
        let then = self.plain(Self::expression)?;
        let mut otherwise = None;
        if self.is_word("else") {
            self.step();
            otherwise = Some(Box::new(self.plain(Self::expression)?));
        }
        let span = start.to(self.span_before());
        self.build(Kind::If(Box::new(condition), Box::new(then), otherwise), span)
    }

    /// Whether `a =>` or `(a, b) =>` comes next.
    fn is_function(&self) -> bool {
        match self.peek() {
            Token::Name(_) => matches!(self.peek_at(1), Token::Sign("=>")),
            Token::Sign("(") => {
                let mut ahead = 1;
                while matches!(self.peek_at(ahead), Token::Name(_) | Token::Sign(",")) {
                    ahead += 1;
                }
                matches!((self.peek_at(ahead), self.peek_at(ahead + 1)), (Token::Sign(")"), Token::Sign("=>")))
            }
            _ => false,
        }
    }

    fn function(&mut self) -> Result<Expr, FqlError> {
        let start = self.span();
        let mut parameters: Vec<Option<String>> = Vec::new();
        let mut parameter = |parser: &mut Self| {
            let (name, span) = parser.name()?;
            let name = (name != "_").then_some(name);
            if name.is_some() && parameters.contains(&name) {
                return Err(FqlError::syntax("Duplicate parameter", span));
            }
            parameters.push(name);
            Ok(())
        };
        if self.take("(") {
            self.list(")", parameter)?
        } else {
            parameter(self)?
        }
        self.expect("=>")?;
        let body = self.plain(Self::expression)?;
        let span = start.to(body.span);
        self.build(Kind::Lambda(parameters, Box::new(body)), span)
    }

    /// Operands and operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Result<Expr, FqlError> {
        let mut left = self.unary()?;
        while let Some(operator) = self.operator()? {
            if operator.precedence() < least {
                break;
            }
            self.step();
            let right = self.nested(|parser| parser.binary(operator.precedence() + 1))?;
            let span = left.span.to(right.span);
            left = self.build(Kind::Binary(operator, Box::new(left), Box::new(right)), span)?;
        }
        Ok(left)
    }

    /// The operator that comes next, which is not taken.
    fn operator(&self) -> Result<Option<BinaryOp>, FqlError> {
        let newline = self.lexeme().newline_before;
        let sign = match self.peek() {
            Token::Sign(sign) => sign,
            Token::Name(name) => name.as_str(),
            _ => return Ok(None),
        };
        if !newline && UNSUPPORTED.contains(&sign) {
            return Err(FqlError::unsupported(&format!("`{sign}`"), self.span()));
        }
        let operators = [
            BinaryOp::Coalesce,
            BinaryOp::Or,
            BinaryOp::And,
            BinaryOp::Equal,
            BinaryOp::NotEqual,
            BinaryOp::Less,
            BinaryOp::LessOrEqual,
            BinaryOp::Greater,
            BinaryOp::GreaterOrEqual,
            BinaryOp::Add,
            BinaryOp::Subtract,
            BinaryOp::Multiply,
            BinaryOp::Divide,
            BinaryOp::Remainder,
        ];
        let found = operators.into_iter().find(|operator| operator.sign() == sign);
        Ok(found.filter(|operator| !newline || operator.may_begin_line()))
    }

    fn unary(&mut self) -> Result<Expr, FqlError> {
        let operator = match self.peek() {
            Token::Sign("-") => UnaryOp::Minus,
            Token::Sign("!") => UnaryOp::Not,
            _ => return self.chain(),
        };
        let start = self.step().span;
        if let (UnaryOp::Minus, Token::Int(_) | Token::Double(_)) = (operator, self.peek())
            && !matches!(self.peek_at(1), Token::Sign("." | "?." | "[" | "(" | "!"))
        {
            return self.negative_number(start);
        }
        let operand = self.nested(Self::unary)?;
        let span = start.to(operand.span);
        self.build(Kind::Unary(operator, Box::new(operand)), span)
    }

    /// Any number of projections behind an expression, each on the line where the expression ends.
    pub(super) fn projections(&mut self, base: Expr) -> Result<Expr, FqlError> {
        let mut base = base;
        while self.is_sign_here("{") {
            self.step();
            let members = self.projection_members()?;
            let span = base.span.to(self.span_before());
            base = self.build(Kind::Project(Box::new(base), members), span)?;
        }
        Ok(base)
    }

    fn projection_members(&mut self) -> Result<Vec<(String, Expr)>, FqlError> {
        if self.is_sign("*") {
            return Err(FqlError::unsupported("`*` in a projection", self.span()));
        }
        let mut members = Vec::new();
        self.list("}", |parser| {
            let (name, span) = parser.name()?;
            let value = if parser.take(":") { parser.argument()? } else { parser.projected_field(&name, span)? };
            members.push((name, value));
            Ok(())
        })?;
        if members.is_empty() { Err(FqlError::syntax("Expected identifier", self.span_before())) } else { Ok(members) }
    }

    /// `a` and `a { b }` of a projection: a short function.
    fn projected_field(&mut self, name: &str, span: Span) -> Result<Expr, FqlError> {
        let field = self.field_of_this(name, span)?;
        let (field, _) = self.short_scope(Short::Forbidden, |parser| parser.projections(field))?;
        let span = field.span;
        self.build(Kind::Short(Box::new(field)), span)
    }
}
