//! Tokens to a tree.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `statement` | queries, blocks, objects |
//! | `expression` | `if`, functions, operators, projections |
//! | `chain` | what follows an operand: fields, calls, `!` |
//! | `operand` | literals, names, parentheses |
//!
//! How deep it goes is counted, so that no text can exhaust the stack.

mod chain;
mod expression;
mod operand;
mod statement;

use super::ast::{Expr, Kind};
use super::error::FqlError;
use super::lex::{Lexeme, Token, lex};
use super::limits::Limits;
use super::span::Span;
use super::template::Template;
use crate::fauna::value::Value;

/// Parentheses cost depth in the parser but none in the tree, so the parser may go deeper.
const NESTING_PER_DEPTH: usize = 2;

/// Words that cannot be names.
pub(super) const KEYWORDS: [&str; 13] =
    ["if", "else", "at", "match", "case", "let", "null", "true", "false", "isa", "join", "on", "of"];

/// The tree of a query without values, under the default limits.
///
/// # Errors
/// It is no query, or uses what is not supported.
pub fn parse(text: &str) -> Result<Expr, FqlError> {
    parse_with(&Template { text: text.into(), values: Vec::new() }, &Limits::default())
}

/// The tree of a query.
///
/// # Errors
/// It is no query, uses what is not supported, or exceeds a limit.
pub fn parse_with(template: &Template, limits: &Limits) -> Result<Expr, FqlError> {
    let lexemes = lex(&template.text, limits)?;
    let values = template.values.clone().into_iter();
    let mut parser = Parser { lexemes, at: 0, values, short: Short::Forbidden, nesting: 0, limits: *limits };
    parser.query()
}

/// Whether a function may be short (`.a == 1`) where the parser stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Short {
    Forbidden,
    Allowed,
    /// It may, and it is.
    Seen,
}

struct Parser {
    lexemes: Vec<Lexeme>,
    at: usize,
    values: std::vec::IntoIter<Value>,
    short: Short,
    nesting: usize,
    limits: Limits,
}

impl Parser {
    fn lexeme(&self) -> &Lexeme {
        // The last token is `End`, and nothing steps over it.
        &self.lexemes[self.at.min(self.lexemes.len() - 1)]
    }

    fn peek(&self) -> &Token {
        &self.lexeme().token
    }

    /// The token `ahead` of this one.
    fn peek_at(&self, ahead: usize) -> &Token {
        &self.lexemes[(self.at + ahead).min(self.lexemes.len() - 1)].token
    }

    fn span(&self) -> Span {
        self.lexeme().span
    }

    /// Where the token before this one stands.
    fn span_before(&self) -> Span {
        self.lexemes[self.at.saturating_sub(1)].span
    }

    fn step(&mut self) -> Lexeme {
        let lexeme = self.lexeme().clone();
        self.at += usize::from(lexeme.token != Token::End);
        lexeme
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(own) if *own == sign)
    }

    /// Whether the sign comes next on the same line.
    fn is_sign_here(&self, sign: &str) -> bool {
        self.is_sign(sign) && !self.lexeme().newline_before
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Token::Name(name) if name == word)
    }

    fn take(&mut self, sign: &str) -> bool {
        let there = self.is_sign(sign);
        if there {
            self.step();
        }
        there
    }

    fn expect(&mut self, sign: &str) -> Result<(), FqlError> {
        if self.take(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn expected(&self, what: &str) -> FqlError {
        FqlError::syntax(format!("Expected {what}"), self.span())
    }

    /// Takes a name that is no keyword.
    fn name(&mut self) -> Result<(String, Span), FqlError> {
        match self.peek() {
            Token::Name(name) if KEYWORDS.contains(&name.as_str()) => {
                Err(FqlError::syntax(format!("Invalid identifier `{name}`"), self.span()))
            }
            Token::Name(name) => {
                let name = name.clone();
                Ok((name, self.step().span))
            }
            _ => Err(self.expected("identifier")),
        }
    }

    /// Parses one level deeper.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, FqlError>) -> Result<T, FqlError> {
        if self.nesting >= self.limits.depth_max * NESTING_PER_DEPTH {
            return Err(self.too_deep(self.span()));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// Parses where a short function may or may not stand; whether there was one.
    fn short_scope<T>(
        &mut self,
        scope: Short,
        parse: impl FnOnce(&mut Self) -> Result<T, FqlError>,
    ) -> Result<(T, bool), FqlError> {
        let before = std::mem::replace(&mut self.short, scope);
        let parsed = parse(self);
        let after = std::mem::replace(&mut self.short, before);
        Ok((parsed?, after == Short::Seen))
    }

    /// Parses where no short function may stand.
    fn plain<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, FqlError>) -> Result<T, FqlError> {
        self.short_scope(Short::Forbidden, parse).map(|(parsed, _)| parsed)
    }

    /// An expression where a short function may stand.
    fn argument(&mut self) -> Result<Expr, FqlError> {
        let (body, is_short) = self.short_scope(Short::Allowed, Self::expression)?;
        let span = body.span;
        if is_short { self.build(Kind::Short(Box::new(body)), span) } else { Ok(body) }
    }

    /// Items up to the sign `end`, with commas between them and perhaps behind the last.
    fn list(&mut self, end: &str, mut item: impl FnMut(&mut Self) -> Result<(), FqlError>) -> Result<(), FqlError> {
        while !self.take(end) {
            item(self)?;
            if !self.take(",") {
                if self.is_sign(end) {
                    continue;
                }
                return Err(self.expected(&format!("`,` or `{end}`")));
            }
        }
        Ok(())
    }

    /// An expression, if the tree below it is not too deep.
    fn build(&self, kind: Kind, span: Span) -> Result<Expr, FqlError> {
        let expr = Expr::new(kind, span);
        if expr.depth > self.limits.depth_max { Err(self.too_deep(span)) } else { Ok(expr) }
    }

    fn too_deep(&self, span: Span) -> FqlError {
        FqlError::syntax(format!("The query is nested deeper than {} levels", self.limits.depth_max), span)
    }
}

#[cfg(test)]
#[path = "../parse_tests.rs"]
mod tests;
