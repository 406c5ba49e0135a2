//! Fields of values.

use std::borrow::Cow;

use crate::fauna::fql::FqlError;
use crate::fauna::tagged::SPECIAL;
use crate::fauna::value::{Document, Fields, NamedRef, Value};

/// Fields that FQL has on values that are no objects and that are not supported: to call them null would be wrong.
const UNSUPPORTED: [&str; 16] = [
    "length",
    "size",
    "year",
    "month",
    "dayOfMonth",
    "dayOfWeek",
    "dayOfYear",
    "hour",
    "minute",
    "second",
    "sign",
    "toString",
    "startsWith",
    "endsWith",
    "includes",
    "slice",
];

/// The field `name` of a value that needs no database to tell; null if it has none.
///
/// # Errors
/// The value is null, or the field is one of FQL's that are not supported.
pub fn access<'a>(value: &'a Value, name: &str) -> Result<Cow<'a, Value>, FqlError> {
    match value {
        Value::Null | Value::Missing(_) => Err(FqlError::null_access(name)),
        Value::Object(fields) => Ok(field(fields, name)),
        Value::Document(document) => Ok(of_document(document, name)),
        Value::NamedDocument(document) => Ok(match name {
            "ts" => Cow::Owned(Value::Time(document.time)),
            "name" | "coll" => Cow::Owned(of_named(&document.at, name)),
            name => field(&document.fields, name),
        }),
        Value::Named(at) => Ok(Cow::Owned(of_named(at, name))),
        Value::Ref(at) if name == "id" => Ok(Cow::Owned(Value::Str(at.id.clone()))),
        Value::Ref(at) if name == "coll" => Ok(Cow::Owned(Value::Module(at.collection.clone()))),
        Value::Ref(_) => Err(FqlError::effect("Reading a field", "a read")),
        Value::Module(module) if module == "Math" => math(name),
        Value::Module(_) | Value::Lazy(_) | Value::Page(_) | Value::Token(_) => {
            Err(FqlError::no_function(name, value.type_name()))
        }
        _ if UNSUPPORTED.contains(&name) => Err(FqlError::no_function(name, value.type_name())),
        _ => Ok(Cow::Owned(Value::Null)),
    }
}

fn field<'a>(fields: &'a Fields, name: &str) -> Cow<'a, Value> {
    fields.get(name).map_or(Cow::Owned(Value::Null), Cow::Borrowed)
}

fn of_document<'a>(document: &'a Document, name: &str) -> Cow<'a, Value> {
    match name {
        "id" => Cow::Owned(Value::Str(document.at.id.clone())),
        "coll" => Cow::Owned(Value::Module(document.at.collection.clone())),
        "ts" => Cow::Owned(Value::Time(document.time)),
        "data" => Cow::Owned(Value::Object(document.fields.clone())),
        name if SPECIAL.contains(&name) => Cow::Owned(Value::Null),
        name => field(&document.fields, name),
    }
}

fn of_named(at: &NamedRef, name: &str) -> Value {
    match name {
        "name" => Value::Str(at.name.clone()),
        "coll" => Value::Module(at.kind.module().into()),
        _ => Value::Null,
    }
}

fn math(name: &str) -> Result<Cow<'static, Value>, FqlError> {
    match name {
        "NaN" => Ok(Cow::Owned(Value::Double(f64::NAN))),
        "Infinity" => Ok(Cow::Owned(Value::Double(f64::INFINITY))),
        _ => Err(FqlError::no_function(name, "MathModule")),
    }
}
