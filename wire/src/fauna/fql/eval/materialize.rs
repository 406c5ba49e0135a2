//! An answer without references and sets.
//!
//! A reference becomes the document it leads to; inside of documents references stay. A set becomes the page of its
//! elements, an event source its token. Where nothing can be read, references stay.

use super::{Lazy, Machine};
use crate::fauna::fql::error::FqlError;
use crate::fauna::source::Source;
use crate::fauna::value::{Missing, Value};

impl Machine<'_> {
    /// The value as the answer shows it.
    pub(crate) fn materialize(&mut self, value: Value) -> Result<Value, FqlError> {
        self.charge(1)?;
        match value {
            Value::Ref(_) | Value::Named(_) if self.transaction.is_none() => Ok(value),
            Value::Ref(at) => {
                let transaction = self.reading("Reading a document")?;
                let found = transaction.document(&at)?;
                let cause = if transaction.was_deleted(&at) { "deleted" } else { "not found" };
                let missing = || Value::Missing(Box::new(Missing { target: Value::Ref(at), cause }));
                Ok(found.map_or_else(missing, |document| Value::Document(Box::new(document))))
            }
            Value::Named(at) => {
                let found = self.named_document(&at)?;
                let missing = || Value::Missing(Box::new(Missing { target: Value::Named(at), cause: "not found" }));
                Ok(found.map_or_else(missing, |document| Value::NamedDocument(Box::new(document))))
            }
            Value::Array(items) => self.all(items).map(Value::Array),
            Value::Page(items) => self.all(items).map(Value::Page),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| Ok((name, self.materialize(value)?)));
                Ok(Value::Object(fields.collect::<Result<_, FqlError>>()?))
            }
            Value::Lazy(lazy) => match *lazy {
                Lazy::Set(set) => {
                    let elements = self.elements(&set)?;
                    self.all(elements).map(Value::Page)
                }
                Lazy::Source(source) => {
                    // Values it has closed over can make its text deeper than the query was.
                    Source::parse(source.text())?;
                    self.reading("eventSource")?.token(&source).map(Value::Token)
                }
                Lazy::Lambda(lambda) => Ok(Value::Lazy(Box::new(Lazy::Lambda(lambda)))),
            },
            other => Ok(other),
        }
    }

    fn all(&mut self, items: Vec<Value>) -> Result<Vec<Value>, FqlError> {
        items.into_iter().map(|item| self.materialize(item)).collect()
    }
}
