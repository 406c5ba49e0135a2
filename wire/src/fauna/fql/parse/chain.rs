//! What follows an operand: fields, calls, `[...]`, `!`.

use super::{Parser, Short};
use crate::fauna::fql::ast::{Expr, Kind, Link, LinkKind};
use crate::fauna::fql::error::FqlError;
use crate::fauna::fql::lex::Token;
use crate::fauna::fql::span::Span;

impl Parser {
    /// An operand and its links.
    pub(super) fn chain(&mut self) -> Result<Expr, FqlError> {
        let base = if self.is_sign(".") { self.this()? } else { self.operand()? };
        let mut links = Vec::new();
        while let Some(link) = self.link()? {
            links.push(link);
        }
        self.with_links(base, links)
    }

    fn with_links(&self, base: Expr, links: Vec<Link>) -> Result<Expr, FqlError> {
        match links.last() {
            None => Ok(base),
            Some(last) => {
                let span = base.span.to(last.span);
                self.build(Kind::Chain(Box::new(base), links), span)
            }
        }
    }

    /// The parameter of a short function, whose dot comes next.
    fn this(&mut self) -> Result<Expr, FqlError> {
        if self.short == Short::Forbidden {
            return Err(FqlError::syntax("Short form lambdas are not allowed here", self.span()));
        }
        self.short = Short::Seen;
        let start = self.span().start;
        self.build(Kind::This, Span { start, end: start })
    }

    /// `.name` of the parameter of a short function.
    pub(super) fn field_of_this(&self, name: &str, span: Span) -> Result<Expr, FqlError> {
        let this = self.build(Kind::This, Span { start: span.start, end: span.start })?;
        self.with_links(this, vec![Link { kind: LinkKind::Field(name.into()), optional: false, span }])
    }

    fn link(&mut self) -> Result<Option<Link>, FqlError> {
        let start = self.span();
        let optional = self.is_sign("?.");
        if optional || self.is_sign(".") {
            self.step();
            return self.behind_dot(start, optional).map(Some);
        }
        // The rest must begin on the line where the operand ends: else it is the next statement.
        if self.is_sign_here("!") {
            self.step();
            return Ok(Some(Link { kind: LinkKind::Bang, optional: false, span: start }));
        }
        self.brackets(start, false)
    }

    fn behind_dot(&mut self, start: Span, optional: bool) -> Result<Link, FqlError> {
        if let Token::Name(name) = self.peek() {
            let name = name.clone();
            let span = self.step().span;
            if !self.is_sign_here("(") {
                return Ok(Link { kind: LinkKind::Field(name), optional, span });
            }
            let span = self.span();
            let arguments = self.arguments()?;
            return Ok(Link { kind: LinkKind::Call(name, arguments), optional, span: span.to(self.span_before()) });
        }
        match self.brackets(start, optional)? {
            Some(link) => Ok(link),
            None => Err(self.expected("identifier")),
        }
    }

    /// `(...)` or `[...]`.
    fn brackets(&mut self, start: Span, optional: bool) -> Result<Option<Link>, FqlError> {
        let kind = if self.is_sign_here("(") {
            LinkKind::Apply(self.arguments()?)
        } else if self.is_sign_here("[") {
            self.step();
            let index = self.plain(Self::expression)?;
            self.expect("]")?;
            LinkKind::Index(Box::new(index))
        } else {
            return Ok(None);
        };
        Ok(Some(Link { kind, optional, span: start.to(self.span_before()) }))
    }

    /// The arguments of a call, parentheses and all.
    fn arguments(&mut self) -> Result<Vec<Expr>, FqlError> {
        self.step();
        let mut arguments = Vec::new();
        self.list(")", |parser| {
            arguments.push(parser.argument()?);
            Ok(())
        })?;
        Ok(arguments)
    }
}
