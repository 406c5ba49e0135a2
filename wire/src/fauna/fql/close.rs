//! Functions that need nothing of where they were written, and the names of their parameters.

use super::ast::{Expr, Kind, Link, LinkKind, Statement};
use super::error::FqlError;
use super::eval::{Lambda, Machine};
use super::span::Span;

/// Puts values in the place of variables.
pub(super) struct Closer<'m, 'a> {
    machine: &'m mut Machine<'a>,
    /// Names that the function itself binds.
    bound: Vec<String>,
}

/// The parameter a short function is given. No name of FQL's looks so, and none that a user is likely to choose; if one
/// does, another is taken.
const PARAMETER: &str = "_0";

impl<'m, 'a> Closer<'m, 'a> {
    pub(super) fn new(machine: &'m mut Machine<'a>) -> Self {
        Self { machine, bound: Vec::new() }
    }

    /// The function `parameters => body`.
    pub(super) fn lambda(&mut self, parameters: &[Option<String>], body: &Expr) -> Result<Lambda, FqlError> {
        let outer = self.bound.len();
        self.bound.extend(parameters.iter().flatten().cloned());
        let body = self.expr(body);
        self.bound.truncate(outer);
        Ok(Lambda { parameters: parameters.to_vec(), body: body? })
    }

    /// The short function `body`, as one with a parameter.
    pub(super) fn short(&mut self, body: &Expr) -> Result<Lambda, FqlError> {
        let body = self.expr(body)?;
        let parameter = fresh(PARAMETER, &[], &body);
        let body = map(&body, &mut |expr| match expr.kind {
            Kind::This => Some(Expr::new(Kind::Name(parameter.clone()), expr.span)),
            // What stands in there has a parameter of its own.
            Kind::Short(_) => Some(expr.clone()),
            _ => None,
        });
        Ok(Lambda { parameters: vec![Some(parameter)], body })
    }

    /// The function that a projection is for each element of a set.
    pub(super) fn projection(&mut self, members: &[(String, Expr)]) -> Result<Lambda, FqlError> {
        let span = members.first().map(|(_, value)| value.span).unwrap_or_default();
        let base = Expr::new(Kind::This, Span { start: span.start, end: span.start });
        self.short(&Expr::new(Kind::Project(Box::new(base), members.to_vec()), span))
    }

    fn expr(&mut self, expr: &Expr) -> Result<Expr, FqlError> {
        self.machine.charge_closing()?;
        let kind = match &expr.kind {
            Kind::Name(name) if !self.bound.contains(name) => match self.machine.captured(name)? {
                Some(value) => Kind::Value(value),
                None => Kind::Name(name.clone()),
            },
            Kind::Lambda(parameters, body) => {
                let Lambda { parameters, body } = self.lambda(parameters, body)?;
                Kind::Lambda(parameters, Box::new(body))
            }
            Kind::Block(statements) => Kind::Block(self.block(statements)?),
            kind => try_map_children(kind, &mut |child| self.expr(child))?,
        };
        Ok(Expr::new(kind, expr.span))
    }

    fn block(&mut self, statements: &[Statement]) -> Result<Vec<Statement>, FqlError> {
        let outer = self.bound.len();
        let mut closed = Vec::with_capacity(statements.len());
        for statement in statements {
            closed.push(match statement {
                Statement::Expr(expr) => Statement::Expr(self.expr(expr)?),
                Statement::Let(name, value) => {
                    let value = self.expr(value)?;
                    self.bound.push(name.clone());
                    Statement::Let(name.clone(), value)
                }
            });
        }
        self.bound.truncate(outer);
        Ok(closed)
    }
}

/// The same function with parameters and variables named by how deep they are bound, and places taken away: functions
/// that do the same in the same way become equal.
pub(crate) fn canonical(lambda: &Lambda) -> Lambda {
    let prefix = fresh(PARAMETER, &lambda.parameters, &lambda.body).trim_end_matches('0').to_owned();
    Renamer { prefix, bound: Vec::new() }.lambda(&lambda.parameters, &lambda.body)
}

struct Renamer {
    prefix: String,
    /// Names as written, in the order of their binding.
    bound: Vec<String>,
}

impl Renamer {
    fn name(&self, at: usize) -> String {
        format!("{}{at}", self.prefix)
    }

    fn lambda(&mut self, parameters: &[Option<String>], body: &Expr) -> Lambda {
        let outer = self.bound.len();
        let mut renamed = Vec::with_capacity(parameters.len());
        for parameter in parameters {
            renamed.push(parameter.as_ref().map(|_| self.name(self.bound.len())));
            self.bound.extend(parameter.clone());
        }
        let body = self.expr(body);
        self.bound.truncate(outer);
        Lambda { parameters: renamed, body }
    }

    fn expr(&mut self, expr: &Expr) -> Expr {
        let kind = match &expr.kind {
            Kind::Name(name) => match self.bound.iter().rposition(|own| own == name) {
                Some(at) => Kind::Name(self.name(at)),
                None => Kind::Name(name.clone()),
            },
            Kind::Lambda(parameters, body) => {
                let Lambda { parameters, body } = self.lambda(parameters, body);
                Kind::Lambda(parameters, Box::new(body))
            }
            Kind::Block(statements) => Kind::Block(self.block(statements)),
            kind => map_children(kind, &mut |child| self.expr(child)),
        };
        Expr::new(kind, Span::default())
    }

