//! What can be called on a collection.

use super::modules::{by_id, none, one, set};
use super::{Machine, SetSource};
use crate::fauna::document::STORED_DEPTH_MAX;
use crate::fauna::fql::error::{ConstraintFailure, FqlError};
use crate::fauna::tagged::SPECIAL;
use crate::fauna::value::{DocumentRef, Fields, Value};

impl Machine<'_> {
    pub(super) fn collection_function(
        &mut self,
        collection: &str,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, FqlError> {
        self.check_collection(collection)?;
        match name {
            "all" => none(name, arguments).map(|()| set(SetSource::Collection(collection.into()))),
            "where" | "firstWhere" => {
                let all = super::Set { source: SetSource::Collection(collection.into()), steps: Vec::new() };
                self.set_method(all, name, arguments)
            }
            "byId" => by_id(collection, one(name, arguments)?),
            "create" => self.create_document(collection, one(name, arguments)?),
            _ => Err(FqlError::no_function(name, &format!("{collection}Collection"))),
        }
    }

    /// A module that came as a value may stand for nothing.
    pub(super) fn check_collection(&mut self, collection: &str) -> Result<(), FqlError> {
        let exists = match &mut self.transaction {
            Some(transaction) => transaction.collection(collection)?.is_some(),
            None => true,
        };
        if exists { Ok(()) } else { Err(FqlError::unbound(collection)) }
    }

    fn create_document(&mut self, collection: &str, fields: Value) -> Result<Value, FqlError> {
        let fields = object("data", fields)?;
        let transaction = self.writing("create")?;
        let (id, fields): (Vec<_>, Vec<_>) = fields.into_iter().partition(|(name, _)| name == "id");
        let id = match id.into_iter().next() {
            Some((_, Value::Str(id))) => given_id(id)?,
            Some((_, Value::Int(id))) if id >= 0 => id.to_string(),
            Some((_, other)) => return Err(FqlError::argument_type("id", "ID", &other)),
            None => transaction.new_id().to_string(),
        };
        let at = DocumentRef { collection: collection.into(), id };
        if transaction.document(&at)?.is_some() {
            let message = format!("Collection `{collection}` already contains document with id {}.", at.id);
            return Err(FqlError::new("document_id_exists", message));
        }
        let failed = || format!("Failed to create document in collection `{collection}`.");
        let fields = checked(Fields::from_pairs(fields), failed)?.without_nulls();
        transaction.write(&at, Some(fields))?;
        Ok(Value::Ref(at))
    }
}

/// An id that a query asks for: those that the server makes are decimal too, so that none of them can be taken for
/// another.
fn given_id(id: String) -> Result<String, FqlError> {
    let decimal = !id.is_empty() && id.len() <= 19 && id.bytes().all(|b| b.is_ascii_digit());
    let canonical = decimal && (id == "0" || !id.starts_with('0')) && id.parse::<i64>().is_ok();
    if canonical { Ok(id) } else { Err(FqlError::new("invalid_id", format!("`{id}` is not a valid ID."))) }
}

/// An argument that is an object.
pub(super) fn object(name: &str, value: Value) -> Result<Fields, FqlError> {
    match value {
        Value::Object(fields) => Ok(fields),
        other => Err(FqlError::argument_type(name, "{ *: Any }", &other)),
    }
}

/// Fields that a document may have.
pub(super) fn checked(fields: Fields, failed: impl Fn() -> String) -> Result<Fields, FqlError> {
    let reserved = fields.iter().filter(|(name, _)| SPECIAL.contains(name)).map(|(name, _)| ConstraintFailure {
        field: name.into(),
        message: match name {
            "ttl" => "Is not supported: documents do not expire".into(),
            _ => "Is a reserved field and cannot be used".into(),
        },
    });
    let lazy = fields.iter().filter(|(_, value)| !is_persistable(value)).map(|(name, value)| ConstraintFailure {
        field: name.into(),
        message: format!("A value of type {} cannot be stored", value.type_name()),
    });
    let failures: Vec<_> = reserved.chain(lazy).collect();
    if !failures.is_empty() {
        return Err(FqlError::constraint(failed(), failures));
    }
    if fields.iter().any(|(_, value)| !is_within_depth(value, STORED_DEPTH_MAX)) {
        return Err(FqlError::limit("a document's nesting", format_args!("{STORED_DEPTH_MAX} levels")));
    }
    Ok(fields)
}

fn is_within_depth(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|item| is_within_depth(item, left - 1)),
        Value::Object(fields) => left > 0 && fields.iter().all(|(_, value)| is_within_depth(value, left - 1)),
        _ => true,
    }
}

fn is_persistable(value: &Value) -> bool {
    match value {
        Value::Lazy(_) | Value::Token(_) | Value::Page(_) => false,
        Value::Array(items) => items.iter().all(is_persistable),
        Value::Object(fields) => fields.iter().all(|(_, value)| is_persistable(value)),
        _ => true,
    }
}
