//! Variables, limits, expressions.

use std::borrow::Cow;

use super::store::Store;
use super::transaction::Transaction;
use super::{Effects, Lambda, Lazy, access};
use crate::fauna::fql::ast::{Expr, Kind, Link, LinkKind, Statement};
use crate::fauna::fql::close::Closer;
use crate::fauna::fql::error::FqlError;
use crate::fauna::fql::limits::Limits;
use crate::fauna::value::{Fields, Moment, Value};

/// The deepest evaluation: expressions within expressions and functions within functions. Every level costs stack.
const NESTING_MAX: usize = 100;

/// How many levels a call counts for: it comes by way of chains and sets, which cost as much stack.
const NESTING_OF_A_CALL: usize = 5;

/// What evaluates.
pub(crate) struct Machine<'a> {
    /// `None` where nothing may be read or written: in the functions of event sources.
    pub(super) transaction: Option<Transaction<'a>>,
    now: Option<Moment>,
    limits: Limits,
    steps: u64,
    nesting: usize,
    scope: Vec<(String, Value)>,
    /// The parameters of the short functions around.
    this: Vec<Value>,
}

impl<'a> Machine<'a> {
    /// For a query.
    pub(super) fn query(store: &'a mut dyn Store, now: Moment, limits: &Limits) -> Self {
        let transaction = Some(Transaction::new(store, now, limits));
        Self { transaction, ..Self::pure(Some(now), limits) }
    }

    /// For what may depend on nothing but its arguments and the time, and on that only if there is one.
    pub(crate) fn pure(now: Option<Moment>, limits: &Limits) -> Self {
        Self { transaction: None, now, limits: *limits, steps: 0, nesting: 0, scope: Vec::new(), this: Vec::new() }
    }

    /// Gives a variable a value.
    pub(crate) fn bind(&mut self, name: String, value: Value) {
        self.scope.push((name, value));
    }

    /// What the query cost and wants written.
    pub(super) fn finish(self) -> Result<Effects, FqlError> {
        let effects = self.transaction.map_or_else(|| Ok(Effects::default()), Transaction::finish)?;
        Ok(Effects { steps: self.steps, ..effects })
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The time of the transaction or event.
    pub(super) fn now(&self, action: &str) -> Result<Moment, FqlError> {
        self.now.ok_or_else(|| FqlError::effect(action, "an observation"))
    }

    /// The database, to be read or written.
    pub(super) fn database(&mut self, action: &str, effect: &str) -> Result<&mut Transaction<'a>, FqlError> {
        self.transaction.as_mut().ok_or_else(|| FqlError::effect(action, effect))
    }

