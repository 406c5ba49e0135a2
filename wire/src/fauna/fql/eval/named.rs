//! Collections and databases as documents.

use super::Machine;
use super::chain::named_not_found;
use super::collection::object;
use super::modules::{is_built_in, none, text};
use crate::fauna::fql::error::{ConstraintFailure, FqlError};
use crate::fauna::fql::is_identifier;
use crate::fauna::value::{Fields, Missing, Moment, NamedDocument, NamedKind, NamedRef, Value};

/// The longest name of a collection or database.
const NAME_BYTES_MAX: usize = 128;

/// Whether a collection or database can have the name.
pub fn is_collection_name(name: &str) -> bool {
    is_identifier(name) && name.len() <= NAME_BYTES_MAX && !is_built_in(name)
}

impl Machine<'_> {
    pub(super) fn create_collection(&mut self, definition: Value) -> Result<Value, FqlError> {
        let definition = object("data", definition)?;
        let mut history_days = None;
        let mut failures = Vec::new();
        for (field, value) in definition.iter() {
            match (field, value) {
                ("name", _) => {}
                ("history_days", Value::Int(days)) => match u32::try_from(*days) {
                    Ok(days) => history_days = Some(days),
                    Err(_) => failures.push(failure(field, "Must be between 0 and 4294967295")),
                },
                _ => failures.push(failure(field, "Is not supported: a collection has `name` and `history_days`")),
            }
        }
        let at = self.new_named(NamedKind::Collection, &definition, failures)?;
        self.writing("create")?.create_collection(&at.name, history_days)?;
        Ok(Value::Named(at))
    }

    pub(super) fn create_database(&mut self, definition: Value) -> Result<Value, FqlError> {
        let definition = object("data", definition)?;
        let others = definition.iter().filter(|(field, _)| *field != "name");
        let failures = others.map(|(field, _)| failure(field, "Is not supported: a database has a `name`")).collect();
        let at = self.new_named(NamedKind::Database, &definition, failures)?;
        self.writing("create")?.create_database(&at.name)?;
        Ok(Value::Named(at))
    }

    fn new_named(
        &mut self,
        kind: NamedKind,
        definition: &Fields,
        mut failures: Vec<ConstraintFailure>,
    ) -> Result<NamedRef, FqlError> {
        let Some(name) = definition.get("name") else {
            failures.push(failure("name", "Missing required field"));
            return Err(failed(kind, failures));
        };
        let at = NamedRef { kind, name: text("name", name.clone())? };
        if !is_collection_name(&at.name) {
            failures.push(failure("name", "Invalid identifier"));
        } else if self.named_exists(&at)? {
            let message = format!("A {} already exists with the name `{}`", kind.module(), at.name);
            failures.push(failure("name", &message));
        }
        if failures.is_empty() { Ok(at) } else { Err(failed(kind, failures)) }
    }

    pub(super) fn named_method(&mut self, at: &NamedRef, name: &str, arguments: Vec<Value>) -> Result<Value, FqlError> {
        none(name, arguments)?;
        match name {
            "exists" => self.named_exists(at).map(Value::Bool),
            "delete" if !self.named_exists(at)? => Err(named_not_found(at)),
            "delete" => {
                let transaction = self.writing(name)?;
                match at.kind {
                    NamedKind::Collection => transaction.delete_collection(&at.name)?,
                    NamedKind::Database => transaction.delete_database(&at.name)?,
                }
                Ok(Value::Missing(Box::new(Missing { target: Value::Named(at.clone()), cause: "deleted" })))
            }
            _ => Err(FqlError::no_function(name, at.kind.module())),
        }
    }

    pub(super) fn named_exists(&mut self, at: &NamedRef) -> Result<bool, FqlError> {
        self.named_document(at).map(|document| document.is_some())
    }

    pub(super) fn named_document(&mut self, at: &NamedRef) -> Result<Option<NamedDocument>, FqlError> {
        let transaction = self.reading("byName")?;
        let (created_us, fields) = match at.kind {
            NamedKind::Collection => {
                let Some(info) = transaction.collection(&at.name)? else { return Ok(None) };
                let days = info.history_days.map(|days| ("history_days".to_owned(), Value::Int(days.into())));
                (info.created_us, days.into_iter().collect())
            }
            NamedKind::Database => {
                let Some(info) = transaction.database(&at.name)? else { return Ok(None) };
                (info.created_us, Fields::new())
            }
        };
        Ok(Some(NamedDocument { at: at.clone(), time: Moment::from_us(created_us), fields }))
    }
}

fn failure(field: &str, message: &str) -> ConstraintFailure {
    ConstraintFailure { field: field.into(), message: message.into() }
}

fn failed(kind: NamedKind, failures: Vec<ConstraintFailure>) -> FqlError {
    FqlError::constraint(format!("Failed to create {}.", kind.module()), failures)
}