    fn block(&mut self, statements: &[Statement]) -> Vec<Statement> {
        let outer = self.bound.len();
        let mut renamed = Vec::with_capacity(statements.len());
        for statement in statements {
            renamed.push(match statement {
                Statement::Expr(expr) => Statement::Expr(self.expr(expr)),
                Statement::Let(name, value) => {
                    let value = self.expr(value);
                    let as_name = self.name(self.bound.len());
                    self.bound.push(name.clone());
                    Statement::Let(as_name, value)
                }
            });
        }
        self.bound.truncate(outer);
        renamed
    }
}

/// `name`, with as many underscores in front that no free name of the body begins like it.
fn fresh(name: &str, bound: &[Option<String>], body: &Expr) -> String {
    let mut names = Vec::new();
    free_names(body, &mut bound.iter().flatten().map(String::as_str).collect(), &mut names);
    let mut name = name.to_owned();
    while names.iter().any(|other| begins_so(other, name.trim_end_matches('0'))) {
        name.insert(0, '_');
    }
    name
}

fn begins_so(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Collects the names in `expr` that nothing in it binds.
fn free_names<'e>(expr: &'e Expr, bound: &mut Vec<&'e str>, names: &mut Vec<&'e str>) {
    let outer = bound.len();
    match &expr.kind {
        Kind::Name(name) if !bound.contains(&name.as_str()) => names.push(name),
        Kind::Lambda(parameters, body) => {
            bound.extend(parameters.iter().flatten().map(String::as_str));
            free_names(body, bound, names);
        }
        Kind::Block(statements) => {
            for statement in statements {
                match statement {
                    Statement::Expr(expr) => free_names(expr, bound, names),
                    Statement::Let(name, value) => {
                        free_names(value, bound, names);
                        bound.push(name);
                    }
                }
            }
        }
        kind => kind.children().for_each(|child| free_names(child, bound, names)),
    }
    bound.truncate(outer);
}

/// A tree with some of its expressions replaced; what is replaced is not looked into.
fn map(expr: &Expr, replace: &mut dyn FnMut(&Expr) -> Option<Expr>) -> Expr {
    replace(expr).unwrap_or_else(|| {
        let kind = match &expr.kind {
            Kind::Block(statements) => Kind::Block(
                statements
                    .iter()
                    .map(|statement| match statement {
                        Statement::Let(name, value) => Statement::Let(name.clone(), map(value, replace)),
                        Statement::Expr(expr) => Statement::Expr(map(expr, replace)),
                    })
                    .collect(),
            ),
            Kind::Lambda(parameters, body) => Kind::Lambda(parameters.clone(), Box::new(map(body, replace))),
            kind => map_children(kind, &mut |child| map(child, replace)),
        };
        Expr::new(kind, expr.span)
    })
}

fn map_children(kind: &Kind, child: &mut dyn FnMut(&Expr) -> Expr) -> Kind {
    let mapped: Result<Kind, std::convert::Infallible> = try_map_children(kind, &mut |expr| Ok(child(expr)));
    match mapped {
        Ok(kind) => kind,
        Err(never) => match never {},
    }
}

/// A kind with its children replaced; functions and blocks, which bind names, are left to the caller.
fn try_map_children<E>(kind: &Kind, child: &mut dyn FnMut(&Expr) -> Result<Expr, E>) -> Result<Kind, E> {
    Ok(match kind {
        Kind::Value(_) | Kind::Name(_) | Kind::This | Kind::Lambda(..) | Kind::Block(_) => kind.clone(),
        Kind::Array(items) => Kind::Array(items.iter().map(child).collect::<Result<_, _>>()?),
        Kind::Object(members) => Kind::Object(try_map_members(members, child)?),
        Kind::If(condition, then, otherwise) => Kind::If(
            Box::new(child(condition)?),
            Box::new(child(then)?),
            otherwise.as_deref().map(child).transpose()?.map(Box::new),
        ),
        Kind::Short(body) => Kind::Short(Box::new(child(body)?)),
        Kind::Unary(operator, operand) => Kind::Unary(*operator, Box::new(child(operand)?)),
        Kind::Binary(operator, left, right) => Kind::Binary(*operator, Box::new(child(left)?), Box::new(child(right)?)),
        Kind::Chain(base, links) => {
            let base = Box::new(child(base)?);
            Kind::Chain(base, links.iter().map(|link| try_map_link(link, child)).collect::<Result<_, _>>()?)
        }
        Kind::Project(base, members) => Kind::Project(Box::new(child(base)?), try_map_members(members, child)?),
    })
}

fn try_map_members<E>(
    members: &[(String, Expr)],
    child: &mut dyn FnMut(&Expr) -> Result<Expr, E>,
) -> Result<Vec<(String, Expr)>, E> {
    members.iter().map(|(name, value)| Ok((name.clone(), child(value)?))).collect()
}

fn try_map_link<E>(link: &Link, child: &mut dyn FnMut(&Expr) -> Result<Expr, E>) -> Result<Link, E> {
    let kind = match &link.kind {
        LinkKind::Field(_) | LinkKind::Bang => link.kind.clone(),
        LinkKind::Call(name, arguments) => {
            LinkKind::Call(name.clone(), arguments.iter().map(child).collect::<Result<_, _>>()?)
        }
        LinkKind::Apply(arguments) => LinkKind::Apply(arguments.iter().map(child).collect::<Result<_, _>>()?),
        LinkKind::Index(index) => LinkKind::Index(Box::new(child(index)?)),
    };
    Ok(Link { kind, optional: link.optional, span: link.span })
}