    pub(super) fn reading(&mut self, action: &str) -> Result<&mut Transaction<'a>, FqlError> {
        self.database(action, "a read")
    }

    pub(super) fn writing(&mut self, action: &str) -> Result<&mut Transaction<'a>, FqlError> {
        self.database(action, "a write")
    }

    /// Counts steps of evaluation.
    pub(super) fn charge(&mut self, steps: u64) -> Result<(), FqlError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps <= self.limits.steps_max {
            return Ok(());
        }
        Err(FqlError::limit("the evaluation", format_args!("{} steps", self.limits.steps_max)))
    }

    /// Evaluates an expression.
    pub(crate) fn eval(&mut self, expr: &Expr) -> Result<Value, FqlError> {
        if self.nesting >= NESTING_MAX {
            let message = format!("number of stack frames exceeded limit of {NESTING_MAX}");
            return Err(FqlError::new("stack_overflow", message).at(expr.span));
        }
        self.charge(1)?;
        self.nesting += 1;
        let value = self.kind(&expr.kind).map_err(|error| error.at(expr.span));
        self.nesting -= 1;
        value
    }

    fn kind(&mut self, kind: &Kind) -> Result<Value, FqlError> {
        match kind {
            Kind::Value(value) => self.copy(value),
            Kind::Name(name) => self.name(name),
            Kind::This => {
                let value = self.this.last().cloned().ok_or_else(|| FqlError::unbound("this"))?;
                self.charge(weight(&value))?;
                Ok(value)
            }
            Kind::Array(items) => items.iter().map(|item| self.eval(item)).collect::<Result<_, _>>().map(Value::Array),
            Kind::Object(members) => self.object(members),
            Kind::Block(statements) => self.block(statements),
            Kind::If(condition, then, otherwise) => self.if_else(condition, then, otherwise.as_deref()),
            Kind::Lambda(parameters, body) => self.lambda(parameters, body),
            Kind::Short(body) => self.short(body),
            Kind::Unary(operator, operand) => self.unary(*operator, operand),
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right),
            Kind::Chain(base, links) => self.chain(base, links),
            Kind::Project(base, members) => {
                let base = self.eval(base)?;
                self.project(base, members)
            }
        }
    }

    /// A copy of a value, which costs as much as the value is large.
    pub(super) fn copy(&mut self, value: &Value) -> Result<Value, FqlError> {
        self.charge(weight(value))?;
        Ok(value.clone())
    }

    /// The local variable of that name.
    pub(super) fn local(&self, name: &str) -> Option<&Value> {
        self.scope.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    fn name(&mut self, name: &str) -> Result<Value, FqlError> {
        match self.local(name).cloned() {
            Some(value) => {
                self.charge(weight(&value))?;
                Ok(value)
            }
            None => self.global(name),
        }
    }

    /// The value a chain begins with, and how many of its links lead there: fields of variables are looked up where
    /// they are, so that only the last one is copied.
    pub(super) fn chain_start(&mut self, base: &Expr, links: &[Link]) -> Result<(Value, usize), FqlError> {
        let variable = match &base.kind {
            Kind::Name(name) => self.local(name),
            Kind::This => self.this.last(),
            Kind::Value(value) => Some(value),
            _ => None,
        };
        let Some(mut found) = variable else { return Ok((self.eval(base)?, 0)) };
        let mut used = 0;
        let mut built = None;
        for link in links {
            let LinkKind::Field(name) = &link.kind else { break };
            if !matches!(found, Value::Object(_) | Value::Document(_)) {
                break;
            }
            used += 1;
            match access(found, name).map_err(|error| error.at(link.span))? {
                Cow::Borrowed(field) => found = field,
                Cow::Owned(field) => {
                    built = Some(field);
                    break;
                }
            }
        }
        let value = built.unwrap_or_else(|| found.clone());
        self.charge(weight(&value) + used as u64)?;
        Ok((value, used))
    }

    /// The value of a variable that a function closes over; `None` for what is global, which must exist.
    pub(in crate::fauna::fql) fn captured(&mut self, name: &str) -> Result<Option<Value>, FqlError> {
        if let Some(value) = self.local(name).cloned() {
            self.charge(weight(&value))?;
            return Ok(Some(value));
        }
        self.global(name).map(|_| None)
    }

    /// Counts one expression that a function closes over.
    pub(in crate::fauna::fql) fn charge_closing(&mut self) -> Result<(), FqlError> {
        self.charge(1)
    }

    fn object(&mut self, members: &[(String, Expr)]) -> Result<Value, FqlError> {
        let fields = members.iter().map(|(name, value)| Ok((name.clone(), self.eval(value)?)));
        Ok(Value::Object(fields.collect::<Result<Fields, FqlError>>()?))
    }

    fn block(&mut self, statements: &[Statement]) -> Result<Value, FqlError> {
        let outer = self.scope.len();
        let mut last = Ok(Value::Null);
        for statement in statements {
            last = match statement {
                Statement::Let(name, value) => self.eval(value).map(|value| {
                    self.scope.push((name.clone(), value));
                    Value::Null
                }),
                Statement::Expr(expr) => self.eval(expr),
            };
            if last.is_err() {
                break;
            }
        }
        self.scope.truncate(outer);
        last
    }

    fn if_else(&mut self, condition: &Expr, then: &Expr, otherwise: Option<&Expr>) -> Result<Value, FqlError> {
        let condition = self.eval(condition)?;
        match (self.truth(&condition)?, otherwise) {
            (true, _) => self.eval(then),
            (false, Some(otherwise)) => self.eval(otherwise),
            (false, None) => Ok(Value::Null),
        }
    }

    /// Whether a value counts as true where a condition is asked for; null counts as false.
    pub(crate) fn truth(&self, value: &Value) -> Result<bool, FqlError> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::Null => Ok(false),
            other => Err(FqlError::type_mismatch("Boolean", other)),
        }
    }

    fn lambda(&mut self, parameters: &[Option<String>], body: &Expr) -> Result<Value, FqlError> {
        let lambda = Closer::new(self).lambda(parameters, body)?;
        Ok(Value::Lazy(Box::new(Lazy::Lambda(lambda))))
    }

    fn short(&mut self, body: &Expr) -> Result<Value, FqlError> {
        let lambda = Closer::new(self).short(body)?;
        Ok(Value::Lazy(Box::new(Lazy::Lambda(lambda))))
    }

    /// Calls a function.
    pub(crate) fn call(&mut self, lambda: &Lambda, arguments: Vec<Value>) -> Result<Value, FqlError> {
        let (expected, given) = (lambda.parameters.len(), arguments.len());
        if expected != given {
            let message = format!("callee function expects exactly {expected} arguments, but {given} were provided.");
            return Err(FqlError::new("invalid_function_invocation", message));
        }
        // A function has closed over all it needs; what is around it is none of its business.
        let outer = std::mem::take(&mut self.scope);
        let named = lambda.parameters.iter().zip(arguments);
        self.scope = named.filter_map(|(name, value)| Some((name.clone()?, value))).collect();
        self.nesting += NESTING_OF_A_CALL;
        let value = self.eval(&lambda.body);
        self.nesting -= NESTING_OF_A_CALL;
        self.scope = outer;
        value
    }

    /// What a projection makes of a value.
    pub(super) fn project(&mut self, base: Value, members: &[(String, Expr)]) -> Result<Value, FqlError> {
        match base {
            Value::Null => Ok(Value::Null),
            Value::Array(items) => {
                items.into_iter().map(|item| self.project(item, members)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Lazy(lazy) if !matches!(*lazy, Lazy::Lambda(_)) => self.project_elements(*lazy, members),
            base => {
                let base = self.loaded(base, "Projection")?;
                let fields = members.iter().map(|(name, value)| Ok((name.clone(), self.projected(&base, value)?)));
                Ok(Value::Object(fields.collect::<Result<Fields, FqlError>>()?))
            }
        }
    }

    fn projected(&mut self, base: &Value, member: &Expr) -> Result<Value, FqlError> {
        let Kind::Short(body) = &member.kind else { return self.eval(member) };
        self.this.push(base.clone());
        let value = self.eval(body);
        self.this.pop();
        value
    }
}

/// What a copy of a value costs: its parts, and long text besides.
pub(super) fn weight(value: &Value) -> u64 {
    match value {
        Value::Array(items) | Value::Page(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(fields) => 1 + fields.iter().map(|(_, value)| 1 + weight(value)).sum::<u64>(),
        Value::Document(document) => 1 + document.fields.iter().map(|(_, value)| 1 + weight(value)).sum::<u64>(),
        Value::Str(text) => 1 + text.len() as u64 / 256,
        Value::Bytes(bytes) => 1 + bytes.len() as u64 / 256,
        _ => 1,
    }
}
