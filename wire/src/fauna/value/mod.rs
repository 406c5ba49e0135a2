//! The values of FQL, as far as documents, queries and events need them.
//!
//! | module | what it owns |
//! | --- | --- |
//! | `fields` | the fields of an object: ordered, each name once |
//! | `moment` | times and dates, and their text |
//! | `compare` | equality and order |
//!
//! A value knows no JSON: [`tagged`](super::tagged) is its form on the wire, [`document`](super::document) its form in
//! a feed. Tests lie next to the code.

mod compare;
mod fields;
mod moment;

pub use compare::{compare, equal, same};
pub use fields::Fields;
pub use moment::{Day, Moment};

use super::fql::Lazy;

/// A value of FQL.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `Int` within 32 bits and `Long` beyond: FQL treats them as one.
    Int(i64),
    /// `Double`
    Double(f64),
    /// `String`
    Str(String),
    /// `Bytes`
    Bytes(Vec<u8>),
    /// `Time`
    Time(Moment),
    /// `Date`
    Date(Day),
    /// `Array`
    Array(Vec<Value>),
    /// `Object`
    Object(Fields),
    /// A name that stands for something of the database: a collection, `Collection`, `Time`.
    Module(String),
    /// A document that may or may not exist.
    Ref(DocumentRef),
    /// A document as it was at some time.
    Document(Box<Document>),
    /// A collection or database that may or may not exist.
    Named(NamedRef),
    /// A collection or database as it is.
    NamedDocument(Box<NamedDocument>),
    /// A reference to what is not there, and why.
    Missing(Box<Missing>),
    /// The elements of a set.
    Page(Vec<Value>),
    /// The token of an event source.
    Token(String),
    /// What a query can hold but nothing outside of it: a set, an event source, a function.
    Lazy(Box<Lazy>),
}

/// Which document: its collection and its id, any text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentRef {
    /// The collection's name.
    pub collection: String,
    /// The document's id.
    pub id: String,
}

/// A document as it was at some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Which one.
    pub at: DocumentRef,
    /// When it became so.
    pub time: Moment,
    /// Everything its author gave it.
    pub fields: Fields,
}

/// What a named document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// A collection.
    Collection,
    /// A child database.
    Database,
}

impl NamedKind {
    /// The name of the module such documents belong to.
    pub fn module(self) -> &'static str {
        match self {
            Self::Collection => "Collection",
            Self::Database => "Database",
        }
    }
}

/// Which collection or database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamedRef {
    /// What it is.
    pub kind: NamedKind,
    /// Its name.
    pub name: String,
}

/// A collection or database as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedDocument {
    /// Which one.
    pub at: NamedRef,
    /// When it became so.
    pub time: Moment,
    /// What else is known of it.
    pub fields: Fields,
}

/// A reference to what is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Missing {
    /// The reference: [`Value::Ref`] or [`Value::Named`].
    pub target: Value,
    /// Why it is not there: `not found`, `deleted`.
    pub cause: &'static str,
}

impl Value {
    /// The name of the value's type, as errors spell it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "Null",
            Self::Bool(_) => "Boolean",
            Self::Int(n) if i32::try_from(*n).is_ok() => "Int",
            Self::Int(_) => "Long",
            Self::Double(_) => "Double",
            Self::Str(_) => "String",
            Self::Bytes(_) => "Bytes",
            Self::Time(_) => "Time",
            Self::Date(_) => "Date",
            Self::Array(_) => "Array<Any>",
            Self::Object(_) => "{ *: Any }",
            Self::Module(_) => "Module",
            Self::Ref(_) | Self::Document(_) => "Document",
            Self::Named(_) | Self::NamedDocument(_) => "NamedDocument",
            Self::Missing(_) => "NullDocument",
            Self::Page(_) => "Set<Any>",
            Self::Token(_) => "EventSource<Any>",
            Self::Lazy(lazy) => lazy.type_name(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}
