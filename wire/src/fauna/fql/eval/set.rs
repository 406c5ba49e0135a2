//! Sets: what can be called on them, and their elements.

use std::ops::ControlFlow;

use super::modules::{none, one, set};
use super::{Lambda, Lazy, Machine, Set, SetSource, SetStep};
use crate::fauna::fql::ast::Expr;
use crate::fauna::fql::close::Closer;
use crate::fauna::fql::error::FqlError;
use crate::fauna::source::{Source, field_path};
use crate::fauna::value::Value;

/// Whether the elements of a set go on after one of them.
type Flow = Result<ControlFlow<()>, FqlError>;

impl Machine<'_> {
    pub(super) fn set_method(&mut self, set: Set, name: &str, arguments: Vec<Value>) -> Result<Value, FqlError> {
        match name {
            "where" => function("predicate", one(name, arguments)?).map(|f| with_step(set, SetStep::Where(f))),
            "map" => function("mapper", one(name, arguments)?).map(|f| with_step(set, SetStep::Map(f))),
            "take" => match one(name, arguments)? {
                Value::Int(count @ 0..) => Ok(with_step(set, SetStep::Take(count.unsigned_abs()))),
                other => Err(FqlError::argument_type("limit", "Int", &other)),
            },
            "firstWhere" => {
                let predicate = function("predicate", one(name, arguments)?)?;
                let Value::Lazy(lazy) = with_step(set, SetStep::Where(predicate)) else { return Ok(Value::Null) };
                match *lazy {
                    Lazy::Set(set) => self.first(&set),
                    _ => Ok(Value::Null),
                }
            }
            "first" => none(name, arguments).and_then(|()| self.first(&set)),
            "isEmpty" => {
                none(name, arguments)?;
                let mut empty = true;
                self.each(&set, &mut |_, _| {
                    empty = false;
                    Ok(ControlFlow::Break(()))
                })?;
                Ok(Value::Bool(empty))
            }
            "count" => {
                none(name, arguments)?;
                let mut count = 0;
                self.each(&set, &mut |_, _| {
                    count += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(Value::Int(count))
            }
            "toArray" => none(name, arguments).and_then(|()| self.elements(&set)).map(Value::Array),
            "forEach" => {
                let function = function("callback", one(name, arguments)?)?;
                self.each(&set, &mut |machine, element| {
                    machine.call(&function, vec![element])?;
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(Value::Null)
            }
            "eventSource" | "toStream" => {
                none(name, arguments)?;
                source(Source::new(&set, Vec::new(), name)?)
            }
            "eventsOn" | "changesOn" => {
                let fields = arguments.into_iter().enumerate().map(|(at, argument)| {
                    let path = function(&at.to_string(), argument)?;
                    field_path(&path).ok_or_else(|| FqlError::argument(&at.to_string(), "invalid field path given"))
                });
                let fields = fields.collect::<Result<_, _>>()?;
                source(Source::new(&set, fields, name)?)
            }
            _ => Err(FqlError::no_function(name, "Set<Any>")),
        }
    }

    /// What can be called on an event source: more steps.
    pub(super) fn source_method(
        &mut self,
        before: &Source,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, FqlError> {
        let function = function("function", one(name, arguments)?)?;
        match name {
            "where" => source(before.with_step(SetStep::Where(function))?),
            "map" => source(before.with_step(SetStep::Map(function))?),
            _ => Err(FqlError::no_function(name, "EventSource<Any>")),
        }
    }

    /// What can be called on an array: what can be called on a set, with an array for a result.
    pub(super) fn array_method(
        &mut self,
        items: Vec<Value>,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, FqlError> {
        match name {
            "map" | "forEach" | "first" | "isEmpty" => {
                let items = Set { source: SetSource::Values(items), steps: Vec::new() };
                match self.set_method(items, name, arguments)? {
                    Value::Lazy(lazy) => match *lazy {
                        Lazy::Set(set) => self.elements(&set).map(Value::Array),
                        other => Ok(Value::Lazy(Box::new(other))),
                    },
                    other => Ok(other),
                }
            }
            "toSet" => none(name, arguments).map(|()| set(SetSource::Values(items))),
            _ => Err(FqlError::no_function(name, "Array<Any>")),
        }
    }

    /// A projection of a set or event source is one of each element.
    pub(super) fn project_elements(&mut self, lazy: Lazy, members: &[(String, Expr)]) -> Result<Value, FqlError> {
        let function = Closer::new(self).projection(members)?;
        match lazy {
            Lazy::Set(set) => Ok(with_step(set, SetStep::Map(function))),
            Lazy::Source(before) => source(before.with_step(SetStep::Map(function))?),
            Lazy::Lambda(lambda) => Ok(Value::Lazy(Box::new(Lazy::Lambda(lambda)))),
        }
    }

    fn first(&mut self, set: &Set) -> Result<Value, FqlError> {
        let mut first = Value::Null;
        self.each(set, &mut |_, element| {
            first = element;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(first)
    }

    /// All elements of a set.
    pub(super) fn elements(&mut self, set: &Set) -> Result<Vec<Value>, FqlError> {
        let page_max = self.limits().page_max;
        let mut elements = Vec::new();
        self.each(set, &mut |_, element| {
            if elements.len() == page_max {
                return Err(FqlError::limit("a set", format_args!("{page_max} elements; `take` makes it smaller")));
            }
            elements.push(element);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(elements)
    }

    /// Calls `visit` with each element of a set.
    fn each(&mut self, set: &Set, visit: &mut dyn FnMut(&mut Self, Value) -> Flow) -> Result<(), FqlError> {
        let mut left: Vec<u64> =
            set.steps.iter().map(|step| if let SetStep::Take(n) = step { *n } else { 0 }).collect();
        if set.steps.contains(&SetStep::Take(0)) {
            return Ok(());
        }
        self.each_of_source(&set.source, &mut |machine, element| {
            machine.charge(1)?;
            let mut last = false;
            let Some(element) = machine.steps(&set.steps, &mut left, &mut last, element)? else {
                return Ok(ControlFlow::Continue(()));
            };
            let flow = visit(machine, element)?;
            Ok(if last { ControlFlow::Break(()) } else { flow })
        })
    }

    /// What the steps make of an element; `last`: nothing more can come.
    fn steps(
        &mut self,
        steps: &[SetStep],
        left: &mut [u64],
        last: &mut bool,
        element: Value,
    ) -> Result<Option<Value>, FqlError> {
        let mut element = element;
        for (step, left) in steps.iter().zip(left) {
            match step {
                SetStep::Where(predicate) => {
                    let keeps = self.call(predicate, vec![element.clone()])?;
                    if !self.truth(&keeps)? {
                        return Ok(None);
                    }
                }
                SetStep::Map(mapper) => element = self.call(mapper, vec![element])?,
                SetStep::Take(_) => {
                    *left -= 1;
                    *last |= *left == 0;
                }
            }
        }
        Ok(Some(element))
    }

    fn each_of_source(
        &mut self,
        source: &SetSource,
        visit: &mut dyn FnMut(&mut Self, Value) -> Flow,
    ) -> Result<(), FqlError> {
        match source {
            SetSource::Values(items) => self.each_of(items.iter().cloned(), visit).map(drop),
            SetSource::Sequence(from, until) => self.each_of((*from..*until).map(Value::Int), visit).map(drop),
            SetSource::Document(at) => {
                let document = self.reading("single")?.document(at)?;
                let document = document.map(|document| Value::Document(Box::new(document)));
                self.each_of(document.into_iter(), visit).map(drop)
            }
            SetSource::Collection(name) => {
                let created = self.reading("all")?.created(name);
                let mut after = None;
                loop {
                    let (page, last) = self.reading("all")?.page(name, after.as_deref())?;
                    let documents = page.into_iter().map(|document| Value::Document(Box::new(document)));
                    if self.each_of(documents, visit)?.is_break() {
                        return Ok(());
                    }
                    match last {
                        Some(last) => after = Some(last),
                        None => break,
                    }
                }
                let created = created.into_iter().map(|document| Value::Document(Box::new(document)));
                self.each_of(created, visit).map(drop)
            }
        }
    }

    fn each_of(&mut self, items: impl Iterator<Item = Value>, visit: &mut dyn FnMut(&mut Self, Value) -> Flow) -> Flow {
        for item in items {
            if visit(self, item)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

fn with_step(set: Set, step: SetStep) -> Value {
    let mut set = set;
    set.steps.push(step);
    Value::Lazy(Box::new(Lazy::Set(set)))
}

fn source(source: Source) -> Result<Value, FqlError> {
    Ok(Value::Lazy(Box::new(Lazy::Source(source))))
}

/// An argument that is a function of one parameter.
fn function(name: &str, value: Value) -> Result<Lambda, FqlError> {
    match value {
        Value::Lazy(lazy) => match *lazy {
            Lazy::Lambda(lambda) if lambda.parameters.len() == 1 => Ok(lambda),
            Lazy::Lambda(lambda) => Err(FqlError::new(
                "invalid_argument",
                format!(
                    "`{name}` should accept 1 parameter, provided function requires exactly {} parameters.",
                    lambda.parameters.len()
                ),
            )),
            other => Err(FqlError::argument_type(name, "function", &Value::Lazy(Box::new(other)))),
        },
        other => Err(FqlError::argument_type(name, "function", &other)),
    }
}
