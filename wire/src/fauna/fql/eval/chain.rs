//! Links of chains.

use super::{Lazy, Machine, access};
use crate::fauna::fql::ast::{Expr, Link, LinkKind};
use crate::fauna::fql::error::FqlError;
use crate::fauna::value::{DocumentRef, Missing, NamedRef, Value};

impl Machine<'_> {
    pub(super) fn chain(&mut self, base: &Expr, links: &[Link]) -> Result<Value, FqlError> {
        let (mut value, used) = self.chain_start(base, links)?;
        for link in &links[used..] {
            if link.optional && self.is_null(&value)? {
                return Ok(Value::Null);
            }
            self.charge(1)?;
            value = self.link(value, &link.kind).map_err(|error| error.at(link.span))?;
        }
        Ok(value)
    }

    fn link(&mut self, value: Value, kind: &LinkKind) -> Result<Value, FqlError> {
        match kind {
            LinkKind::Field(name) => self.field(value, name),
            LinkKind::Call(name, arguments) => {
                let arguments = self.arguments(arguments)?;
                self.method(value, name, arguments)
            }
            LinkKind::Apply(arguments) => {
                let arguments = self.arguments(arguments)?;
                self.apply(value, arguments)
            }
            LinkKind::Index(index) => {
                let index = self.eval(index)?;
                self.index(value, &index)
            }
            LinkKind::Bang => self.bang(value),
        }
    }

    fn arguments(&mut self, arguments: &[Expr]) -> Result<Vec<Value>, FqlError> {
        arguments.iter().map(|argument| self.eval(argument)).collect()
    }

    pub(super) fn field(&mut self, value: Value, name: &str) -> Result<Value, FqlError> {
        let value = if matches!(name, "id" | "coll" | "name") { value } else { self.loaded(value, "Reading a field")? };
        access(&value, name).map(std::borrow::Cow::into_owned)
    }

    fn index(&mut self, value: Value, index: &Value) -> Result<Value, FqlError> {
        match (value, index) {
            (Value::Array(mut items), Value::Int(at)) => {
                let len = items.len();
                match usize::try_from(*at).ok().filter(|at| *at < len) {
                    Some(at) => Ok(items.swap_remove(at)),
                    None => {
                        Err(FqlError::new("index_out_of_bounds", format!("index {at} out of bounds for length {len}")))
                    }
                }
            }
            (value, Value::Str(name)) => self.field(value, name),
            (Value::Null, _) => Err(FqlError::null_access("[]")),
            (value, _) => Err(FqlError::no_function("[]", value.type_name())),
        }
    }

    fn bang(&mut self, value: Value) -> Result<Value, FqlError> {
        match &value {
            Value::Null | Value::Missing(_) => Err(FqlError::new("null_value", "Null value")),
            Value::Ref(at) if self.is_null(&value)? => Err(not_found(at)),
            Value::Named(at) if self.is_null(&value)? => Err(named_not_found(at)),
            _ => Ok(value),
        }
    }

    /// Whether a value is null or refers to what does not exist. Where nothing can be read, references count as values.
    pub(super) fn is_null(&mut self, value: &Value) -> Result<bool, FqlError> {
        match (value, &mut self.transaction) {
            (Value::Null | Value::Missing(_), _) => Ok(true),
            (Value::Ref(at), Some(transaction)) => Ok(transaction.document(at)?.is_none()),
            (Value::Named(at), Some(_)) => self.named_exists(at).map(|exists| !exists),
            _ => Ok(false),
        }
    }

    /// The document a reference leads to; other values as they are, and references where nothing can be read.
    pub(super) fn loaded(&mut self, value: Value, action: &str) -> Result<Value, FqlError> {
        if self.transaction.is_none() {
            return Ok(value);
        }
        match &value {
            Value::Ref(at) => match self.reading(action)?.document(at)? {
                Some(document) => Ok(Value::Document(Box::new(document))),
                None => Err(not_found(at)),
            },
            Value::Named(at) => match self.named_document(at)? {
                Some(document) => Ok(Value::NamedDocument(Box::new(document))),
                None => Err(named_not_found(at)),
            },
            _ => Ok(value),
        }
    }

    fn method(&mut self, receiver: Value, name: &str, arguments: Vec<Value>) -> Result<Value, FqlError> {
        match receiver {
            Value::Null => Err(FqlError::null_access(name)),
            Value::Missing(missing) => {
                let Missing { target, .. } = *missing;
                self.method(target, name, arguments)
            }
            Value::Module(module) => self.module_function(&module, name, arguments),
            Value::Ref(at) => self.document_method(&at, name, arguments),
            Value::Document(document) => self.document_method(&document.at, name, arguments),
            Value::Named(at) => self.named_method(&at, name, arguments),
            Value::NamedDocument(document) => self.named_method(&document.at, name, arguments),
            Value::Array(items) => self.array_method(items, name, arguments),
            Value::Lazy(lazy) => match *lazy {
                Lazy::Set(set) => self.set_method(set, name, arguments),
                Lazy::Source(source) => self.source_method(&source, name, arguments),
                Lazy::Lambda(_) => Err(FqlError::no_function(name, "Function")),
            },
            other => Err(FqlError::no_function(name, other.type_name())),
        }
    }

    fn apply(&mut self, callee: Value, arguments: Vec<Value>) -> Result<Value, FqlError> {
        match callee {
            Value::Lazy(lazy) => match &*lazy {
                Lazy::Lambda(lambda) => self.call(lambda, arguments),
                other => Err(FqlError::type_mismatch("Function", &Value::Lazy(Box::new(other.clone())))),
            },
            Value::Module(module) => self.module_apply(&module, arguments),
            other => Err(FqlError::type_mismatch("Function", &other)),
        }
    }
}

/// The error of a document that is not there.
pub(super) fn not_found(at: &DocumentRef) -> FqlError {
    let DocumentRef { collection, id } = at;
    FqlError::new("document_not_found", format!("Collection `{collection}` does not contain document with id {id}."))
}

/// The error of a collection or database that is not there.
pub(super) fn named_not_found(at: &NamedRef) -> FqlError {
    FqlError::new("document_not_found", format!("{} `{}` not found.", at.kind.module(), at.name))
}
