//! What an event source follows: a collection or a document, conditions, a projection, fields.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `plan` | which parts of a source are compiled, and which are evaluated |
//!
//! A source is known by its text, which is canonical: sources that show the same events in the same way, written in the
//! same order, have the same text, and so the same encoding. The text is FQL and is read back by [`Source::parse`].

mod plan;

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::document::{Path, Step};
use super::fql::ast::{Kind, LinkKind};
use super::fql::{FqlError, Lambda, Lazy, Limits, Set, SetSource, SetStep, canonical, parse_with, write_set};
use super::value::{DocumentRef, Value};
pub(crate) use plan::Plan;

/// The longest text of a source.
pub const TEXT_BYTES_MAX: usize = 8 << 10;

/// The most fields that one source can watch.
pub const FIELDS_MAX: usize = 64;

/// What an event source follows.
#[derive(Clone, Debug)]
pub struct Source(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    text: String,
    set: Set,
    fields: Vec<Path>,
    plan: Plan,
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Source {
    /// The source of a set; `method` is what the query calls to get it. Updates count only if they change one of
    /// `fields`; all do if there are none.
    ///
    /// # Errors
    /// The set cannot be followed, or its text would be too long.
    pub fn new(set: &Set, fields: Vec<Path>, method: &str) -> Result<Self, FqlError> {
        check_source(&set.source, method)?;
        if fields.len() > FIELDS_MAX {
            return Err(FqlError::limit("an event source", format_args!("{FIELDS_MAX} watched fields")));
        }
        let steps = set.steps.iter().map(|step| canonical_step(step, method)).collect::<Result<_, _>>()?;
        let set = Set { source: set.source.clone(), steps };
        let text = text(&set, &fields);
        if text.len() > TEXT_BYTES_MAX {
            return Err(FqlError::limit("an event source", format_args!("{TEXT_BYTES_MAX} bytes of text")));
        }
        let plan = Plan::new(&set.steps);
        Ok(Self(Arc::new(Parts { text, set, fields, plan })))
    }

    /// This source with one step more.
    pub(crate) fn with_step(&self, step: SetStep) -> Result<Self, FqlError> {
        let mut set = self.0.set.clone();
        set.steps.push(step);
        Self::new(&set, self.0.fields.clone(), "eventSource")
    }

    /// The source with that text.
    ///
    /// # Errors
    /// It is not the text of a source.
    pub fn parse(text: &str) -> Result<Self, FqlError> {
        let limits = Limits { text_bytes_max: TEXT_BYTES_MAX, ..Limits::of_an_event() };
        let template = super::fql::template::Template { text: text.into(), values: Vec::new() };
        let tree = parse_with(&template, &limits)?;
        match super::fql::Machine::pure(None, &limits).eval(&tree)? {
            Value::Lazy(lazy) => match *lazy {
                Lazy::Source(source) => Ok(source),
                other => Err(FqlError::type_mismatch("EventSource<Any>", &Value::Lazy(Box::new(other)))),
            },
            other => Err(FqlError::type_mismatch("EventSource<Any>", &other)),
        }
    }

    /// The source of every event of a collection.
    pub fn of_collection(name: &str) -> Self {
        let set = Set { source: SetSource::Collection(name.into()), steps: Vec::new() };
        let text = text(&set, &[]);
        Self(Arc::new(Parts { text, set, fields: Vec::new(), plan: Plan::new(&[]) }))
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The collection it follows.
    pub fn collection(&self) -> &str {
        match &self.0.set.source {
            SetSource::Document(at) => &at.collection,
            SetSource::Collection(name) => name,
            // No source is made of them.
            SetSource::Sequence(..) | SetSource::Values(_) => "",
        }
    }

    /// The id of the one document it follows, if it follows no more.
    pub fn document(&self) -> Option<&str> {
        match &self.0.set.source {
            SetSource::Document(DocumentRef { id, .. }) => Some(id),
            _ => None,
        }
    }

    /// The fields it watches.
    pub fn fields(&self) -> &[Path] {
        &self.0.fields
    }

    /// Whether what it asks of documents, or shows of them, can fail.
    pub fn can_fail(&self) -> bool {
        !self.0.set.steps.is_empty()
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// The name of the encoding that shows this source: `fauna-` and a hash of its text.
    pub fn encoding_name(&self) -> String {
        let hash = Sha256::digest(self.0.text.as_bytes());
        format!("fauna-{}", data_encoding::HEXLOWER.encode(&hash[..12]))
    }
}

fn check_source(source: &SetSource, method: &str) -> Result<(), FqlError> {
    match source {
        SetSource::Collection(_) | SetSource::Document(_) => Ok(()),
        SetSource::Sequence(..) => {
            Err(FqlError::receiver(method, "streaming is not supported on sets created from `Set.sequence()`."))
        }
        SetSource::Values(_) => Err(FqlError::receiver(
            method,
            "streaming is not supported on array sets; `Set.single()` is supported if its element is a document.",
        )),
    }
}

fn canonical_step(step: &SetStep, method: &str) -> Result<SetStep, FqlError> {
    match step {
        SetStep::Where(predicate) => Ok(SetStep::Where(canonical(predicate))),
        SetStep::Map(mapper) => Ok(SetStep::Map(canonical(mapper))),
        SetStep::Take(_) => {
            Err(FqlError::receiver(method, "streaming is not supported on sets returned from `.take()`."))
        }
    }
}

fn text(set: &Set, fields: &[Path]) -> String {
    let mut text = String::new();
    write_set(set, &mut text);
    if fields.is_empty() {
        text.push_str(".eventSource()");
        return text;
    }
    let fields: Vec<String> = fields.iter().map(spelled).collect();
    text.push_str(&format!(".eventsOn({})", fields.join(", ")));
    text
}

fn spelled(path: &Path) -> String {
    let text = path.to_string();
    if text.starts_with('[') { format!(".{text}") } else { text }
}

/// The path that a function of `eventsOn` is: `.a.b`.
pub(crate) fn field_path(lambda: &Lambda) -> Option<Path> {
    let [Some(parameter)] = lambda.parameters.as_slice() else { return None };
    let path = path_of(parameter, &lambda.body)?;
    let plain = !path.0.is_empty() && path.0.iter().all(|step| !step.optional);
    plain.then_some(path)
}

/// The path from the variable `parameter` that an expression is, if it is one.
pub(crate) fn path_of(parameter: &str, expr: &super::fql::ast::Expr) -> Option<Path> {
    match &expr.kind {
        Kind::Name(name) if name == parameter => Some(Path(Vec::new())),
        Kind::Chain(base, links) if matches!(&base.kind, Kind::Name(name) if name == parameter) => {
            let steps = links.iter().map(|link| match &link.kind {
                LinkKind::Field(name) => Some(Step { name: name.clone(), optional: link.optional }),
                LinkKind::Index(index) => match &index.kind {
                    Kind::Value(Value::Str(name)) => Some(Step { name: name.clone(), optional: link.optional }),
                    _ => None,
                },
                _ => None,
            });
            steps.collect::<Option<Vec<_>>>().filter(|steps| steps.len() <= super::document::STEPS_MAX).map(Path)
        }
        _ => None,
    }
}

#[cfg(test)]
#[path = "../source_tests.rs"]
mod tests;
