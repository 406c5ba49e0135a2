//! What is global: modules, their functions, functions without a module.

use super::{Lazy, Machine, Set, SetSource};
use crate::fauna::fql::error::FqlError;
use crate::fauna::value::{Day, DocumentRef, Moment, NamedKind, NamedRef, Value};

/// Global names that are no collections.
const BUILT_IN: [&str; 9] = ["Collection", "Database", "Set", "Time", "Date", "Bytes", "Math", "newId", "abort"];

/// Whether a name means something of FQL's own, which no collection may be called.
pub(crate) fn is_built_in(name: &str) -> bool {
    const OTHERS: [&str; 22] = [
        "AccessProvider",
        "Array",
        "Boolean",
        "Credential",
        "Credentials",
        "Document",
        "Double",
        "EventSource",
        "FQL",
        "Function",
        "ID",
        "Int",
        "Key",
        "Long",
        "Null",
        "Number",
        "Object",
        "Query",
        "Role",
        "Schema",
        "String",
        "Token",
    ];
    BUILT_IN.contains(&name) || OTHERS.contains(&name)
}

impl Machine<'_> {
    /// What a name stands for that is no variable.
    pub(super) fn global(&mut self, name: &str) -> Result<Value, FqlError> {
        let known = BUILT_IN.contains(&name)
            || match &mut self.transaction {
                Some(transaction) => transaction.collection(name)?.is_some(),
                // Names of a function of an event source were checked when its token was made.
                None => true,
            };
        if known { Ok(Value::Module(name.into())) } else { Err(FqlError::unbound(name)) }
    }

    pub(super) fn module_function(
        &mut self,
        module: &str,
        name: &str,
        arguments: Vec<Value>,
    ) -> Result<Value, FqlError> {
        match (module, name) {
            ("Collection", "create") => self.create_collection(one(name, arguments)?),
            ("Collection", "byName") => by_name(NamedKind::Collection, one(name, arguments)?),
            ("Database", "create") => self.create_database(one(name, arguments)?),
            ("Database", "byName") => by_name(NamedKind::Database, one(name, arguments)?),
            ("Set", "sequence") => sequence(arguments),
            ("Set", "single") => single(one(name, arguments)?),
            ("Time", "now") => none(name, arguments).and_then(|()| self.now("now")).map(Value::Time),
            ("Date", "today") => {
                none(name, arguments)?;
                self.now("today").map(|now| Value::Date(now.day()))
            }
            ("Time" | "Date", "fromString") => self.module_apply(module, arguments),
            ("Bytes", "fromBase64") => self.module_apply(module, arguments),
            _ if is_built_in(module) => Err(FqlError::no_function(name, &format!("{module}Module"))),
            _ => self.collection_function(module, name, arguments),
        }
    }

    /// A module or global function that is called itself: `Time("...")`, `abort(...)`, `Product("1")`.
    pub(super) fn module_apply(&mut self, module: &str, arguments: Vec<Value>) -> Result<Value, FqlError> {
        match module {
            "abort" => {
                let value = one(module, arguments)?;
                Err(FqlError::abort(self.materialize(value)?))
            }
            "newId" => {
                none(module, arguments)?;
                Ok(Value::Str(self.database("newId", "an observation")?.new_id().to_string()))
            }
            "Time" => {
                let text = text("time", one(module, arguments)?)?;
                let invalid = || FqlError::new("invalid_time", format!("`{text}` is not a valid time."));
                Moment::parse(&text).map(Value::Time).ok_or_else(invalid)
            }
            "Date" => {
                let text = text("date", one(module, arguments)?)?;
                let invalid = || FqlError::new("invalid_date", format!("`{text}` is not a valid date."));
                Day::parse(&text).map(Value::Date).ok_or_else(invalid)
            }
            "Bytes" => {
                let text = text("encoded", one(module, arguments)?)?;
                let bytes = data_encoding::BASE64.decode(text.as_bytes());
                bytes.map(Value::Bytes).map_err(|_| FqlError::argument("encoded", "it is not valid base64"))
            }
            "Collection" => {
                let name = text("collection", one(module, arguments)?)?;
                self.global(&name)
            }
            _ if is_built_in(module) => Err(FqlError::no_function(module, "Module")),
            _ => {
                self.check_collection(module)?;
                by_id(module, one(module, arguments)?)
            }
        }
    }
}

/// The document of a collection that an id names, whether it exists or not.
pub(super) fn by_id(collection: &str, id: Value) -> Result<Value, FqlError> {
    let id = match id {
        Value::Str(id) => id,
        Value::Int(id) => id.to_string(),
        other => return Err(FqlError::argument_type("id", "ID", &other)),
    };
    Ok(Value::Ref(DocumentRef { collection: collection.into(), id }))
}

fn by_name(kind: NamedKind, name: Value) -> Result<Value, FqlError> {
    Ok(Value::Named(NamedRef { kind, name: text("name", name)? }))
}

fn sequence(arguments: Vec<Value>) -> Result<Value, FqlError> {
    match arguments.as_slice() {
        [Value::Int(from), Value::Int(until)] => Ok(set(SetSource::Sequence(*from, *until))),
        [from, Value::Int(_)] => Err(FqlError::argument_type("from", "Int", from)),
        [_, until] => Err(FqlError::argument_type("until", "Int", until)),
        _ => Err(arity("sequence", 2, arguments.len())),
    }
}

fn single(element: Value) -> Result<Value, FqlError> {
    Ok(set(match element {
        Value::Ref(at) => SetSource::Document(at),
        Value::Document(document) => SetSource::Document(document.at),
        element => SetSource::Values(vec![element]),
    }))
}

/// A set without steps.
pub(super) fn set(source: SetSource) -> Value {
    Value::Lazy(Box::new(Lazy::Set(Set { source, steps: Vec::new() })))
}

/// The only argument of a call.
pub(super) fn one(function: &str, arguments: Vec<Value>) -> Result<Value, FqlError> {
    let given = arguments.len();
    let mut arguments = arguments.into_iter();
    match (arguments.next(), given) {
        (Some(argument), 1) => Ok(argument),
        _ => Err(arity(function, 1, given)),
    }
}

/// No argument at all.
pub(super) fn none(function: &str, arguments: Vec<Value>) -> Result<(), FqlError> {
    if arguments.is_empty() { Ok(()) } else { Err(arity(function, 0, arguments.len())) }
}

fn arity(function: &str, expected: usize, given: usize) -> FqlError {
    let s = if expected == 1 { "" } else { "s" };
    let were = if given == 1 { "was" } else { "were" };
    FqlError::new(
        "invalid_function_invocation",
        format!("callee function `{function}` expects exactly {expected} argument{s}, but {given} {were} provided."),
    )
}

/// An argument that is text.
pub(super) fn text(name: &str, value: Value) -> Result<String, FqlError> {
    match value {
        Value::Str(text) => Ok(text),
        other => Err(FqlError::argument_type(name, "String", &other)),
    }
}
