//! Queries, blocks and objects.

use super::Parser;
use crate::fauna::fql::ast::{Expr, Kind, Statement};
use crate::fauna::fql::error::FqlError;
use crate::fauna::fql::lex::Token;

impl Parser {
    /// A whole query.
    pub(super) fn query(&mut self) -> Result<Expr, FqlError> {
        let statements = self.statements(|parser| *parser.peek() == Token::End)?;
        self.block(statements, 0)
    }

    /// The block of these statements, whose text begins at `start`.
    fn block(&mut self, statements: Vec<Statement>, start: usize) -> Result<Expr, FqlError> {
        let span = crate::fauna::fql::Span { start, end: self.span().end };
        match (statements.len(), statements.last()) {
            (_, Some(Statement::Let(..))) => {
                Err(FqlError::syntax("A query or block must end with an expression, not with `let`", self.span()))
            }
            (0, _) => Err(self.expected("expression")),
            (1, _) => match statements.into_iter().next() {
                Some(Statement::Expr(expr)) => Ok(expr),
                _ => Err(self.expected("expression")),
            },
            _ => self.build(Kind::Block(statements), span),
        }
    }

    fn statements(&mut self, at_end: impl Fn(&Self) -> bool) -> Result<Vec<Statement>, FqlError> {
        let mut statements = Vec::new();
        while !at_end(self) {
            statements.push(self.plain(Self::statement)?);
            let separated = self.take(";") || self.lexeme().newline_before;
            if !separated && !at_end(self) {
                return Err(self.expected("end of statement"));
            }
        }
        Ok(statements)
    }

    fn statement(&mut self) -> Result<Statement, FqlError> {
        if !self.is_word("let") {
            return self.expression().map(Statement::Expr);
        }
        self.step();
        let (name, span) = self.name()?;
        if name == "_" || name == "FQL" {
            return Err(FqlError::syntax(format!("Invalid identifier `{name}`"), span));
        }
        if self.is_sign(":") {
            return Err(FqlError::unsupported("The type of a variable", self.span()));
        }
        self.expect("=")?;
        self.expression().map(|value| Statement::Let(name, value))
    }

    /// `{}`, an object or a block, from its brace on.
    pub(super) fn braces(&mut self) -> Result<Expr, FqlError> {
        let start = self.step().span;
        let is_key = matches!(self.peek(), Token::Name(_) | Token::Str(_));
        if self.is_sign("}") || (is_key && matches!(self.peek_at(1), Token::Sign(":"))) {
            let members = self.members()?;
            return self.build(Kind::Object(members), start.to(self.span_before()));
        }
        let statements = self.statements(|parser| parser.is_sign("}") || *parser.peek() == Token::End)?;
        let block = self.block(statements, start.start)?;
        self.expect("}")?;
        Ok(block)
    }

    fn members(&mut self) -> Result<Vec<(String, Expr)>, FqlError> {
        let mut members: Vec<(String, Expr)> = Vec::new();
        let mut seen = std::collections::HashSet::new();
        self.list("}", |parser| {
            let span = parser.span();
            let key = match parser.step().token {
                Token::Name(key) | Token::Str(key) => key,
                _ => return Err(FqlError::syntax("Expected identifier", span)),
            };
            if !seen.insert(key.clone()) {
                return Err(FqlError::syntax(format!("Duplicate object key `{key}`"), span));
            }
            parser.expect(":")?;
            members.push((key, parser.plain(Self::expression)?));
            Ok(())
        })?;
        Ok(members)
    }
}
